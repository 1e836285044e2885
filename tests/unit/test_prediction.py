"""The queue model: it says what a queue does, and refuses what is none."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import simulated as sim
from synthetic import queue, run, samples

from pytest_perfqa.errors import Inconclusive, NoData
from pytest_perfqa.load.wire.outcome import Outcome

if TYPE_CHECKING:
    from pytest_perfqa.result.run_result import RunResult


def endurance(workers: int = 1, scale: float = 1.0) -> RunResult:
    """The study's: 60 arrivals at 0.3/s, 5 s of work each, 504 after 60 s."""
    arrivals = np.arange(1, 61) / 0.3
    times = queue(arrivals, 5.0, workers)
    late = times > 60.0
    recorded = samples(
        arrivals * scale, np.minimum(times, 60) * scale, status=np.where(late, 504, 200)
    )
    return run(
        recorded, phases=[("constant", 200.0 * scale)], time_scale=scale, timeout=120 * scale
    )


@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_the_endurance_of_one_server(scale: float) -> None:
    """The first 504 after 173 to 177 s, 26 or 27 of them, 12 at once: the figures of the study."""
    model = endurance(scale=scale).model(workers=1)
    assert model.service_time == pytest.approx(5 * scale)
    assert model.timeout == pytest.approx(60 * scale)
    assert model.capacity == pytest.approx(0.2 / scale)
    assert "173s" < model.expected_first_timeout() < "177s"
    assert 26 <= model.expected_timeouts() <= 27
    assert model.pending_error < "2%"
    assert model.p95_error < "1%"
    assert model.pending_mae < 0.5


@pytest.mark.parametrize(
    ("workers", "at_once", "within_10_s"), [(1, 12, 13), (3, 36, 39)], ids=["one", "three"]
)
def test_the_bursts_of_the_study(workers: int, at_once: int, within_10_s: int) -> None:
    """Proxy limit over service time at once, and somewhat more over ten seconds."""
    model = endurance(workers).model(workers=workers, service_time="5s", timeout="60s")
    assert model.expected_burst() == at_once
    assert model.expected_burst(within="10s") == within_10_s
    assert model.expected_burst("30s") == at_once / 2
    assert model.expected_burst("4s") == 0


@pytest.mark.parametrize(
    ("come", "take", "workers", "load", "tolerance"),
    [
        (sim.poisson, sim.constant, 1, 0.85, 0.01),
        (sim.poisson, sim.constant, 4, 0.9, 0.01),
        (sim.even, sim.gamma(0.2), 4, 1.2, 0.1),
        (sim.even_ramp, sim.gamma(0.1), 4, 1.5, 0.1),
        (sim.poisson, sim.constant, np.inf, 20.0, 0.01),
    ],
)
def test_it_predicts_what_a_queue_does(
    come: sim.Arrivals, take: sim.Services, workers: float, load: float, tolerance: float
) -> None:
    """From the arrivals and the services that were measured; services that vary are drawn anew."""
    arrivals, ends = sim.queue(np.random.default_rng(4), (1, 1000), come, take, workers, load)
    model = run(samples(arrivals[0], ends[0] - arrivals[0]), timeout=1e6).model(workers=workers)
    assert model.service_time == pytest.approx(1.0, rel=0.05)
    assert model.pending_error < tolerance
    assert model.p95_error < tolerance
    assert len(model.times) == len(model.latency) == 1000
    assert model.pending_at(arrivals[0][-5:] + 1e4).tolist() == [0] * 5


def test_what_is_turned_away_takes_no_worker() -> None:
    """Refused arrivals are no part of the queue, in the model as in the run."""
    arrivals = np.arange(600) / 1.2
    refused = np.arange(600) % 3 == 0
    times = np.where(refused, 1e-3, queue(arrivals, np.where(refused, 0.0, 1.0)))
    outcome = np.where(refused, Outcome.REFUSED, Outcome.ANSWERED)
    model = run(samples(arrivals, times, outcome=outcome), timeout=1e6).model(workers=1)
    assert len(model.times) == 400
    assert model.pending_error < "2%"


def test_the_wrong_number_of_workers_is_refused() -> None:
    """Too few: some would have been done before they began. Too many: they would have slowed."""
    arrivals = np.arange(400) / 3.6
    result = run(samples(arrivals, queue(arrivals, 1.0, 3)), timeout=1e6)
    assert result.model(workers=3).pending_error < "1%"
    for workers in (1, 2):
        with pytest.raises(Inconclusive, match="there are more"):
            _ = result.model(workers=workers).pending_error
    for workers in (4, 10, math.inf):
        with pytest.raises(Inconclusive, match="there are fewer"):
            _ = result.model(workers=workers).pending_error


def test_where_there_is_no_model() -> None:
    """Unknown workers, several endpoints, users that wait, nothing answered."""
    arrivals = np.arange(100.0)
    recorded = samples(arrivals, 0.5)
    with pytest.raises(NoData, match=r"say workers in its service\.yaml"):
        _ = run(recorded).model.latency
    with pytest.raises(Inconclusive, match="2 endpoints"):
        _ = run(recorded, endpoints=("GET /a", "GET /b")).model(workers=1).latency
    with pytest.raises(Inconclusive, match="closed"):
        _ = run(recorded, users=3).model(workers=1).latency
    with pytest.raises(NoData, match="nothing was answered"):
        _ = run(samples(arrivals, 9.0, outcome=Outcome.TIMEOUT)).model(workers=1).latency
    with pytest.raises(NoData, match="no arrivals"):
        _ = run(samples([])).model(workers=1).latency


def test_the_recovery_of_the_model() -> None:
    """What is predicted is what was measured."""
    arrivals = np.concatenate([np.arange(60) * 2, 120 + np.arange(60) / 2, 150 + np.arange(60) * 2])
    phases = [("usual", 120.0), ("peak", 30.0), ("rest", 120.0)]
    result = run(samples(arrivals, queue(arrivals, 1.0)), phases=phases, timeout=1e6)
    expected = result.model(workers=1).expected_recovery("peak")
    assert expected.recovered
    assert expected == pytest.approx(float(result.recovery_after("peak")), abs=0.5)


def test_never_is_infinite() -> None:
    """No time-out comes where everybody is served in time."""
    assert endurance(3).model(workers=3, timeout="60s").expected_first_timeout() == math.inf
    assert endurance(3).model(workers=math.inf).expected_burst() == math.inf
