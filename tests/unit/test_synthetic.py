"""The runs that other tests make of numbers are what they say."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic import queue, run, samples

from pytest_perfqa.load.wire.outcome import Outcome


def test_a_run_made_of_numbers_is_a_run() -> None:
    """Counts, phases, warm-up and times come out as they went in."""
    due = np.arange(60) / 3 + 0.01
    result = run(
        samples(due, 0.5, status=np.where(due < 10, 200, 504)),
        phases=[("warm up", 5), ("plateau", 15)],
        warmup=["warm up"],
        time_scale=0.1,
    )
    assert not result.invalid
    assert result.launched == result.completed == 45
    assert result.phase("warm up").launched == 15
    assert result.status[504] == 30
    assert result.latency.max == "5s"
    assert (result.duration, result.definition.phases[1].count) == (15, 45)


def test_a_request_without_an_answer_has_no_status() -> None:
    """A time-out is an error, not an answer."""
    result = run(samples([0.1, 0.2], outcome=[Outcome.ANSWERED, Outcome.TIMEOUT]))
    assert (result.status[200], result.errors["timeout"]) == (1, 1)


def test_a_queue_serves_in_order() -> None:
    """One worker of 1 s: the n-th of a burst waits for those before it; two halve it."""
    burst = np.zeros(4)
    assert queue(burst, 1.0).tolist() == [1, 2, 3, 4]
    assert queue(burst, 1.0, workers=2).tolist() == [1, 1, 2, 2]
    assert queue(np.array([0.0, 5.0]), [1.0, 2.0]).tolist() == [1, 2]


def test_a_queue_agrees_with_theory() -> None:
    """Evenly spaced arrivals and exponential service (D/M/1 at load 0.8): the mean response time
    is service / (1 - s), where s = exp(-(1 - s) / 0.8)."""
    random = np.random.default_rng(1)
    responses = queue(np.arange(200_000) / 0.8, random.exponential(1.0, 200_000))
    s = 0.5
    for _ in range(100):
        s = np.exp(-(1 - s) / 0.8)
    assert responses.mean() == pytest.approx(1 / (1 - s), rel=0.05)
