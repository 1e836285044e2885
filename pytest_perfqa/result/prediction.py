"""What a queue would have done: the same arrivals, first come, first served, by so many workers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..base.units import Quantity, Unit, parse
from ..errors import Inconclusive, NoData
from ..load.wire.outcome import answered, gateway_timed_out
from ..queues.fifo import departures, implied_services
from .attributes.level import Level, Steps
from .attributes.queueing import entered, gave_up
from .attributes.recovery import Course, Recovery, recovery, stretches
from .samples import Samples, quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..scenario.records import Scenario
    from ..scenario.spans import Spans
    from .attributes.queueing import Pending

__tracebackhide__ = True

# Services that spread less, from the 10th to the 90th percentile, are constant.
_CONSTANT = 0.1
# A service time below this is none that a worker can have had; so many may be, by jitter.
_SHORTEST_SHARE = 0.005
_SHORTEST_SECONDS = 0.002
_IMPOSSIBLE = 0.04
# Queued requests don't take less than that of the time of one that is alone.
_QUICKER = 0.8
# How much longer services may become over a run that is a queue and nothing else.
_SLOWER = 1.5
# And than that of one that is alone, where all take equally long.
_LONGER = 1.15
_BURST_LIMIT = 100_000


@dataclass(frozen=True)
class Observed:
    """What a model is made from.

    Attributes:
        name: of the slice.
        pending: the arrivals of the whole run, watched over the slice.
        arrivals: the same as samples.
        spans: the time of the slice.
        scenario: as it ran, scaled.
        endpoints: how many there are.
        workers: how many requests the service does at once, by its configuration; None: not said.
        time_scale: the factor on times that the run had.
    """

    name: str
    pending: Pending
    arrivals: Samples
    spans: Spans
    scenario: Scenario
    endpoints: int
    workers: float | None
    time_scale: float


class QueueModel:
    """The prediction of a queue for the arrivals of a run, to compare with what was measured.

    Requests are served in the order of their sends by a number of workers; who waits for longer
    than the time-out leaves, but the work is done all the same. The service time is measured: what
    the workers must have taken for the answers to have come when they did. A model that is called
    gives the same with other parameters: ``perf_run.model(workers=3)``.

    Raises:
        Inconclusive: on every figure, if what was measured is no such queue.
        NoData: on every figure, if the number of workers isn't known, or nothing was answered.
    """

    def __init__(
        self,
        observed: Observed,
        workers: float | None = None,
        service_time: float | None = None,
        timeout: float | None = None,
    ) -> None:
        self._observed = observed
        self._workers = observed.workers if workers is None else workers
        self._service_time = service_time
        self._timeout = timeout

    def __call__(
        self,
        *,
        workers: float | None = None,
        service_time: str | float | None = None,
        timeout: str | float | None = None,
    ) -> QueueModel:
        """Give the model with other parameters; a time in seconds, or a text at full scale.

        Args:
            workers: how many requests are done at once; ``math.inf`` if there is no limit.
            service_time: instead of the measured one.
            timeout: instead of that of the 504s in the run, or of the scenario.
        """
        return QueueModel(
            self._observed,
            self._workers if workers is None else workers,
            self._service_time if service_time is None else self._seconds(service_time),
            self._timeout if timeout is None else self._seconds(timeout),
        )

    def _seconds(self, time: str | float) -> float:
        if isinstance(time, str):
            return float(parse(time, Unit.SECOND)) * self._observed.time_scale
        return time

    def _time(self, seconds: float) -> Quantity:
        return Quantity(seconds, Unit.SECOND, self._observed.time_scale)

    @property
    def workers(self) -> float:
        """How many requests are done at once; infinite if there is no limit."""
        if self._workers is None:
            raise NoData(
                "the model needs to know how many requests the service does at once: say workers "
                "in its service.yaml, or perf_run.model(workers=...)"
            )
        return self._workers

    @cached_property
    def timeout(self) -> Quantity:
        """How long a request waits for its answer at most.

        As long as the median 504 of the run did, or else as the scenario says.
        """
        if self._timeout is not None:
            return self._time(self._timeout)
        arrivals = self._observed.arrivals
        late = arrivals.where(gateway_timed_out(arrivals.rows))
        if late.count:
            return self._time(quantile(late.latency, late.rows["weight"], 0.5))
        return self._time(self._observed.scenario.timeout)

    @cached_property
    def service_time(self) -> Quantity:
        """How long a request keeps a worker: the median."""
        if self._service_time is not None:
            return self._time(self._service_time)
        return self._time(float(np.median(self._implied)))

    @property
    def capacity(self) -> Quantity:
        """How many requests a second can be done: workers over the mean service time."""
        mean = self._service_time or float(np.mean(self._implied))
        return Quantity(self.workers / mean, Unit.PER_SECOND, self._observed.time_scale)

    @cached_property
    def _entered(self) -> Samples:
        observed = self._observed
        if observed.scenario.model == "closed":
            raise Inconclusive("no queue model of a closed model: its arrivals wait for answers")
        if observed.endpoints > 1:
            raise Inconclusive(
                f"no queue model of {observed.endpoints} endpoints: their service times differ"
            )
        found = observed.arrivals.where(entered(observed.arrivals))
        if not found.count:
            raise NoData(f"{observed.name} has no arrivals that were let in")
        if int(found.rows["weight"].max()) > 1:
            raise Inconclusive("no queue model of so many requests: their exact times weren't kept")
        return Samples(found.rows[np.argsort(_sends(found), kind="stable")])

    @cached_property
    def _implied(self) -> NDArray[np.float64]:
        """The service times of all before the first that has no end, or an end that isn't its own.

        Raises:
            Inconclusive: so many workers can't have had them.
        """
        samples = self._entered
        unknown = gave_up(samples) | ~answered(samples.rows)
        known = samples.where(np.arange(len(unknown)) < np.argmax(np.append(unknown, True)))
        if not known.count:
            raise NoData(f"{self._observed.name}: nothing was answered before the first time-out")
        times = implied_services(_sends(known), known.ends, self.workers)
        alone = float(self._observed.pending.service_time)
        impossible = float(np.mean(times < max(_SHORTEST_SHARE * alone, _SHORTEST_SECONDS)))
        quicker = float(np.median(times)) < _QUICKER * alone
        if alone > _SHORTEST_SECONDS and (impossible > _IMPOSSIBLE or quicker):
            raise Inconclusive(
                f"no queue with {self.workers:g} workers: answers came sooner than so many could "
                f"have given them at {self._time(alone)} each; there are more, or another order"
            )
        thirds = np.array_split(times, min(3, len(times)))
        first, last = float(np.median(thirds[0])), float(np.median(thirds[-1]))
        if last > _SLOWER * first or (
            _spread(thirds[-1]) < 2 * _CONSTANT and last > _LONGER * alone
        ):
            raise Inconclusive(
                f"no queue with {self.workers:g} workers: they would have taken {self._time(last)} "
                f"a request in the end, after {self._time(min(first, alone))} at first; there are "
                "fewer, or they share something else"
            )
        return times

    @cached_property
    def _services(self) -> NDArray[np.float64] | float:
        if self._service_time is not None:
            return self._service_time
        if _spread(self._implied) < _CONSTANT:
            return float(self.service_time)
        random = np.random.default_rng(self._observed.scenario.seed)
        drawn: NDArray[np.float64] = random.choice(self._implied, len(self._entered.rows))
        return drawn

    @property
    def times(self) -> NDArray[np.float64]:
        """When the arrivals were due that were let in, in seconds from the start of the run."""
        due: NDArray[np.float64] = self._entered.rows["intended"].astype(float)
        return due

    @cached_property
    def latency(self) -> NDArray[np.float64]:
        """The predicted latency, in seconds, of each arrival in ``times``."""
        latency: NDArray[np.float64] = np.minimum(self._unlimited, float(self.timeout))
        return latency

    @cached_property
    def _unlimited(self) -> NDArray[np.float64]:
        sends = _sends(self._entered)
        ends: NDArray[np.float64] = departures(sends, self._services, self.workers) - self.times
        return ends

    @cached_property
    def _begun(self) -> Steps:
        return Steps(self.times, self._entered.rows["weight"])

    @cached_property
    def _ended(self) -> Steps:
        return Steps(self.times + self.latency, self._entered.rows["weight"])

    def pending_at(self, moments: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give how many are predicted to be pending at each moment of the run."""
        return self._begun(moments) - self._ended(moments)

    @property
    def pending_mae(self) -> Quantity:
        """How far measured pending is from the predicted, on average over the slice."""
        ends = self.times + self.latency
        predicted = Level.of_stays(self.times, ends, self._entered.rows["weight"])
        off = predicted.distance(self._observed.pending.level)
        return Quantity(off.mean(self._observed.spans), Unit.COUNT)

    @property
    def pending_error(self) -> Quantity:
        """``pending_mae`` as a share of the measured mean."""
        mean = self._observed.pending.level.mean(self._observed.spans)
        if not mean:
            raise NoData(f"{self._observed.name}: nothing was ever pending")
        return Quantity(float(self.pending_mae) / mean, Unit.RATIO)

    @property
    def p95_error(self) -> Quantity:
        """How far the predicted 95th percentile of latency is from the measured, as a share."""
        inside = self._observed.spans.contain(self.times)
        if not inside.any():
            raise NoData(f"{self._observed.name} has no arrivals that were let in")
        weights = self._entered.rows["weight"][inside]
        measured = quantile(self._entered.latency[inside], weights, 0.95)
        predicted = quantile(self.latency[inside], weights, 0.95)
        return Quantity(abs(predicted / measured - 1), Unit.RATIO)

    def expected_timeouts(self) -> Quantity:
        """How many arrivals of the run wait for longer than the time-out."""
        return Quantity(int((self._unlimited > float(self.timeout)).sum()), Unit.COUNT)

    def expected_first_timeout(self) -> Quantity:
        """When the first request times out, from the start of the run; infinite if none does."""
        late = self.times[self._unlimited > float(self.timeout)]
        moment = float(late.min()) + float(self.timeout) if len(late) else math.inf
        return self._time(moment)

    def expected_burst(
        self, timeout: str | float | None = None, *, within: str | float = 0.0
    ) -> Quantity:
        """How many requests that come evenly ``within`` some time are all answered in time.

        At once: workers x floor(time-out / service time). Infinite where it is beyond 100,000.
        """
        limit = float(self.timeout) if timeout is None else self._seconds(timeout)
        window = self._seconds(within)
        most = 0
        step = 1
        while most + step <= _BURST_LIMIT and self._burst_fits(most + step, window, limit):
            most += step
            step *= 2
        if most + step > _BURST_LIMIT:
            return Quantity(math.inf, Unit.COUNT)
        while step := step // 2:
            if self._burst_fits(most + step, window, limit):
                most += step
        return Quantity(most, Unit.COUNT)

    def _burst_fits(self, number: int, window: float, limit: float) -> bool:
        arrivals = window * np.arange(1, number + 1) / number
        waits = departures(arrivals, float(self.service_time), self.workers) - arrivals
        # Who takes just as long as the limit is in time, whatever the last bit says.
        return float(waits.max()) <= limit * (1 + 1e-9)

    def expected_recovery(self, phase: str, *, baseline: str | None = None) -> Recovery:
        """Give what ``recovery_after`` is predicted to be."""
        scenario = self._observed.scenario
        return recovery(
            Course(
                name=f"phase {phase!r} of the model",
                where=stretches(scenario.phases, scenario.warmup, phase, baseline),
                arrivals=self._begun,
                completions=self._ended,
                time_scale=self._observed.time_scale,
            )
        )

    def __repr__(self) -> str:
        workers = "?" if self._workers is None else f"{self._workers:g}"
        return f"<queue model of {self._observed.name}: {workers} workers>"


def _spread(times: NDArray[np.float64]) -> float:
    low, middle, high = np.quantile(times, [0.1, 0.5, 0.9])
    return float((high - low) / middle)


def _sends(samples: Samples) -> NDArray[np.float64]:
    due: NDArray[np.float64] = samples.rows["intended"].astype(float)
    sends: NDArray[np.float64] = due + samples.rows["lag"]
    return sends
