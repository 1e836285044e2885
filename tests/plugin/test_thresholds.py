"""Thresholds of ours fail a run that meets them, and stop it early where that is asked for."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Project

pytestmark = pytest.mark.timed

SCENARIO = """
config:
  http: {{timeout: {timeout}}}
  phases:
    - {{name: warm up, duration: 1, arrivalRate: 10}}
    - {{name: plateau, duration: {duration}, arrivalRate: 40}}
    - {{name: later, duration: 1, arrivalRate: 5}}
  perfqa:
    warmup: [warm up]
    {perfqa}
scenarios: [{{flow: [{{get: {{url: "{url}"}}}}]}}]
"""
TEST = """
    @pytest.mark.perfqa(scenario="strict.yaml")
    def test_it(perf_run): pass
"""
REPORT = """
    import json, pathlib, time
    @pytest.mark.perfqa(scenario="strict.yaml")
    def test_it(perf_run):
        from pytest_perfqa.requirements import judge, lasting_spell
        facts = dict(
            at=perf_run.aborted and perf_run.aborted.at, launched=perf_run.launched,
            ended=perf_run.completed + perf_run.failed,
            pending=perf_run.pending.at_end, invalid=perf_run.invalid, wall=perf_run.wall,
            duration=perf_run.duration, phases=list(perf_run.phases),
            spells=[
                str(lasting_spell(perf_run, one))
                for one in perf_run.definition.thresholds if one.lasting
            ],
            findings=[[one.text, one.met, one.found] for one in judge(perf_run)],
        )
        pathlib.Path("facts.json").write_text(json.dumps(facts))
        {more}
"""


def run(
    project: Project, perfqa: str, url: str = "/", test: str = TEST, **more: float
) -> pytest.RunResult:
    """Run a test on a scenario with something under config.perfqa."""
    keys = {"duration": 2, "timeout": 10} | more
    (project.path / "strict.yaml").write_text(SCENARIO.format(perfqa=perfqa, url=url, **keys))
    project.test(test)
    return project.run()


def facts(project: Project) -> dict[str, Any]:
    """Give what the test has noted of its run."""
    noted: dict[str, Any] = json.loads((project.path / "facts.json").read_text())
    return noted


def test_what_is_not_met_fails_nothing(toy: Project) -> None:
    """A run within its thresholds passes, whatever their form."""
    conditions = [
        "p50 > 2s",
        "p95 of GET / > 2s within plateau",
        "error_rate > 0% for 1s",
        "5xx > 0, abort",
        "503 >= 1%",
        "errors.timeout > 0",
        "pending > 60 for 2s",
        "throughput < 5/s for 2s after 2s",
        "max > 9s, abort",
    ]
    result = run(toy, f"thresholds: {json.dumps(conditions)}", test=REPORT.format(more=""))
    result.assert_outcomes(passed=1)
    noted = facts(toy)
    assert noted["at"] is None
    assert [met for _, met, _ in noted["findings"]] == [True] * len(conditions)


def test_what_is_met_fails_the_test(toy: Project) -> None:
    """The test's own assertions hold, yet it fails, with all that was found."""
    conditions = {
        "5xx > 10": "status.5xx = 85, limit 10",
        "p50 of GET /status/503 <= 5s": "latency.p50 = *s, limit 5 s",
        "error_rate > 50% for 2s": "so it was from 1 s to * s",
        "throughput < 1/s for 1s": "so it was from 1 s to 4 s",
        "5xx > 0 within later after 3s": "status.5xx = 5, limit 0",
    }
    result = run(toy, f"thresholds: {json.dumps(list(conditions))}", "/status/503")
    result.assert_outcomes(failed=1)
    said = (f"{text}, which is a failure: {found}" for text, found in conditions.items())
    result.stdout.fnmatch_lines([f"E *RequirementMissed: thresholds: {'; '.join(said)}"])


@pytest.mark.parametrize(
    ("processes", "condition"),
    [(2, "error_rate > 50% for 2s"), (1, "5xx > 30")],
)
def test_an_abort_ends_the_run_at_once(toy: Project, processes: int, condition: str) -> None:
    """FAILED with the reason, not INVALID; the figures are of what ran."""
    (toy.path / "pytest.ini").write_text(f"[pytest]\nperfqa_processes = {processes}\n")
    started = time.monotonic()
    result = run(toy, f'abort: "{condition}"', "/status/503", REPORT.format(more=""), duration=300)
    assert time.monotonic() - started < 60
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            f"E *RequirementMissed: thresholds: {condition}, which is a failure: the run was*",
            "toy * strict * FAILED",
            f"toy, strict: ended after * s: {condition}: so it was from * to *",
        ]
    )
    noted = facts(toy)
    assert 1.5 < noted["at"] < 10
    assert noted["wall"] - noted["at"] < 3
    assert noted["invalid"] == []
    assert noted["launched"] == noted["ended"] + noted["pending"]
    assert noted["launched"] == pytest.approx(40 * (noted["at"] - 1), abs=40)
    assert noted["duration"] == pytest.approx(noted["at"] - 1)
    assert noted["phases"] == ["warm up", "plateau"]
    assert all(one != "None" for one in noted["spells"]), "afterwards it is judged the same"


def test_what_is_pending_at_an_abort_is_recorded_as_pending(toy: Project) -> None:
    """Requests that nobody has answered yet are no errors; a time scale changes the times."""
    (toy.path / "pytest.ini").write_text("[pytest]\nperfqa_time_scale = 0.5\n")
    result = run(
        toy, 'abort: "pending > 20 for 2s"', "/sleep/30", REPORT.format(more=""), duration=300
    )
    result.assert_outcomes(failed=1)
    noted = facts(toy)
    assert 1.5 < noted["at"] < 10
    assert noted["launched"] >= 20 - 10
    assert noted["pending"] == noted["launched"] + 10, "with those of the warm-up"
    assert noted["spells"] != ["None"]


def test_a_test_that_stumbles_over_a_stopped_run_says_why_it_was(toy: Project) -> None:
    """Its own error is told as well."""
    result = run(
        toy,
        'abort: "5xx > 10"',
        "/status/503",
        REPORT.format(more='assert perf_run.phase("later").launched == 5'),
        duration=300,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *NoData: phase 'later' never came: the run was ended before",
            "E *RequirementMissed: thresholds: 5xx > 10, which is a failure: *",
        ]
    )
