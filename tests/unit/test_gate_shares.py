"""Counts of requests, such as errors: from none to some is worse, and no burst is a regression."""

from __future__ import annotations

import math

import numpy as np
import pytest
import simulated_pairs as sim
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfqa.base.verdicts import Verdict
from pytest_perfqa.compare import signed_rank
from pytest_perfqa.compare.check import Check, Share, ShareCheck
from pytest_perfqa.compare.gate import Gate, GateFinding

ERRORS = ShareCheck("error_rate")
SESSIONS = 200


def judged(check: Check, base: list[int], head: list[int], of: int = 100) -> GateFinding:
    """Give what is said after these slices."""
    gate = Gate([check])
    for one, other in zip(base, head, strict=True):
        gate.add({check: (Share(one, of), Share(other, of))})
    gate.close()
    return gate.findings[check]


def simulated(base: float, head: float, burst: float = 0.0) -> dict[str, float]:
    """Give how often each verdict falls, of errors with these probabilities."""
    said, _ = sim.share_verdicts(base, head, burst, SESSIONS, np.random.default_rng(1))
    return {verdict.name: said.count(verdict) / SESSIONS for verdict in Verdict}


@pytest.mark.parametrize("burst", [0.0, 1.0])
@pytest.mark.parametrize("rate", [0.0, 0.001, 0.01, 0.05])
def test_equal_rates_do_not_fail(rate: float, burst: float) -> None:
    """Fewer than one in a hundred of 200, also where errors come in bursts."""
    assert simulated(rate, rate, burst)["FAILED"] < 0.01


@pytest.mark.parametrize(("base", "head"), [(0.0, 0.01), (0.0, 0.02), (0.001, 0.02)])
def test_one_error_in_a_hundred_is_found(base: float, head: float) -> None:
    """With as few as a hundred requests in a slice."""
    said = simulated(base, head)
    assert said["FAILED"] >= 0.95
    assert said["PASSED"] == 0


@pytest.mark.parametrize(("base", "head"), [(0.0, 0.005), (0.001, 0.006), (0.01, 0.015)])
def test_what_is_not_negligible_hardly_ever_passes(base: float, head: float) -> None:
    """At 0.5 percentage points more."""
    assert simulated(base, head)["PASSED"] < 0.01


def test_from_none_to_some_fails() -> None:
    """However few they are: no ratio to a base of 0 hides them."""
    finding = judged(ERRORS, [0] * 31, [1, 0, 0] * 10 + [1])
    assert finding.verdict is Verdict.FAILED
    assert math.isinf(finding.ratio)
    assert (finding.ratio.low > 1.5, finding.ratio.high) == (True, math.inf)
    assert str(finding) == (
        "error_rate: +0.35 percentage points (11 of 3,100, was 0 of 3,100), 31 pairs, limit 5 %"
    )


def test_none_at_all_passes() -> None:
    """As soon as there were requests enough to show 0.5 % of errors."""
    finding = judged(ERRORS, [0] * 50, [0] * 50)
    assert (finding.verdict, finding.pairs) == (Verdict.PASSED, 20)
    assert (float(finding.ratio), finding.ratio.ends) == (1, (0, math.inf))
    assert judged(ERRORS, [0] * 50, [0] * 50, of=1000).pairs == 10


def test_a_burst_is_one_occurrence() -> None:
    """Fifty errors in one slice of twenty don't make a regression."""
    finding = judged(ERRORS, [0] * 20, [50] + [0] * 19)
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert finding.settled_by is not None
    assert finding.settled_by > 20


def test_fewer_errors_are_told() -> None:
    """And the share that gets less may be the one that is wanted."""
    assert judged(ERRORS, [2] * 20, [0] * 20, of=100).better
    good = ShareCheck("status.2xx", worse="lower")
    assert judged(good, [1000] * 20, [980] * 20, of=1000).verdict is Verdict.PASSED
    assert judged(good, [1000] * 20, [880] * 20, of=1000).verdict is Verdict.FAILED
    assert judged(good, [900] * 20, [1000] * 20, of=1000).better


def test_large_shares_are_held_to_their_ratio() -> None:
    """Where there are many, twice ``within`` of them is more than what is negligible."""
    redirects = ShareCheck("status.3xx", within=0.1)
    assert judged(redirects, [500] * 20, [501, 499] * 10, of=1000).verdict is Verdict.PASSED
    assert judged(redirects, [500] * 20, [601, 599] * 10, of=1000).verdict is Verdict.FAILED


def test_slices_need_not_have_as_many_requests() -> None:
    """Only shares are compared; a slice without any says nothing."""
    gate = Gate([ERRORS])
    for number in range(20):
        gate.add({ERRORS: (Share(number % 3, 300), Share(number % 3, 300 + 7 * number))})
    gate.add({ERRORS: (Share(0, 0), Share(0, 0))})
    gate.close()
    assert gate.verdict is not Verdict.FAILED
    assert judged(ERRORS, [0] * 10, [0] * 10, of=0).verdict is Verdict.INCONCLUSIVE


def test_the_ratio_of_shares() -> None:
    """Its interval holds the ratio, and is wider where they come in bursts."""
    even = judged(ERRORS, [4] * 20, [8] * 20, of=1000).ratio
    assert float(even) == pytest.approx(2)
    assert 1 < even.low < 2 < even.high < 4
    burst = judged(ERRORS, [8, 0, 4, 4] * 5, [16, 0, 8, 8] * 5, of=1000).ratio
    assert burst.low < even.low
    assert burst.high > even.high


def test_mistakes_in_shares() -> None:
    """What was found, and what is accepted."""
    with pytest.raises(ValueError, match="found 3 of 2; accepted: from none to all"):
        Share(3, 2)
    with pytest.raises(ValueError, match="negligible: found 0"):
        ShareCheck("error_rate", negligible=0)
    with pytest.raises(ValueError, match="within"):
        ShareCheck("error_rate", within=2)


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=12).map(np.array))
def test_equal_sizes_share_their_rank(values: np.ndarray) -> None:
    """The exact chance, as scipy finds by going through all signs."""
    from scipy import stats

    found = signed_rank.chance(values)
    signed = values[values != 0]
    if not len(signed):
        assert found == 1
        return
    ranks = stats.rankdata(np.abs(signed))
    signs = np.array(np.meshgrid(*[[0, 1]] * len(signed))).reshape(len(signed), -1)
    sums = ranks @ signs
    assert found == pytest.approx((sums <= ranks[signed < 0].sum()).mean())
