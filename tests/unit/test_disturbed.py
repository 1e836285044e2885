"""What tests are told of a run that others disturbed: nothing of the stretches that they did."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from demo_report import cell
from hypothesis import given
from hypothesis import strategies as st
from synthetic import run, samples

from pytest_perfqa.base.conditions import Condition
from pytest_perfqa.base.units import Unit
from pytest_perfqa.base.verdicts import Verdict
from pytest_perfqa.errors import DisturbedRun, RequirementMissed
from pytest_perfqa.monitor.disturbance import Disturbance
from pytest_perfqa.monitor.readings import Readings
from pytest_perfqa.report import comparison
from pytest_perfqa.report.ci import properties
from pytest_perfqa.report.record.recorder import measured
from pytest_perfqa.report.terminal import summary as terminal
from pytest_perfqa.result import requirements
from pytest_perfqa.scenario.records import Ensure

if TYPE_CHECKING:
    from pytest_perfqa.result.run_result import RunResult
    from pytest_perfqa.result.samples import Samples
    from pytest_perfqa.result.slice import Slice

PHASES = [("first", 10.0), ("second", 10.0), ("third", 10.0)]
# Of the load that was made, and of how: true whatever others did.
FACTS = {
    *("aborted", "definition", "disturbances", "duration", "endpoint_number", "endpoints"),
    *("everything", "faults", "generator", "guarded", "invalid", "launched", "load_model", "name"),
    *("notes", "phases", "pooled_with", "refuse_disturbed", "scenario", "service", "started_at"),
    *("load", "save", "time_scale", "undisturbed", "wall"),
    # Slices of it.
    *("between", "each_phase", "endpoint", "phase"),
}
ASKED: dict[str, tuple[Any, ...]] = {
    "metric": ("latency.p95",),
    "recovery_after": ("second",),
    "timeline": (1.0,),
}


def disturbance(start: float, end: float) -> Disturbance:
    """A loop on the service's CPU."""
    text = f"from {start:.1f} s to {end:.1f} s of the run others took 5 s of its CPUs"
    return Disturbance(start, end, ("loop (pid 7)",), "CPU", 5.0, 3.0, text)


def disturbed(
    *stretches: tuple[float, float], recorded: Samples | None = None, **definition: Any
) -> RunResult:
    """Three phases of ten seconds; others disturbed some of it."""
    found = samples(np.arange(0, 30, 0.02) + 0.01) if recorded is None else recorded
    readings = Readings(disturbances=tuple(disturbance(*one) for one in stretches))
    return run(found, phases=PHASES, readings=readings, **definition)


def figures(part: Slice) -> list[str]:
    """All that can be asked of a slice but the facts."""
    return [name for name in dir(type(part)) if not name.startswith("_") and name not in FACTS]


def asked(part: Slice, name: str) -> object:
    """Ask for a figure."""
    found = getattr(part, name)
    return found(*ASKED.get(name, ())) if callable(getattr(type(part), name)) else found


def test_no_figure_of_a_disturbed_stretch_is_given() -> None:
    """Whatever there is, and whatever will be: who adds a figure is asked about it here."""
    result = disturbed((12.0, 15.0)).guarded
    for part in (result, result.phase("second"), result.between(14, 25), result.endpoint("GET /")):
        assert set(figures(part)) >= {"latency", "errors", "throughput", "resources", "drift"}
        for name in figures(part):
            with pytest.raises(
                DisturbedRun, match=r"12\.0 s to 15\.0 s .*others took 5 s .*beside"
            ):
                _ = asked(part, name)


def test_the_rest_of_the_run_stands() -> None:
    """What was due while the service had all that it was entitled to; and the load itself."""
    result = disturbed((12.0, 15.0)).guarded
    for part in (result.phase("first"), result.phase("third"), result.between(15, 30)):
        assert part.latency.p95 < "1s"
        assert part.errors.total == 0
    assert result.launched == 1500
    assert result.phase("second").launched == 500
    assert "1500 launched" in repr(result)


def test_what_a_report_has_asked_for_is_refused_to_tests_all_the_same() -> None:
    """Figures are kept; those of the guarded result are its own."""
    result = disturbed((12.0, 15.0))
    assert result.latency.p95 < "1s"
    with pytest.raises(DisturbedRun):
        _ = result.guarded.latency


def test_reports_are_written_all_the_same() -> None:
    """They have the figures of all of it, and say what can't be concluded from."""
    result = disturbed((12.0, 15.0), (20.0, 21.0))
    record = measured(result)
    assert record.totals.completed == 1500
    assert [one.start for one in record.disturbances] == [12.0, 20.0]
    marks = [event for event in record.events if event.kind == "disturbance"]
    assert [(mark.at, mark.until) for mark in marks] == [(12.0, 15.0), (20.0, 21.0)]
    assert "loop (pid 7)" in marks[0].name
    asked = cell("toy", "steady", result)
    assert any("1500" in line for line in terminal.runs_summary([asked]))
    told = dict(properties.properties(Verdict.INVALID, "toy", [asked]))
    assert "from 12.0 s to 15.0 s" in told["perfqa_disturbed"]


def test_no_more_than_a_few_are_named_in_a_message() -> None:
    """All of them are in the record."""
    result = disturbed(*((float(second), second + 0.5) for second in range(9))).guarded
    with pytest.raises(DisturbedRun, match="and 6 times more"):
        _ = result.latency


