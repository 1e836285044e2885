"""Thresholds over windows: what is counted in each window, and whether a threshold is crossed.

The same code counts in the generator process while a run goes, and on its samples afterwards. Only
counts leave the generator, so those of several processes add up to what one would have counted: a
percentile lies above a limit exactly when too few requests stayed within it.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...base.units import Unit
from ...scenario.spans import Spans, bounds, window_number
from .record import TIMED, Kind, Outcome, as_expected, completed, ended, unexpected, with_status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ...scenario.records import Scenario, Threshold

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Tally:
    """What was counted of a threshold in one window.

    Attributes:
        total: requests that could count: those that ended, or those that have a time.
        part: of these, those that do: errors, or for a percentile those within the limit. For
            ``mean`` the sum of their times, for ``pending`` how many there are at the end.
    """

    total: float
    part: float

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.total + other.total, self.part + other.part)


def is_time(threshold: Threshold) -> bool:
    """Whether it limits how long requests take."""
    return threshold.metric.startswith(("latency.", "response."))


def percent_of(threshold: Threshold) -> float | None:
    """Give the percentile that it limits, 100 for the maximum; None if it limits none."""
    name = threshold.metric.partition(".")[2]
    if not is_time(threshold) or name == "mean":
        return None
    return 100.0 if name == "max" else float(name.removeprefix("p"))


def holds(threshold: Threshold, tally: Tally, width: float) -> bool | None:
    """Tell whether the condition holds in a window; None if nothing was there to tell from."""
    meets = OPERATORS[threshold.operator]
    if threshold.metric == "throughput":
        return meets(tally.part / width, threshold.limit)
    if not tally.total:
        return None
    percent = percent_of(threshold)
    if percent is not None:
        rank = max(1, math.ceil(percent / 100 * tally.total - _ROUNDING))
        is_within = tally.part >= rank
        return is_within if threshold.operator in {"<", "<="} else not is_within
    is_share = threshold.unit is Unit.RATIO or threshold.metric.endswith(".mean")
    return meets(tally.part / tally.total if is_share else tally.part, threshold.limit)


def chosen(threshold: Threshold, scenario: Scenario, rows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Tell which rows of requests are in its scope; that of the endpoint is not looked at."""
    since = Spans(((threshold.after, math.inf),))
    found: NDArray[np.bool_] = (
        np.isin(rows["phase"], _phases(threshold, scenario))
        & since.contain(rows["intended"])
        & (rows["kind"] != Kind.ARRIVAL)
    )
    return found


def _phases(threshold: Threshold, scenario: Scenario) -> list[int]:
    """Give the numbers of the phases that it is about."""
    return [
        number
        for number, phase in enumerate(scenario.phases)
        if (phase.name == threshold.phase if threshold.phase else phase.name not in scenario.warmup)
    ]


def span(threshold: Threshold, scenario: Scenario) -> Spans:
    """Give the time in which windows are looked at, where it isn't requests that tell."""
    phases = bounds(scenario.phases)
    found = Spans.of(phases[number] for number in _phases(threshold, scenario))
    if threshold.metric == "pending" and threshold.phase is None and found:
        found = found.ending(math.inf)  # the last arrivals may be at work for long
    return found.within(Spans(((threshold.after, math.inf),)))


