"""First come, first served: the fast ways agree with the plain one."""

from __future__ import annotations

import heapq

import numpy as np
import pytest

from pytest_perfqa.fifo import departures, implied_services


def plain(arrivals: np.ndarray, services: np.ndarray, workers: int) -> np.ndarray:
    """Serve one after the other by the first free worker."""
    free = [0.0] * workers
    ends = []
    for arrival, service in zip(arrivals, services, strict=True):
        ends.append(max(arrival, heapq.heappop(free)) + service)
        heapq.heappush(free, ends[-1])
    return np.array(ends)


@pytest.mark.parametrize("workers", [1, 2, 3, 7, 500])
@pytest.mark.parametrize("constant", [True, False])
def test_every_way_gives_the_same(workers: int, *, constant: bool) -> None:
    """One run or several, one time for all or each its own, one worker or many."""
    random = np.random.default_rng(workers)
    arrivals = np.cumsum(random.exponential(1 / workers, (3, 300)), axis=1)
    services = np.full((3, 300), 1.1) if constant else random.exponential(1.1, (3, 300))
    expected = np.array([plain(*run, workers) for run in zip(arrivals, services, strict=True)])
    given = 1.1 if constant else services
    assert departures(arrivals, given, workers) == pytest.approx(expected)
    assert departures(arrivals[0], 1.1 if constant else services[0], workers) == pytest.approx(
        expected[0]
    )
    assert implied_services(arrivals[0], expected[0], workers) == pytest.approx(services[0])


def test_without_a_limit_nobody_waits() -> None:
    """As many workers as there are arrivals, or infinitely many."""
    arrivals = np.arange(5.0)
    assert departures(arrivals, 3.0, np.inf).tolist() == (arrivals + 3).tolist()
    assert implied_services(arrivals, arrivals + 3, np.inf).tolist() == [3.0] * 5


def test_too_few_workers_imply_times_that_cannot_be() -> None:
    """Two at once, and only one worker is believed in: some must have taken no time at all."""
    arrivals = np.arange(0, 20, 0.5)
    ends = departures(arrivals, 1.0, 2)
    assert (implied_services(arrivals, ends, 1) < 0.6).any()
    assert implied_services(arrivals, ends, 2) == pytest.approx(1.0)


@pytest.mark.parametrize("workers", [0, -1, 1.5])
def test_no_number_of_workers(workers: float) -> None:
    """A part of a worker is a mistake."""
    with pytest.raises(ValueError, match="is no number of workers"):
        departures(np.arange(3.0), 1.0, workers)
