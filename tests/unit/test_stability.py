"""Drift: found where it is, not where values only vary; simulated with fixed seeds."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import simulated as sim
from synthetic import queue, run, samples

from pytest_perfqa.base.units import Unit
from pytest_perfqa.errors import Inconclusive, NoData
from pytest_perfqa.result.attributes.stability import drift

if TYPE_CHECKING:
    from pytest_perfqa.result.run_result import RunResult

RUNS = 200


def noise(kind: str, shape: tuple[int, int]) -> np.ndarray:
    """Give stationary values of mean about 1."""
    random = np.random.default_rng(8)
    sawtooth = (np.arange(shape[1]) + random.integers(0, 40, (shape[0], 1))) % 40
    return {
        "independent": lambda: 1 + 0.1 * random.standard_normal(shape),
        "exponential": lambda: random.exponential(1, shape),
        "AR(0.8)": lambda: sim.correlated(random, shape, 0.1),
        "AR(0.8), strong": lambda: sim.correlated(random, shape, 0.5),
        "sawtooth": lambda: 1 + sawtooth / 80,
    }[kind]()


def verdicts(values: np.ndarray, times: np.ndarray | None = None) -> Counter[str]:
    """Count what is said of runs, a row each."""
    said: Counter[str] = Counter()
    for number, row in enumerate(values):
        own = np.arange(float(len(row))) if times is None else times[number]
        try:
            said["drifts" if drift("it", own, row, Unit.SECOND) else "not"] += 1
        except Inconclusive:
            said["undecided"] += 1
    return said


KINDS = ("independent", "exponential", "AR(0.8)", "AR(0.8), strong", "sawtooth")


def test_fewer_than_one_in_a_hundred_stationary_runs_drifts() -> None:
    """1,000 runs, of independent and of correlated values, of 1,200 each."""
    wrong = {kind: verdicts(noise(kind, (RUNS, 1200)))["drifts"] for kind in KINDS}
    assert len(wrong) * RUNS == 1000
    assert sum(wrong.values()) < 10, wrong


@pytest.mark.parametrize(
    ("kind", "length"), [("independent", 600), ("AR(0.8)", 4000), ("sawtooth", 1200)]
)
def test_a_growth_of_a_fifth_is_found(kind: str, length: int) -> None:
    """In at least 95 % of runs that are long enough for how much the values vary."""
    values = noise(kind, (RUNS, length)) * np.linspace(1, 1.2, length)
    assert verdicts(values)["drifts"] >= 0.95 * RUNS


@pytest.mark.parametrize("kind", KINDS)
def test_a_growth_of_a_fifth_is_not_denied(kind: str) -> None:
    """However short the run: what varies too much to tell is undecided, not stable."""
    values = noise(kind, (RUNS, 1200)) * np.linspace(1, 1.2, 1200)
    assert verdicts(values)["not"] <= 0.1 * RUNS


def test_stable_values_are_told_so() -> None:
    """An answer is more than not raising."""
    assert verdicts(noise("independent", (RUNS, 600)))["not"] >= 0.95 * RUNS
    assert verdicts(noise("AR(0.8)", (RUNS, 2000)))["not"] >= 0.95 * RUNS


@pytest.mark.parametrize(("load", "length", "expected"), [(1.1, 1000, True), (0.8, 2000, False)])
def test_pending_under_an_overload_of_a_tenth(load: float, length: int, *, expected: bool) -> None:
    """Pending drifts in at least 95 % of runs above capacity, and in none well below it."""
    random = np.random.default_rng(3)
    come, ends = sim.queue(random, (100, length), sim.even, sim.gamma(0.3), 4, load)
    results = [run(samples(one, end - one)) for one, end in zip(come, ends, strict=True)]
    said = [_says(result) for result in results]
    assert said.count(expected) >= 95
    assert said.count(not expected) == 0


def _says(result: RunResult) -> bool | None:
    try:
        return bool(result.drift("pending"))
    except Inconclusive:
        return None


def test_what_a_drift_is() -> None:
    """From 1 s by 40 % over 20 minutes: 1.2 s per hour, and growth of a third of the median."""
    times = np.arange(1200.0)
    values = (1 + 0.4 * times / 1200) * (1 + 0.01 * noise("independent", (1, 1200))[0])
    found = drift("latency of the run", times, values, Unit.SECOND)
    assert found
    assert found.significant
    assert found.growth == pytest.approx(0.4 / 1.24, rel=0.05)
    assert found.per_hour == pytest.approx(1.2, rel=0.05)
    low, high = found.interval
    assert low < found.per_hour < high
    assert low > "1.1s"
    assert found.samples == 960
    assert "latency of the run drifts: +3" in repr(found)
    assert len(found.evidence().points) == 12


def test_a_fall_is_no_drift() -> None:
    """What gets better is not unstable."""
    assert verdicts(noise("independent", (20, 600)) * np.linspace(1.5, 1, 600))["drifts"] == 0


@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_it_says_the_same_at_every_time_scale(scale: float) -> None:
    """Latency per hour is of the same size; bytes per hour are told at full scale."""
    arrivals = np.arange(600) * scale
    found = run(samples(arrivals, (1 + np.arange(600) / 1000) * scale), time_scale=scale).drift()
    assert found.per_hour == pytest.approx(3.6, rel=0.01)
    leak = SimpleNamespace(times=arrivals, values=1e6 + 1e3 * np.arange(600))
    memory = run(samples(arrivals), time_scale=scale).drift(leak, unit=Unit.BYTE)
    assert memory
    assert memory.per_hour == pytest.approx(3.6e6, rel=0.01)


def test_too_little_tells_nothing() -> None:
    """The least there must be is said; unknown figures are no pass."""
    short = run(samples(np.arange(200.0)))
    with pytest.raises(Inconclusive, match="at least 20 values in each of 12"):
        short.drift("latency")
    with pytest.raises(NoData, match="no figure 'speed'"):
        short.drift("speed")
    with pytest.raises(Inconclusive, match="there are 0"):
        short.between(150.5, 150.9).drift()


def test_what_hardly_varies_is_stable_whatever_its_order() -> None:
    """Twelve means are correlated by chance in one run of a hundred: that decides nothing.

    Values vary by 5 % here, and a growth of a fifth of their median would show through any order.
    """
    values = 1 + 0.05 * np.random.default_rng(4).standard_normal((1000, 450))
    assert verdicts(values) == {"not": 1000}


def test_stretches_that_depend_on_each_other_say_less() -> None:
    """The same residuals: in waves they leave more doubt about the slope than one by one."""
    each, times = 50, np.arange(750.0)
    waves = np.sin(np.arange(12) / 12 * 4 * np.pi)
    settling = np.ones(len(times) - 12 * each)

    def width(residuals: np.ndarray) -> float:
        values = np.concatenate([settling, 1 + 0.01 * np.repeat(residuals, each)])
        low, high = drift("it", times, values, Unit.SECOND).interval
        return float(high - low)

    assert width(waves) > 1.3 * width(waves[[1, 4, 2, 5, 7, 10, 8, 11, 0, 3, 6, 9]])


def test_a_walk_is_undecided() -> None:
    """Values that wander from batch to batch say that the run is too short."""
    steps = 0.02 * np.random.default_rng(2).standard_normal((100, 600))
    said = verdicts(np.exp(np.cumsum(steps, axis=1)))
    assert said["undecided"] > said["not"]


def test_a_queue_that_runs_away_drifts() -> None:
    """Latency of a service that is asked for more than it does."""
    arrivals = np.arange(600) / 1.1
    assert run(samples(arrivals, queue(arrivals, 1.0))).drift("latency")
