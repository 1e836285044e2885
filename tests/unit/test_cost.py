"""What an answer costs: CPU time of the service, and bytes; askable wherever a figure can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from artillery_files import problems, read, with_config
from hypothesis import given
from hypothesis import strategies as st
from synthetic import readings, run, samples

from pytest_perfqa.errors import NoData
from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.monitor.readings import Metric
from pytest_perfqa.report.record.recorder import measured
from pytest_perfqa.result.requirements import judge

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_perfqa.monitor.readings import Readings

# The last look before the load and the first after it, and one between them.
TIMES = [-0.5, 2.0, 10.5]
PHASES = [("first", 5.0), ("second", 5.0)]


def used(*, app: float = 3.0, proxy: float = 1.0) -> Readings:
    """Give looks at two parts, of which the app used a third before the second look."""
    return readings(
        TIMES,
        **{"app#1": {Metric.CPU: [0, app / 3, app]}, "proxy": {Metric.CPU: [0, 0, proxy]}},
    )


def test_all_that_was_used_belongs_to_the_answers() -> None:
    """Also what was used between the edges of the run and the looks beside them."""
    result = run(samples(np.arange(1, 101) / 10), phases=PHASES, readings=used())
    assert float(result.cpu_per_request) == pytest.approx(4 / 100)
    assert result.cpu_per_request <= "40.01ms"
    assert result.cpu_per_request > result.resources.total.cpu_seconds / 100


def test_only_answers_as_expected_are_worth_it() -> None:
    """What fails costs as well: half the answers, twice the cost of each."""
    status = np.where(np.arange(100) % 2, 200, 503)
    result = run(samples(np.arange(100) / 10, status=status), phases=PHASES, readings=used())
    assert float(result.cpu_per_request) == pytest.approx(4 / 50)


def test_a_part_of_a_run_has_its_own() -> None:
    """Of its time; without the warm-up, that is not from the first look on."""
    result = run(
        samples(np.arange(1, 101) / 10), phases=PHASES, warmup=["first"], readings=used(proxy=0)
    )
    rate = 2 / 8.5
    assert float(result.cpu_per_request) == pytest.approx(5.5 * rate / 50)
    assert float(result.phase("second").cpu_per_request) == pytest.approx(5 * rate / 50)
    assert float(result.between(5, 10).cpu_per_request) == pytest.approx(5 * rate / 50)
    evidence = result.cpu_per_request.evidence()
    assert evidence is not None
    assert evidence.phases == {"second": pytest.approx(5 * rate / 50)}
    assert evidence.samples == 50


def test_what_is_not_known_is_not_0() -> None:
    """Not of a service of others, of no answers, nor of one endpoint among others."""
    due = np.arange(1, 101) / 10
    with pytest.raises(NoData, match="the run was not monitored"):
        _ = run(samples(due), phases=PHASES).cpu_per_request
    with pytest.raises(NoData, match="nothing was answered as expected"):
        _ = run(samples(due, status=500), phases=PHASES, readings=used()).cpu_per_request
    unseen = readings(TIMES, app={Metric.CPU: [0, 1, 2]}, proxy={Metric.MEMORY: 1})
    with pytest.raises(NoData, match="CPU of proxy is not known: nobody looked"):
        _ = run(samples(due), phases=PHASES, readings=unseen).cpu_per_request
    result = run(samples(due), phases=PHASES, readings=used())
    for part in (result.endpoint("GET /"), result.endpoint("GET /").phase("first")):
        with pytest.raises(NoData, match="what is used for one endpoint isn't known"):
            _ = part.cpu_per_request


@given(st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(1, 5)), min_size=1, max_size=30))
def test_bytes_of_answers(answers: list[tuple[int, int]]) -> None:
    """The mean over all, of folded ones as often as they stand for; what broke has no size."""
    sizes, weights = zip(*answers, strict=True)
    table = samples(
        [*np.arange(len(sizes)), 0.5],
        size=[*sizes, 7],
        weight=[*weights, 3],
        outcome=[*[Outcome.ANSWERED] * len(sizes), Outcome.CLOSED],
    )
    result = run(table)
    mean = sum(size * weight for size, weight in answers) / sum(weights)
    assert float(result.bytes_per_answer) == pytest.approx(mean)
    assert float(result.endpoint("GET /").bytes_per_answer) == pytest.approx(mean)


def test_no_answer_has_no_bytes() -> None:
    """A refused connection is none."""
    with pytest.raises(NoData, match="bytes per answer of the run: nothing was answered"):
        _ = run(samples([1.0, 2.0], outcome=Outcome.REFUSED)).bytes_per_answer


def test_they_are_metrics(tmp_path: Path) -> None:
    """In thresholds, by their names, and in the record that all outputs are made of."""
    limits = [
        "cpu_per_request > 39ms",
        "cpu_per_request > 5s within second",
        "bytes_per_answer > 1kB",
    ]
    phases = [{"duration": 5, "arrivalRate": 10, "name": name} for name, _ in PHASES]
    scenario = read(tmp_path, with_config(phases=phases, perfqa={"thresholds": limits}))
    due = samples(np.arange(1, 101) / 10, size=512)
    result = run(due, phases=PHASES, readings=used(), thresholds=scenario.thresholds)
    assert [(one.met, one.found) for one in judge(result)] == [
        (False, "cpu_per_request = 40 ms, limit 39 ms"),
        (True, "cpu_per_request = 35.29 ms, limit 5 s"),
        (True, "bytes_per_answer = 512 B, limit 1000 B"),
    ]
    assert result.metric("cpu_per_request") == result.cpu_per_request
    told = {one.name: one for one in measured(result).metrics}
    assert told["cpu_per_request"].value == pytest.approx(0.04)
    assert told["bytes_per_answer"].value == 512
    blind = {one.name: one for one in measured(run(due, phases=PHASES)).metrics}
    assert blind["cpu_per_request"].value is None
    assert blind["cpu_per_request"].why == "the run was not monitored"


def test_cpu_time_does_not_follow_the_time_scale(tmp_path: Path) -> None:
    """A limit of it stays what it is, in a file as in a test; that of a latency doesn't."""
    phases = [{"duration": 5, "arrivalRate": 1}]
    limits = {"thresholds": ["cpu_per_request > 5ms", "latency.min > 5ms"]}
    scenario = read(tmp_path, with_config(phases=phases, perfqa=limits)).scaled(0.1)
    assert [one.limit for one in scenario.thresholds] == pytest.approx([0.005, 0.0005])
    result = run(samples(np.arange(100) / 10), phases=PHASES, readings=used(), time_scale=0.1)
    assert result.cpu_per_request > "39ms"


def test_no_threshold_on_the_cpu_of_an_endpoint(tmp_path: Path) -> None:
    """It is said where the file is read."""
    asked = {"thresholds": ["cpu_per_request of 'GET /' > 5ms", "cpu_per_request > 5ms for 2s"]}
    said = problems(tmp_path, with_config(phases=[{"duration": 5, "arrivalRate": 1}], perfqa=asked))
    text = "\n".join(said)
    assert "'cpu_per_request' is of the whole service" in text
    assert "'cpu_per_request' is told when a run is over: it can neither last nor stop" in text
