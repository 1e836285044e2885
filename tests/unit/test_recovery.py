"""Recovery after a peak: against the truth, which is the same run without its peak."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from synthetic import queue, run, samples

from pytest_perfqa.errors import Inconclusive, NoData
from pytest_perfqa.queues.fifo import departures
from pytest_perfqa.result.attributes.recovery import (
    Course,
    Recovery,
    Stretches,
    recovery,
    stretches,
)
from pytest_perfqa.scenario.records import Phase
from pytest_perfqa.scenario.spans import Spans

if TYPE_CHECKING:
    from collections.abc import Callable

WORKERS = 4
CAPACITY = 20.0
PHASES = [("warm", 20.0), ("usual", 80.0), ("peak", 20.0), ("rest", 200.0)]


def arrivals(random: np.random.Generator, load: float, *, even: bool) -> np.ndarray:
    """A load of so many times the capacity, and twice the capacity in the peak."""
    rates = [load, load, 2.0, load]
    parts = []
    start = 0.0
    for (_, duration), rate in zip(PHASES, rates, strict=True):
        count = round(duration * rate * CAPACITY)
        offsets = np.arange(count) / count if even else np.sort(random.uniform(0, 1, count))
        parts.append(start + duration * offsets)
        start += duration
    return np.concatenate(parts)


def found_and_true(seed: int, load: float, variation: float, *, even: bool) -> tuple[float, float]:
    """Measure the recovery of one run, and take the truth from the same run without extra load."""
    random = np.random.default_rng(seed)
    come = arrivals(random, load, even=even)
    services = random.gamma(variation**-2, variation**2 * WORKERS / CAPACITY, len(come))
    ends = departures(come, services, WORKERS)
    inside = (come >= 100) & (come < 120)
    kept = ~inside | (random.uniform(size=len(come)) < load / 2)
    calm = departures(come[kept], services[kept], WORKERS)
    looks = np.arange(120, 320, 0.01)
    with_peak = np.searchsorted(come, looks) - np.searchsorted(np.sort(ends), looks)
    without = np.searchsorted(come[kept], looks) - np.searchsorted(np.sort(calm), looks)
    truth = float(looks[np.argmax(with_peak <= without)]) - 120
    result = run(samples(come, ends - come), phases=PHASES, warmup=["warm"])
    return float(result.recovery_after("peak")), truth


@pytest.mark.parametrize(
    ("load", "variation", "even", "share"),
    [
        (0.5, 0.2, True, 0.95),
        (0.7, 0.2, True, 0.95),
        (0.85, 0.2, True, 0.95),
        (0.5, 0.5, False, 0.8),
        (0.7, 0.5, False, 0.8),
    ],
)
def test_within_a_tenth_or_two_windows(
    load: float, variation: float, share: float, *, even: bool
) -> None:
    """Of the time after which a peak makes no difference any more; a window is a second.

    With random arrivals pending goes up and down by itself, and when it has come down is a matter
    of chance: there, in four of five runs.
    """
    pairs = np.array([found_and_true(seed, load, variation, even=even) for seed in range(40)])
    found, truth = pairs.T
    right = np.abs(found - truth) <= np.maximum(0.1 * truth, 2.0)
    assert right.mean() >= share, np.round(pairs[~right], 1)


def peak(scale: float = 1.0, rest: float = 100.0, load: float = 0.5) -> Recovery:
    """One worker that does one a second: 30 s of twice that between 60 s before and some after."""
    phases = [("usual", 60.0), ("peak", 30.0), ("rest", rest)]
    come = np.concatenate(
        [np.arange(0, 60, 1 / load), 60 + np.arange(60) / 2, 90 + np.arange(0, rest, 1 / load)]
    )
    scaled = [(name, duration * scale) for name, duration in phases]
    recorded = samples(come * scale, queue(come, 1.0) * scale)
    return run(recorded, phases=scaled, time_scale=scale).recovery_after("peak")


@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_a_fluid_queue_says_the_same(scale: float) -> None:
    """30 above capacity, half of it to spare: about a minute, at every time scale."""
    found = peak(scale)
    assert found.recovered
    assert found.fluid is not None
    assert "57s" < found < "63s"
    assert found.fluid == pytest.approx(float(found), rel=0.2)
    assert found == pytest.approx(60 * scale, rel=0.05)
    assert found.limit == 1


def test_what_has_not_recovered() -> None:
    """No limit is met; that it takes longer is known as far as it was watched, no further."""
    found = peak(rest=30.0)
    assert not found.recovered
    assert not found < "10s"
    assert not found < "30s"
    assert not found <= "10 min"
    assert found > "20s"
    assert found >= "30s"
    assert repr(found) == "not recovered within 30 s"
    for question in (lambda: found > "40s", lambda: found >= 31.0):
        with pytest.raises(Inconclusive, match="did not come down within 30 s"):
            question()


def test_a_load_at_capacity_never_recovers() -> None:
    """Nothing to spare: the fluid queue has no time either."""
    found = peak(load=1.0)
    assert not found.recovered
    assert found.fluid is None


def test_the_evidence_shows_the_whole_course() -> None:
    """From the baseline to where it was no longer watched, with the level that counts as usual."""
    evidence = peak().evidence()
    assert len(evidence.points) == 60
    assert (evidence.points[0].start, evidence.points[-1].end) == (0.0, 190.0)
    assert "at most 1 pending for 3 s" in evidence.statements[0]


def test_what_is_usual_must_be_known() -> None:
    """50 s of it, warm-up not counted."""
    come = np.arange(0, 200, 0.5)
    phases = [("usual", 60.0), ("peak", 20.0), ("rest", 120.0)]
    recorded = samples(come[(come < 60) | (come > 60)])
    with pytest.raises(Inconclusive, match=r"needs 50 s of usual load before it.*there are 0 s"):
        run(recorded, phases=phases, warmup=["usual"]).recovery_after("peak")
    with pytest.raises(NoData, match="no phase 'beak'"):
        run(recorded, phases=phases).recovery_after("beak")
    with pytest.raises(NoData, match="does not lie before"):
        run(recorded, phases=phases).recovery_after("peak", baseline="rest")


#: The study's spike scenario.
SPIKE = [
    Phase("warm-up", 60, 1, 5),
    Phase("plateau", 120, 5, 5),
    Phase("peak 1", 120, 5, 30),
    Phase("fall 1", 30, 5, 5),
    Phase("peak 2", 120, 5, 35),
    Phase("fall 2", 30, 5, 5),
    Phase("warm-down", 30, 5, 1),
]


@pytest.mark.parametrize(
    ("name", "where", "until"),
    [("peak 1", (180.0, 300.0), 330.0), ("peak 2", (330.0, 450.0), 510.0)],
)
def test_where_the_peaks_of_the_study_lie(
    name: str, where: tuple[float, float], until: float
) -> None:
    """Both are compared with the plateau, and watched until the load is unusual again."""
    found = stretches(SPIKE, {"warm-up"}, name)
    assert found.baseline == Spans(((60.0, 180.0),))
    assert found.peak == where
    assert found.until == until


def test_two_phases_of_a_name_are_not_one_peak() -> None:
    """Which of them is meant can't be told."""
    with pytest.raises(NoData, match="not one but 2 phases 'a'"):
        stretches([Phase("a", 60, 1, 1), Phase("a", 10, 9, 9)], set(), "a")


