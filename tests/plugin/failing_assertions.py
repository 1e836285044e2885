"""One failing test for each kind of failure: test_failure_texts.py runs them."""

# ruff: noqa: D103 - their names say it
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from synthetic import queue, run, samples

from pytest_perfqa.errors import InvalidRun
from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.load.wire.plan import Summary
from pytest_perfqa.result.requirements import require
from pytest_perfqa.scenario.records import Ensure

if TYPE_CHECKING:
    from pytest_perfqa.result.run_result import RunResult

PHASES = [("warm up", 10), ("plateau", 20)]


@pytest.fixture
def overloaded() -> RunResult:
    """20/s for 10 s, 50/s for 20 s on a service of 40/s, at a tenth of the times."""
    due = np.concatenate([np.arange(1, 201) / 20, 10 + np.arange(1, 1001) / 50])
    late = queue(due, 1 / 40)
    status = np.where(late > 4, 504, 200)
    return run(samples(due, np.minimum(late, 4), status=status), phases=PHASES, time_scale=0.1)


@pytest.fixture
def steady() -> RunResult:
    """120 answers at 4/s in 90 to 110 ms."""
    times = np.random.default_rng(1).permutation(np.linspace(0.09, 0.11, 120))
    return run(samples(np.arange(1, 121) / 4, times), phases=[("steady", 30.0)])


@pytest.fixture
def interrupted() -> RunResult:
    """10/s for 30 s, the service away from 12 s to 15 s."""
    due = np.arange(1, 301) / 10
    away = (due > 12) & (due <= 15)
    outcome = np.where(away, Outcome.REFUSED, Outcome.ANSWERED)
    return run(samples(due, 0.02, outcome=outcome), phases=PHASES)


@pytest.fixture
def cold() -> RunResult:
    """100 answers in 20 ms, the first in 700 ms."""
    return run(samples(np.arange(1.0, 101.0), np.where(np.arange(100) < 1, 0.7, 0.02)))


def test_percentile_fails(overloaded: RunResult) -> None:
    assert overloaded.latency.p95 < "20s"


def test_error_rate_fails(overloaded: RunResult) -> None:
    assert overloaded.error_rate < "1%"


def test_percentile_in_between(overloaded: RunResult) -> None:
    assert "41s" < overloaded.phase("plateau").latency.p95 < "45s"


def test_percentile_inconclusive(steady: RunResult) -> None:
    assert steady.latency.p95 < "109.5ms"


def test_percentile_near_saturation(overloaded: RunResult) -> None:
    assert overloaded.latency.p50 > "15s"


def test_percentile_of_too_few(steady: RunResult) -> None:
    assert steady.latency.p99 < "1s"


def test_percentile_that_is_misspelt(steady: RunResult) -> None:
    assert steady.latency.p59 < "1s"


def test_mean_fails(overloaded: RunResult) -> None:
    assert overloaded.response.mean <= "1s"


def test_longest_fails(steady: RunResult) -> None:
    assert steady.latency.max < 0.1


def test_share_below_fails(overloaded: RunResult) -> None:
    assert overloaded.latency.share_below("10s") >= "95%"


def test_apdex_fails(overloaded: RunResult) -> None:
    assert overloaded.latency.apdex("10s") > 0.9


def test_count_of_5xx(overloaded: RunResult) -> None:
    assert overloaded.status["5xx"] == 0


def test_count_that_is_too_low(overloaded: RunResult) -> None:
    assert overloaded.status[200] == overloaded.launched


def test_pending(overloaded: RunResult) -> None:
    assert overloaded.pending.max <= 100


def test_verdict(overloaded: RunResult) -> None:
    assert not overloaded.pending.grows


def test_share_of_5xx(overloaded: RunResult) -> None:
    assert overloaded.status.share("5xx") < "1%"


def test_errors(interrupted: RunResult) -> None:
    assert interrupted.errors.total <= 5


def test_replica_that_is_left_out() -> None:
    answers = samples(np.arange(300) / 10, replica=np.arange(300) % 2)
    replicas = {"1": "app#1", "2": "app#2", "3": "app#3"}
    assert run(answers, replicas=replicas).replicas["app#3"] > "28%"


def test_throughput(overloaded: RunResult) -> None:
    assert overloaded.throughput.mean >= "4.5/s"


def test_availability(interrupted: RunResult) -> None:
    assert interrupted.availability.ratio >= "99.9%"


def test_outage(interrupted: RunResult) -> None:
    assert interrupted.availability.longest_outage < "2s"


def test_error_budget(interrupted: RunResult) -> None:
    assert interrupted.availability.budget_spent("95%", window="1s") <= 1


def test_cold_start(cold: RunResult) -> None:
    assert not cold.cold_start()


def test_cold_start_of_too_few(cold: RunResult) -> None:
    assert not cold.between(0, 10).cold_start()


def test_unknown_phase(steady: RunResult) -> None:
    assert steady.phase("peak").status["5xx"] == 0


def test_no_data(steady: RunResult) -> None:
    assert steady.between("40s", "50s").status["5xx"] == 0


def test_no_answer_in_time() -> None:
    outcome = np.where(np.arange(100) % 10 == 0, Outcome.TIMEOUT, Outcome.ANSWERED)
    times = np.where(outcome == Outcome.TIMEOUT, 10.0, 0.1)
    found = run(samples(np.arange(1.0, 101.0), times, outcome=outcome), phases=[("steady", 100.0)])
    assert found.latency.p95 <= "10s"


def test_limit_in_milliseconds(steady: RunResult) -> None:
    assert steady.latency.p95 < 200


def test_difference(overloaded: RunResult) -> None:
    assert (overloaded.latency.p95 - overloaded.latency.p50) < "5s"


def test_difference_that_is_not_sure(steady: RunResult) -> None:
    assert (steady.latency.p95 - steady.latency.p50) < "9ms"


def test_other_unit(steady: RunResult) -> None:
    assert steady.latency.max < "5/s"


def test_invalid_run() -> None:
    recorded = samples(np.arange(100) / 10, lag=np.where(np.arange(100) < 20, 0.05, 0.0))
    busy = Summary(105, 100, 0, 5, (), cpu=9.7, wall=10.0)
    raise InvalidRun(run(recorded, summary=busy).invalid)


def test_one_late_arrival() -> None:
    lag = np.where(np.arange(120) < 1, 0.05, 0.0)
    assert run(samples(np.arange(120) / 4, 0.1, lag=lag)).latency.max < "120ms"


def test_ensure_missed() -> None:
    needs = (Ensure("http.codes.504 == 0", 7), Ensure("http.response_time.p95 < 250", 8))
    answers = samples(np.arange(100) / 10, 0.3, status=np.where(np.arange(100) < 7, 504, 200))
    require(run(answers, ensure=needs))


def test_ensure_inconclusive(steady: RunResult) -> None:
    needs = (Ensure("http.response_time.p95 < 109.5", 7), Ensure("http.codes.504 == 0", 8))
    times = steady.latency._values
    require(run(samples(np.arange(120) / 4, times), ensure=needs))
