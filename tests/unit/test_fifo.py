"""First come, first served: the fast ways agree with the plain one."""

from __future__ import annotations

import heapq

import numpy as np
import pytest

from pytest_perfqa.queues.fifo import (
    constant_services,
    departures,
    implied_services,
    reached_by_chance,
)


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


@pytest.mark.parametrize("load", [0.4, 0.9, 1.25, 6.0])
@pytest.mark.parametrize("workers", [1, 4, 12, 200, np.inf])
def test_constant_services_are_found(workers: float, load: float) -> None:
    """Whether requests wait for each other or not, and however many are served at once."""
    random = np.random.default_rng(3)
    arrivals = np.arange(300) / (load * min(workers, 100.0))
    services = random.normal(1.0, 0.02, 300)
    found = constant_services(arrivals, departures(arrivals, services, workers), 0.97)
    assert found is not None
    assert np.median(found) == pytest.approx(1.0, abs=0.02)
    assert np.std(found) == pytest.approx(0.02, abs=0.01)


@pytest.mark.parametrize("load", [0.5, 1.5])
def test_the_first_of_each_worker_may_be_cold(load: float) -> None:
    """They take three times as long, and are no services like the others."""
    arrivals = np.arange(80) / (4 * load)
    ends = departures(arrivals, np.where(np.arange(80) < 4, 3.0, 1.0), 4)
    assert constant_services(arrivals, ends, 1.0) == pytest.approx(1.0)


def test_services_that_vary_are_not_constant() -> None:
    """Not even where so many wait that all take about as long."""
    random = np.random.default_rng(3)
    for workers in (1, 4, 40):
        for load in (0.5, 0.9, 3.0):
            arrivals = np.arange(100) / (load * workers)
            for services in (random.exponential(1, 100), random.gamma(25, 1 / 25, 100)):
                ends = departures(arrivals, services, workers)
                alone = float((ends - arrivals).min())
                assert constant_services(arrivals, ends, alone) is None
                assert constant_services(arrivals, ends, 1.0) is None
    assert constant_services(np.arange(4.0), np.arange(4.0) + 0.5, 0.5) is None
    assert constant_services(np.empty(0), np.empty(0), 0.5) is None


def test_how_long_a_queue_gets_by_chance() -> None:
    """That of M/M/1 at 90 % (variance 2): 0.9 ** n, in heavy traffic exp(-0.1 n)."""
    length = reached_by_chance(2.0, 0.1, 1 / 500)
    assert length == pytest.approx(-np.log(500) / np.log(0.9), rel=0.06)
    assert reached_by_chance(0.0, 0.1, 0.01) == 0
