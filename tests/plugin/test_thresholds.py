"""Thresholds of ours fail a run that meets them, and stop it early where that is asked for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from inner import QUARTER, inner

if TYPE_CHECKING:
    from inner import Told

# What users write is at full scale, what is found as it was in the run, a quarter of that.
SCALE = 0.25
SCENARIO = """
config:
  http: {{timeout: 10}}
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
    @pytest.mark.perfqa(scenario="{name}.yaml")
    def test_it(perf_run): pass
"""
REPORT = """
    import json, pathlib, time

    @pytest.fixture
    def begun():
        return time.monotonic()

    @pytest.mark.perfqa(scenario="{name}.yaml")
    def test_it(begun, perf_run):
        from pytest_perfqa.result.requirements import judge, lasting_spell
        facts = dict(
            seconds=time.monotonic() - begun,
            at=perf_run.aborted and perf_run.aborted.at, launched=perf_run.launched,
            ended=perf_run.completed + perf_run.failed,
            pending=perf_run.pending.at_end, invalid=perf_run.invalid, wall=perf_run.wall,
            duration=perf_run.duration, phases=list(perf_run.phases),
            last=float(perf_run.everything.arrivals.rows["intended"].max()),
            spells=[
                str(lasting_spell(perf_run, one))
                for one in perf_run.definition.thresholds if one.lasting
            ],
            findings=[[one.text, one.met, one.found] for one in judge(perf_run)],
        )
        pathlib.Path("{name}.json").write_text(json.dumps(facts))
        {more}
"""


def on(
    name: str,
    perfqa: str,
    url: str = "/",
    test: str = TEST,
    more: str = "",
    duration: float = 2,
    processes: int = 1,
    among_others: bool = False,
) -> pytest.MarkDecorator:
    """Have a test run on a scenario with something under config.perfqa."""
    return inner(
        test.format(name=name, more=more),
        {f"{name}.yaml": SCENARIO.format(perfqa=perfqa, url=url, duration=duration)},
        arguments=QUARTER if processes == 1 else [QUARTER[0], f"--perfqa-processes={processes}"],
        among_others=among_others,
    )


def facts(told: Told, name: str) -> dict[str, Any]:
    """Give what the test has noted of its run."""
    noted: dict[str, Any] = json.loads((told.path / f"{name}.json").read_text())
    return noted


HELD = [
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


@on("held", f"thresholds: {json.dumps(HELD)}", test=REPORT)
def test_what_is_not_met_fails_nothing(told: Told) -> None:
    """A run within its thresholds passes, whatever their form."""
    told.assert_outcomes(passed=1)
    noted = facts(told, "held")
    assert noted["at"] is None
    assert [met for _, met, _ in noted["findings"]] == [True] * len(HELD)


MISSED = {
    "5xx > 10": "status.5xx = 85, limit 10",
    "p50 of GET /status/503 <= 5s": "latency.p50 = *s, limit 1.25 s",
    "error_rate > 50% for 2s": "so it was from 0.25 s to * s",
    "throughput < 1/s for 1s": "so it was from 0.25 s to 1 s",
    "5xx > 0 within later after 3s": "status.5xx = 5, limit 0",
}


@on("missed", f"thresholds: {json.dumps(list(MISSED))}", "/status/503")
def test_what_is_met_fails_the_test(told: Told) -> None:
    """The test's own assertions hold, yet it fails, with all that was found."""
    told.assert_outcomes(failed=1)
    said = (f"{text}, which is a failure: {found}" for text, found in MISSED.items())
    told.stdout.fnmatch_lines([f"E *RequirementMissed: thresholds: {'; '.join(said)}"])


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        pytest.param(
            name,
            condition,
            marks=on(
                name,
                f'abort: "{condition}"',
                "/status/503",
                test=REPORT,
                duration=1200,
                processes=processes,
            ),
        )
        for name, condition, processes in (
            ("lasted", "error_rate > 50% for 2s", 3),
            ("counted", "5xx > 30", 1),
        )
    ],
)
def test_an_abort_ends_the_run_at_once(told: Told, name: str, condition: str) -> None:
    """FAILED with the reason, not INVALID; the figures are of what ran."""
    told.assert_outcomes(failed=1)
    told.stdout.fnmatch_lines(
        [f"E *RequirementMissed: thresholds: {condition}, which is a failure: the run was*"]
    )
    told.session.fnmatch_lines(
        [
            f"toy * {name} * FAILED",
            f"toy, {name}: ended after *s: {condition}: so it was from * to *",
        ]
    )
    noted = facts(told, name)
    assert noted["seconds"] < 60
    assert 1.5 < noted["at"] / SCALE < 10
    assert noted["wall"] - noted["at"] < 3
    assert noted["invalid"] == []
    assert noted["launched"] == noted["ended"] + noted["pending"]
    assert noted["launched"] == pytest.approx(40 * (noted["at"] / SCALE - 1), abs=40)
    # What was sent before the generator heard of it counts: up to then it is the run.
    assert noted["last"] - noted["at"] < 0.1
    assert noted["duration"] == pytest.approx(max(noted["at"], noted["last"]) - SCALE)
    assert noted["phases"] == ["warm up", "plateau"]
    assert all(one != "None" for one in noted["spells"]), "afterwards it is judged the same"


@on("stuck", 'abort: "pending > 20 for 2s"', "/sleep/30", test=REPORT, duration=300)
def test_what_is_pending_at_an_abort_is_recorded_as_pending(told: Told) -> None:
    """Requests that nobody has answered yet are no errors; a time scale changes the times."""
    told.assert_outcomes(failed=1)
    noted = facts(told, "stuck")
    assert 0.75 < noted["at"] < 5
    assert noted["launched"] >= 20 - 10
    assert noted["pending"] == noted["launched"] + 10, "with those of the warm-up"
    assert noted["spells"] != ["None"]


@on(
    "stopped",
    'abort: "5xx > 10"',
    "/status/503",
    test=REPORT,
    more='assert perf_run.phase("later").launched == 5',
    duration=300,
    among_others=True,
)
def test_a_test_that_stumbles_over_a_stopped_run_says_why_it_was(told: Told) -> None:
    """Its own error is told as well."""
    told.assert_outcomes(failed=1)
    told.stdout.fnmatch_lines(
        [
            "E *NoData: phase 'later' never came: the run was ended before",
            "E *RequirementMissed: thresholds: 5xx > 10, which is a failure: *",
        ]
    )
