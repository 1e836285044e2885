"""Hooks that a ``conftest.py`` or another plugin can implement."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from ..result.run_result import RunResult


def pytest_perfqa_run_started(
    config: pytest.Config, service: str, scenario: str, attempt: int
) -> None:
    """Take note that the load of a run is about to begin: the service has come to rest.

    The machine is held for the load meanwhile: others wait. An error fails the tests that ask for
    the run, and no load is made.

    Args:
        config: pytest's.
        service: its name.
        scenario: its name, as reports have it.
        attempt: 1, or more where the run is made again: it could not be believed, or told from.
    """


def pytest_perfqa_run_finished(
    config: pytest.Config, service: str, scenario: str, attempt: int, result: RunResult | None
) -> None:
    """Take note that a run has ended; called once for each that was begun, however it ended.

    An error fails the tests that ask for the run.

    Args:
        config: pytest's.
        service: its name.
        scenario: its name, as reports have it.
        attempt: 1, or more where the run is made again: it could not be believed, or told from.
        result: what it measured, not pooled with earlier attempts; None if it did not come to a
            result.
    """
