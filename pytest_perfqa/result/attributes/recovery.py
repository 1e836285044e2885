"""Recovery: how long after a peak the queue that it left is gone."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Self

import numpy as np

from ...base.evidence import Evidence, Point
from ...base.units import Quantity, Unit
from ...errors import Inconclusive, NoData
from ...scenario.spans import Spans, bounds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

    from ...base.intervals import Ends
    from ...scenario.records import Phase

__tracebackhide__ = True

#: At full scale, in seconds: how long pending must stay low, and how often it is looked at then.
HOLD = 3.0
LOOK = 0.25
#: The shortest stretch before the peak that tells what is usual, at full scale.
LEAST_BASELINE = 50.0
_USUAL = 0.95
# Below, capacity and rate can't be told apart.
_LEAST_SPARE = 0.02


@dataclass(frozen=True)
class Stretches:
    """Where a peak lies in a run; all times in seconds from its start.

    Attributes:
        baseline: when the load was usual, before the peak.
        peak: when the peak began and ended.
        until: when the load is no longer usual, or no arrivals come any more.
    """

    baseline: Spans
    peak: tuple[float, float]
    until: float

    def up_to(self, end: float, peak: str) -> Stretches:
        """Give the same where a run came to no more than this.

        Raises:
            NoData: the peak had not ended by then.
        """
        if end < self.peak[1]:
            raise NoData(f"phase {peak!r} did not end: the run was ended before")
        return replace(self, until=min(self.until, end))


def stretches(
    phases: Sequence[Phase], warmup: AbstractSet[str], peak: str, baseline: str | None = None
) -> Stretches:
    """Find the usual load before and after a peak.

    Usual are phases whose highest rate is less than half way from the lowest of these to the
    peak's. The baseline is what lies before the first that isn't, warm-up left out, or what lies
    before the peak of the phases of the name that is given.

    Raises:
        NoData: there is no such phase, or several peaks; or nothing usual before it.
    """
    lasted = bounds(phases)
    at = _only(phases, peak)
    counted = [index for index, phase in enumerate(phases) if phase.name not in warmup]
    heights = [phase.highest_rate for phase in phases]
    unusual = (heights[at] + min([heights[index] for index in counted] + [heights[at]])) / 2
    high = [index for index in counted if heights[index] >= unusual]
    if baseline is None:
        before = [index for index in counted if index < min([*high, at])]
    else:
        before = [index for index in _named(phases, baseline) if index < at]
        if not before:
            raise NoData(f"phase {baseline!r} is no baseline: it does not lie before {peak!r}")
    after = [lasted[index][0] for index in high if index > at]
    usual = Spans.of(lasted[index] for index in before)
    return Stretches(usual, lasted[at], min(after, default=lasted[-1][1]))


def _only(phases: Sequence[Phase], name: str) -> int:
    first, *others = _named(phases, name)
    if others:
        raise NoData(
            f"not one but {1 + len(others)} phases {name!r}: after which of them can't be told; "
            "give them names of their own"
        )
    return first


def _named(phases: Sequence[Phase], name: str) -> list[int]:
    found = [index for index, phase in enumerate(phases) if phase.name == name]
    if not found:
        known = ", ".join(dict.fromkeys(repr(phase.name) for phase in phases))
        raise NoData(f"no phase {name!r}; there are: {known}")
    return found


@dataclass(frozen=True)
class Course:
    """What a recovery is judged on.

    Attributes:
        name: of the peak, such as "phase 'spike'".
        where: the peak, and the usual load before and after it.
        arrivals, completions: give how many came, and how many left, up to some moments, in seconds
            from the start of the run.
        time_scale: the factor on times that the run had.
        kept_up: whether the service answered most of what came in the baseline.
    """

    name: str
    where: Stretches
    arrivals: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    completions: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    time_scale: float = 1.0
    kept_up: bool = True

    def pending(self, moments: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give how many are pending at some moments."""
        return self.arrivals(moments) - self.completions(moments)


