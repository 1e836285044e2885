"""How fast a service works when it has enough to do: read off the answers to bursts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...queues.likelihood import Burst, Hypothesis, noise, posterior
from .read_off import may_still_come
from .series import Ruling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..probing.volley import Volley
    from .series import ProbeSeries

__tracebackhide__ = True

_SINGLES = 6
_FIRST = 16
_GROWTH = 4
# The queue is there when the last answer took so many times as long as a single request.
_WAVES = 4.0
# The rate is known well enough when its standard error is this small a part of it.
_PRECISION = 0.03 / 1.96
_LARGE = 64
# Not more of the budget than this, since the answer is to be confirmed as well.
_BUDGET_SHARE = 0.4
_LEAST_ANSWERS = 8
# A number of workers counts from this probability on.
_SURE = 0.9
# Implied service times that vary so much more than single ones are not those of such a queue.
_MISFIT = 4.0
_MISFIT_FLOOR = 0.12
# Of service times about which next to nothing is known.
_UNKNOWN_VARIATION = 0.3


@dataclass(frozen=True)
class Saturation:
    """What a service does when it has enough to do.

    Attributes:
        rate: answers per second; a lower bound where it was not saturated.
        saturated: whether requests had to wait.
        service_time: of a single request, in seconds.
        services: service times, in seconds, as its queue implies them; else those of singles.
        workers: where it works like queues in order; None where it does not.
        variation: the coefficient of variation of the service times, rather too large than too
            small: what is decided on it must not be decided too early.
    """

    rate: float
    saturated: bool
    service_time: float
    services: NDArray[np.float64]
    workers: Hypothesis | None
    variation: float


def saturate(series: ProbeSeries, most: int) -> Saturation:
    """Send bursts until the service's rate shows, and is known well enough.

    Args:
        most: requests of a burst, at most.
    """
    singles = series.unloaded(_SINGLES)
    size = min(_FIRST, most)
    good = _burst(series, size)
    while not _queues(good, series.service_time) and good.size == size < most and series.has_time:
        size = min(most, size * _GROWTH)
        good = _burst(series, size)
    if not _queues(good, series.service_time):
        return Saturation(
            rate=good.size / float(good.finished.max()) if good.size else 0.0,
            saturated=False,
            service_time=series.service_time,
            services=np.array(singles),
            workers=None,
            variation=max(_UNKNOWN_VARIATION, _variation(np.array(singles))),
        )
    bursts = [good]
    found = _read(bursts, singles)
    while (missing := _missing(found, bursts)) > 0 and series.used < _BUDGET_SHARE:
        more = _burst(series, max(size, min(missing, _LARGE, most)))
        if more.size < _LEAST_ANSWERS:
            break
        bursts.append(more)
        found = _read(bursts, singles)
    return found


def _burst(series: ProbeSeries, size: int) -> Burst:
    """Send a burst; give its good answers."""

    def until(volley: Volley, _now: float) -> bool:
        return volley.bad > 0 and not may_still_come(volley, series.service_time)

    volley, _ = series.probe([0.0] * size, math.inf, _described, until=until)
    good = [one for one in volley.exchanges if one.is_good]
    return Burst(
        np.array([one.sent - volley.begin for one in good]),
        np.array([one.finished - volley.begin for one in good]),
    )


def _described(volley: Volley, _now: float) -> Ruling:
    why = f"to read the rate: {volley.good} of {volley.planned} answered"
    return Ruling(None, why, is_verdict=False)


def _queues(good: Burst, service_time: float) -> bool:
    """Whether requests had to wait for others."""
    return good.size >= _LEAST_ANSWERS and good.finished.max() >= _WAVES * service_time


def _read(bursts: Sequence[Burst], singles: Sequence[float]) -> Saturation:
    alone = np.array(singles)
    found = posterior(singles, bursts)
    if found.best is not None and found.probability >= _SURE and _fits(found.services, alone):
        workers = found.best
        services = np.maximum(found.services, noise(float(np.median(alone))))
        rate, variation = workers.workers / float(services.mean()), _variation(services)
    else:
        workers, services = None, alone
        rate = float(np.mean([_rate(burst, float(np.median(alone))) for burst in bursts]))
        # Some singles may happen to be alike, and the queue is another.
        implied = _UNKNOWN_VARIATION if found.best is None else _variation(found.services)
        variation = max(_variation(alone), implied)
    return Saturation(
        rate=rate,
        saturated=True,
        service_time=float(np.median(alone)),
        services=services,
        workers=workers,
        variation=min(1.0, variation),
    )


def _variation(times: NDArray[np.float64]) -> float:
    return float(times.std() / times.mean())


def _missing(found: Saturation, bursts: Sequence[Burst]) -> int:
    """Give how many more answers the rate needs to be precise."""
    return math.ceil((found.variation / _PRECISION) ** 2) - sum(burst.size for burst in bursts)


def _slope(burst: Burst) -> float:
    """Give the answers per second while all workers are busy: in the middle of a burst."""
    finishes = np.sort(burst.finished)
    if finishes[0] > finishes[-1] / 2:
        return float(len(finishes) / finishes[-1])  # all at once: none waited for another
    first, last = len(finishes) // 4, len(finishes) - len(finishes) // 8
    middle = finishes[first:last]
    slope = np.polyfit(middle, np.arange(len(middle)), 1)[0]
    return float(slope)


def _rate(burst: Burst, service_time: float) -> float:
    """Give the answers per second where their number of workers isn't known.

    As many as are at work at one time (Little, from the slope of the completions) follow on those
    that were done so many before: waves are no bias then, as they are of the slope itself.
    """
    finishes = np.sort(burst.finished) - burst.sent.min()
    at_work = int(np.clip(round(_slope(burst) * service_time), 1, burst.size // 2))
    lagged = np.concatenate([np.zeros(at_work), finishes[:-at_work]])
    return at_work / float((finishes - lagged).mean())


def _fits(implied: NDArray[np.float64], alone: NDArray[np.float64]) -> bool:
    """Whether service times under load are like those of requests that came alone."""
    positive = implied[implied > 0]
    tolerance = _MISFIT * max(float(np.log(alone).std()), _MISFIT_FLOOR)
    shift = abs(math.log(float(np.median(positive) / np.median(alone))))
    return float(np.log(positive).std()) <= tolerance and shift <= tolerance
