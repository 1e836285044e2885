"""Pending requests: do they pile up? Simulated queues with fixed seeds, and small cases by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import simulated as sim
from hypothesis import given
from hypothesis import strategies as st
from synthetic import queue, run, samples

from pytest_perfqa.errors import Inconclusive, NoData
from pytest_perfqa.load.wire.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_perfqa.result.attributes.queueing import Pending

RUNS = 100

#: 1,000 runs in all: arrivals, services, workers, load (where nobody queues, the rate), how many.
STATIONARY = {
    "M/M/1 at 50 %": (sim.poisson, sim.exponential, 1, 0.5, 500),
    "M/M/1 at 90 %": (sim.poisson, sim.exponential, 1, 0.9, 2000),
    "M/D/4 at 80 %": (sim.poisson, sim.constant, 4, 0.8, 500),
    "G/G/4 at 90 %": (sim.even, sim.gamma(0.5), 4, 0.9, 500),
    "services AR(0.8) at 90 %": (sim.even, sim.correlated, 2, 0.9, 1000),
    "arrivals AR(0.8) at 90 %": (sim.uneven, sim.gamma(0.2), 4, 0.9, 1000),
    "ramp to 90 %": (sim.ramp, sim.exponential, 1, 0.9, 500),
    "bursts at 90 %": (sim.bursts, sim.exponential, 4, 0.9, 1000),
    "50 at work, nobody queues": (sim.poisson, sim.exponential, np.inf, 50.0, 500),
    "ramp to 100 at work": (sim.ramp, sim.exponential, np.inf, 100.0, 500),
}
OVERLOADED = {
    "constant": (sim.even, sim.constant, 1, 1.1, 60),
    "bursts": (sim.bursts, sim.constant, 4, 1.1, 500),
    "gamma": (sim.even, sim.gamma(0.5), 4, 1.1, 600),
    "M/D/4": (sim.poisson, sim.constant, 4, 1.1, 2000),
    "services AR(0.8)": (sim.even, sim.correlated, 2, 1.1, 2000),
    "M/M/1": (sim.poisson, sim.exponential, 1, 1.1, 4000),
}


def runs(cell: tuple, count: int = RUNS) -> Iterator[Pending]:
    """Simulate so many runs of a kind."""
    come, take, workers, load, length = cell
    random = np.random.default_rng(5)
    pairs = zip(*sim.queue(random, (count, length), come, take, workers, load), strict=True)
    return (sim.pending(arrivals, ends) for arrivals, ends in pairs)


def verdict(pending: Pending) -> str:
    """Say what a run looks like."""
    try:
        return "grows" if pending.grows else "not"
    except Inconclusive:
        return "undecided"


def test_fewer_than_one_in_a_hundred_stationary_runs_grows() -> None:
    """1,000 runs below capacity, most with arrivals or services that are far from even."""
    wrong = {
        name: sum(verdict(run) == "grows" for run in runs(cell))
        for name, cell in STATIONARY.items()
    }
    assert len(wrong) * RUNS == 1000
    assert sum(wrong.values()) < 10, wrong


@pytest.mark.parametrize("cell", OVERLOADED.values(), ids=OVERLOADED)
def test_an_overload_of_a_tenth_is_found(cell: tuple) -> None:
    """In at least 95 of 100 runs; the more a service fluctuates, the longer they must be."""
    found = [verdict(run) for run in runs(cell)]
    assert found.count("grows") >= 95
    assert found.count("not") <= 2


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_a_service_with_room_is_told_so(load: float) -> None:
    """An answer is more than not raising: below capacity most runs of some length say no."""
    found = [verdict(run) for run in runs((sim.poisson, sim.constant, 4, load, 1000))]
    assert found.count("not") >= 95


def test_too_few_arrivals_tell_nothing() -> None:
    """No verdict from 23 arrivals, and from 30 none on a queue that fluctuates."""
    arrivals = np.arange(23.0)
    with pytest.raises(Inconclusive, match="needs at least 24 arrivals, the run has 23"):
        _ = run(samples(arrivals)).pending.grows
    random = np.random.default_rng(1)
    arrivals = np.cumsum(random.exponential(1.2, 30))
    noisy = run(samples(arrivals, queue(arrivals, random.exponential(1, 30))))
    with pytest.raises(Inconclusive, match=r"30 arrivals of the run.*needs about \d{3,}"):
        _ = noisy.pending.grows


def test_without_a_good_answer_nothing_is_known() -> None:
    """No service time, no verdict; least of all that all is well."""
    failed = run(samples(np.arange(100.0), status=500)).pending
    for figure in ("grows", "drains", "service_time", "wait"):
        with pytest.raises(NoData, match="not one good answer"):
            getattr(failed, figure)
    with pytest.raises(NoData, match="no arrivals"):
        _ = run(samples([])).pending.grows


def test_who_gives_up_still_waits() -> None:
    """The study's one server: 0.3 offered, 0.2 done, 504 after 60 s; and pending stays level."""
    arrivals = np.arange(1, 601) / 0.3
    times = queue(arrivals, 5.0)
    late = times > 60
    found = run(samples(arrivals, np.minimum(times, 60), status=np.where(late, 504, 200)))
    assert found.pending.grows
    assert found.pending.max <= 19
    last = found.between(1000, 2000).pending
    assert last.grows
    assert not last.drains