class Recovery(Quantity):
    """The time from the end of a peak until pending is down to what it was before it.

    Compares as a time. If pending did not come down, or the service had not kept up before the peak
    either and has nothing to come back to, that time is infinite: ``< "30s"`` is false,
    and whether it is longer than some limit is known only up to ``bound``.

    Attributes:
        recovered: whether it came down at all while it was watched.
        bound: how long it was watched after the peak, in seconds; it was not well before then if
            it did not recover.
        limit: what counts as usual: the 95th percentile of pending before the peak, at least 1.
        fluid: the time that a fluid queue takes: what was pending above ``limit`` at the end of the
            peak, over the capacity seen during the peak less the rate of arrivals after it. None if
            capacity didn't exceed that rate.
    """

    recovered: bool
    bound: Quantity
    limit: Quantity
    fluid: Quantity | None
    _peak: str

    def __new__(cls, seconds: float, course: Course, *, limit: float, fluid: float | None) -> Self:
        """Make one of ``seconds``, which are infinite if it did not recover."""
        scale = course.time_scale
        self = super().__new__(cls, seconds, Unit.SECOND, scale)
        self.recovered = math.isfinite(seconds)
        self.bound = Quantity(course.where.until - course.where.peak[1], Unit.SECOND, scale)
        self.limit = Quantity(limit, Unit.COUNT)
        self.fluid = None if fluid is None else Quantity(fluid, Unit.SECOND, scale)
        self._peak = course.name
        self._gather = partial(_evidence, course, self.limit, self.fluid)
        return self

    @property
    def ends(self) -> Ends:
        """Of one that was not seen: after what was watched, nobody knows when."""
        return super().ends if self.recovered else (float(self.bound), math.inf)

    def _compared(self, sign: str, other: object) -> bool | None:
        limit = self._operand(other)
        if limit is None or self.recovered:
            return super()._compared(sign, other)
        if "<" in sign:
            return False
        if limit.ends[1] > float(self.bound):
            raise Inconclusive(
                f"after {self._peak} pending did not come down within {self.bound}; whether it "
                "takes longer than that was not watched"
            )
        return True

    def __repr__(self) -> str:
        if self.recovered:
            return super().__repr__()
        return f"not recovered within {self.bound}"

    __str__ = __repr__
    __hash__ = Quantity.__hash__


def _evidence(course: Course, limit: Quantity, fluid: Quantity | None) -> Evidence:
    began = course.where.baseline.start if course.where.baseline else course.where.peak[0]
    edges = np.linspace(began, course.where.until, 61)
    levels = course.pending((edges[1:] + edges[:-1]) / 2)
    points = zip(edges[:-1].tolist(), edges[1:].tolist(), levels.tolist(), strict=True)
    return Evidence(
        subject=f"pending before, in and after {course.name}",
        points=tuple(Point(start, end, value) for start, end, value in points),
        statements=(
            f"recovered: at most {float(limit):g} pending for {_hold(course):g} s",
            *(() if course.kept_up else ("before the peak, most requests had no good answer",)),
            f"a fluid queue would take: {'none' if fluid is None else fluid}",
        ),
    )


def recovery(course: Course) -> Recovery:
    """Find the first moment after the peak from which pending stays as low as before it.

    As low: at most the 95th percentile of what was pending in the baseline, and at least 1. Stays:
    for 3 s at full scale. (To ask for the rest of the run would be too much: one moment in twenty
    lies above that level by chance alone.)

    Raises:
        Inconclusive: the baseline is too short to tell what is usual.
    """
    scale = course.time_scale
    where = course.where
    if where.baseline.length < LEAST_BASELINE * scale * (1 - 1e-9):
        raise Inconclusive(
            f"recovery after {course.name} needs {LEAST_BASELINE * scale:g} s of usual load before "
            f"it, warm-up not counted; there are {where.baseline.length:g} s"
        )
    usual = np.concatenate([_looks(start, end, scale) for start, end in where.baseline])
    limit = max(1.0, float(np.quantile(course.pending(usual), _USUAL)))
    looks = _looks(where.peak[1], where.until, scale)
    low = course.pending(looks) <= limit
    needed = round(HOLD / LOOK)
    stays = np.convolve(low, np.ones(needed), "valid") == needed if len(low) >= needed else low[:0]
    first = np.flatnonzero(stays)
    recovered = len(first) and course.kept_up
    seconds = looks[first[0]] - where.peak[1] if recovered else math.inf
    return Recovery(float(seconds), course, limit=limit, fluid=_fluid(course, limit))


def _looks(start: float, end: float, scale: float) -> NDArray[np.float64]:
    return np.arange(start, end + 1e-9, LOOK * scale)


def _hold(course: Course) -> float:
    return HOLD * course.time_scale


def _fluid(course: Course, limit: float) -> float | None:
    """Divide the backlog at the end of the peak by how much more is done than asked for."""
    began, ended = course.where.peak
    busy = np.array([(began + ended) / 2, ended])
    after = np.array([ended, course.where.until])
    capacity = float(np.diff(course.completions(busy))[0] / np.diff(busy)[0])
    if after[1] <= after[0]:
        return None
    spare = capacity - float(np.diff(course.arrivals(after))[0] / np.diff(after)[0])
    backlog = float(course.pending(np.array([ended]))[0]) - limit
    if backlog <= 0:
        return 0.0
    return backlog / spare if spare > _LEAST_SPARE * capacity else None
