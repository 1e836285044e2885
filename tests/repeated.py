"""A timed test that failed while others took the CPU has told nothing: it is run once more.

What failed undisturbed has failed, at once. What was disturbed each time ends as an error that
begins with INVALID, never as a pass. The product repeats runs of its own by the same rule: perf
tests are left to it.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from _pytest._code.code import TerminalRepr
from _pytest.runner import runtestprotocol
from onlooker import Onlooker

from pytest_perfqa.door.verdicts import tell_verdicts
from pytest_perfqa.errors import InvalidRun
from pytest_perfqa.measuring.repeating import MOST, Attempts, until_believed
from pytest_perfqa.monitor.disturbance import told

if TYPE_CHECKING:
    from collections.abc import Generator

    from _pytest._io import TerminalWriter

    from pytest_perfqa.monitor.neighbours import CpuWindow

    #: Begin and end, on ``time.monotonic``.
    Stretch = tuple[float, float]

#: For a test that only asserts on what others rest on, too: what that is, and when it was made.
TOLD_BY = pytest.StashKey["dict[object, Stretch]"]()
#: Whether the product has measured in vain what a test is told, as often as that is worth it.
MEASURED_IN_VAIN = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin; nothing is looked at before the first timed test."""
    tell_verdicts(config)
    config.pluginmanager.register(Repetition())


class Repetition:
    """Runs timed tests, and knows when what they share was made."""

    def __init__(self) -> None:
        self._onlooker: Onlooker | None = None
        self._made: dict[object, Stretch] = {}
        self._made_anew: Counter[object] = Counter()
        self._used: list[object] = []
        self._lines: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> bool | None:
        """Run a timed test as often as it takes, and tell of the last time."""
        is_perf_test = "perf_service" in getattr(item, "fixturenames", ())
        if is_perf_test or item.get_closest_marker("timed") is None:
            return None
        self._onlooker = self._onlooker or Onlooker()
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for report in self._reports(item, nextitem):
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def _reports(self, item: pytest.Item, nextitem: pytest.Item | None) -> list[pytest.TestReport]:
        attempts = Attempts(item.nodeid)
        made: list[pytest.TestReport] = []

        def attempt() -> None:
            begun = time.monotonic()
            item.stash[TOLD_BY] = {}
            item.stash[MEASURED_IN_VAIN] = False
            made[:] = runtestprotocol(item, log=False, nextitem=nextitem)
            if any(report.failed for report in made):
                self._believe(item, (begun, time.monotonic()))

        try:
            until_believed(attempts, attempt, lambda _: None)
        except InvalidRun as error:
            for report in made:
                if report.failed:
                    report.longrepr = _Invalid(str(error), report.longrepr)
                    report.perfqa_verdict = "INVALID"  # type: ignore[attr-defined]
        made[0].repeated = ["; ".join(one) for one in attempts.causes]  # type: ignore[attr-defined]
        return made

    def _believe(self, item: pytest.Item, test: Stretch) -> None:
        """Look at when it ran, and at when what it has in common with others was made.

        Raises:
            InvalidRun: others took the CPU then.
        """
        assert self._onlooker is not None
        windows = self._onlooker.windows()
        told = item.stash.get(TOLD_BY, {})
        shared = told or {one: self._made[one] for one in self._used if one in self._made}
        blamed = [one for one, made in shared.items() if disturbed(windows, [made])]
        own = [] if told else [test]
        causes = disturbed(windows, [*own, *(shared[one] for one in blamed)])
        if not causes:
            return
        # What many tests rest on is made anew as often as one test is.
        is_final = any(self._made_anew[one] >= MOST for one in blamed)
        is_final = is_final or item.stash.get(MEASURED_IN_VAIN, False)
        # Whoever tells a test makes that anew when it is asked again.
        if blamed and not told and not is_final:
            self._made_anew.update(blamed)
            pytest.CallInfo.from_call(
                lambda: item.session._setupstate.teardown_exact(None), "teardown"
            )
        raise InvalidRun(causes, is_final=is_final)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, object, object]:
        """Note when it was made."""
        begun = time.monotonic()
        try:
            return (yield)
        finally:
            if fixturedef.scope != "function":
                self._made[_which(fixturedef)] = (begun, time.monotonic())

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """Note what a test has used, before that is forgotten."""
        request = getattr(item, "_request", None)
        self._used = [_which(one) for one in request._fixture_defs.values()] if request else []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what was run again; under xdist, workers tell."""
        self._lines += lines(report)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name it, with the reason."""
        if self._lines:
            terminalreporter.section("repeated, for others took the CPU")
        for line in self._lines:
            terminalreporter.write_line(line)

    def pytest_unconfigure(self) -> None:
        """Look no more."""
        if self._onlooker is not None:
            self._onlooker.close()


def _which(fixturedef: Any) -> object:
    """Tell a fixture from others, and from itself with another parameter."""
    made = fixturedef.cached_result
    return fixturedef, None if made is None else repr(made[1])


def lines(report: pytest.TestReport) -> list[str]:
    """Name a test that was run again, with the reason each time."""
    causes = getattr(report, "repeated", ())
    return [f"INVALID, repeated: {report.nodeid}: {cause}" for cause in causes]


def disturbed(windows: list[CpuWindow], stretches: list[Stretch]) -> tuple[str, ...]:
    """Say how others disturbed some stretches of time; nothing if they did not."""
    found = [
        one
        for one in windows
        if one.is_disturbed and any(one.start < end and begin < one.end for begin, end in stretches)
    ]
    return (told(found).text,) if found else ()


class _Invalid(TerminalRepr):
    """A failure that is to be told as INVALID, with what it looked like."""

    def __init__(self, said: str, failure: Any) -> None:
        self._said = said
        self._failure = failure
        self.reprcrash = getattr(failure, "reprcrash", None)
        if self.reprcrash is not None:
            self.reprcrash.message = said

    def toterminal(self, tw: TerminalWriter) -> None:
        tw.line(self._said)
        if hasattr(self._failure, "toterminal"):
            self._failure.toterminal(tw)
        else:
            tw.line(str(self._failure))
