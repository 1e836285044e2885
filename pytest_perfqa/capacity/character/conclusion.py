"""What has been seen, put together: nothing is claimed that the bursts don't agree on."""

from __future__ import annotations

import functools
import math
import statistics
import time
from typing import TYPE_CHECKING

import numpy as np

from ...base.units import Quantity, Unit
from ...queues import likelihood
from . import shapes
from .kind import Character, Scalability
from .seen import INFLATED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .seen import Seen


_SURE_ENOUGH = 0.95
_AGREES = 0.01
_UNBOUNDED = 100


def conclude(seen: Seen) -> Character:
    """Put together what was seen; nothing is claimed that the bursts don't agree on."""
    question, scale = seen.question, seen.question.time_scale
    limit, interval = _concurrency(seen)
    services = _service_times(seen, limit)
    mean, spread = float(services.mean()), float(services.std(ddof=1) / services.mean())
    error = 1.96 * spread / math.sqrt(len(services))
    rate = _rate(seen, limit, mean)
    seconds, per_second = (
        functools.partial(Quantity, unit=unit, time_scale=scale)
        for unit in (Unit.SECOND, Unit.PER_SECOND)
    )

    return Character(
        service=question.service or question.url,
        path=question.path,
        kind=seen.kind,
        workers=None if seen.kind == "asynchronous" else limit,
        workers_interval=interval,
        concurrency_limit=limit,
        service_time=seconds(mean),
        service_time_interval=(seconds(mean * (1 - error)), seconds(mean * (1 + error))),
        spread=spread,
        saturation_rate=None if rate is None else per_second(rate),
        saturation_rate_interval=None
        if rate is None
        else (per_second(rate / (1 + error)), per_second(rate / max(1e-9, 1 - error))),
        cold_start=None if seen.cold_start is None else seconds(seen.cold_start),
        cpu_slice=None if seen.slice is None else seconds(seen.slice),
        queue_limit=_queue_limit(seen, limit),
        beyond_queue=seen.beyond_queue,
        replicas=seen.replicas,
        scalability=_scalability(seen),
        staircases=tuple(seen.staircases),
        evidence=tuple(seen.evidence),
        notes=(),
        requests=seen.prober.sent,
        wall=time.monotonic() - seen.begin,
        time_scale=scale,
        untold=tuple(_untold(seen, limit)),
    )


def _untold(seen: Seen, limit: int | None) -> Iterator[str]:
    """Give what was asked and can't be told; that there is no bound is an answer."""
    if seen.kind is None:
        yield "whether it is synchronous"
    is_without = seen.kind == "asynchronous" and _is_unbounded(seen)
    if limit is None and seen.slice is None and not is_without:
        yield "how many requests it serves at one time"


def _concurrency(seen: Seen) -> tuple[int | None, tuple[int, int | None] | None]:
    """Give how many are served at one time, if that is certain, and the interval."""
    found = seen.posterior
    if seen.slice is not None:
        return None, (max(burst.in_flight for burst in seen.bursts), None)
    if seen.is_scattered:
        return _scattered(seen)
    interval, workers = found.interval(), found.workers
    if interval is None or workers is None:
        seen.evidence.append("the completions fit no number of workers with one queue")
        return None, None
    if _is_unbounded(seen):
        return None, _unbounded(seen, interval)
    doubts = _doubts(seen, workers)
    largest = max(burst.size for burst in seen.bursts)
    sure = f"{found.probability:.2%} from {len(seen.bursts)} bursts of up to {largest}"
    seen.evidence += doubts or [f"{workers} at one time: probability {sure}"]
    return (None, _widened(seen, interval)) if doubts else (workers, interval)


def _scattered(seen: Seen) -> tuple[int | None, tuple[int, int | None] | None]:
    """Give what the first waves say where there is no common queue."""
    most, settled = max(seen.waves), seen.settled
    if seen.takes_longer_together:
        seen.evidence.append(
            "the completions fit no queue, and requests take longer together than alone: they "
            "share something, such as CPUs, so their number can't be told"
        )
        return None, None
    seen.evidence.append(
        "the completions fit no common queue: workers with queues of their own; the first wave of "
        f"a burst had {most}{'' if settled is None else ', twice'}"
    )
    return (most, (most, most)) if settled == most else (None, (most, None))


