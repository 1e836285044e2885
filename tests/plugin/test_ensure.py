"""Requirements in the scenario file (Artillery's ensure) are part of the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from inner import inner

if TYPE_CHECKING:
    from inner import Told
    from project import Project

SCENARIO = """
config:
  phases: [{{duration: {duration}, arrivalRate: 200}}]
  ensure:
    {ensure}
scenarios: [{{flow: [{{get: {{url: "{url}"}}}}]}}]
"""
TEST = """
    @pytest.mark.perfqa(scenario="{name}.yaml")
    def test_it(perf_run): pass
"""


def on(name: str, ensure: str, url: str = "/") -> pytest.MarkDecorator:
    """Have an empty test run on a scenario with a requirement."""
    text = SCENARIO.format(ensure=ensure, url=url, duration=0.25)
    return inner(TEST.format(name=name), {f"{name}.yaml": text}, among_others=True)


MET = """thresholds: [{http.response_time.p95: 2000}, {http.codes.503: 1}]
    conditions:
      - {expression: 'http.codes.200 == 100 and vusers.failed < 1'}
      - {expression: 'http.codes.200 == 0', strict: false}
    maxErrorRate: 0
    p95: 1999"""
ASKING = """
    from pytest_perfqa.result.requirements import judge

    @pytest.mark.perfqa(scenario="met.yaml")
    def test_it(perf_run):
        found = {{one.text: one.met for one in judge(perf_run)}}
        assert found["{text}"] is {met}
"""


def on_met(text: str, *, met: bool = True) -> pytest.MarkDecorator:
    """Have a test look at one of several requirements of a scenario, and need them all."""
    files = {"met.yaml": SCENARIO.format(ensure=MET, url="/", duration=0.5)}
    return inner(ASKING.format(text=text, met=met), files, among_others=True)


@pytest.mark.parametrize(
    (),
    [
        pytest.param(marks=on_met("http.response_time.p95 < 2000"), id="threshold_of_times"),
        pytest.param(marks=on_met("http.codes.503 < 1"), id="threshold_of_codes"),
        pytest.param(marks=on_met("http.codes.200 == 100 and vusers.failed < 1"), id="expression"),
        pytest.param(marks=on_met("http.codes.200 == 0", met=False), id="not_strict"),
        pytest.param(marks=on_met("maxErrorRate 0 %"), id="maxErrorRate"),
        pytest.param(marks=on_met("http.response_time.p95 < 1999"), id="p95"),
    ],
)
def test_requirements_that_are_met(told: Told) -> None:
    """Nothing is said; one that isn't strict doesn't count."""
    told.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(said, marks=on(name, ensure, url), id=name)
        for name, ensure, url, said in (
            ("codes", "thresholds: [{http.codes.503: 1}]", "/status/503", "http.codes.503 = 50"),
            (
                "times",
                "thresholds: [{http.response_time.min: 50}]",
                "/sleep/0.1",
                "http.response_time.min = [1-9]??",
            ),
            (
                "count",
                "conditions: [{expression: 'http.codes.200 > 50'}]",
                "/",
                "http.codes.200 = 50",
            ),
            (
                "rate",
                "conditions: [{expression: 'http.request_rate > 240'}]",
                "/",
                "http.request_rate = 200",
            ),
        )
    ],
)
def test_a_requirement_that_is_missed_fails_the_test(told: Told, said: str) -> None:
    """The test's own assertions hold, yet it fails, with what was found and no inner workings."""
    told.stdout.no_fnmatch_line("*contextlib*")
    told.assert_outcomes(failed=1)
    told.stdout.fnmatch_lines([f"E *RequirementMissed: ensure: *found {said}*"])


HALF = """
config:
  phases: [{duration: 0.25, arrivalRate: 160}]
  ensure: {maxErrorRate: 20}
scenarios:
  - {weight: 1, flow: [{get: {url: /, expect: {statusCode: 404}}}]}
  - {weight: 1, flow: [{get: {url: /}}]}
"""


@inner(TEST.format(name="half_failed"), {"half_failed.yaml": HALF}, among_others=True)
def test_failed_users_count_in_the_error_rate(told: Told) -> None:
    """maxErrorRate is the share of virtual users that failed, in percent."""
    told.assert_outcomes(failed=1)
    told.stdout.fnmatch_lines(["E *ensure: maxErrorRate 20 %: found * % of virtual users failed"])


@on("percentile", "thresholds: [{http.response_time.p99: 2000}]")
def test_a_percentile_without_samples_is_inconclusive(told: Told) -> None:
    """p99 of 50 answers can't be told, neither met nor missed."""
    told.assert_outcomes(failed=1)
    told.stdout.fnmatch_lines(["*INCONCLUSIVE: http.response_time.p99 < 2000: *299 samples*"])


@pytest.mark.usefixtures("without_locust")
def test_an_unknown_metric_is_a_mistake_of_the_file(project: Project) -> None:
    """It is told before anything starts; errors have names that are known, too."""
    ensure = "thresholds: [{http.response_time.p42: 1}, {errors.ECHEESE: 1}]"
    project.service()
    (project.path / "strict.yaml").write_text(
        SCENARIO.format(ensure=ensure, url="/", duration=0.25)
    )
    project.test(TEST.format(name="strict"))
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.str().count("strict.yaml:5:") == 2
