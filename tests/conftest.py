"""Plugins and helpers that all tests share."""

pytest_plugins = ["pytester"]
