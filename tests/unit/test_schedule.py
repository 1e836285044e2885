"""The schedule, as tables of numbers: every form of phase, to the arrival."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfqa.scenario.records import Flow, Phase, Request, Scenario
from pytest_perfqa.scenario.schedule import (
    Schedule,
    arrival_count,
    crowd,
    schedule,
    shard_users,
)
from pytest_perfqa.scenario.spans import bounds, place

FLOW = Flow("", 1, (Request("GET", "/", "GET /"),))


def plan(*phases: Phase, **options: object) -> Schedule:
    """Lay out phases."""
    return schedule(Scenario("s", phases, (FLOW,), **options))  # type: ignore[arg-type]


def flat(rate: float, duration: float) -> Phase:
    """Give a phase of one rate."""
    return Phase("p", duration, rate, rate)


RATES = st.floats(0, 200, allow_nan=False, allow_subnormal=False)
PHASES = st.one_of(
    st.builds(
        lambda duration, rate, end: Phase("ramp", duration, rate, end),
        st.floats(0.01, 100),
        RATES,
        RATES,
    ),
    st.builds(
        lambda duration, count: Phase("count", duration, count=count),
        st.floats(0.01, 100),
        st.integers(0, 500),
    ),
    st.builds(lambda duration: Phase("pause", duration), st.floats(0.01, 100)),
)


@pytest.mark.parametrize(
    ("phase", "times"),
    [
        (flat(2, 2), [0.5, 1, 1.5, 2]),
        (flat(0.3, 10), [10 / 3, 20 / 3, 10]),
        (flat(0.25, 7), [4]),
        (flat(0.1, 9), []),
        (Phase("count", 3, count=2), [1.5, 3]),
        (Phase("count", 10, count=1), [10]),
        (Phase("count", 10, count=0), []),
        (Phase("pause", 5), []),
        # t^2 / 2 = k
        (Phase("up", 4, 0, 4), [(2 * k) ** 0.5 for k in range(1, 9)]),
        # 4 t - t^2 / 2 = k, down to a rate of 0: the last one comes at the very end
        (Phase("down", 4, 4, 0), [4 - (16 - 2 * k) ** 0.5 for k in range(1, 9)]),
        # t + t^2 / 4 = k
        (Phase("between", 4, 1, 3), [2 * ((1 + k) ** 0.5 - 1) for k in range(1, 9)]),
    ],
)
def test_an_arrival_comes_where_the_integral_of_the_rate_reaches_its_number(
    phase: Phase, times: list[float]
) -> None:
    """Exact times of each form of phase."""
    assert plan(phase).times == pytest.approx(times, abs=1e-9)


@pytest.mark.parametrize(
    ("rate", "duration", "count"),
    [
        (0.3, 200, 60),
        (0.3, 10, 3),
        (0.1, 30, 3),
        (0.7, 10, 7),
        (1 / 3, 9, 3),
        (1.1, 10, 11),
        (600, 5, 3000),
        (3000, 5, 15_000),
        (0.3, 199.9, 59),
        (0.29, 100, 29),
        (0.57, 100, 57),
        (4.35, 100, 435),
        (24_000, 100, 2_400_000),
    ],
)
def test_fractional_rates_lose_no_arrival_to_binary_fractions(
    rate: float, duration: float, count: int
) -> None:
    """Rate times duration, rounded down, and not one less."""
    assert len(plan(flat(rate, duration))) == count


@pytest.mark.parametrize("factor", [0.1, 0.3, 1 / 7, 3])
def test_a_scaled_phase_brings_as_many_arrivals(factor: float) -> None:
    """Scaling time changes no count, only times."""
    phase = flat(0.3, 200)
    whole, scaled = plan(phase), plan(phase.scaled(factor))
    assert len(scaled) == len(whole) == 60
    assert scaled.times == pytest.approx(whole.times * factor)


def test_phases_follow_each_other_and_arrivals_know_theirs() -> None:
    """A pause shifts what comes after it; each arrival has the index of its phase."""
    laid = plan(flat(1, 2), Phase("pause", 5), Phase("count", 2, count=2))
    assert laid.times == pytest.approx([1, 2, 8, 9])
    assert laid.phases.tolist() == [0, 0, 2, 2]


def test_nothing_is_planned_without_phases() -> None:
    """An empty scenario has an empty schedule."""
    assert len(plan()) == 0


def test_poisson_repeats_with_its_seed_and_differs_with_another() -> None:
    """The seed decides, and two phases don't repeat each other."""
    phases = (flat(5, 100), flat(5, 100))
    first, again = (plan(*phases, arrivals="poisson", seed=7) for _ in range(2))
    other = plan(*phases, arrivals="poisson", seed=8)
    assert first.times.tolist() == again.times.tolist()
    assert not np.allclose(first.times[:50], other.times[:50], rtol=0, atol=1e-6)
    one, two = (first.times[first.phases == index] for index in (0, 1))
    assert not np.allclose(one[:20], two[:20] - 100, rtol=0, atol=1e-6)


def test_poisson_gaps_are_exponential() -> None:
    """Mean and deviation of the gaps are 1 / rate; a share of exp(-1) is longer than that."""
    gaps = np.diff(plan(flat(50, 400), arrivals="poisson").times)
    assert gaps.mean() == pytest.approx(1 / 50, rel=0.04)
    assert gaps.std() == pytest.approx(1 / 50, rel=0.05)
    assert (gaps > 1 / 50).mean() == pytest.approx(np.exp(-1), abs=0.02)