def test_a_few_who_give_up_are_no_growth() -> None:
    """A time-out now and then, while the service keeps up."""
    arrivals = np.arange(1.0, 2001)
    outcome = np.where(np.arange(2000) % 50 == 7, Outcome.TIMEOUT, Outcome.ANSWERED)
    response = np.where(outcome == Outcome.TIMEOUT, 10.0, 0.5)
    assert not run(samples(arrivals, response, outcome=outcome)).pending.grows


def test_what_is_turned_away_does_not_wait() -> None:
    """Errors at once, be they ever so many, are no queue; see status and errors for those."""
    status = np.where(np.arange(600) % 3 == 0, 200, 503)
    response = np.where(status == 200, 1.0, 0.001)
    assert not run(samples(np.arange(600) / 10, response, status=status)).pending.grows


def test_a_queue_with_a_limit_grows_by_those_who_give_up() -> None:
    """The study's gunicorn: 0.2 done, 5 to 50 asked for; nginx's 500 places are soon taken.

    Who finds none is turned away. Pending stays at 500; those who got a place get a 504.
    """
    arrivals = np.arange(3600) / 24
    places = np.arange(3600) % 3 == 0
    times = np.where(places, queue(arrivals, np.where(places, 5.0, 0.0)), 0.001)
    late = times > 60
    outcome = np.where(places, Outcome.ANSWERED, Outcome.CLOSED)
    status = np.where(late, 504, 200)
    found = run(samples(arrivals, np.minimum(times, 60), status=status, outcome=outcome)).pending
    assert found.grows
    assert not found.drains


def test_a_load_in_waves_hides_no_collapse() -> None:
    """A server that does a tenth of what is asked for, in waves that look like fluctuation."""
    waves = [np.arange(0, 50, 1 / rate) + 50 * number for number, rate in enumerate([2, 20] * 4)]
    arrivals = np.concatenate(waves)
    times = queue(arrivals, 1.0)
    found = run(samples(arrivals, np.minimum(times, 60), status=np.where(times > 60, 504, 200)))
    assert found.pending.grows
    assert not found.pending.drains


def test_the_rate_alone_is_no_queue() -> None:
    """1 to 50 per second, five seconds each: pending rises from 5 to 250, and nobody waits."""
    arrivals = sim.even_ramp(np.random.default_rng(0), (1, 3000), 50.0)[0]
    found = run(samples(arrivals, 5.0)).pending
    assert not found.grows
    assert found.drains
    assert found.max == pytest.approx(245, abs=10)
    assert found.now < found.max  # the last second of the phase brings nobody
    assert found.wait.max == 0


def test_a_queue_that_comes_back() -> None:
    """Half of the time twice of what it can do, then a third: it grew, and drains."""
    arrivals = np.concatenate([np.arange(200) / 2, 100 + np.arange(100) / 0.33])
    phases = [("peak", 100.0), ("rest", 304.0)]
    found = run(samples(arrivals, queue(arrivals, 1.0)), phases=phases)
    assert found.phase("peak").pending.grows
    assert not found.phase("peak").pending.drains
    assert found.phase("peak").pending.now == pytest.approx(100, abs=2)
    assert not found.pending.grows
    assert found.pending.drains


def test_waiting_is_latency_less_the_service_time() -> None:
    """An answer per second, two asked for: the n-th waits n/2 seconds."""
    arrivals = np.arange(200) / 2
    found = run(samples(arrivals, queue(arrivals, 1.0))).pending
    assert found.service_time == pytest.approx(1.0)
    assert found.wait.p50 == pytest.approx(50, abs=1)
    assert found.wait.max == pytest.approx(99.5)
    assert found.wait.count == 200


def test_a_cold_start_is_not_the_service_time() -> None:
    """Nobody but the first finds the service idle, and the first takes long."""
    response = np.full(300, 0.5)
    response[0] = 3.0
    assert run(samples(np.arange(300) / 10, response)).pending.service_time == pytest.approx(0.5)


def test_the_verdict_says_what_it_rests_on() -> None:
    """By how much, what chance explains, and how many waited over time."""
    arrivals = np.arange(120) / 1.5
    grows = run(samples(arrivals, queue(arrivals, 1.0))).pending.grows
    assert repr(grows) == (
        "<pending grows: +26.0 waiting at the end of 120 arrivals, chance explains 2.0>"
    )
    evidence = grows.evidence()
    assert evidence.samples == 120
    assert len(evidence.points) == 24
    late = [point.value or 0.0 for point in evidence.points[12:]]
    assert late == sorted(late)


@given(st.lists(st.tuples(st.integers(0, 90), st.booleans()), min_size=1, max_size=40))
def test_what_never_came_to_an_end_is_pending_for_ever(arrivals: list[tuple[int, bool]]) -> None:
    """However long it had been under way when the run was cut off."""
    due = np.array([moment for moment, _ in arrivals], dtype=float)
    outcome = [Outcome.ANSWERED if ended else Outcome.PENDING for _, ended in arrivals]
    result = run(samples(due, 0.5, outcome=outcome), phases=[("all", 100.0)])
    never = sum(not ended for _, ended in arrivals)
    assert result.pending.at_end == result.pending.now == never
    assert result.launched == result.completed + result.failed + never
    # Time spent in the system: half a second each, and to the end for those that never left.
    stayed = sum(0.5 if ended else 100.0 - moment for moment, ended in arrivals)
    assert result.pending.mean == pytest.approx(stayed / 100.0)
