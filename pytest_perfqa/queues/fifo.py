"""First come, first served: when requests leave a queue with so many workers, how long it gets."""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__tracebackhide__ = True

# Services are constant if they spread no more than this, from the 10th to the 90th percentile, as a
# share of what one takes that is alone: as normal ones with a coefficient of variation of 12 %.
_CONSTANT = 0.3
# So near are their median, and the shortest and longest that matter, to what one takes alone.
_NEAR = 0.2
# So few are enough to tell; so many where the first of each worker are left out.
_FEW = 5
_FEWEST = 8
_CANDIDATES = 32


def departures(
    arrivals: NDArray[np.float64], services: NDArray[np.float64] | float, workers: float
) -> NDArray[np.float64]:
    """Give when each request is done that takes the first free worker in the order of arrival.

    The recursions are those of Lindley (one worker) and of Kiefer and Wolfowitz (several).

    Args:
        arrivals: when they come, in order along the last axis; other axes are runs of their own.
        services: how long each keeps a worker, or one time for all.
        workers: how many there are; ``inf`` if nobody ever waits.

    Raises:
        ValueError: less than one worker, or a part of one.
    """
    if workers == np.inf:
        ends: NDArray[np.float64] = arrivals + services
        return ends
    if workers < 1 or workers != int(workers):
        raise ValueError(f"{workers!r} is no number of workers")
    count = int(workers)
    if count == 1:
        return _one_worker(arrivals, np.broadcast_to(services, arrivals.shape))
    if np.ndim(services) == 0:
        return _in_turn(arrivals, float(services), count)
    services = np.broadcast_to(services, arrivals.shape)
    if arrivals.ndim == 1:
        return _first_free(arrivals, services, count)
    return _first_free_in_each(arrivals, services, count)


def implied_services(
    arrivals: NDArray[np.float64], ends: NDArray[np.float64], workers: float
) -> NDArray[np.float64]:
    """Give the service times that so many workers must have had for requests to end so.

    The k-th to start does so when it has come and the (k - workers)-th to end is gone. Times below
    0 say that there are more workers, or another order of service.
    """
    free = np.full(len(ends), -np.inf)
    if workers < len(ends):
        free[int(workers) :] = np.sort(ends)[: -int(workers)]
    implied: NDArray[np.float64] = ends - np.maximum(arrivals, free)
    return implied


def constant_services(
    arrivals: NDArray[np.float64], ends: NDArray[np.float64], alone: float
) -> NDArray[np.float64] | None:
    """Give the service times of requests, if some number of workers explains their ends by equal
    ones.

    It is the number with which they differ least, of those with which they are about ``alone``. The
    first of each worker may have been cold and is left out, where there are enough others. None if
    with no number they are about equal, or there are fewer than five.

    Args:
        arrivals: when requests came, in order.
        ends: when each of them was done.
        alone: how long one takes that nothing waits before.
    """
    if len(arrivals) < _FEW or not alone > 0:
        return None
    best, least = None, math.inf
    for workers in _possible_workers(arrivals, ends, alone):
        services = implied_services(arrivals, ends, workers)
        known = services[workers:] if len(services) - workers >= _FEWEST else services
        tenth, middle, ninetieth = np.quantile(known, [0.1, 0.5, 0.9])
        if abs(middle - alone) > _NEAR * alone or ninetieth - tenth > _CONSTANT * alone:
            continue
        unlike = float(np.abs(services - middle).mean())
        if unlike < least:
            best, least = known, unlike
    return best


def _possible_workers(
    arrivals: NDArray[np.float64], ends: NDArray[np.float64], alone: float
) -> list[int]:
    """Give how many workers there may be if each request takes about so long: some of the numbers.

    A worker is done at most once in a bit less than that time; and where anybody waits, all of them
    are within a bit more. More than are ever in the system do as one for each.
    """
    done, places = np.sort(ends), np.arange(len(ends))
    most = int((places + 1 - np.searchsorted(done, arrivals, "right")).max())
    low, high = (
        min(most, int((np.searchsorted(done, done + time, "left") - places).max()))
        for time in (alone * (1 - _NEAR), alone * (1 + _NEAR))
    )
    numbers: list[int] = np.unique(np.linspace(low, high, _CANDIDATES).round().astype(int)).tolist()
    return numbers


def reached_by_chance(variance: float, slack: float, probability: float) -> float:
    """Give the length that a queue exceeds with this probability, at a load of 1 - ``slack``.

    That of the reflected Brownian motion of heavy traffic, exp(-2 slack x / variance) (Harrison,
    Brownian Motion and Stochastic Flow Systems, 1985).

    Args:
        variance: what the queue gains per arrival: the squares of the coefficients of variation of
            services and of the times between arrivals, where both are independent.
        slack: the share of the capacity that is not asked for.
        probability: at a moment, in the long run.
    """
    return variance / (2 * slack) * math.log(1 / probability)


def _one_worker(
    arrivals: NDArray[np.float64], services: NDArray[np.float64]
) -> NDArray[np.float64]:
    done = np.cumsum(services, axis=-1)
    late: NDArray[np.float64] = np.maximum.accumulate(arrivals - (done - services), axis=-1)
    return done + late


def _in_turn(arrivals: NDArray[np.float64], service: float, workers: int) -> NDArray[np.float64]:
    """Where all take equally long, the first free worker is the next in turn."""
    ends = np.empty_like(arrivals)
    for worker in range(min(workers, arrivals.shape[-1])):
        own = arrivals[..., worker::workers]
        ends[..., worker::workers] = _one_worker(own, np.broadcast_to(service, own.shape))
    return ends


def _first_free(
    arrivals: NDArray[np.float64], services: NDArray[np.float64], workers: int
) -> NDArray[np.float64]:
    free = [-np.inf] * workers
    ends = np.empty_like(arrivals)
    pairs = zip(arrivals.tolist(), services.tolist(), strict=True)
    for number, (arrival, service) in enumerate(pairs):
        ends[number] = end = max(arrival, free[0]) + service
        heapq.heapreplace(free, end)
    return ends


def _first_free_in_each(
    arrivals: NDArray[np.float64], services: NDArray[np.float64], workers: int
) -> NDArray[np.float64]:
    shape = arrivals.shape
    come, take = (one.reshape(-1, shape[-1]) for one in (arrivals, services))
    free = np.full((len(come), workers), -np.inf)
    ends = np.empty_like(come)
    every = np.arange(len(come))
    for number in range(shape[-1]):
        first = free.argmin(axis=1)
        end = np.maximum(come[:, number], free[every, first]) + take[:, number]
        free[every, first] = ends[:, number] = end
    return ends.reshape(shape)
