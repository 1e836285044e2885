"""Comparisons of two runs whose times tie: whatever they are, true, false, or not to be told."""

from __future__ import annotations

import operator
import pickle
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import run, samples

from pytest_perfqa.errors import Inconclusive
from pytest_perfqa.load.wire.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_perfqa.base.units import Estimate
    from pytest_perfqa.result.attributes.latency import Distribution

# Few different times, so that they tie; none of them, nor their sums, is exact in binary.
TIMES = st.lists(st.sampled_from([0.0, 1e-7, 0.05, 0.1, 0.3, 9.9]), min_size=1, max_size=120)
FIGURES = ["p50", "p90", "p95", "mean", "min", "max"]
ORDERS = {
    "<": (operator.lt, operator.gt),
    "<=": (operator.le, operator.ge),
    ">": (operator.gt, operator.lt),
    ">=": (operator.ge, operator.le),
}


def latency(times: list[float], timed_out: int = 0) -> Distribution:
    """Give the latency of requests, ten a second; the last of them timed out."""
    outcome = np.full(len(times), Outcome.ANSWERED)
    outcome[len(times) - timed_out :] = Outcome.TIMEOUT
    return run(samples(np.arange(len(times)) / 10, times, outcome=outcome)).latency


def figure(times: Distribution, name: str) -> Estimate | None:
    """Give a figure; None if there are too few samples for it."""
    try:
        return getattr(times, name)
    except Inconclusive:
        return None


def shown(compare: Callable[[object, object], bool], one: object, other: object) -> bool | None:
    """Tell whether it is so; None if that can't be told. No other error than that is right."""
    try:
        return compare(one, other)
    except Inconclusive:
        return None


@given(TIMES, TIMES, st.sampled_from(FIGURES), st.integers(0, 2))
def test_a_comparison_is_decided_or_not_and_contradicts_no_other(
    first: list[float], second: list[float], name: str, timed_out: int
) -> None:
    """From both sides the same; less is at most; nothing is both less and more."""
    one, other = figure(latency(first, timed_out), name), figure(latency(second), name)
    if one is None or other is None:
        return
    found = {sign: shown(orders[0], one, other) for sign, orders in ORDERS.items()}
    assert found == {sign: shown(orders[1], other, one) for sign, orders in ORDERS.items()}
    for strict, weak, opposite in (("<", "<=", ">="), (">", ">=", "<=")):
        assert not (found[strict] and not found[weak])
        assert not (found[strict] and found[opposite])
    assert (one == other) == (float(one) == float(other))
    assert shown(operator.lt, one - other, "1ms") in {True, False, None}


@given(TIMES, st.randoms(use_true_random=False), st.sampled_from(FIGURES), st.integers(1, 4))
def test_the_same_times_are_never_shown_to_be_less(
    times: list[float], chance: object, name: str, repeats: int
) -> None:
    """Nor more: not in the same order, not in another, not several times as many of each."""
    again = times * repeats
    chance.shuffle(again)
    for other in (times, again):
        one, another = figure(latency(times), name), figure(latency(other), name)
        if one is not None and another is not None:
            assert not shown(operator.lt, one, another)
            assert not shown(operator.gt, one, another)


@pytest.mark.parametrize("times", [0.0, 0.1, 0.3, 1e-7])
def test_constant_times_are_what_they_are_however_many(times: float) -> None:
    """Their mean is no more and no less, not even by a rounding."""
    for count in (1, 2, 7, 20, 41, 999):
        for name in FIGURES:
            found = figure(latency([times] * count), name)
            if found is not None:
                assert float(found) == np.float32(times)


def test_a_median_at_the_end_of_its_ties() -> None:
    """All took 100 ms there; here half took 50 ms: the interval has no width on one side."""
    ties, mixed = latency([0.1] * 80), latency([0.05] * 40 + [0.4] * 40)
    for one, other in ((ties, mixed), (mixed, ties)):
        with pytest.raises(Inconclusive, match="would probably do"):
            assert one.p50 < other.p50
    assert ties.p50 < latency([0.2] * 80).p50
    assert not latency([0.2] * 80).p50 <= ties.p50


def test_how_many_samples_would_settle_it_counts_both_sides() -> None:
    """At 4 times the samples, both intervals are half as wide: they would just touch."""
    one, other = (
        figure(latency([0.1] * 80), "p50").with_interval(low, high, 100)
        for low, high in ((0.08, 0.2), (0.0, 0.15))
    )
    shift = other + "100ms"
    with pytest.raises(Inconclusive, match=r"about 400 samples would probably do"):
        assert one < shift


def test_no_two_of_many_runs_of_one_service_are_told_apart_too_often() -> None:
    """Each end is passed in 5 % of runs: two intervals that miss each other are rarer than that."""
    random = np.random.default_rng(11)
    runs = [latency(np.round(random.lognormal(-2, 0.4, 300), 2).tolist()) for _ in range(40)]
    for name in ("p50", "p95", "mean"):
        # Pickled, a figure has its evidence with it, instead of gathering it for each comparison.
        figures = [pickle.loads(pickle.dumps(getattr(one, name))) for one in runs]  # noqa: S301
        apart = [shown(operator.lt, *pair) or shown(operator.gt, *pair)
                 for pair in combinations(figures, 2)]  # fmt: skip
        assert sum(map(bool, apart)) <= 0.05 * len(apart)