def test_a_service_that_did_not_keep_up_before_has_nothing_to_come_back_to() -> None:
    """What is pending while everything fails is no rest, though it be the same before and after."""
    due = arrivals(np.random.default_rng(1), 0.5, even=True)
    served = run(samples(due, 1.0, status=200), phases=PHASES, warmup=["warm"])
    failing = run(samples(due, 1.0, status=504), phases=PHASES, warmup=["warm"])
    assert served.recovery_after("peak").recovered
    assert not failing.recovery_after("peak").recovered


def course(level: Callable[[np.ndarray], np.ndarray], scale: float = 1.0) -> Course:
    """A peak from 60 to 70 s, in what is pending as a function of the time at full scale."""

    def arrivals(moments: np.ndarray) -> np.ndarray:
        return 100 + level(moments / scale)

    where = Stretches(Spans(((0.0, 60.0 * scale),)), (60.0 * scale, 70.0 * scale), 130.0 * scale)
    return Course("phase 'peak'", where, arrivals, lambda moments: np.full(len(moments), 100.0),
                  scale)  # fmt: skip


@pytest.mark.parametrize("scale", [1.0, 0.1])
@pytest.mark.parametrize("low", [0.25, 1.0, 2.0, 2.5, 3.5, 10.0])
def test_what_is_low_for_less_than_3_s_has_not_recovered(low: float, scale: float) -> None:
    """A queue that is empty between two waves is not gone; what is held for 3 s, is."""

    def level(at: np.ndarray) -> np.ndarray:
        dips = (at >= 80) & (at < 80 + low) | (at >= 100)
        return np.where((at < 60) | dips, 1.0, 5.0)

    found = recovery(course(level, scale))
    assert found.recovered
    assert found == pytest.approx((10 if low > 3 else 30) * scale, abs=0.26 * scale)


@pytest.mark.parametrize("last", [1.0, 2.5, 5.0])
def test_a_low_that_was_not_watched_for_3_s_is_not_known_to_last(last: float) -> None:
    """At the end of what was watched there may be too little of it."""
    found = recovery(course(lambda at: np.where((at < 60) | (at >= 130 - last), 1.0, 5.0)))
    assert found.recovered is (last > 3)


@pytest.mark.parametrize(
    ("usual", "after", "recovers"),
    [(0.0, 1.0, True), (1.0, 1.0, True), (4.0, 4.0, True), (4.0, 5.0, False), (0.0, 2.0, False)],
)
def test_as_low_as_before_is_recovered_and_one_more_is_not(
    usual: float, after: float, *, recovers: bool
) -> None:
    """Where nothing used to be pending, one is as good as none."""
    found = recovery(course(lambda at: np.where(at < 60, usual, np.where(at < 75, 9.0, after))))
    assert found.recovered is recovers
    assert found.limit == max(1, usual)
