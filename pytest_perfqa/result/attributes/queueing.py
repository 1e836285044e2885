"""Pending requests: how many are in the system, whether they pile up, how long they wait."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from ...base.units import Quantity, Unit
from ...errors import Inconclusive, NoData
from ...load.wire.outcome import (
    as_expected,
    ended,
    gateway_timed_out,
    timed_out,
)
from ...load.wire.record import RecordKind
from ...queues.fifo import constant_services
from ...scenario.spans import Spans, only_stretch, upto
from ..samples import Samples, quantile
from .growth import LEAST_ARRIVALS, LOOKS, OVERLOAD, WINDOWS, Growth, Looks, drained, growth
from .latency import Distribution
from .level import Level, Steps
from .names import KnowsItsNames

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ...base.units import Reach
    from .origin import Origin

__tracebackhide__ = True

_BASE_POINTS = 20
_FEW = 5
_UNLOADED = 0.1
# A service time that a stretch is longer than so many of is short.
_SHORT = 36


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
        self._ends = np.where(ended(rows), arrivals.ends, np.inf)
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
        90 % of capacity reaches by chance, given how much this one is seen to fluctuate; workers
        that finish together are no fluctuation. See docs/statistics.md for the method and its
        measured errors.

        Raises:
            Inconclusive: it doesn't, but an overload of 10 % could be hidden in so few arrivals.
            NoData: there were no arrivals, or none got a good answer: no service time is known; or
                the slice is several stretches of time.
        """
        self._require_arrivals()
        start, end = only_stretch("whether pending grows", self._spans, self._name)
        count = self._let_in
        if count < LEAST_ARRIVALS:
            turned_away = self._within.count - count
            besides = f", {turned_away} besides were turned away at once" if turned_away else ""
            raise Inconclusive(
                f"whether pending grows needs at least {LEAST_ARRIVALS} arrivals, {self._name} "
                f"has {count}{besides}"
            )
        found = growth(self._looks, count, start, end)
        if not found.certain:
            raise Inconclusive(
                f"whether pending grows: an overload of {OVERLOAD:.0%} would not show in the "
                f"{count} arrivals of {self._name}, as much as the queue fluctuates and as long as "
                f"answers take; it needs about {found.settled_by:,}"
            )
        return found

    @property
    def drains(self) -> bool:
        """Whether the queue, however long it was, is gone by the end of this stretch.

        True if at some moment of its last sixth at most one request, or a tenth of the longest
        queue, waits; also if none ever did.

        Raises:
            NoData: there were no arrivals, or none got a good answer: no service time is known.
        """
        self._require_arrivals()
        return drained(self._looks.waiting)

    @cached_property
    def _looks(self) -> Looks:
        """How many wait over the stretch.

        Each look is later by the shortest time that an answer takes: so long what has come up to
        the end of the stretch, and nothing else, decides how many wait.
        """
        start, end = only_stretch("a queue over time", self._spans, self._name)
        times, length = self._unqueued, end - start
        moments = start + length * (np.arange(WINDOWS * LOOKS, dtype=np.float64) + 0.5) / (
            WINDOWS * LOOKS
        )
        moments += min(float(times.min()), self._recorded_beyond(end))
        waiting, seconds = self.waiting_at(moments), float(times.mean())
        service = seconds / length
        taken = (float(self._queue.came.min()) - start) / length + service
        if self._constant is None:
            return Looks.of(waiting, service=service, taken=taken)
        level = Level.of_stays(self._queue.came + seconds, self._queue.left, self._queue.weights)
        return Looks.of(
            waiting,
            service=service,
            taken=taken,
            level=(level.area(moments) - level.area(moments - seconds)) / seconds,
            came=self._queue.steps[0](moments - seconds),
            spread=float(np.std(self._constant)) / seconds,
        )

    def _recorded_beyond(self, end: float) -> float:
        """For how long after a moment all ends were recorded.

        Where a run was cut off, nobody knows what would have ended after its last end.
        """
        known = np.isfinite(self._ends)
        if known.all():
            return np.inf
        return max(0.0, float(self._ends[known].max(initial=end)) - end)

    def waiting_at(self, moments: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give how many are pending at each of these moments beyond those that are at work.

        At work is what would be pending if all answers took as long as those that nothing waits
        before. Below 0 where there are fewer. Who gave up (a time-out on either side) waits until a
        later arrival gets a good answer: up to then nobody knows that the service has got so far.
        Errors that came sooner than any good answer are left out.

        Raises:
            NoData: not one good answer, so the service time is not known.
        """
        times = self._unqueued
        came, left = self._queue.steps
        earlier = came((moments - times[:, np.newaxis]).ravel())
        waiting: NDArray[np.float64] = earlier.reshape(len(times), -1).mean(axis=0) - left(moments)
        return waiting

    @cached_property
    def _queue(self) -> _Queue:
        """Who came to the queue and who left it, without those who were turned away at once."""
        rows = self._arrivals.rows
        order = np.argsort(rows["intended"], kind="stable")
        good_ends = np.where(as_expected(rows), self._ends, np.inf)[order]
        ends, given_up = self._ends[order], gave_up(self._arrivals)[order]
        left = np.where(
            given_up, np.maximum(ends, np.minimum.accumulate(good_ends[::-1])[::-1]), ends
        )
        let_in = entered(self._arrivals)[order]
        return _Queue(
            came=rows["intended"][order][let_in],
            left=left[let_in],
            weights=rows["weight"][order][let_in],
            spreads=rows["spread"][order][let_in].astype(float),
            is_known=(np.isfinite(ends) & ~given_up)[let_in],
        )

    @cached_property
    def _let_in(self) -> int:
        """How many came to the queue in the stretch: who is turned away at once says nothing of it.

        Counted among the arrivals, they would make a queue of all others look like one of a few.

        Raises:
            NoData: not one good answer, so nobody knows who was.
        """
        _ = self.service_time
        queue = self._queue
        return int(queue.weights[self._spans.contain(queue.came)].sum(dtype=np.int64))

    @cached_property
    def _unqueued(self) -> NDArray[np.float64]:
        """Points of the distribution of how long answers take that nothing waits before.

        Where services are long and constant they are known, else it is that of all good answers of
        the quarter of the stretch in which they were quickest.
        """
        if self._constant is not None:
            return np.array([np.median(self._constant)])
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
    def _constant(self) -> NDArray[np.float64] | None:
        """The service times up to the end of the stretch if they are long and constant, else None.

        They are those of who came before anybody gave up: later on it is not known when the service
        was done with all. Short ones need no such care: their waves average out within a window.
        """
        alone, queue = float(self.service_time), self._queue
        if alone * _SHORT < self._spans.length or (queue.weights > 1).any():
            return None
        known = np.logical_and.accumulate(queue.is_known & (queue.came <= upto(self._spans.end)))
        came, left = queue.came[known], queue.left[known]
        found = constant_services(came, left, alone)
        if found is None and len(came):
            # The first of all, which alone found nobody before it, may have been cold.
            found = constant_services(came, left, float((left - came).min()))
        return found

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
        is_single = (arrivals.rows["kind"] == RecordKind.SINGLE).all()
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

    def _require_arrivals(self) -> None:
        if not self._arrivals.count:
            raise NoData("pending: there were no arrivals")
        if not self._spans.length:
            raise NoData(f"pending: {self._name} was ended before it began")

    def __repr__(self) -> str:
        if not self._arrivals.count:
            return "<pending of nothing>"
        return f"<pending: max {self.max}, mean {self.mean}, at end {self.at_end}>"


@dataclass(frozen=True)
class _Queue:
    """Who was let in, in the order in which they came.

    Attributes:
        came: when each came, in seconds from the start of the run.
        left: when it is known that each was gone; infinite if never.
        weights: how many each stands for.
        spreads: over how much time those came that it stands for.
        is_known: whether that is when the service was done with it: who gave up is gone sooner.
    """

    came: NDArray[np.float64]
    left: NDArray[np.float64]
    weights: NDArray[np.uint32]
    spreads: NDArray[np.float64]
    is_known: NDArray[np.bool_]

    @cached_property
    def steps(self) -> tuple[Steps, Steps]:
        """How many have come, and how many have left, up to a moment."""
        return (
            Steps(self.came, self.weights, self.spreads),
            Steps(self.left, self.weights, self.spreads),
        )


def gave_up(arrivals: Samples) -> NDArray[np.bool_]:
    """Tell who waited until a time-out, on either side."""
    return timed_out(arrivals.rows) | gateway_timed_out(arrivals.rows)


def entered(arrivals: Samples) -> NDArray[np.bool_]:
    """Tell who came to the queue: all but errors that came sooner than any good answer."""
    rows, good = arrivals.rows, as_expected(arrivals.rows)
    shortest = arrivals.latency[good].min(initial=np.inf)
    endless = ~ended(rows)
    let_in: NDArray[np.bool_] = good | endless | gave_up(arrivals) | (arrivals.latency >= shortest)
    return let_in


def _response_quantile(samples: Samples, share: float) -> float:
    return quantile(samples.rows["response"].astype(float), samples.rows["weight"], share)