def test_poisson_counts_vary_as_they_should() -> None:
    """Mean and variance of the count are both the integral of the rate."""
    counts = [len(plan(flat(10, 10), arrivals="poisson", seed=seed)) for seed in range(400)]
    assert np.mean(counts) == pytest.approx(100, abs=2)
    assert np.var(counts) == pytest.approx(100, rel=0.25)


def test_poisson_follows_a_ramp_and_keeps_a_count() -> None:
    """Of a ramp from 0, a quarter comes in the first half; a count is met exactly."""
    times = plan(Phase("up", 100, 0, 200), arrivals="poisson").times
    assert (times < 50).mean() == pytest.approx(0.25, abs=0.02)
    assert len(plan(Phase("count", 10, count=17), arrivals="poisson")) == 17


@given(st.lists(PHASES, max_size=4), st.sampled_from(["uniform", "poisson"]))
def test_times_are_in_order_and_within_their_phase(phases: list[Phase], arrivals: str) -> None:
    """Whatever the phases are."""
    laid = plan(*phases, arrivals=arrivals)
    assert np.all(np.diff(laid.times) >= 0)
    edges = np.cumsum([0.0, *(phase.duration for phase in phases)])
    for index in range(len(phases)):
        times = laid.times[laid.phases == index]
        assert np.all(times >= edges[index])
        assert np.all(times <= edges[index + 1] * (1 + 1e-12))


@given(PHASES)
def test_the_integral_of_the_rate_is_reached_at_each_arrival(phase: Phase) -> None:
    """The schedule put into the integral gives 1, 2, 3 ... and no whole number is left out."""
    times = plan(phase).times
    rate, end = phase.rate, phase.rate_end
    if phase.count is not None:
        rate = end = phase.count / phase.duration
    integral = rate * times + (end - rate) / phase.duration * times**2 / 2
    assert integral == pytest.approx(np.arange(1, len(times) + 1), rel=1e-6, abs=1e-6)
    assert len(times) == arrival_count(phase)
    assert phase.expected - 1 - 1e-6 <= len(times) <= phase.expected + 1e-6


@given(st.lists(PHASES, min_size=1, max_size=3), st.integers(1, 7))
def test_shards_are_a_partition(phases: list[Phase], shards: int) -> None:
    """Every arrival is in exactly one shard, and shards differ by at most one in size."""
    laid = plan(*phases)
    parts = [laid.shard(index, shards) for index in range(shards)]
    together = np.full(len(laid), np.nan)
    for index, part in enumerate(parts):
        together[index::shards] = part.times
        assert part.phases.tolist() == laid.phases[index::shards].tolist()
    assert together.tolist() == laid.times.tolist()
    sizes = [len(part) for part in parts]
    assert sum(sizes) == len(laid)
    assert max(sizes) - min(sizes) <= 1


def test_a_phase_knows_its_rates() -> None:
    """Where it begins and ends, at full scale or not; a count is spread evenly."""
    ramp, count = Phase("ramp", 10, 4, 1), Phase("count", 10, count=5)
    assert (ramp.rates, ramp.highest_rate) == ((4, 1), 4)
    assert (ramp.scaled(0.5).rates, ramp.scaled(0.5).highest_rate) == ((8, 2), 8)
    assert (count.rates, count.scaled(0.5).rates) == ((0.5, 0.5), (1, 1))
    assert Phase("pause", 10).rates == (0, 0)


@given(st.lists(PHASES, min_size=1, max_size=4), st.integers(1, 300))
def test_users_follow_the_rates(phases: list[Phase], users: int) -> None:
    """Rounded, and somebody wherever there is a rate; the highest has all, the end none."""
    steps = crowd(Scenario("s", tuple(phases), (FLOW,), users=users))
    rates = [phase.rates for phase in phases]
    highest = max(max(pair) for pair in rates)
    starts = np.cumsum([0.0, *(phase.duration for phase in phases)])
    assert steps[-1][1] == 0
    assert max(count for _, count in steps) == (users if highest > 0 else 0)
    times, counts = (np.array(column) for column in zip(*steps, strict=True))
    for (rate, end), start, phase in zip(rates, starts, phases, strict=False):
        for share in (0.1, 0.5, 0.9):
            level = users * (rate + (end - rate) * share) / (highest or 1.0)
            there = counts[np.searchsorted(times, start + share * phase.duration, "right") - 1]
            assert abs(there - level) <= 0.5 + 1e-6 or (there, level < 1) == (1, True)
            assert (there > 0) == (max(rate, end) > 0)


@given(st.integers(0, 500), st.integers(1, 9))
def test_generators_share_the_users(users: int, count: int) -> None:
    """Each has as many as any other, or one more."""
    parts = [shard_users(users, index, count) for index in range(count)]
    assert sum(parts) == users
    assert max(parts) - min(parts) <= 1


def test_no_arrival_stands_on_the_start_of_its_phase() -> None:
    """That moment belongs to the phase before, also where arrivals come at random."""
    phases = (Phase("a", 1.0, count=10), Phase("b", 2e-5, count=1000), Phase("c", 1.0, count=10))
    starts = np.array([start for start, _ in bounds(phases)])
    for seed in range(5):
        found = plan(*phases, arrivals="poisson", seed=seed)
        assert place(found.times, starts).tolist() == found.phases.tolist()
