"""Pending requests: how many are in the system, whether they pile up, how long they wait."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ..errors import Inconclusive, NoData
from ..evidence import Evidence, Point
from ..load.record import Kind, Outcome, as_expected, with_status
from ..samples import Samples, quantile
from ..spans import Spans, only_stretch
from ..units import Quantity, Unit
from .latency import Distribution
from .level import Level, Steps
from .names import KnowsItsNames

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..units import Reach
    from .origin import Origin

__tracebackhide__ = True

# The parameters of ``grows`` and what they lead to: docs/statistics.md.
_WINDOWS = 24
_LOOKS = 12
_LAST = _WINDOWS // 6
_SCALES = (1, 2, 3)
_KINKS = 2
# What that takes away from the mean of the squares of normal variables.
_UNTRIMMED = {1: 1.45, 2: 1.93, 3: 2.57}
_LEAST_ARRIVALS = 24
#: The overload that must be found, as a share of capacity.
_OVERLOAD = 0.1
# Growth per arrival then, of which the lowest of the last sixth of the time shows five sixths.
_DRIFT = _OVERLOAD / (1 + _OVERLOAD) * (1 - _LAST / _WINDOWS)
# A queue at 1 - _OVERLOAD of capacity is longer than this, times its variance, once in 500.
_TAIL = np.log(500) / (2 * _OVERLOAD)
_SHORT_RUN = 30
_DISCRETE = 2.0
# Where so large a share of all arrivals waits, no fluctuation explains it.
_UNSERVED = 0.5
_POWER = 2.0
# Under an overload of 10 %, so many arrivals per unit of variance find no queue in the second half
# of a run less than once in 50 runs.
_FIND_NO_QUEUE = 125
_LEAST_VARIANCE = 0.05
# Of the square of a standard normal variable.
_MEDIAN_OF_SQUARES = 0.455
_BASE_POINTS = 20
_FEW = 5
_UNLOADED = 0.1
_DRAINED = 0.1


@dataclass(frozen=True)
class Growth:
    """Whether requests pile up; true if they do.

    Attributes:
        by: how many more are waiting at the end than at the best moment before.
        limit: how many may be by chance: a queue at 90 % of capacity is as long once in 500 runs.
        arrivals: how many came.
        needed: with so many, an overload of 10 % would have shown itself.
        excluded: there was an end to the queue, or so often nobody waited, that it is none.
        waiting: how many waited over time, in 24 windows.
    """

    by: Quantity
    limit: Quantity
    arrivals: int
    needed: int
    excluded: bool
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
            f"{1 - _OVERLOAD:.0%} of capacity that fluctuates like this one gets to "
            f"{float(self.limit):.1f}"
        )
        return Evidence(
            subject="requests waiting (pending beyond those at work)",
            show="{:.1f}".format,
            samples=self.arrivals,
            points=self.waiting,
            statements=(chance,),
        )


class Pending(KnowsItsNames):
    """Arrivals that have come and not been answered yet, over a stretch of time."""

    def __init__(
        self,
        arrivals: Samples,
        spans: Spans,
        scale: float = 1.0,
        name: str = "the run",
        origin: Origin | None = None,
        own: Samples | None = None,
        reach: Reach | None = None,
    ) -> None:
        """Watch all ``arrivals`` of a run over some stretches of time.

        Args:
            own: those that are of this slice; if it is not said, those that came in its time.
        """
        self._arrivals = arrivals
        self._spans = spans
        self._own = own
        self._scale = scale
        self._name = name
        self._origin = origin
        self._reach = reach
        rows = arrivals.rows
        unfinished = rows["outcome"] == Outcome.PENDING
        self._ends = np.where(unfinished, np.inf, arrivals.ends)
        self._begun = Steps(rows["intended"], rows["weight"], rows["spread"])
        self._ended = Steps(self._ends, rows["weight"], rows["spread"])

    @cached_property
    def level(self) -> Level:
        """How many are pending over the time of the run: what averages are taken from."""
        rows = self._arrivals.rows
        return Level.of_stays(rows["intended"], self._ends, rows["weight"], rows["spread"])

    def at(self, moments: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give how many are pending at each of these moments, in seconds from the run's start."""
        return self._begun(moments) - self._ended(moments)

    def arrived(self, moments: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give how many have come up to each of these moments."""
        return self._begun(moments)

    def ended(self, moments: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give how many have come to an end, good or bad, up to each of these moments."""
        return self._ended(moments)

    @property
    def at_end(self) -> Quantity:
        """How many arrivals of the whole run, warm-up and all, never came to an end."""
        return Quantity(self._arrivals.count - self._arrivals.ended.count, Unit.COUNT)

    @property
    def now(self) -> Quantity:
        """How many are pending at the end of this slice.

        Raises:
            NoData: there were no arrivals.
        """
        self._require_arrivals()
        return self._count("pending at the end", lambda spans: self._at(spans.end))

    def _at(self, moment: float) -> float:
        return float(np.round(self.at(np.array([moment]))[0]))

    @property
    def max(self) -> Quantity:
        """The most that were pending at once.

        Raises:
            NoData: there were no arrivals.
        """
        self._require_arrivals()
        return self._count("most pending", self._most)

    def _most(self, spans: Spans) -> float:
        rows = self._arrivals.rows
        moments, half = rows["intended"], rows["spread"] / 2
        if half.any():
            moments = np.concatenate([moments + half, self._ends - half])
        edges = [edge for stretch in spans for edge in stretch]
        counts = self.at(np.concatenate([moments[spans.contain(moments)], edges]))
        return float(np.round(counts.max()))

    @property
    def mean(self) -> Quantity:
        """The average over time, exactly: what all of them together have waited, per second.

        Raises:
            NoData: there were no arrivals.
        """
        self._require_arrivals()
        return self._count("mean pending", self.level.mean)

    def _count(self, subject: str, figure: Callable[[Spans], float]) -> Quantity:
        origin, gather = self._origin, None
        if origin is not None:
            gather = partial(
                origin.evidence,
                subject,
                lambda part: figure(part.spans) if part.spans else None,
                Unit.COUNT,
            )
        return Quantity(figure(self._spans), Unit.COUNT, gather=gather)

    @cached_property
    def grows(self) -> Growth:
        """Whether requests pile up: true if more and more of them wait.

        What waits is what is pending beyond what a service without a queue would have at work, as
        Little's law (in system = rate x time) has it: a rising rate alone is no queue. It grows if
        at no moment of the last sixth it is near its lowest of before, by more than a queue at
        90 % of capacity reaches by chance, given how much this one is seen to fluctuate. See
        docs/statistics.md for the method and its measured errors.

        Raises:
            Inconclusive: it doesn't, but an overload of 10 % could be hidden in so few arrivals.
            NoData: there were no arrivals, or none got a good answer: no service time is known.
        """
        self._require_arrivals()
        start, end = only_stretch("whether pending grows", self._spans, self._name)
        count = self._within.count
        if count < _LEAST_ARRIVALS:
            raise Inconclusive(
                f"whether pending grows needs at least {_LEAST_ARRIVALS} arrivals, {self._name} "
                f"has {count}"
            )
        growth = _growth(self._waiting, count, np.linspace(start, end, _WINDOWS + 1))
        if not growth.certain:
            raise Inconclusive(
                f"whether pending grows: an overload of {_OVERLOAD:.0%} would not show in the "
                f"{count} arrivals of {self._name}, as much as the queue fluctuates; it needs "
                f"about {growth.needed}"
            )
        return growth

    @property
    def drains(self) -> bool:
        """Whether the queue, however long it was, is gone by the end of this stretch.

        True if at some moment of its last sixth at most one request, or a tenth of the longest
        queue, waits; also if none ever did.

        Raises:
            NoData: there were no arrivals, or none got a good answer: no service time is known.
        """
        self._require_arrivals()
        return _drained(self._waiting)

    @cached_property
    def _waiting(self) -> NDArray[np.float64]:
        """How many wait, in looks (columns) at each window (rows) of the stretch."""
        return self.waiting_at(self._moments(_WINDOWS * _LOOKS)).reshape(_WINDOWS, _LOOKS)

    def waiting_at(self, moments: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give how many are pending at each of these moments beyond those that are at work.

        At work is what would be pending if all answers took as long as those of the quarter of the
        stretch in which they were quickest. Below 0 where there are fewer. Who gave up (a time-out
        on either side) waits until a later arrival gets a good answer: up to then nobody knows
        that the service has got so far. Errors that came sooner than any good answer are left out.

        Raises:
            NoData: not one good answer, so the service time is not known.
        """
        times = self._quickest
        came, left = self._queue
        earlier = came((moments - times[:, np.newaxis]).ravel())
        at_work = came(moments) - earlier.reshape(len(times), -1).mean(axis=0)
        waiting: NDArray[np.float64] = came(moments) - left(moments) - at_work
        return waiting

    @cached_property
    def _queue(self) -> tuple[Steps, Steps]:
        """Who came to the queue and who left it, without those who were turned away at once."""
        rows = self._arrivals.rows
        order = np.argsort(rows["intended"], kind="stable")
        good_ends = np.where(as_expected(rows), self._ends, np.inf)[order]
        ends = self._ends.copy()
        ends[order] = np.where(
            gave_up(self._arrivals)[order],
            np.maximum(ends[order], np.minimum.accumulate(good_ends[::-1])[::-1]),
            ends[order],
        )
        served = entered(self._arrivals)
        weights, spreads = rows["weight"][served], rows["spread"][served]
        return (
            Steps(rows["intended"][served], weights, spreads),
            Steps(ends[served], weights, spreads),
        )

    @cached_property
    def _quickest(self) -> NDArray[np.float64]:
        """Points of the distribution of times in the quarter of the stretch that was quickest."""
        rows = self._within.rows
        quarters = [Samples(part).as_expected for part in np.array_split(rows, 4)]
        known = [part for part in quarters if len(part.rows) >= _FEW]
        if not known:
            known = [self._within.as_expected]
        if not known[0].count:
            known = [self._arrivals.as_expected]
        if not known[0].count:
            raise NoData("pending: not one good answer, so the service time is not known")
        best = min(known, key=lambda part: np.average(part.latency, weights=part.rows["weight"]))
        shares = (np.arange(_BASE_POINTS) + 0.5) / _BASE_POINTS
        order = np.argsort(best.latency)
        ranks = np.cumsum(best.rows["weight"][order], dtype=np.float64)
        places = np.searchsorted(ranks, shares * ranks[-1])
        points: NDArray[np.float64] = best.latency[order][places]
        return points

    @cached_property
    def service_time(self) -> Quantity:
        """How long an answer takes that nothing waits before, from the answers of the whole run.

        The median time of good answers to arrivals that found nobody pending. Where fewer than
        five did, as in a service that is never idle, the tenth percentile of all good answers
        instead if that is shorter.

        Raises:
            NoData: not one good answer.
        """
        good = self._arrivals.as_expected
        if not good.count:
            raise NoData("pending: not one good answer, so the service time is not known")
        due = good.rows["intended"]
        found = self._begun(due, side="left") - self._ended(due)
        # Of rows that were folded, some are on both sides of their own moment.
        alone = good.where(found < 0.5)
        times = [_response_quantile(alone, 0.5)] if len(alone.rows) else []
        if len(alone.rows) < _FEW:
            times.append(_response_quantile(good, _UNLOADED))
        reach = self._reach_of(good, min(times))
        return Quantity(min(times), Unit.SECOND, self._scale, reach=reach)

    def _reach_of(self, arrivals: Samples, longest: float = 0.0) -> Reach | None:
        # A virtual user of several steps has the time-out for each of its requests.
        is_single = (arrivals.rows["kind"] == Kind.SINGLE).all()
        if self._reach is None or not is_single or longest > self._reach.most:
            return None
        return self._reach

    @cached_property
    def wait(self) -> Distribution:
        """How long arrivals of this stretch waited in the queue: latency less ``service_time``.

        Raises:
            NoData: not one good answer of the run, so the service time is not known.
        """
        rows = self._within.rows.copy()
        latency = self._within.latency
        rows["lag"] = 0
        rows["response"] = np.maximum(latency - float(self.service_time), 0)
        name = f"queue wait of {self._name}"
        reach = self._reach_of(self._within)
        return Distribution(name, Samples(rows), from_intended=True, scale=self._scale, reach=reach)

    @cached_property
    def _within(self) -> Samples:
        if self._own is not None:
            return self._own
        return self._arrivals.where(self._spans.contain(self._arrivals.rows["intended"]))

    def _moments(self, count: int) -> NDArray[np.float64]:
        start, end = only_stretch("a queue over time", self._spans, self._name)
        return start + (end - start) / count * (np.arange(count, dtype=np.float64) + 0.5)

    def _require_arrivals(self) -> None:
        if not self._arrivals.count:
            raise NoData("pending: there were no arrivals")
        if not self._spans.length:
            raise NoData(f"pending: {self._name} was ended before it began")

    def __repr__(self) -> str:
        if not self._arrivals.count:
            return "<pending of nothing>"
        return f"<pending: max {self.max}, mean {self.mean}, at end {self.at_end}>"


def _growth(waiting: NDArray[np.float64], arrivals: int, edges: NDArray[np.float64]) -> Growth:
    """Judge how many waited, given as looks (columns) in windows of the stretch (rows)."""
    lowest = waiting.min(axis=1)
    by = lowest[-_LAST:].min() - max(0.0, lowest[:-_LAST].min())
    means = waiting.mean(axis=1)
    variance = max(_variance(means, scale) for scale in _SCALES) * len(means) / arrivals
    chance = _TAIL * (1 + _SHORT_RUN / arrivals) * variance + _DISCRETE
    limit = min(chance, _UNSERVED * arrivals)
    nobody = float(np.mean(waiting[len(waiting) // 2 :] <= 0))
    enough = _FIND_NO_QUEUE * max(variance, _LEAST_VARIANCE)
    return Growth(
        by=Quantity(by, Unit.COUNT),
        limit=Quantity(limit, Unit.COUNT),
        arrivals=arrivals,
        needed=_needed(variance, limit),
        excluded=_has_ended(waiting, arrivals) or nobody * arrivals / 2 > enough,
        waiting=tuple(
            Point(start, end, value)
            for (start, end), value in zip(pairwise(edges.tolist()), means.tolist(), strict=True)
        ),
    )


def _drained(waiting: NDArray[np.float64]) -> bool:
    return bool(waiting[-_LAST:].min() <= max(1.0, _DRAINED * float(waiting.max())))


def _has_ended(waiting: NDArray[np.float64], arrivals: int) -> bool:
    """Whether there was a queue too long for chance, and it is gone.

    Where a load comes in waves, the few windows in which it changes make the mean of the squared
    differences large; the median is that of the others.
    """
    squares = np.diff(waiting.mean(axis=1), 2) ** 2
    usual = float(np.median(squares)) / _MEDIAN_OF_SQUARES * len(waiting) / arrivals
    return _drained(waiting) and bool(waiting.max() > _TAIL * usual + _DISCRETE)


def _variance(means: NDArray[np.float64], scale: int) -> float:
    """Give the variance that a queue gains per window, from means over ``scale`` windows.

    The second differences of means of a random walk with any drift have just that variance. The
    largest are left out: a drift that changes, as between phases, is no fluctuation.
    """
    wider = means.reshape(-1, scale).mean(axis=1)
    squares = np.sort(np.diff(wider, 2) ** 2)[:-_KINKS]
    return float(squares.mean()) * _UNTRIMMED[scale] / scale


def _needed(variance: float, limit: float) -> int:
    """How many arrivals n make drift x n exceed the limit by ``_POWER`` standard deviations."""
    deviation = _POWER * np.sqrt(variance)
    root = (deviation + np.sqrt(deviation**2 + 4 * _DRIFT * limit)) / (2 * _DRIFT)
    return int(np.ceil(root**2))


def gave_up(arrivals: Samples) -> NDArray[np.bool_]:
    """Tell who waited until a time-out, on either side."""
    rows = arrivals.rows
    timed_out: NDArray[np.bool_] = (rows["outcome"] == Outcome.TIMEOUT) | (
        with_status(rows) & (rows["status"] == 504)
    )
    return timed_out


def entered(arrivals: Samples) -> NDArray[np.bool_]:
    """Tell who came to the queue: all but errors that came sooner than any good answer."""
    rows, good = arrivals.rows, as_expected(arrivals.rows)
    shortest = arrivals.latency[good].min(initial=np.inf)
    endless = rows["outcome"] == Outcome.PENDING
    let_in: NDArray[np.bool_] = good | endless | gave_up(arrivals) | (arrivals.latency >= shortest)
    return let_in


def _response_quantile(samples: Samples, share: float) -> float:
    return quantile(samples.rows["response"].astype(float), samples.rows["weight"], share)