def _is_unbounded(seen: Seen) -> bool:
    """Whether so few were under way beyond those served that nobody may have waited."""
    workers = seen.posterior.workers
    return not seen.is_scattered and workers is not None and 2 * workers > seen.posterior.most


def _unbounded(seen: Seen, interval: tuple[int, int]) -> tuple[int, int | None]:
    """Say that no bound was met; that many at one time is what an asynchronous service does."""
    most = seen.posterior.most
    if seen.kind is None and most >= _UNBOUNDED:
        seen.kind = "asynchronous"
    seen.evidence.append(f"no bound up to {most} at one time")
    return interval[0], None


def _doubts(seen: Seen, workers: int) -> list[str]:
    """Give every reason not to claim a number of workers, however probable."""
    probability = seen.posterior.probability
    if probability < _SURE_ENOUGH:
        return [f"{workers} at one time has a probability of {probability:.0%} only"]
    doubts = []
    if _is_inflated(seen, workers):
        doubts.append(
            f"{workers} workers would mean that requests take {_inflation(seen):.2f} times as long "
            "together as alone: they share something, such as CPUs, so their number can't be told"
        )
    for burst in _largest(seen):
        alone = likelihood.posterior(seen.singles, [burst])
        share = alone.probabilities.get(min(workers, alone.most), 0.0)
        if share < _AGREES * max(alone.probability, 1e-9):
            doubts.append(f"the burst of {burst.size} alone says {alone.workers}, not {workers}")
    return doubts


def _widened(seen: Seen, interval: tuple[int, int]) -> tuple[int, int | None]:
    """Give an interval that holds what any of the largest bursts says alone, too."""
    each = [likelihood.posterior(seen.singles, [burst]).interval() for burst in _largest(seen)]
    lows, highs = zip(interval, *filter(None, each), strict=True)
    is_open = _is_inflated(seen, seen.posterior.workers or 1)
    return min(lows), None if is_open else max(highs)


def _largest(seen: Seen) -> list[likelihood.Burst]:
    """Give the two bursts with the most under way at one time."""
    return sorted(seen.bursts, key=lambda burst: burst.in_flight)[-2:]


def _is_inflated(seen: Seen, workers: int) -> bool:
    """Whether requests take longer together than alone, by more than chance has it.

    Few come alone: some of them may happen to be alike, whatever the spread of all is.
    """
    spread = max(seen.spread, shapes.robust_spread(seen.posterior.services))
    deviation = 4 * spread / math.sqrt(len(seen.singles))
    return abs(_inflation(seen) - 1) > max(INFLATED, 1 / workers, deviation)


def _inflation(seen: Seen) -> float:
    """Give how much longer requests take together than alone."""
    return float(np.mean(seen.posterior.services)) / statistics.fmean(seen.singles)


def _service_times(seen: Seen, limit: int | None) -> likelihood.Array:
    """Give the times in service that are known: implied ones, where a limit is certain."""
    if limit is not None and not seen.is_scattered:
        return np.concatenate([seen.singles, seen.posterior.services])
    return np.asarray(seen.singles)


def _rate(seen: Seen, limit: int | None, mean: float) -> float | None:
    if seen.slice is not None:
        return 1 / seen.slice
    return None if limit is None else limit / mean


def _queue_limit(seen: Seen, limit: int | None) -> int | None:
    """Give how many wait beyond those served."""
    if seen.queue_limit is None or seen.beyond_queue == "connections wait":
        return seen.queue_limit
    return None if limit is None else max(0, seen.queue_limit - limit)


def _scalability(seen: Seen) -> Scalability | None:
    if not seen.points:
        return None
    rate = 1 / seen.service
    law = shapes.scalability_law(seen.points, rate)
    points = ((1.0, rate), *sorted(seen.points))
    return Scalability(points, rate, law.contention, law.coherency)
