"""Is it over capacity? The sequential test on queues whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_perfqa.queues import twin
from pytest_perfqa.queues.queue_trend import QueueWatch, Trend, TrendTest


def trend(workers: int, service: float, variation: float, load: float, seed: int) -> Trend:
    """What the test says of a queue at ``load`` times its capacity."""
    rate = load * workers / service
    test = TrendTest(rate, service, variation)
    random = np.random.default_rng(seed)
    moments = twin.arrivals(rate, test.arrivals, poisson=False, random=random)
    shape = 1 / max(variation, 1e-3) ** 2
    services = random.gamma(shape, service / shape, test.arrivals)
    ends = np.sort(moments + twin.sojourn_times(moments, services, workers))
    pending = np.arange(1, len(moments) + 1) - np.searchsorted(ends, moments, "right")
    watch = QueueWatch(test)
    for count in pending.tolist():
        if watch.add(count) is not Trend.UNDECIDED:
            break
    return watch.trend


@pytest.mark.parametrize(("workers", "variation"), [(1, 0.0), (4, 0.0), (12, 0.05), (8, 0.3)])
@pytest.mark.parametrize(
    ("load", "truth"), [(0.9, Trend.STABLE), (0.95, Trend.STABLE), (1.05, Trend.OVER)]
)
def test_the_right_side_of_capacity(
    workers: int, variation: float, load: float, truth: Trend
) -> None:
    """Within 5 % of capacity the answer is right, in every one of these runs."""
    answers = [trend(workers, 0.2, variation, load, seed) for seed in range(30)]
    assert answers == [truth] * 30


def test_random_arrivals_need_more() -> None:
    """They bring a variance of their own."""
    even, random = TrendTest(10, 0.1, 0.3), TrendTest(10, 0.1, 0.3, poisson=True)
    assert random.likely_stable > 5 * even.likely_stable
    assert random.threshold > even.threshold


@pytest.mark.parametrize("workers", [1, 4, 12, 48])
def test_workers_who_finish_in_waves_are_no_trend(workers: int) -> None:
    """What is pending then goes up and down by as many as there are, and comes to the same."""
    test = TrendTest(rate=workers / 0.2, service_time=0.2)
    assert test.averaged == workers
    flat, waves = QueueWatch(test), QueueWatch(test)
    said = [
        (flat.add(workers), waves.add(workers // 2 + number % workers))
        for number in range(test.arrivals)
    ]
    assert {first for first, _ in said} == {Trend.UNDECIDED, Trend.STABLE}
    assert all(first is second for first, second in said)
