"""Calls the hooks of users around each run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from ..result.run_result import RunResult

__tracebackhide__ = True


class HookCaller:
    """Has the hooks of a session called, in pytest's own thread."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def started(self, service: str, scenario: str, attempt: int) -> None:
        """Call ``pytest_perfqa_run_started``."""
        self._config.hook.pytest_perfqa_run_started(
            config=self._config, service=service, scenario=scenario, attempt=attempt
        )

    def finished(self, service: str, scenario: str, attempt: int, result: RunResult | None) -> None:
        """Call ``pytest_perfqa_run_finished``."""
        self._config.hook.pytest_perfqa_run_finished(
            config=self._config, service=service, scenario=scenario, attempt=attempt, result=result
        )
