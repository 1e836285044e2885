"""Plugins and helpers that all tests share."""

from hypothesis import settings

# How long an example takes depends on what else the machine does.
settings.register_profile("perfqa", deadline=None)
settings.load_profile("perfqa")

pytest_plugins = ["pytester"]
