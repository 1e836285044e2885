"""Does a queue grow? The verdict on how many wait over time, and how sure it is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ...base.evidence import Evidence, Point
from ...base.units import Quantity, Unit
from ...queues.fifo import reached_by_chance

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__tracebackhide__ = True

# The parameters of ``grows`` and what they lead to: docs/statistics.md.
WINDOWS = 24
LOOKS = 12
LEAST_ARRIVALS = 24
#: The overload that must be found, as a share of capacity.
OVERLOAD = 0.1
_LAST = WINDOWS // 6
_SCALES = (1, 2, 3)
_KINKS = 2
# What that takes away from the mean of the squares of normal variables.
_UNTRIMMED = {1: 1.45, 2: 1.93, 3: 2.57}
# Growth per arrival then, of which the lowest of the last sixth of the time shows five sixths.
_DRIFT = OVERLOAD / (1 + OVERLOAD) * (1 - _LAST / WINDOWS)
# A queue at 1 - OVERLOAD of capacity is as long as chance is taken to explain once in 500.
_ONCE_IN = 500
_SHORT_RUN = 30
_DISCRETE = 2.0
# How many are at work isn't exact: by so many times what services spread.
_UNSURE = 1.5
# Where so large a share of all arrivals waits, no fluctuation explains it.
_UNSERVED = 0.5
_POWER = 2.0
# Under an overload of 10 %, so many arrivals per unit of variance find no queue in the second half
# of a run less than once in 50 runs.
_FIND_NO_QUEUE = 125
_LEAST_VARIANCE = 0.05
# So many times what would have been enough, had so many of them found no queue, is asked for.
_ASKED_FOR = 1.5
# Of the square of a standard normal variable.
_MEDIAN_OF_SQUARES = 0.455
_DRAINED = 0.1
# A queue shows itself after the workers are taken and averages are over a whole service time.
_SERVICES_SKIPPED = 2


@dataclass(frozen=True)
class Growth:
    """Whether requests pile up; true if they do.

    Attributes:
        by: how many more are waiting at the end than at the best moment before.
        limit: how many may be by chance: a queue at 90 % of capacity is as long once in 500 runs.
        arrivals: how many came.
        needed: with so many, an overload of 10 % would have shown itself.
        excluded: there was an end to the queue, or so often nobody waited, that it is none.
        settled_by: about so many arrivals like these would settle it, one way or the other.
        waiting: how many waited over time, in 24 windows.
    """

    by: Quantity
    limit: Quantity
    arrivals: int
    needed: int
    excluded: bool
    settled_by: int
    waiting: tuple[Point, ...] = field(repr=False)

    def __bool__(self) -> bool:
        return float(self.by) > float(self.limit)

    @property
    def certain(self) -> bool:
        """Whether an overload of 10 % would have been seen."""
        return bool(self) or self.excluded or self.arrivals >= self.needed

    def __repr__(self) -> str:
        verb = "grows" if self else "does not grow"
        return (
            f"<pending {verb}: {float(self.by):+.1f} waiting at the end of {self.arrivals} "
            f"arrivals, chance explains {float(self.limit):.1f}>"
        )

    def evidence(self) -> Evidence:
        """Gather what the verdict rests on."""
        chance = (
            f"at the end {float(self.by):+.1f} against the best moment before; a queue at "
            f"{1 - OVERLOAD:.0%} of capacity that fluctuates like this one gets to "
            f"{float(self.limit):.1f}"
        )
        return Evidence(
            subject="requests waiting (pending beyond those at work)",
            show="{:.1f}".format,
            samples=self.arrivals,
            points=self.waiting,
            statements=(chance,),
        )


@dataclass(frozen=True)
class Looks:
    """How many wait, in looks (columns) at each window (rows) of a stretch.

    Attributes:
        waiting: how many at each look.
        service: how long an answer takes that nothing waits before, as a share of the stretch.
        taken: the share of the stretch after which the first to come may have been done: up to
            then nobody may have waited because there were workers that nobody had taken yet.
        level: ``waiting`` averaged over the service time before each look, if services are long and
            constant: workers that finish together are a wave then, and no fluctuation.
        came: how many had come a service time before each look, then.
        spread: the coefficient of variation of services, then.
    """

    waiting: Floats
    service: float
    taken: float
    level: Floats
    came: Floats | None = None
    spread: float = 0.0

    @classmethod
    def of(
        cls,
        waiting: Floats,
        *,
        service: float,
        taken: float,
        level: Floats | None = None,
        came: Floats | None = None,
        spread: float = 0.0,
    ) -> Self:
        """Take looks in the order of time."""
        shape = (WINDOWS, LOOKS)
        return cls(
            waiting.reshape(shape),
            service,
            taken,
            (waiting if level is None else level).reshape(shape),
            None if came is None else came.reshape(shape),
            spread,
        )


@dataclass(frozen=True)
class _Chance:
    """How far a queue gets by chance.

    Attributes:
        variance: what it gains per arrival.
        at_work: how many are in the system without a queue.
        spread: the coefficient of variation of services, where it is known.
    """

    variance: float
    at_work: float
    spread: float

    def explains(self, arrivals: float) -> float:
        """How many more may wait after so many arrivals; how many are at work isn't exact."""
        longest = reached_by_chance(self.variance, OVERLOAD, 1 / _ONCE_IN)
        return (
            longest * (1 + _SHORT_RUN / arrivals) + _DISCRETE + _UNSURE * self.at_work * self.spread
        )

    def needs(self, arrivals: float) -> int:
        """How many arrivals it takes to exceed what it explains of so many.

        n of them make drift x n exceed that by ``_POWER`` standard deviations.
        """
        deviation = _POWER * math.sqrt(self.variance)
        limit = self.explains(arrivals)
        root = (deviation + math.sqrt(deviation**2 + 4 * _DRIFT * limit)) / (2 * _DRIFT)
        return math.ceil(root**2) + math.ceil(_SERVICES_SKIPPED * self.at_work)


