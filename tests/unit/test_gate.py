"""The gate on regressions: how often it is wrong, simulated with fixed seeds, and what it says."""

from __future__ import annotations

import copy
import math
import pickle
from itertools import islice

import numpy as np
import pytest
import simulated_pairs as sim
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfqa.base.verdicts import Verdict
from pytest_perfqa.compare import signed_rank
from pytest_perfqa.compare.boundaries import at_look, is_look, looks
from pytest_perfqa.compare.check import Check
from pytest_perfqa.compare.gate import Gate, GateFinding
from pytest_perfqa.errors import Inconclusive

SESSIONS = 2000
P50, P95 = sim.Percentile(0.5), sim.Percentile(0.95)
EVERYWHERE = pytest.mark.parametrize("machine", sim.MACHINES.values(), ids=sim.MACHINES)
OF_REQUESTS = pytest.mark.parametrize("percentile", [P50, P95], ids=["p50", "p95"])


def pairs(ratio: float, count: int, noise: float = 0.01) -> list[tuple[float, float]]:
    """Give pairs of this ratio, of which every other is higher by ``noise``, the others lower."""
    return [(0.2, 0.2 * ratio * math.exp(noise * (-1) ** number)) for number in range(count)]


def judged(check: Check, measured: list[tuple[float, float]]) -> GateFinding:
    """Give what is said after these pairs."""
    gate = Gate([check])
    for pair in measured:
        gate.add({check: pair})
    gate.close()
    return gate.findings[check]


# How often it is wrong -----------------------------------------------------------------------


@EVERYWHERE
@OF_REQUESTS
def test_fewer_than_one_check_in_a_hundred_fails_at_no_difference(
    machine: sim.Machine, percentile: sim.Percentile
) -> None:
    """2,000 sessions of one check, of 50 pairs at most."""
    said, _ = sim.verdicts(
        sim.differences(machine, 50, SESSIONS, np.random.default_rng(1), percentile)
    )
    assert (said == sim.FAILED).mean() < 0.01
    assert (said == sim.PASSED).mean() > 0.95


@EVERYWHERE
def test_fewer_than_one_session_of_ten_checks_in_a_hundred_fails(machine: sim.Machine) -> None:
    """Of 2,000; checks that have nothing in common are the worst case."""
    found = sim.differences(machine, 50, 10 * SESSIONS, np.random.default_rng(2), P95)
    said, _ = sim.verdicts(found, checks=10)
    failed = (said == sim.FAILED).reshape(SESSIONS, 10)
    assert failed.any(axis=1).mean() < 0.01


@EVERYWHERE
@OF_REQUESTS
def test_ten_per_cent_are_found_within_25_pairs(
    machine: sim.Machine, percentile: sim.Percentile
) -> None:
    """Within 5 % is what it is held to: twice that FAILED in 95 of 100, and hardly ever PASSED."""
    found = sim.differences(machine, 25, SESSIONS, np.random.default_rng(3), percentile)
    said, fell = sim.verdicts(found + math.log(1.1))
    assert (said == sim.FAILED).mean() >= 0.95
    assert (said == sim.PASSED).mean() < 0.01
    assert np.median(fell) <= 16


