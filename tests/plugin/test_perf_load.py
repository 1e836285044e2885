"""perf_load: scenarios with parameters of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from inner import QUARTER, inner
from toy_project import steady

if TYPE_CHECKING:
    from inner import Told
    from project import Project


VARIED = """
config:
  phases:
    - {name: ramp, duration: 0.25, arrivalRate: 0, rampTo: 80}
    - {name: plateau, duration: 0.25, arrivalRate: 80}
  variables: {path: [sleep/0, status/404]}
  environments:
    short: {phases: [{duration: 0.125}, {duration: 0.125}]}
scenarios: [{flow: [{get: {url: "/{{ path }}", name: it}}]}]
"""


@inner(
    """
    pytestmark = pytest.mark.perfqa(
        services=["toy"], scenario="varied.yaml", errors="expected"
    )

    def test_same(perf_load, perf_run):
        assert perf_load() is perf_run is perf_load("varied.yaml")
        assert perf_run.launched == 30
        assert {200, 404} == set(perf_run.status)

    def test_others(perf_load):
        faster = perf_load(rate="160/s", duration="0.25s", variables={"path": "status/503"})
        assert faster.launched == 10 + 20
        assert faster.status[503] == 30
        assert faster.phase("plateau").duration == 0.125
        assert faster is perf_load(rate="160/s", duration="0.25s", variables={"path": "status/503"})
        short = perf_load(environment="short", rate=120)
        assert short.launched == 7 + 15
    """,
    {"varied.yaml": VARIED},
    among_others=True,
)
def test_other_parameters_are_other_runs(told: Told) -> None:
    """Each is a line of the summary; equal parameters share a run, with perf_run, too."""
    told.assert_outcomes(passed=2)
    told.session.re_match_lines_random(
        [
            r"toy +varied +30 +30 .*PASSED",
            r"toy +varied\[rate=160/s, duration=0\.25s, path='status/503'\] +30 +30 +30 .* PASSED",
            r"toy +varied\[environment=short, rate=120\] +22 +22 .* PASSED",
        ]
    )


BOTH = """
config:
  environments:
    few: {phases: [{duration: 0.25, arrivalRate: 20}]}
    many: {phases: [{duration: 0.25, arrivalRate: 100}]}
scenarios: [{flow: [{get: {url: /}}]}]
"""


@inner(
    """
    @pytest.mark.perfqa(scenario="both.yaml", environment="few")
    def test_few(perf_run):
        assert perf_run.launched == 5

    @pytest.mark.perfqa(scenario="both.yaml", environment="many")
    def test_many(perf_run):
        assert perf_run.launched == 25
    """,
    {"both.yaml": BOTH},
    among_others=True,
)
def test_environments_of_one_file_are_runs_of_their_own(told: Told) -> None:
    """A test in another environment doesn't get the first one's result."""
    told.assert_outcomes(passed=2)
    told.session.re_match_lines_random(
        [r"toy +both\[environment=few\] +5 ", r"toy +both\[environment=many\] +25 "]
    )


@inner(
    """
    def test_both(perf_load):
        for run in (
            perf_load("required.yaml", rate="40/s", duration="1s"),
            perf_load("required.yaml", rate=160.0, duration=0.25),
        ):
            assert run.launched == 40
            assert run.duration == 0.25

    def test_held(perf_load):
        perf_load("required.yaml", rate="60/s")
    """,
    {
        "required.yaml": steady(duration=1, rate=20).replace(
            "config:", "config:\n  perfqa: {thresholds: 2xx > 50}"
        )
    },
    arguments=QUARTER,
    among_others=True,
)
def test_numbers_are_as_in_the_run_and_texts_as_at_full_scale(told: Told) -> None:
    """As everywhere in tests; the file's requirements count for these runs, too."""
    told.assert_outcomes(passed=1, failed=1)
    told.stdout.fnmatch_lines(["*2xx > 50, which is a failure: status.2xx = 60, limit 50"])


@pytest.mark.usefixtures("without_locust")
def test_mistakes_come_before_any_load(toy: Project) -> None:
    """All of a call at once, and those of the marker's file before anything starts."""
    toy.test("""
        @pytest.mark.parametrize("wrong", [
            dict(scenario="nosuch.yaml"), dict(), dict(scenario="steady.yaml", rate="fast"),
        ])
        def test_wrong(perf_load, wrong):
            perf_load(**wrong)
    """)
    result = toy.run()
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            "E *no such file; looked for *",
            "E *perf_load(): no scenario; accepted: perf_load('FILE.yaml'), or @pytest.mark.*",
            "E *perf_load(rate='fast'): accepted: a number above 0, or a text such as '5/s'",
        ]
    )
    assert "launched" not in result.stdout.str()
    (toy.path / "wrong.yaml").write_text("config: {}\n")
    toy.test("""
        @pytest.mark.perfqa(scenario="wrong.yaml")
        def test_wrong(perf_load): pass
    """)
    assert toy.run().ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.usefixtures("without_load")
def test_invalid_within_a_test_is_an_error(toy: Project) -> None:
    """In the terminal and in JUnit; a good run of the same test keeps its verdict."""
    toy.test("""
        from pytest_perfqa.measuring import runs

        def test_it(perf_load, monkeypatch):
            perf_load("steady.yaml")
            made = runs.run

            def spoiled(*arguments, **more):
                result = made(*arguments, **more)
                result.invalid = ("the moon was full",)
                return result

            monkeypatch.setattr(runs, "run", spoiled)
            perf_load("steady.yaml", rate="30/s")
    """)
    result = toy.run("-v", "--junitxml=junit.xml", "--perfqa-invalid=error")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "*test_it?toy? INVALID*",
            "*ERROR at call of test_it*",
            "toy * steady * UNTESTED",
            "toy * steady?rate=30/s? * INVALID",
        ]
    )
    tree = ET.parse(toy.path / "junit.xml")  # noqa: S314
    assert tree.find(".//failure") is None
    error = tree.find(".//error")
    assert error is not None
    assert "InvalidRun: INVALID: the moon was full" in error.get("message", "")