def growth(looks: Looks, arrivals: int, start: float, end: float) -> Growth:
    """Judge how many waited in a stretch from ``start`` to ``end`` in which so many came."""
    means = looks.waiting.mean(axis=1)
    windows = WINDOWS / arrivals
    variance = _variance(looks) * windows + looks.spread**2
    chance = _Chance(variance, looks.service * arrivals, looks.spread)
    rise, unserved = _rise(looks.waiting), _UNSERVED * arrivals
    by, limit = _rise(looks.level), min(chance.explains(arrivals), unserved)
    if by <= limit and rise > unserved:
        by, limit = rise, unserved
    needed = chance.needs(arrivals)
    free = _free(looks) * arrivals
    enough = _FIND_NO_QUEUE * max(_of_windows(means) * windows, _LEAST_VARIANCE)
    asked = math.ceil(_ASKED_FOR * enough / max(free, 1) * arrivals)
    edges = np.linspace(start, end, WINDOWS + 1).tolist()
    return Growth(
        by=Quantity(by, Unit.COUNT),
        limit=Quantity(limit, Unit.COUNT),
        arrivals=arrivals,
        needed=needed,
        excluded=_has_ended(looks, arrivals) or free > enough,
        settled_by=min(chance.needs(chance.needs(needed)), asked),
        waiting=tuple(
            Point(first, last, value)
            for (first, last), value in zip(pairwise(edges), means.tolist(), strict=True)
        ),
    )


def drained(waiting: Floats) -> bool:
    """Tell whether next to nobody waits at some moment of the last sixth of the looks."""
    return bool(waiting[-_LAST:].min() <= max(1.0, _DRAINED * float(waiting.max())))


def _rise(waiting: Floats) -> float:
    """How many more wait at the best moment of the last sixth than at the best before."""
    lowest = waiting.min(axis=1)
    return float(lowest[-_LAST:].min() - max(0.0, lowest[:-_LAST].min()))


def _free(looks: Looks) -> float:
    """In what share of the stretch nobody waits, of its second half and once workers are taken."""
    late = (np.arange(looks.waiting.size) + 0.5) / looks.waiting.size >= max(0.5, looks.taken)
    return float(np.mean(late & (looks.waiting.ravel() <= 0)))


def _has_ended(looks: Looks, arrivals: int) -> bool:
    """Whether there was a queue too long for chance, and it is gone.

    Where a load comes in waves, the few windows in which it changes make the mean of the squared
    differences large; the median is that of the others. It is that of arrivals where a queue is
    known to one request, so that there mostly is none.
    """
    parts = [looks.waiting] if looks.came is None else [looks.waiting, looks.came]
    squares = max(float(np.median(np.diff(part.mean(axis=1), 2) ** 2)) for part in parts)
    usual = squares / _MEDIAN_OF_SQUARES * WINDOWS / arrivals
    longest = reached_by_chance(usual, OVERLOAD, 1 / _ONCE_IN) + _DISCRETE
    return drained(looks.waiting) and bool(looks.waiting.max() > longest)


def _variance(looks: Looks) -> float:
    """Give the variance that a queue gains per window by chance.

    Averages over a service time hide what arrivals bring of it, so those are looked at, too.
    """
    seen = [looks.level] if looks.came is None else [looks.level, looks.came]
    return max(_of_windows(part.mean(axis=1)) for part in seen)


def _of_windows(means: Floats) -> float:
    return max(_of_scale(means, scale) for scale in _SCALES)


def _of_scale(means: Floats, scale: int) -> float:
    """Give the variance that a random walk gains per window, from means over ``scale`` windows.

    The second differences of means of a random walk with any drift have just that variance. The
    largest are left out: a drift that changes, as between phases, is no fluctuation.
    """
    wider = means.reshape(-1, scale).mean(axis=1)
    squares = np.sort(np.diff(wider, 2) ** 2)[:-_KINKS]
    return float(squares.mean()) * _UNTRIMMED[scale] / scale