@pytest.mark.parametrize("within", [0.01, 0.02, 0.05, 0.1, 0.2, 0.5])
@pytest.mark.parametrize("noise", [0.3, 1, 2])
def test_any_limit(within: float, noise: float) -> None:
    """Whatever may be how much worse: twice that is found, given pairs enough for the noise."""
    machine = sim.Machine(noise * within, noise * within)
    found = sim.differences(machine, 117, SESSIONS // 2, np.random.default_rng(4))
    said, _ = sim.verdicts(found + math.log(1 + 2 * within), within)
    assert (said == sim.FAILED).mean() >= 0.95
    assert (said == sim.PASSED).mean() < 0.01
    alike, _ = sim.verdicts(found, within)
    assert (alike == sim.FAILED).mean() < 0.01


@pytest.mark.parametrize(
    "machine",
    [
        sim.Machine(0.3),
        sim.Machine(0.06, memory=0.35),
        sim.Machine(0.3, memory=0.35),
        sim.Machine(0.03, 0.3, trend=1.0),
    ],
    ids=["loud", "correlated", "loud and correlated", "drifting"],
)
def test_noise_of_any_kind_is_no_regression(machine: sim.Machine) -> None:
    """Also where it is so loud that a difference of ``within`` is nothing beside it."""
    found = sim.differences(machine, 60, 5 * SESSIONS, np.random.default_rng(5))
    said, _ = sim.verdicts(found)
    assert (said == sim.FAILED).mean() < 0.01


def test_the_boundaries_keep_to_their_error() -> None:
    """Of values that are as likely above 0 as below, at all looks at up to 150 pairs together."""
    values = np.random.default_rng(6).standard_normal((150, 20_000)).astype(np.float32)
    above = np.zeros(values.shape[1], int)
    crossed = dict.fromkeys((0.05, 0.01), np.zeros(values.shape[1], bool))
    for number in range(1, len(values) + 1):
        above += (values[:number] + values[number - 1] > 0).sum(axis=0)
        if is_look(number):
            crossed = {
                error: known | (above <= signed_rank.beyond(number, at_look(error, number)))
                for error, known in crossed.items()
            }
    assert {error: known.mean() <= error for error, known in crossed.items()} == {
        0.05: True,
        0.01: True,
    }
    assert crossed[0.05].mean() > 0.02


def test_the_naive_rules_fire_at_nothing() -> None:
    """What the gate is for: one run against one on the shared machine, 2,000 times."""
    naive = sim.Naive(sim.MACHINES["shared"], SESSIONS, np.random.default_rng(7))
    assert naive.mean_is_higher(0.05).mean() > 0.1
    assert naive.mann_whitney(0.01).mean() > 0.3


def test_simulated_verdicts_are_the_gate_s() -> None:
    """What is simulated all at once is what the gate says one by one."""
    found = sim.differences(sim.MACHINES["noisy"], 31, 90, np.random.default_rng(8))
    found += np.log(np.repeat([1, 1.05, 1.1], 30))
    names = {Verdict.INCONCLUSIVE: sim.UNDECIDED, Verdict.FAILED: sim.FAILED}
    names[Verdict.PASSED] = sim.PASSED
    gate_says = []
    for session in found.T:
        finding = judged(Check("latency.p95"), [(1.0, math.exp(one)) for one in session])
        assert finding.verdict is not None
        gate_says.append((names[finding.verdict], finding.pairs))
    assert {said for said, _ in gate_says} == {sim.UNDECIDED, sim.FAILED, sim.PASSED}
    assert gate_says == list(zip(*(part.tolist() for part in sim.verdicts(found)), strict=True))


def test_the_ratio_lies_where_it_is_said_to() -> None:
    """Each end is wrong in 5 % at most, also where the verdict decides when it ends."""
    found = sim.differences(sim.MACHINES["noisy"], 25, 300, np.random.default_rng(9))
    wrong = [0, 0]
    for session in found.T:
        measured = [(1.0, 1.05 * math.exp(one)) for one in session]
        ratio = judged(Check("latency.p95"), measured).ratio
        wrong[0] += ratio.low > 1.05
        wrong[1] += ratio.high < 1.05
    assert max(wrong) / len(found.T) < 0.05


def test_what_would_settle_it_does() -> None:
    """Most sessions as long as one that was undecided asked for are decided."""
    random = np.random.default_rng(10)
    short = sim.differences(sim.MACHINES["noisy"], 16, 200, random) + math.log(1.07)
    asked = [
        finding.settled_by
        for session in short.T
        if (finding := judged(Check("p95"), [(1.0, math.exp(one)) for one in session])).settled_by
    ]
    assert len(asked) > 50
    enough = int(np.median(asked))
    assert 16 < enough < 200
    long, _ = sim.verdicts(
        sim.differences(sim.MACHINES["noisy"], enough, 1000, random) + math.log(1.07)
    )
    assert (long != sim.UNDECIDED).mean() > 0.6


# What it says -------------------------------------------------------------------------------


def test_it_is_looked_at_a_quarter_more_each_time() -> None:
    """At every pair there would be more chances to be wrong."""
    assert list(islice(looks(), 9)) == [10, 13, 16, 20, 25, 31, 39, 48, 60]
    assert [number for number in range(32) if is_look(number)] == [10, 13, 16, 20, 25, 31]


def test_worse_by_more_than_the_limit_fails() -> None:
    """As soon as there are enough pairs for the error that is accepted."""
    finding = judged(Check("latency.p95", endpoint="POST /checkout"), pairs(1.128, 14))
    assert finding.verdict is Verdict.FAILED
    assert finding.pairs == 10
    assert finding.ratio == pytest.approx(1.128)
    assert finding.ratio > 1.1
    assert finding.settled_by is None
    assert str(finding) == (
        "latency.p95 of POST /checkout: +12.8 % (+11.7 to +13.9 %), 10 pairs, limit 5 %"
    )


def test_worse_by_less_passes() -> None:
    """It is shown that it is not as much as twice the limit, and a change is told nonetheless."""
    finding = judged(Check("latency.p95"), pairs(1.02, 20))
    assert finding.verdict is Verdict.PASSED
    assert finding.ratio > 1
    assert not finding.better


def test_an_improvement_is_told() -> None:
    """It has PASSED, and more."""
    finding = judged(Check("latency.p95"), pairs(0.8, 20))
    assert (finding.verdict, finding.better) == (Verdict.PASSED, True)


def test_less_throughput_is_worse() -> None:
    """The ratio stays head / base."""
    check = Check("throughput.mean", worse="lower")
    worse, better = judged(check, pairs(0.88, 20)), judged(check, pairs(1.2, 20))
    assert (worse.verdict, better.verdict) == (Verdict.FAILED, Verdict.PASSED)
    assert (worse.ratio < 0.9, better.better) == (True, True)
    assert judged(check, pairs(0.97, 20)).verdict is Verdict.PASSED


def test_where_it_can_t_be_told_it_is_said_what_would() -> None:
    """With the interval, and how many pairs it would take."""
    finding = judged(Check("latency.p95"), pairs(1.07, 20, noise=0.2))
    assert finding.verdict is Verdict.INCONCLUSIVE
    assert finding.settled_by is not None
    assert 60 < finding.settled_by < 1000
    assert str(finding).endswith(f"limit 5 %; about {finding.settled_by} would settle it")
    with pytest.raises(Inconclusive):
        assert finding.ratio < 1.07


def test_too_few_pairs_say_nothing() -> None:
    """Not even nine that are ten times as much."""
    finding = judged(Check("latency.p95"), pairs(10, 9))
    assert (finding.verdict, finding.settled_by) == (Verdict.INCONCLUSIVE, None)
    finding = judged(Check("latency.p95"), [])
    assert (finding.verdict, finding.ratio.ends) == (Verdict.INCONCLUSIVE, (0, math.inf))


def test_a_base_of_zero_hides_nothing() -> None:
    """From nothing to some is infinitely more; from nothing to nothing no change."""
    check = Check("memory.growth")
    assert judged(check, [(0.0, 1e-9)] * 20).verdict is Verdict.FAILED
    assert judged(check, [(0.0, 0.0)] * 20).verdict is Verdict.PASSED
    assert judged(check, [(1.0, 0.0)] * 20).better
    assert judged(check, [(1e-300, 1e300)] * 20).verdict is Verdict.FAILED
    mixed = judged(check, [(1.0, 0.0)] * 3 + [(0.0, 1.0)] * 17)
    assert (mixed.verdict, mixed.ratio.ends) == (Verdict.INCONCLUSIVE, (0, math.inf))


def test_what_is_always_the_same_passes() -> None:
    """Bytes per answer have no noise."""
    finding = judged(Check("bytes_per_answer"), [(512.0, 512.0)] * 10)
    assert (finding.verdict, finding.ratio.ends) == (Verdict.PASSED, (1, 1))


def test_a_trend_of_the_machine_cancels() -> None:
    """All gets slower by a hundredth from slice to slice, in the order ABBA."""
    level = [math.exp(0.01 * slot) for slot in range(80)]
    order = [(0, 1) if number % 2 == 0 else (1, 0) for number in range(40)]
    measured = [
        (level[2 * number + base], level[2 * number + head])
        for number, (base, head) in enumerate(order)
    ]
    finding = judged(Check("latency.p95"), measured)
    assert (finding.verdict, float(finding.ratio)) == (Verdict.PASSED, pytest.approx(1))


def test_one_error_for_all_checks() -> None:
    """The more checks a session has, the surer each must be; one that FAILED leaves its part."""
    one, others = Check("latency.p95"), [Check(f"latency.p{rank}") for rank in range(9)]
    gate = Gate([one, *others])
    for worse, alike in zip(pairs(1.2, 13), pairs(1, 13), strict=True):
        gate.add({one: worse} | dict.fromkeys(others, alike))
        if gate.findings[one].pairs == 10:
            assert gate.findings[one].verdict is None  # alone, it would have FAILED by now
            assert gate.verdict is None
    assert (gate.is_open, gate.verdict) == (False, Verdict.FAILED)
    assert [gate.findings[check].verdict for check in others] == [Verdict.PASSED] * 9


def test_what_failed_leaves_its_part_of_the_error() -> None:
    """Ten pairs of which one is better are too little for half of the error, but not for all."""
    first, second = Check("latency.p50"), Check("latency.p95")
    worse = pairs(1.3, 10)
    both = Gate([first, second], error=0.0157)
    for number, pair in enumerate(worse):
        both.add({first: (1.0, 1.0), second: pair if number else (0.2, 0.199)})
    assert both.findings[second].verdict is None
    both = Gate([first, second], error=0.0157)
    for number, pair in enumerate(worse):
        both.add({first: pair, second: pair if number else (0.2, 0.199)})
    assert both.verdict is Verdict.FAILED
    assert both.findings[second].verdict is Verdict.FAILED


def test_a_check_may_lack_pairs() -> None:
    """One endpoint had no answers in some slices: it waits for as many as it needs."""
    all_of_it, one = Check("latency.p95"), Check("latency.p95", endpoint="GET /rare")
    gate = Gate([all_of_it, one])
    for number, pair in enumerate(pairs(1, 24)):
        gate.add({all_of_it: pair} | ({one: pair} if number % 2 else {}))
    assert [(each.verdict, each.pairs) for each in gate.findings.values()] == [
        (Verdict.PASSED, 10),
        (Verdict.PASSED, 10),
    ]
    assert not gate.is_open


def test_a_verdict_stays() -> None:
    """What comes after it changes nothing."""
    check, other = Check("latency.p95"), Check("latency.p50")
    gate = Gate([check, other])
    for pair in pairs(1, 10):
        gate.add({check: pair})
    before = gate.findings[check]
    for pair in pairs(2, 20):
        gate.add({check: pair})
    assert gate.findings[check] is before
    gate.close()
    assert gate.findings[other].verdict is Verdict.INCONCLUSIVE
    assert gate.verdict is Verdict.INCONCLUSIVE


def test_a_finding_can_be_kept() -> None:
    """With its estimate, and what that rests on."""
    finding = judged(Check("latency.p95"), pairs(1.02, 20))
    kept = pickle.loads(pickle.dumps(finding))  # noqa: S301
    assert (kept, kept.ratio.ends) == (finding, finding.ratio.ends)
    assert kept.ratio.evidence().samples == finding.pairs
    assert copy.deepcopy(finding) == finding


@pytest.mark.parametrize("figure", [-1.0, math.nan, math.inf])
def test_figures_that_are_none(figure: float) -> None:
    """They would be compared with anything."""
    check = Check("latency.p95")
    with pytest.raises(ValueError, match="accepted: a finite figure of at least 0"):
        Gate([check]).add({check: (1.0, figure)})


def test_mistakes_in_checks() -> None:
    """What was found, and what is accepted."""
    for within in (0, -0.05, 0.51, math.nan):
        with pytest.raises(ValueError, match="above 0, at most"):
            Check("latency.p95", within=within)
    for checks in ([], [Check("latency.p95")] * 2):
        with pytest.raises(ValueError, match="accepted: one or more, none twice"):
            Gate(checks)
    gate = Gate([Check("latency.p95")])
    gate.close()
    gate.close()
    with pytest.raises(ValueError, match="closed"):
        gate.add({Check("latency.p95"): (1.0, 1.0)})


# The test that it rests on ---------------------------------------------------------------------


SIZES = st.integers(1, 1000) | st.integers(-1000, -1)


@given(st.lists(SIZES, min_size=5, max_size=25, unique_by=abs).map(np.array))
def test_as_scipy_says(values: np.ndarray) -> None:
    """The interval is where Wilcoxon's test, exact, would not reject."""
    from scipy import stats

    p_value = stats.wilcoxon(values, alternative="greater", method="exact").pvalue
    for error in (0.5, 0.1, 0.05, 0.01, 0.001):
        low, _ = signed_rank.interval(values, error)
        assert (low > 0) == (p_value <= error)


@given(st.lists(st.floats(-100, 100), min_size=8, max_size=25).map(np.array))
def test_the_interval_holds_the_middle(values: np.ndarray) -> None:
    """And turns with the values."""
    low, high = signed_rank.interval(values, 0.05)
    assert low <= signed_rank.middle(values) <= high
    assert signed_rank.interval(-values, 0.05) == (-high, -low)
    assert signed_rank.middle(-values) == -signed_rank.middle(values)
