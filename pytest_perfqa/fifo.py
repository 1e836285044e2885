"""First come, first served: when requests leave a queue with so many workers."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__tracebackhide__ = True


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
