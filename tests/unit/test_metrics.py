"""Metrics: each is defined once, and can be asked wherever conditions stand."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic import readings, run, samples

from pytest_perfqa.base.conditions import Condition
from pytest_perfqa.base.metrics import accepted, find, names
from pytest_perfqa.errors import NoData
from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.load.wire.tally import Tallies, holds
from pytest_perfqa.monitor.readings import Metric

NAMES = (*names(), "latency.p95", "response.p50", "latency.max", "mean", "5xx", "503")
FAILURES = ("errors.timeout", "errors.no ports")


@pytest.mark.parametrize("name", [*NAMES, *FAILURES])
def test_a_metric_can_be_taken_from_a_run(name: str) -> None:
    """With a value in its unit and a line on what it is; also as a share, where it may be one."""
    metric = find(name)
    assert metric is not None
    assert metric.text
    result = run(
        samples(np.arange(100) / 10, status=np.arange(100) % 2 * 303 + 200),
        readings=readings([-1, 5, 11], app={Metric.CPU: [0, 0.5, 1], Metric.MEMORY: 64}),
    )
    assert metric.take(result).unit is metric.unit
    assert float(result.metric(name)) == float(metric.take(result))
    assert 0 <= float(metric.take(result)) <= 100
    if metric.share is not None:
        assert 0 <= float(metric.share(result)) <= 1


def test_a_share_is_taken_where_the_limit_is_one() -> None:
    """``5xx > 1%`` is not a hundredth of an answer."""
    result = run(samples(np.arange(100) / 10, status=[503] * 20 + [200] * 80))
    metric = find("5xx")
    assert metric is not None
    assert metric.share is not None
    assert metric.take(result) == 20
    assert metric.take(result, metric.share(result).unit) == 0.2


@pytest.mark.parametrize("name", [name for name in (*NAMES, *FAILURES) if find(name).windows])
@pytest.mark.parametrize("operator", [">", "<="])
def test_one_window_over_all_is_as_the_whole_run(name: str, operator: str) -> None:
    """What counts in windows, and in several processes, is what a test would be told."""
    metric = find(name)
    assert metric is not None
    random = np.random.default_rng(3)
    outcomes = random.choice([Outcome.ANSWERED, Outcome.TIMEOUT, Outcome.NO_PORTS], 400)
    recorded = samples(
        np.arange(1, 401) / 100,
        random.integers(1, 9, 400) / 8,
        status=random.choice([200, 404, 502, 503], 400),
        outcome=outcomes,
    )
    result = run(recorded, phases=[("all", 16.0)], window=16.0)
    value = float(metric.take(result))
    for limit in (value * 0.9, value, value * 1.1):
        one = Condition(name, 1, name, operator, limit, metric.unit)
        counted = Tallies([one], result.definition, lambda _: 0)
        counted.add(recorded.rows)
        counted.note_pending(0, float(result.pending.max))
        ((tally,),) = counted.close(16.0)
        assert holds(one, tally, 16.0) is bool(one.is_met_by(value)), limit


def test_all_names_are_said() -> None:
    """To those who ask for one that there is not."""
    assert find("cheese") is None
    assert all(name in accepted() for name in names())


def test_a_question_about_no_metric_is_an_error() -> None:
    """Or about one that a part of a run has not."""
    result = run(samples(np.arange(100) / 10))
    with pytest.raises(NoData, match=r"no metric 'cheese'; there are: .*throughput"):
        result.metric("cheese")
    with pytest.raises(NoData, match="of the whole run"):
        result.between(1, 2).metric("skipped")
