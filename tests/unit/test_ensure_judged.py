"""Artillery's ``ensure`` judged on runs made of numbers, at any time scale."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from synthetic import run, samples

from pytest_perfqa.base.conditions import Condition
from pytest_perfqa.base.units import Unit
from pytest_perfqa.errors import RequirementMissed
from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.load.wire.tally import Spell
from pytest_perfqa.load.wire.watch import Aborted
from pytest_perfqa.result.requirements import Finding, judge, metric, require
from pytest_perfqa.scenario.records import Ensure

if TYPE_CHECKING:
    from pytest_perfqa.result.run_result import RunResult

DUE = np.arange(0, 100, 0.1)
MET, MISSED = "http.codes.200 > 0", "http.codes.200 == 0"


def finding(result: RunResult, text: str) -> Finding:
    """Give what became of a requirement."""
    (found,) = [one for one in judge(result) if one.text.startswith(text)]
    return found


@pytest.mark.parametrize(
    ("text", "strict", "passes"),
    [(MET, True, True), (MISSED, True, False), (MET, False, True), (MISSED, False, True)],
)
def test_only_a_strict_requirement_fails(text: str, *, strict: bool, passes: bool) -> None:
    """A miss of one that is not is told, no more."""
    result = run(samples(DUE), ensure=(Ensure(text, 1, strict=strict),))
    assert finding(result, text).met is (text == MET)
    if passes:
        require(result)
        return
    with pytest.raises(RequirementMissed, match="ensure: http"):
        require(result)


@pytest.mark.parametrize("scale", [1.0, 0.1, 3.0])
def test_metrics_are_those_of_full_scale(scale: float) -> None:
    """A file says 200 ms whatever the run is made at, and means what Artillery means by it."""
    result = run(samples(DUE * scale, 0.2 * scale), time_scale=scale)
    for name in ("mean", "max", "p75", "p95"):
        assert metric(result, f"http.response_time.{name}") == pytest.approx(200, rel=1e-6)
    assert metric(result, "http.request_rate") == pytest.approx(10, rel=1e-6)
    assert metric(result, "vusers.created") == len(DUE)
    for limit, met in ((199, False), (201, True)):
        result.definition = replace(
            result.definition, ensure=(Ensure(f"http.response_time.p95 < {limit}", 1),)
        )
        assert finding(result, "http").met is met


def test_where_nothing_has_ended_no_error_rate_is_low_enough() -> None:
    """None of nothing failed, and that is no requirement met."""
    nothing = run(samples(DUE, outcome=Outcome.PENDING), max_error_rate=1.0)
    said = [one for one in judge(nothing) if one.met is not False]
    assert not said, said
    with pytest.raises(RequirementMissed):
        require(nothing)


def stopped(threshold: Condition, by: str | None) -> RunResult:
    """Give a run without a fault in what is left of it, which was stopped after 50 s."""
    whole = samples(DUE[DUE < 50], status=200)
    why = Aborted(50.0, "so it was", by, Spell(40.0, 50.0))
    return run(whole, phases=[("all", 100.0)], thresholds=(threshold,), aborted=why)


def test_what_stopped_a_run_was_missed_whatever_is_left_of_it() -> None:
    """What was under way when it was stopped is not judged, and may be what the spell was of."""
    text = "error_rate > 50% for 10s"
    one = Condition(text, 1, "error_rate", ">", 0.5, Unit.RATIO, lasting=10.0, abort=True)
    found = finding(stopped(one, text), text)
    assert (found.met, found.spell) == (False, Spell(40.0, 50.0))
    with pytest.raises(RequirementMissed, match="stopped after 50 s"):
        require(stopped(one, text))
    # Another threshold, or the user, stopped it: this one is judged by what there is.
    for other in ("5xx > 3", None):
        assert finding(stopped(one, other), text).met is True
