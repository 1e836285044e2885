"""SLO capacity: the highest rate at which a service level objective holds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ...queues import twin
from ...queues.queue_trend import Trend, TrendTest
from .confirm import bisect, confirm
from .saturation import Saturation, saturate
from .series import Ruling
from .slo import Sample, Slo, bounds_errors, bounds_mean, concerns
from .sustained import VolleyWatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...base.conditions import Condition
    from ..probing.exchange import ProbeExchange
    from ..probing.volley import Volley
    from .found import Bracket
    from .series import ProbeSeries

__tracebackhide__ = True

# The twin's answer is exact to a few per cent; nearer to it, no probe of minutes can tell.
_MARGINS = (0.9, 1.2)
_BATCHES = 10
# Student's t with 9 degrees of freedom, 99 % two-sided: the probe looks more than once.
_DEVIATIONS = 3.25
_FIRST_LOOK = 400
_MOST_ARRIVALS = 4000
_BUDGET_SHARE = 0.5
_SEED = 1
_WARM_UP_SERVICE_TIMES = 3.0


def find_slo_capacity(
    series: ProbeSeries, slo: Slo, ceiling: float, most: int, *, poisson: bool
) -> Bracket:
    """Look for the highest rate at which an objective holds.

    Where the service works like a queue in order, a twin of it is asked, and its answer confirmed
    by a probe on either side; else the rate is looked for by probes alone.

    Args:
        slo: with its times as they are on this machine.
        ceiling: no higher rate is sent, per second.
        most: requests of a burst, at most.
        poisson: whether arrivals are random, as users come, or evenly spaced.

    Raises:
        InvalidRun, ServiceError: see ``ProbeSeries``.
    """
    found = saturate(series, most)

    def takes(rate: float) -> bool | None:
        return _holds(series, found, slo, rate, poisson=poisson)

    expected = 0.0
    if found.saturated and found.workers is not None and found.workers.replicas == 1:
        expected = _expected(found, slo, poisson=poisson)
    if expected == 0.0:
        start = (found.rate or 1 / found.service_time) / 2
        return bisect(min(ceiling, start), takes, ceiling)
    return confirm(min(expected, ceiling), _MARGINS, takes, ceiling, may_rise=False)


def _expected(found: Saturation, slo: Slo, *, poisson: bool) -> float:
    """Give the highest rate at which the twin of a service holds the objective."""
    assert found.workers is not None  # noqa: S101 - asked only where it is known

    def meets(latencies: np.ndarray[tuple[int], np.dtype[np.float64]]) -> bool:
        return slo.judge(Sample.done(tuple(latencies.tolist()), 0)).met is True

    return twin.highest_rate(meets, found.services, found.workers.workers, poisson=poisson)


def _holds(
    series: ProbeSeries, found: Saturation, slo: Slo, rate: float, *, poisson: bool
) -> bool | None:
    """Tell whether an objective holds at a rate; None where that could not be told in time."""
    if not series.has_time:
        return None
    test = TrendTest(rate, found.service_time, found.variation, poisson=poisson)
    skipped = math.ceil(_WARM_UP_SERVICE_TIMES * test.at_work)
    affordable = rate * _BUDGET_SHARE * series.seconds_left
    count = skipped + max(_FIRST_LOOK, min(_MOST_ARRIVALS, math.floor(affordable)))
    watch = _SloWatch(slo, VolleyWatch(test), skipped)
    random = np.random.default_rng(_SEED)
    offsets = twin.arrivals(rate, count, poisson=poisson, random=random)
    _, ruling = series.probe(offsets.tolist(), rate, watch.rule, until=watch.until)
    return ruling.met


class _SloWatch:
    """Judges the objective on the steady state of a stream, at growing numbers of answers."""

    def __init__(self, slo: Slo, queue: VolleyWatch, skipped: int) -> None:
        self._slo = slo
        self._queue = queue
        self._skipped = skipped
        self._next_look = _FIRST_LOOK
        self._ruling: Ruling | None = None

    def until(self, volley: Volley, _now: float) -> bool:
        """End a volley when the objective certainly holds or doesn't."""
        if self._queue.look(volley) is Trend.OVER:
            self._ruling = Ruling(False, "the queue grows", "queue")
        elif len(volley.finished) - self._skipped >= self._next_look:
            self._next_look *= 2
            self._ruling = self._look(volley, final=False)
        return self._ruling is not None

    def rule(self, volley: Volley, _now: float) -> Ruling:
        """Decide, at the end, on what was seen."""
        if self._ruling is None and volley.ended_by == "complete":
            self._ruling = self._look(volley, final=True)
        return self._ruling or Ruling(
            None, f"ended by {volley.ended_by} before it was certain whether {self._slo.text}"
        )

    def _look(self, volley: Volley, *, final: bool) -> Ruling | None:
        steady = _contiguous(volley.exchanges[self._skipped :])
        held = True
        for condition in self._slo.conditions:
            low, high, allowed = _interval(condition, steady)
            if low > allowed:
                return Ruling(False, f"{condition}: missed, after {len(steady)} requests")
            # Of what may never be, none seen by the end is all that can be asked.
            held = held and (high <= allowed or (final and allowed == 0 and low == 0))
        if held:
            return Ruling(True, f"{self._slo.text}: held, after {len(steady)} requests")
        return None


def _contiguous(exchanges: Sequence[ProbeExchange]) -> list[ProbeExchange]:
    """Give those up to the first that is pending: later ones that are back were quick."""
    for number, one in enumerate(exchanges):
        if one.pending:
            return list(exchanges[:number])
    return list(exchanges)


def _interval(condition: Condition, steady: Sequence[ProbeExchange]) -> tuple[float, float, float]:
    """Give a confidence interval of what a condition bounds, and the bound.

    By batch means, since neighbours in a queue are alike (docs: near saturation an interval that
    takes them as independent is far too narrow). A percentile is bounded by way of the share of
    requests beyond its limit.
    """
    values = np.array([_value(condition, one) for one in steady], dtype=float)
    mean, allowed = float(values.mean()), _allowed(condition)
    if not bounds_mean(condition) and allowed == 0:
        return mean, (0.0 if mean == 0 and len(steady) >= _MOST_ARRIVALS else 1.0), allowed
    size = len(values) // _BATCHES
    batches = values[: size * _BATCHES].reshape(_BATCHES, size).mean(axis=1)
    error = _DEVIATIONS * float(batches.std(ddof=1)) / math.sqrt(_BATCHES)
    if not bounds_mean(condition):
        # Where (nearly) nothing was seen the batches vary too little: the rule of three and a half.
        error = max(error, math.sqrt(allowed * (1 - allowed) / len(values)), 0.5 / len(values))
    return mean - error, mean + error, allowed


def _value(condition: Condition, one: ProbeExchange) -> float:
    if bounds_mean(condition):
        return one.latency
    if condition.counted.percent is not None:
        return float(not one.is_good or not condition.is_met_by(one.latency))
    if bounds_errors(condition):
        return float(not one.is_good)
    return float(concerns(condition, one.status))


def _allowed(condition: Condition) -> float:
    percent = condition.counted.percent
    return condition.limit if percent is None else 1 - percent / 100
