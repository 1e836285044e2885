"""Reports that have a verdict, and how they are told: ``perfqa_verdict`` is its name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

__tracebackhide__ = True

_NAME = "perfqa-verdicts"


def tell_verdicts(config: pytest.Config) -> None:
    """Have them told, whoever asks for that how often."""
    if not config.pluginmanager.has_plugin(_NAME):
        config.pluginmanager.register(Verdicts(), _NAME)


class Verdicts:
    """The hooks of sessions that have such reports."""

    def __init__(self) -> None:
        self._annotations: list[str] = []

    def _annotate(self, report: pytest.TestReport) -> None:
        """Note a failure for the page of a CI."""
        verdict = getattr(report, "perfqa_verdict", None)
        if verdict is None or not report.failed or os.environ.get("GITHUB_ACTIONS") != "true":
            return
        from ..report.ci.github import annotation

        path, line, name = report.location
        crash = getattr(report.longrepr, "reprcrash", None)
        said = crash.message if crash else report.longreprtext
        self._annotations.append(annotation(path, (line or 0) + 1, f"{verdict}: {name}", said))

    def pytest_report_teststatus(
        self, report: pytest.CollectReport | pytest.TestReport
    ) -> tuple[str, str, str] | None:
        """Call INVALID and INCONCLUSIVE by their names."""
        name = getattr(report, "perfqa_verdict", "")
        if name == "INVALID":
            return "error", "I", name
        if name == "INCONCLUSIVE":
            return ("failed" if report.failed else "inconclusive"), "?", name
        return None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_logreport(
        self, report: pytest.TestReport
    ) -> Generator[None, object, object]:
        """Have INVALID told as an error, whenever it was found."""
        self._annotate(report)
        when = report.when
        if getattr(report, "perfqa_verdict", "") == "INVALID" and when == "call":
            # What is told by JUnit XML as an error is what comes before the call.
            report.when = "setup"
        try:
            return (yield)
        finally:
            report.when = when

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Mark failures where GitHub shows them, and say why tests could not tell."""
        for line in self._annotations:
            terminalreporter.write_line(line)
        for report in terminalreporter.stats.get("inconclusive", ()):
            reason = report.longrepr[2].removeprefix("Skipped: ")
            terminalreporter.write_line(f"{report.nodeid}: {reason}")
