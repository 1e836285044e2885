"""Plugins and helpers that all tests share."""

import signal

from hypothesis import settings

# How long an example takes depends on what else the machine does.
settings.register_profile("perfqa", deadline=None)
settings.load_profile("perfqa")

# A shell's background job ignores Ctrl-C, and so would the processes that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["repeated", "pytester", "docker_engine", "inner", "stages"]
