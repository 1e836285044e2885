"""Throughput: rates over a run made of numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import run, samples

if TYPE_CHECKING:
    from pytest_perfqa.result.attributes.throughput import Throughput


def answered_at(
    ends: list[float] | np.ndarray, weight: int = 1, *, duration: float | None = None
) -> Throughput:
    """Give the throughput of a run in which all are due at once and answered at these times."""
    times = np.sort(np.asarray(ends, dtype=float))
    recorded = samples(np.zeros(len(times)), times, weight=weight)
    length = max(float(times.max()), 1.0) if duration is None else duration
    return run(recorded, phases=[("all", length)]).throughput


@settings(deadline=None)
@given(every=st.floats(0.1, 20), count=st.integers(2, 200), window=st.floats(0.5, 60))
def test_even_answers_are_never_more_than_their_rate(
    every: float, count: int, window: float
) -> None:
    """A window may begin and end with one, and holds one more than it has time for."""
    throughput = answered_at(every * np.arange(1, count + 1))
    assert throughput.max_over(window) <= 1 / every * (1 + 1e-6)
    if every * count >= 2 * window:
        # Of the windows, one at least is filled: no more than one answer is missing in it.
        assert throughput.max_over(window) >= (1 / every - 1 / window) * (1 - 1e-6)


@pytest.mark.parametrize("every", [5.0, 2.5, 0.5, 0.1])
def test_the_highest_rate_of_a_worker_is_what_it_does(every: float) -> None:
    """One of 5 s does 0.2 per second, and so says the highest rate over any 10 s."""
    assert answered_at(every * np.arange(1, 61)).max == pytest.approx(1 / every, rel=1e-6)


@settings(deadline=None)
@given(
    ends=st.lists(st.integers(1, 4000), min_size=1, max_size=60),
    weight=st.integers(1, 3),
    tenths=st.integers(5, 300),
)
def test_the_highest_rate_is_that_of_the_fullest_window(
    ends: list[int], weight: int, tenths: int
) -> None:
    """Counted over: from each answer on, that one left out, unless the whole run was faster."""
    # Times are halves and windows are not, so that none ends where another answer stands.
    times, window = [end / 2 for end in ends], tenths / 10 + 0.05
    throughput = answered_at(times, weight)
    fullest = 0.0
    for order, one in enumerate(sorted(times)):
        later = sorted(times)[order + 1 :]
        fullest = max(fullest, weight * sum(other <= one + window for other in later) / window)
    expected = max(fullest, float(throughput.mean))
    assert throughput.max_over(window) == pytest.approx(expected, rel=1e-6)


@settings(deadline=None)
@given(ends=st.lists(st.floats(0.01, 100), min_size=1, max_size=50), window=st.floats(0.1, 200))
def test_no_rate_is_more_than_all_of_it(ends: list[float], window: float) -> None:
    """The highest is not below the mean, and never above all answers at once in its window."""
    throughput = answered_at(ends)
    most = max(len(ends) / window, float(throughput.mean))
    assert throughput.mean <= throughput.max_over(window) <= most * (1 + 1e-9)


@pytest.mark.parametrize("every", [5.0, 2.5, 0.5])
def test_an_answer_at_the_end_of_a_window_is_in_it(every: float) -> None:
    """Else a stretch of even answers would have one too few, wherever the run is not all of it."""
    throughput = answered_at([*(every * np.arange(1, 41)), 2000.0])
    assert throughput.max_over(10 * every) == 1 / every


def test_only_what_is_as_expected_counts() -> None:
    """A proxy that turns requests away would otherwise be the fastest service of all."""
    due = np.arange(100) / 10
    throughput = run(samples(due, 0.05, status=np.where(due < 5, 200, 503))).throughput
    assert throughput.offered == 10
    assert throughput.max_over(1.0) == pytest.approx(10, rel=0.02)
    turned_away = run(samples(due, 0.05, status=503)).throughput
    assert (turned_away.offered, turned_away.mean, turned_away.max) == (10, 0, 0)


def test_its_window_follows_the_time_scale() -> None:
    """10 s at full scale are 1 s at a tenth of the times."""
    due = np.concatenate([np.arange(10.0), 10 + np.arange(10) / 10, np.arange(11, 30.0)])
    at_once = run(samples(due, 0.01), phases=[("all", 30.0)], time_scale=0.1).throughput
    slowly = run(samples(due, 0.01), phases=[("all", 30.0)]).throughput
    assert at_once.max == at_once.max_over(1.0) == at_once.max_over("10s")
    assert slowly.max == slowly.max_over(10.0) == slowly.max_over("10s")
    assert float(at_once.max) > 4 * float(slowly.max)
