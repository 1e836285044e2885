"""Plugins and helpers that all tests share."""

import gc
import signal

import pytest
from hypothesis import settings

# How long an example takes depends on what else the machine does.
settings.register_profile("perfqa", deadline=None)
settings.load_profile("perfqa")

# A shell's background job ignores Ctrl-C, and so would the processes that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["repeated", "pytester", "docker_engine", "inner", "stages"]


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Keep thousands of collected tests out of what is looked at for garbage.

    Servers of tests are threads of this process: looking all of it over holds them up for 0.12 s.
    """
    gc.collect()
    gc.freeze()