def test_it_takes_no_part_in_comparisons() -> None:
    """As runs don't that are INVALID as a whole."""
    quiet = run(samples(np.arange(0, 30, 0.02) + 0.01), phases=PHASES, service="other")
    assert comparison.compare([quiet, disturbed()])
    assert not comparison.compare([quiet, disturbed((12.0, 15.0))])


def test_runs_that_are_pooled_are_disturbed_where_one_of_them_was() -> None:
    """Their samples are taken together."""
    pooled = disturbed().pooled_with(disturbed((12.0, 15.0))).guarded
    with pytest.raises(DisturbedRun):
        _ = pooled.latency
    with pytest.raises(DisturbedRun):
        _ = pooled.phase("second").latency
    assert pooled.phase("first").latency.p95 < "1s"


SLOW = Condition(
    text="latency.p95 > 1s",
    metric="latency.p95",
    operator=">",
    limit=1.0,
    line=1,
    unit=Unit.SECOND,
)


@pytest.mark.parametrize("response", [0.1, 2.0])
def test_requirements_of_disturbed_stretches_are_not_judged(response: float) -> None:
    """Missed or met: it would be chance."""
    recorded = samples(np.arange(0, 30, 0.02) + 0.01, response=response)
    ensure = {"ensure": (Ensure("http.response_time.p95 < 1000", 1),), "thresholds": (SLOW,)}
    for key, value in ensure.items():
        result = disturbed((12.0, 15.0), recorded=recorded, **{key: value})
        (finding,) = requirements.judge(result)
        assert finding.met is None
        assert "INVALID" in finding.found
        with pytest.raises(DisturbedRun, match="others took"):
            requirements.require(result)


def test_requirements_of_clean_stretches_are() -> None:
    """A threshold on a phase that nobody disturbed; a miss is graver than what can't be told."""
    first = replace(SLOW, text="latency.p95 > 1s in first", phase="first")
    slow = samples(np.arange(0, 30, 0.02) + 0.01, response=2.0)
    for thresholds in ((first,), (first, SLOW), (SLOW, first)):
        result = disturbed((12.0, 15.0), recorded=slow, thresholds=thresholds)
        with pytest.raises(RequirementMissed, match="in first"):
            requirements.require(result)
    requirements.require(disturbed((12.0, 15.0), thresholds=(first,)))


@pytest.mark.parametrize(
    ("bad", "stretch", "said"),
    [
        ((12.0, 15.0), (12.0, 15.0), None),
        ((12.0, 16.0), (12.0, 15.0), "RequirementMissed: 50 of 1350 answers were not as expected"),
        ((0.0, 30.0), (12.0, 15.0), "RequirementMissed: 1350 of 1350 answers were not as expected"),
        (
            (0.0, 30.0),
            (0.0, 30.0),
            "DisturbedRun: INVALID: the run: from 0.0 s to 30.0 s of the run",
        ),
        (
            (0.0, 0.0),
            (0.0, 30.0),
            "DisturbedRun: INVALID: the run: from 0.0 s to 30.0 s of the run",
        ),
    ],
)
def test_errors_of_disturbed_stretches_are_nobodys(
    bad: tuple[float, float], stretch: tuple[float, float], said: str | None
) -> None:
    """What every run is held to is judged on the rest of it; where there is none, not at all."""
    due = np.arange(0, 30, 0.02) + 0.01
    status = np.where((due >= bad[0]) & (due < bad[1]), 503, 200)
    result = disturbed(stretch, recorded=samples(due, status=status))
    if said is None:
        requirements.require(result, held=True)
        return
    with pytest.raises((RequirementMissed, DisturbedRun)) as caught:
        requirements.require(result, held=True)
    assert f"{caught.typename}: {caught.value}".startswith(said)


@pytest.mark.parametrize("stretches", [(), ((12.0, 15.0),)])
def test_what_a_test_has_failed_of_is_told_once(stretches: tuple[tuple[float, float], ...]) -> None:
    """Also where the message is about the clean rest of the run only."""
    due = np.arange(0, 30, 0.02) + 0.01
    result = disturbed(*stretches, recorded=samples(due, status=404))
    asked = cell("toy", "steady", result)
    assert any("answers were 4xx" in line for line in terminal.runs_summary([asked]))
    with pytest.raises(RequirementMissed) as caught:
        requirements.require(result, held=True)
    asked.judge("test", Verdict.FAILED, str(caught.value))
    assert not any("answers were 4xx" in line for line in terminal.runs_summary([asked]))


@given(
    st.lists(st.tuples(st.integers(0, 29), st.integers(1, 8)), max_size=3),
    st.integers(0, 28),
    st.integers(1, 10),
)
def test_a_slice_is_refused_exactly_where_it_was_disturbed(
    stretches: list[tuple[int, int]], start: int, length: int
) -> None:
    """Touching is not enough; and what is left without those stretches was never disturbed."""
    spans = [(float(first), float(first + long)) for first, long in stretches]
    result = disturbed(*spans).guarded
    part = result.between(start, start + length)
    if any(first < start + length and start < last for first, last in spans):
        with pytest.raises(DisturbedRun):
            _ = part.latency
    else:
        assert part.latency.count
    clean = result.undisturbed(result.everything).rows["intended"]
    assert not any(((clean >= first) & (clean < last)).any() for first, last in spans)
