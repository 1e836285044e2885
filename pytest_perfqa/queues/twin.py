"""A twin of the service: a queue in order with some workers and measured service times.

Fed with the arrivals of a rate, it answers what latencies would be, in milliseconds of our time
instead of minutes of the service's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .fifo import departures

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

# Enough for a p99 to come out the same at neighbouring rates.
_ARRIVALS = 20_000
_STEPS = 14


def arrivals(
    rate: float, count: int, *, poisson: bool, random: np.random.Generator
) -> NDArray[np.float64]:
    """Give arrival times in seconds, evenly spaced or of a Poisson process, the first at 0."""
    gaps = random.exponential(1 / rate, count) if poisson else np.full(count, 1 / rate)
    gaps[0] = 0.0
    return np.cumsum(gaps)


def sojourn_times(
    moments: NDArray[np.float64], services: NDArray[np.float64], workers: int
) -> NDArray[np.float64]:
    """Give how long each arrival is in the system: first come, first served."""
    result: NDArray[np.float64] = departures(moments, services, workers) - moments
    return result


def highest_rate(
    meets: Callable[[NDArray[np.float64]], bool],
    services: NDArray[np.float64],
    workers: int,
    *,
    poisson: bool,
    seed: int = 1,
) -> float:
    """Give the highest rate whose latencies meet an objective; 0 if none does.

    Args:
        meets: judges latencies in the steady state.
        services: measured service times, which are resampled.
    """
    capacity = workers / float(services.mean())
    low, high = 0.0, capacity * 1.02
    for _ in range(_STEPS):
        middle = (low + high) / 2
        # The same random numbers at every rate: only the rate makes the difference.
        random = np.random.default_rng(seed)
        drawn = random.choice(services, _ARRIVALS)
        moments = arrivals(middle, _ARRIVALS, poisson=poisson, random=random)
        if meets(sojourn_times(moments, drawn, workers)[_ARRIVALS // 10 :]):
            low = middle
        else:
            high = middle
    return low
