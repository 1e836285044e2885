"""Shapes of a burst's completions that are not one queue with workers, and of held requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ...queues.likelihood import Burst

# An event loop busy on the CPU: latency grows with the rank, by slices well below the service
# time, along a straight line, and answers come in the order of requests.
_LEAST_SERIAL = 16
_SERIAL_GROWTH = 0.3
_SERIAL_SLICE = 0.5
_SERIAL_RESIDUAL = 0.08
_SERIAL_INVERSIONS = 0.15
_SERIAL_SPREAD = 0.08
_SERIAL_WAVES = 4.5
# Shorter slices can't be told from what this side takes for sending and reading.
_SERIAL_OVER_SENDS = 1.5
_SHORTEST_SLICE_SECONDS = 0.001
# Service times that are alike keep together; this far off is another number of services.
_APART = 0.3
_APART_SHARE = 0.03
_FIRST_WAVE = 1.4
_EARLY = 0.5
_PATTERN_PERIODS = range(2, 7)


def serial_slice(burst: Burst, service: float, spread: float) -> float | None:
    """Give the seconds of CPU that each request takes of an event loop, None if it isn't one.

    Workers whose service times vary blur into such a line, too: then it can't be told. Even where
    they hardly do, the later waves of a long burst blur, so only the first ones are looked at.

    Args:
        service: the time of a request that came alone, in seconds.
        spread: its coefficient of variation.
    """
    finished = np.sort(burst.finished)
    finished = finished[finished < burst.sent[0] + _SERIAL_WAVES * service]
    if spread > _SERIAL_SPREAD or len(finished) < _LEAST_SERIAL:
        return None
    ranks = np.arange(len(finished))
    slope, start = np.polyfit(ranks, finished, 1)
    residual = float((finished - start - slope * ranks).std())
    gap = float(burst.sent[-1] - burst.sent[0]) / (burst.size - 1)
    is_serial = (
        slope * burst.size > _SERIAL_GROWTH * service
        and slope < _SERIAL_SLICE * service
        and slope > max(_SERIAL_OVER_SENDS * gap, _SHORTEST_SLICE_SECONDS)
        and residual < _SERIAL_RESIDUAL * service
        and _inversions(burst.finished) < _SERIAL_INVERSIONS
    )
    return float(slope) if is_serial else None


def _inversions(finished: NDArray[np.float64]) -> float:
    """Give the share of neighbours that finished in the wrong order."""
    return float((np.diff(finished) < 0).mean())


def robust_spread(times: NDArray[np.float64]) -> float:
    """Give the coefficient of variation as the median deviation tells it, whatever outliers do."""
    usual = float(np.median(times))
    return 1.4826 * float(np.median(np.abs(times - usual))) / usual


def log_spread(times: NDArray[np.float64]) -> float:
    """Give the standard deviation of the logarithms of those that are above 0."""
    return float(np.log(times[times > 0]).std(ddof=1))


def strays(services: NDArray[np.float64]) -> bool:
    """Tell whether implied services that should all be alike are not."""
    usual = np.median(services)
    apart = np.abs(np.log(np.maximum(services, 1e-9) / usual)) > _APART
    return int(apart.sum()) >= 2 and float(apart.mean()) > _APART_SHARE


def first_wave(burst: Burst, service: float) -> int:
    """Count the completions of the first wave: how many were served at once."""
    return len(first_services(burst, service))


def first_services(burst: Burst, service: float) -> NDArray[np.float64]:
    """Give the response times of those served at once.

    Of those sent early enough: later ones may take the worker of one that is done.
    """
    took = burst.finished - burst.sent
    is_early = burst.sent - burst.sent[0] < _EARLY * service
    found: NDArray[np.float64] = took[is_early & (took < _FIRST_WAVE * service)]
    return found


def turns(is_free: Sequence[bool]) -> int | None:
    """Give how many take turns, by which probes got through: every r-th, r times less one not.

    1 where all got through, None where there is no such pattern.
    """
    if all(is_free):
        return 1
    for period in _PATTERN_PERIODS:
        if 2 * period > len(is_free):
            return None
        free = [index for index, one in enumerate(is_free) if one]
        if free == list(range(free[0] if free else 0, len(is_free), period)) and (
            free and free[0] < period
        ):
            return period
    return None


@dataclass(frozen=True)
class Law:
    """Parameters of the Universal Scalability Law: see ``character.Scalability``."""

    contention: float
    coherency: float


def scalability_law(points: Sequence[tuple[float, float]], rate: float) -> Law:
    """Fit Gunther's law to concurrency and throughput, by least squares on its linear form."""
    usable = [(n, n * rate / x - 1) for n, x in points if n > 1 and x > 0]
    if not usable:
        return Law(0.0, 0.0)
    n, excess = np.array(usable).T
    design = np.column_stack([n - 1, n * (n - 1)]) / n[:, None]
    (contention, coherency), *_ = np.linalg.lstsq(design, excess / n, rcond=None)
    if coherency < 0:
        coherency = 0.0
        contention = float(design[:, 0] @ (excess / n) / (design[:, 0] @ design[:, 0]))
    elif contention < 0:
        contention = 0.0
        coherency = float(design[:, 1] @ (excess / n) / (design[:, 1] @ design[:, 1]))
    return Law(max(0.0, float(contention)), max(0.0, float(coherency)))
