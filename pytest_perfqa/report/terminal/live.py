"""The live line: where the run stands, and the session."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Protocol

from ...base.units import Unit, show
from ..text.words import clock, duration, plural

if TYPE_CHECKING:
    from ...load.driver.generator import Progress
    from ...result.run_result import RunResult
    from ...scenario.records import Scenario

# Without a terminal to write in place, a line so often, or when a new phase has begun.
_PLAIN_SECONDS = 10.0
_PLAIN_PHASE_SECONDS = 2.0
_BAR = 10


class LiveScreen(Protocol):
    """Where the line appears."""

    quiet: bool

    @property
    def in_place(self) -> bool:
        """Whether ``over`` works."""

    def line(self, text: str) -> None:
        """Write a line that stays."""

    def over(self, text: str) -> None:
        """Write a line that the next one takes the place of."""


class LiveLine:
    """Keeps a line up to date during runs, and leaves one behind for each.

    In place on a terminal. Elsewhere as lines of their own, fewer, and none if the user asked for
    quiet.
    """

    def __init__(self, screen: LiveScreen, runs: int, seconds: float) -> None:
        """Watch a session of so many runs, whose arrivals come over so many seconds together."""
        self._screen = screen
        self._runs = runs
        self._seconds = seconds
        self._begun = 0
        self._seconds_done = 0.0
        self._last: Progress | None = None
        self._said_at = 0.0
        self._said_phase = ""

    def begin(self, service: str, scenario: Scenario) -> None:
        """Take note that a run begins."""
        self._begun += 1
        self._runs = max(self._runs, self._begun)
        self._title = f"{scenario.name} on {service}"
        self._scenario = scenario
        self._phase_ends = list(accumulate(phase.duration for phase in scenario.phases))
        self._seconds = max(self._seconds, self._seconds_done + scenario.duration)
        self._last, self._said_at, self._said_phase = None, 0.0, ""

    def progress(self, progress: Progress) -> None:
        """Show where the run stands."""
        self._last = progress
        if self._screen.in_place:
            self._screen.over(self._line(progress))
        elif not self._screen.quiet and self._is_time(progress):
            self._said_at, self._said_phase = progress.elapsed, self._phase(progress)
            self._screen.line(self._line(progress))

    def _is_time(self, progress: Progress) -> bool:
        since = progress.elapsed - self._said_at
        fresh = self._phase(progress) != self._said_phase
        return since >= _PLAIN_SECONDS or (fresh and since >= _PLAIN_PHASE_SECONDS)

    def end(self, result: RunResult | None) -> None:
        """Leave one line behind."""
        self._seconds_done += self._scenario.duration
        if self._screen.in_place or not self._screen.quiet:
            self._screen.line(self._farewell(result))

    def _line(self, progress: Progress) -> str:
        figures = [
            f"{progress.launched} launched",
            f"{progress.pending} pending",
            f"p95 {'-' if progress.p95 is None else show(progress.p95, Unit.SECOND)}",
            plural(progress.bad, "error"),
        ]
        left = max(self._scenario.duration - progress.elapsed, 0.0)
        of_all = max(self._seconds - self._seconds_done - progress.elapsed, left)
        times = [f"{clock(left)} left"]
        if self._runs > 1:
            times += [f"{self._bar(progress)} {clock(of_all)}"]
        # What changes stands before the names, which may be long: they are cut off first.
        return f"perfqa: {', '.join(figures)}, {self._phase(progress)}, {', '.join(times)}: " + (
            self._title
        )

    def _bar(self, progress: Progress) -> str:
        share = (self._seconds_done + progress.elapsed) / self._seconds if self._seconds else 1.0
        filled = min(round(share * _BAR), _BAR)
        return f"run {self._begun}/{self._runs} [{'#' * filled}{'.' * (_BAR - filled)}]"

    def _phase(self, progress: Progress) -> str:
        for phase, end in zip(self._scenario.phases, self._phase_ends, strict=True):
            if progress.elapsed < end:
                return phase.name
        return "waiting for answers"

    def _farewell(self, result: RunResult | None) -> str:
        title = f"perfqa: run {self._begun}/{self._runs}: {self._title}"
        if result is not None:
            invalid = ", INVALID" if result.invalid else ""
            return (
                f"{title}: {result.launched} launched, {result.completed} completed in "
                f"{duration(result.wall)}{invalid}"
            )
        if self._last is not None:
            return f"{title}: ended after {duration(self._last.elapsed)}"
        return f"{title}: did not begin"
