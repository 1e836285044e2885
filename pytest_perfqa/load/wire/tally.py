"""Thresholds over windows: what is counted in each window, and whether a threshold is crossed.

The same code counts in the generator process while a run goes, and on its samples afterwards. Only
counts leave the generator, so those of several processes add up to what one would have counted: a
percentile lies above a limit exactly when too few requests stayed within it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...base.units import Unit
from ...errors import NoData
from ...scenario.spans import Spans, bounds, window_number
from .outcome import (
    Outcome,
    as_expected,
    ended,
    failed,
    timed,
    unexpected,
    with_status,
)
from .record import RecordKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ...base.conditions import Condition
    from ...base.metrics import Which, WindowCount
    from ...scenario.records import Scenario

#: What the definitions of metrics call rows that count, and what each of them adds.
_ROWS: dict[str, Callable[[NDArray[np.void]], NDArray[Any]]] = {
    "everything": lambda rows: np.ones(len(rows), dtype=bool),
    "ended": ended,
    "timed": timed,
    "answered": with_status,
    "as expected": as_expected,
    "unexpected": unexpected,
    "failed": failed,
    "response": lambda rows: rows["response"].astype(float),
    "latency": lambda rows: rows["response"].astype(float) + rows["lag"],
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


def holds(condition: Condition, tally: Tally, width: float) -> bool | None:
    """Tell whether the condition holds in a window; None if nothing was there to tell from."""
    counted = condition.counted
    if counted.per == "second":
        return bool(condition.is_met_by(tally.part / width))
    if not tally.total:
        return None
    if counted.percent is not None:
        is_within = tally.part >= condition.needed(tally.total)
        return is_within if condition.operator in {"<", "<="} else not is_within
    is_share = counted.per == "request" or condition.unit is Unit.RATIO
    return bool(condition.is_met_by(tally.part / tally.total if is_share else tally.part))


def is_level(condition: Condition) -> bool:
    """Whether windows are judged by how many arrivals are pending when they end."""
    return condition.counted.per == "moment"


def chosen(threshold: Condition, scenario: Scenario, rows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Tell which rows of requests are in its scope; that of the endpoint is not looked at."""
    since = Spans(((threshold.after, math.inf),))
    found: NDArray[np.bool_] = (
        np.isin(rows["phase"], _phases(threshold, scenario))
        & since.contain(rows["intended"])
        & (rows["kind"] != RecordKind.ARRIVAL)
    )
    return found


def _phases(threshold: Condition, scenario: Scenario) -> list[int]:
    """Give the numbers of the phases that it is about."""
    return [
        number
        for number, phase in enumerate(scenario.phases)
        if (phase.name == threshold.phase if threshold.phase else phase.name not in scenario.warmup)
    ]


def span(threshold: Condition, scenario: Scenario) -> Spans:
    """Give the time in which windows are looked at, where it isn't requests that tell."""
    phases = bounds(scenario.phases)
    found = Spans.of(phases[number] for number in _phases(threshold, scenario))
    if is_level(threshold) and threshold.phase is None and found:
        found = found.ending(math.inf)  # the last arrivals may be at work for long
    return found.within(Spans(((threshold.after, math.inf),)))


def parts_of(condition: Condition, rows: NDArray[np.void]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Give for each row whether it counts, and what it adds to the part."""
    counted = condition.counted
    try:
        counts, parts = _said(counted.of, rows), _said(counted.part, rows)
    except Exception as error:  # whatever the code of others raises
        why = f"{type(error).__name__}: {error}"
        raise NoData(f"{condition.metric} can't be counted: {why}") from error
    if counted.percent is not None:
        # Beyond the limit is "not within" for ">", from the limit on is for ">=".
        is_closed = condition.operator in {">", "<="}
        parts = parts <= condition.limit if is_closed else parts < condition.limit
    return counts, parts


def counted(count: WindowCount, rows: NDArray[np.void]) -> tuple[int, int]:
    """Give how many requests are of a kind, and of how many, where one counts or doesn't.

    Args:
        rows: records of requests.
    """
    weights = rows["weight"] if "weight" in (rows.dtype.names or ()) else np.ones(len(rows), int)
    of = _said(count.of, rows)
    return int(weights[of & _said(count.part, rows)].sum()), int(weights[of].sum())


def _said(which: Which, rows: NDArray[np.void]) -> NDArray[Any]:
    if callable(which):
        said: NDArray[Any] = which(rows)
        return said
    if which in _ROWS:
        return _ROWS[which](rows)
    outcome: NDArray[Any] = rows["outcome"] == Outcome[which.replace(" ", "_").upper()]
    return outcome


class Tallies:
    """Counts thresholds over windows of one width, as requests end.

    Args:
        number_of: gives the number that rows have for an endpoint; None if none has been seen.
    """

    def __init__(
        self,
        thresholds: Sequence[Condition],
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
            if is_level(threshold):
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
            if is_level(threshold):
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

    def __init__(self, threshold: Condition, scenario: Scenario) -> None:
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
        of_time = self._threshold.counted.per in {"moment", "second"}
        if of_time and not self._span.cover(start, end):
            return None
        lasting = self._threshold.lasting
        if lasting is None:
            self._sum = tally if is_level(self._threshold) else self._sum + tally
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
