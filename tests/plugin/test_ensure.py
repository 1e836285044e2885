"""Requirements in the scenario file (Artillery's ensure) are part of the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

SCENARIO = """
config:
  phases: [{{duration: 2, arrivalRate: 50}}]
  ensure:
    {ensure}
scenarios: [{{flow: [{{get: {{url: "{url}"}}}}]}}]
"""
TEST = """
    @pytest.mark.perfqa(scenario="strict.yaml")
    def test_it(perf_run): pass
"""


def run(project: Project, ensure: str, url: str = "/") -> pytest.RunResult:
    """Run an empty test on a scenario with a requirement."""
    (project.path / "strict.yaml").write_text(SCENARIO.format(ensure=ensure, url=url))
    project.test(TEST)
    return project.run()


@pytest.mark.parametrize(
    "ensure",
    [
        "thresholds: [{http.response_time.p95: 2000}, {http.codes.503: 1}]",
        "conditions: [{expression: 'http.codes.200 == 100 and vusers.failed < 1'}]",
        "conditions: [{expression: 'http.codes.200 == 0', strict: false}]",
        "maxErrorRate: 0",
        "p95: 2000",
    ],
)
def test_requirements_that_are_met(toy: Project, ensure: str) -> None:
    """Nothing is said; one that isn't strict doesn't count."""
    run(toy, ensure).assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("ensure", "url", "said"),
    [
        ("thresholds: [{http.codes.503: 1}]", "/status/503", "http.codes.503 = 100"),
        ("thresholds: [{http.response_time.min: 50}]", "/sleep/0.1", "http.response_time.min = 1"),
        ("conditions: [{expression: 'http.codes.200 > 100'}]", "/", "http.codes.200 = 100"),
        ("conditions: [{expression: 'http.request_rate > 60'}]", "/", "http.request_rate = 50"),
    ],
)
def test_a_requirement_that_is_missed_fails_the_test(
    toy: Project, ensure: str, url: str, said: str
) -> None:
    """The test's own assertions hold, yet it fails, with what was found and no inner workings."""
    result = run(toy, ensure, url)
    result.stdout.no_fnmatch_line("*contextlib*")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"E *RequirementMissed: ensure: *found {said}*"])


def test_failed_users_count_in_the_error_rate(toy: Project) -> None:
    """maxErrorRate is the share of virtual users that failed, in percent."""
    (toy.path / "strict.yaml").write_text("""
config:
  phases: [{duration: 1, arrivalRate: 40}]
  ensure: {maxErrorRate: 20}
scenarios:
  - {weight: 1, flow: [{get: {url: /, expect: {statusCode: 404}}}]}
  - {weight: 1, flow: [{get: {url: /}}]}
""")
    toy.test(TEST)
    result = toy.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *ensure: maxErrorRate 20 %: found * % of virtual users failed"])


def test_a_percentile_without_samples_is_inconclusive(toy: Project) -> None:
    """p99 of 100 answers can't be told, neither met nor missed."""
    result = run(toy, "thresholds: [{http.response_time.p99: 2000}]")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*INCONCLUSIVE: http.response_time.p99 < 2000: *299 samples*"])


def test_an_unknown_metric_is_a_mistake_of_the_file(toy: Project) -> None:
    """It is told before anything starts; errors have names that are known, too."""
    result = run(toy, "thresholds: [{http.response_time.p42: 1}, {errors.ECHEESE: 1}]")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.str().count("strict.yaml:5:") == 2
