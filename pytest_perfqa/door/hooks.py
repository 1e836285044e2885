"""What happens to perf tests while they run, and what is told of them when all is done.

What needs time to import is imported when it is needed: not where tests are only collected.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .announcement import announcement
from .marks import is_perf_test, service_of

if TYPE_CHECKING:
    from collections.abc import Generator

    from ..measuring.runs import Cell
    from .perf_tests import PerfTests

__tracebackhide__ = True


class Hooks:
    """The hooks of sessions that have perf tests."""

    def __init__(self, perf_tests: PerfTests) -> None:
        self._perf_tests = perf_tests
        self._lines: list[str] = []

    def pytest_report_collectionfinish(self) -> str:
        """Say how much load is to come."""
        options = self._perf_tests.options()
        agenda = self._perf_tests.agenda
        return announcement(agenda, options.time_scale, self._perf_tests.against, options.budget)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Stop a service once no test needs it any more."""
        done = yield
        session = self._perf_tests.begun
        if session is not None:
            service = service_of(item)
            if service is not None and self._perf_tests.agenda.no_longer_needed(service):
                session.stop(service)
        return done

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Hold the runs to the requirements in their scenario files, too."""
        session = self._perf_tests.begun
        if session is None or not is_perf_test(item):
            return (yield)
        from .remeasuring import UNDECIDED, Requirements, judge_again

        def cells() -> list[Cell]:
            return self._perf_tests.cells(item)

        try:
            with Requirements(item, cells):
                return (yield)
        except UNDECIDED as error:
            judge_again(item, error, session, self._perf_tests.cell(item), cells)
        return None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note the verdict, and put the evidence beside a failure."""
        report = yield
        session = self._perf_tests.begun
        if session is not None and is_perf_test(item):
            from .judging import judge_test

            cells = self._perf_tests.cells(item)
            judge_test(item, report, call, session, cells, self._perf_tests.options().inconclusive)
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Write what is to be left behind, however the session ended."""
        session = self._perf_tests.begun
        if session is None:
            return
        from ..report.findings import findings_of
        from ..report.terminal.section import section

        found = findings_of(session)
        interrupted = exitstatus == pytest.ExitCode.INTERRUPTED
        written = self._perf_tests.outputs.write(found, interrupted=interrupted)
        self._lines = [*section(found), *written]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print one line per run."""
        if self._lines:
            terminalreporter.section("perfqa")
        for line in self._lines:
            terminalreporter.write_line(line)