def parts_of(threshold: Threshold, rows: NDArray[np.void]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Give for each row whether it counts, and what it adds to the part."""
    everything = np.ones(len(rows), dtype=bool)
    if is_time(threshold):
        times = rows["response"].astype(float)
        if threshold.metric.startswith("latency."):
            times += rows["lag"]
        return np.isin(rows["outcome"], TIMED), _time_parts(threshold, times)
    over = ended(rows)
    name, _, detail = threshold.metric.partition(".")
    if name == "throughput":
        return everything, as_expected(rows)
    if name == "error_rate":
        return over, unexpected(rows)
    if name == "errors":
        wanted = over & ~completed(rows)
        if detail:
            wanted = rows["outcome"] == Outcome[detail.replace(" ", "_").upper()]
        return over, wanted
    low, high = status_range(detail)
    whole = with_status(rows)
    return whole, whole & (rows["status"] >= low) & (rows["status"] < high)


def _time_parts(threshold: Threshold, times: NDArray[np.float64]) -> NDArray[Any]:
    if percent_of(threshold) is None:
        return times
    # Beyond the limit is "not within" for ">", from the limit on is for ">=".
    if threshold.operator in {">", "<="}:
        return times <= threshold.limit
    return times < threshold.limit


def status_range(name: str) -> tuple[int, int]:
    """Give the first status of ``503`` or ``5xx``, and the first beyond."""
    if name.endswith("xx"):
        return int(name[0]) * 100, int(name[0]) * 100 + 100
    return int(name), int(name) + 1


class Tallies:
    """Counts thresholds over windows of one width, as requests end.

    Args:
        number_of: gives the number that rows have for an endpoint; None if none has been seen.
    """

    def __init__(
        self,
        thresholds: Sequence[Threshold],
        scenario: Scenario,
        number_of: Callable[[str], int | None],
    ) -> None:
        self.thresholds = thresholds
        self._scenario = scenario
        self._number_of = number_of
        self._open: dict[int, NDArray[np.float64]] = {}
        self._closed = 0

    def add(self, rows: NDArray[np.void]) -> None:
        """Count requests that have ended; one that is told too late counts in the next window."""
        if not len(rows):
            return
        ends = rows["intended"] + rows["lag"].astype(float) + rows["response"]
        windows = np.maximum(window_number(ends, self._scenario.window), self._closed)
        numbers, places = np.unique(windows, return_inverse=True)
        for column, threshold in enumerate(self.thresholds):
            if threshold.metric == "pending":
                continue
            mask = chosen(threshold, self._scenario, rows)
            if threshold.endpoint is not None:
                mask &= rows["endpoint"] == self._number_of(threshold.endpoint)
            counts, parts = parts_of(threshold, rows)
            weights = rows["weight"] if "weight" in (rows.dtype.names or ()) else 1
            totals = np.bincount(places, mask * counts * weights, len(numbers))
            sums = np.bincount(places, mask * counts * parts * weights, len(numbers))
            for row, number in enumerate(numbers.tolist()):
                self._window(number)[column] += totals[row], sums[row]

    def note_pending(self, window: int, pending: float) -> None:
        """Note how many arrivals are pending at the end of a window."""
        for column, threshold in enumerate(self.thresholds):
            if threshold.metric == "pending":
                self._window(window)[column] = 1, pending

    def _window(self, number: int) -> NDArray[np.float64]:
        return self._open.setdefault(number, np.zeros((len(self.thresholds), 2)))

    def close(self, until: float) -> list[list[Tally]]:
        """Give those of the windows next in turn that end at ``until`` or before."""
        found = []
        while (self._closed + 1) * self._scenario.window <= until + _ROUNDING:
            counted = self._open.pop(self._closed, np.zeros((len(self.thresholds), 2)))
            found.append([Tally(total, part) for total, part in counted.tolist()])
            self._closed += 1
        return found


@dataclass(frozen=True)
class Spell:
    """A stretch of time in which a condition held, in seconds from the start of the run."""

    start: float
    end: float

    def __str__(self) -> str:
        return f"from {self.start:.4g} s to {self.end:.4g} s"


class Watch:
    """One threshold, seen window after window.

    With ``lasting``, it is crossed when the condition has held for that long: in every window that
    could tell, where windows without requests can't. A silence longer than that begins anew.
    Without, everything so far is judged as one window.
    """

    def __init__(self, threshold: Threshold, scenario: Scenario) -> None:
        self._threshold = threshold
        self._width = scenario.window
        self._span = span(threshold, scenario)
        self._spell: Spell | None = None
        self._sum = Tally(0, 0)

    @property
    def since(self) -> float | None:
        """Since when the condition has held, None while it doesn't."""
        return None if self._spell is None else self._spell.start

    def see(self, start: float, tally: Tally) -> Spell | None:
        """Take in the window that begins at ``start``; give the spell if it is crossed by now."""
        end = start + self._width
        of_time = self._threshold.metric in {"pending", "throughput"}
        if of_time and not self._span.cover(start, end):
            return None
        lasting = self._threshold.lasting
        if lasting is None:
            self._sum = tally if self._threshold.metric == "pending" else self._sum + tally
            return Spell(0.0, end) if holds(self._threshold, self._sum, end) else None
        met = holds(self._threshold, tally, self._width)
        if met is None:
            return None
        if not met:
            self._spell = None
            return None
        before = self._spell
        if before is None or start > before.end + lasting + _ROUNDING:
            before = Spell(start, end)
        self._spell = Spell(before.start, end)
        return self._spell if end - before.start >= lasting - _ROUNDING else None
