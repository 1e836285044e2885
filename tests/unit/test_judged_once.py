"""Requirements are judged once per run, however many tests and outputs ask what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from synthetic import run, samples

from pytest_perfqa.base.conditions import Condition
from pytest_perfqa.base.units import Unit
from pytest_perfqa.errors import RequirementMissed
from pytest_perfqa.report.record.recorder import measured
from pytest_perfqa.result import requirements
from pytest_perfqa.result.requirements import about_errors, judge, require
from pytest_perfqa.scenario.records import Ensure

if TYPE_CHECKING:
    from pytest_perfqa.result.run_result import RunResult

DUE = np.arange(0, 100, 0.1)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is evaluated from now on: whole runs, windows, and what every run is held to."""
    evaluated: list[str] = []
    for name in ("Expression", "Tallies", "judge_own"):
        whole = getattr(requirements, name)
        monkeypatch.setattr(
            requirements,
            name,
            lambda *args, name=name, whole=whole: evaluated.append(name) or whole(*args),
        )
    return evaluated


def a_run() -> RunResult:
    """Give a run that misses one of its three requirements."""
    return run(
        samples(DUE),
        ensure=(Ensure("http.codes.200 == 0", 1),),
        thresholds=(
            Condition("p95 > 1s", 1, "latency.p95", ">", 1.0, Unit.SECOND),
            Condition("5xx > 3 for 5s", 1, "status.5xx", ">", 3, Unit.COUNT, lasting=5.0),
        ),
    )


def test_each_is_evaluated_once_whoever_asks(counted: list[str]) -> None:
    """Three tests, the texts of their failures, the record and its lines in charts."""
    result = a_run()
    for held in (True, False, True):
        with pytest.raises(RequirementMissed, match=r"ensure: http\.codes\.200 == 0"):
            require(result, held=held)
        about_errors(result, held=held)
        assert len(measured(result, held=held).requirements) == 3 + held
    assert sorted(counted) == ["Expression", "Expression", "Tallies", "judge_own"]


def test_another_run_is_judged_by_itself(counted: list[str]) -> None:
    """One that was made again, or whose samples were pooled, is another run."""
    first, second = a_run(), a_run()
    both = second.pooled_with(first)
    for result in (first, second, both):
        assert [one.met for one in judge(result)] == [False, True, True]
    assert counted.count("Expression") == 6
