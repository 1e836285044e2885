"""Jitter: how much successive latencies differ; askable wherever a figure can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from artillery_files import problems, read, with_config
from hypothesis import given
from hypothesis import strategies as st
from synthetic import run, samples

from pytest_perfqa.errors import NoData
from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.report.record.recorder import measured
from pytest_perfqa.result.requirements import judge

if TYPE_CHECKING:
    from pathlib import Path

# Due in this order; in another one they would differ less.
TIMES = [0.1, 0.4, 0.1, 0.4, 0.1]


def test_the_order_is_that_in_which_requests_were_due() -> None:
    """Not that of their answers, nor of their times."""
    result = run(samples(np.arange(5.0), TIMES))
    assert float(result.latency.jitter) == pytest.approx(0.3)
    assert result.latency.jitter <= "300.01ms"
    assert float(run(samples(np.arange(5.0), sorted(TIMES))).latency.jitter) < 0.1
    late = run(samples(np.arange(5.0), 0.1, lag=[0, 0.2, 0, 0.2, 0]))
    assert (float(late.latency.jitter), float(late.response.jitter)) == pytest.approx((0.2, 0))


@given(st.lists(st.integers(1, 100), min_size=2, max_size=30), st.integers(0, 50))
def test_what_all_have_in_common_is_no_jitter(times: list[int], more: int) -> None:
    """It is that of the differences, at least that from first to last, at most the range."""
    due, response = np.arange(len(times), dtype=float), np.array(times) / 8
    one = float(run(samples(due, response)).latency.jitter)
    assert float(run(samples(due, response + more / 8)).latency.jitter) == pytest.approx(one)
    assert one >= abs(response[-1] - response[0]) / (len(times) - 1) - 1e-9
    assert one <= np.ptp(response) + 1e-9


def test_nothing_has_no_jitter() -> None:
    """Nor has one request, one that never ended beside it, or what stands for several."""
    with pytest.raises(NoData, match="needs two requests"):
        _ = run(samples([1.0])).latency.jitter
    cut = [Outcome.ANSWERED, Outcome.PENDING]
    with pytest.raises(NoData, match="needs two requests"):
        _ = run(samples([1.0, 2.0], outcome=cut)).latency.jitter
    with pytest.raises(NoData, match="each with its own time"):
        _ = run(samples([1.0, 2.0], weight=[1, 2])).latency.jitter


def test_it_is_a_metric(tmp_path: Path) -> None:
    """In thresholds of whole runs, by its name, and in the record that all outputs are made of."""
    limits = ["latency.jitter > 200ms", "latency.jitter > 400ms within steady"]
    phases = [{"duration": 5, "arrivalRate": 1, "name": "steady"}]
    keys = {"thresholds": limits}
    scenario = read(tmp_path, with_config(phases=phases, perfqa=keys))
    result = run(samples(np.arange(1, 6), TIMES), thresholds=scenario.thresholds)
    assert [(one.met, one.found) for one in judge(result)] == [
        (False, "latency.jitter = 300 ms, limit 200 ms"),
        (True, "latency.jitter = 300 ms, limit 400 ms"),
    ]
    (said,) = problems(
        tmp_path, with_config(phases=phases, perfqa={"thresholds": ["latency.jitter > 1s for 2s"]})
    )
    assert "'latency.jitter' is told when a run is over: it can neither last nor stop" in said
    told = {one.name: one for one in measured(result).metrics}
    assert told["latency.jitter"].value == pytest.approx(0.3)
