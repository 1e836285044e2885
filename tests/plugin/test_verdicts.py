"""The four verdicts in the terminal, in JUnit and in the exit code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from inner import inner
from toy_project import SERVICE, steady

if TYPE_CHECKING:
    from inner import Told
    from project import Project

MARK = '@pytest.mark.perfqa(scenario="steady.yaml")'


@pytest.mark.usefixtures("without_load")
def test_a_line_per_run_in_the_summary(toy: Project) -> None:
    """Launched, completed, 5xx, p95 and the gravest verdict of its tests."""
    toy.service("twin")
    toy.test(f"""
        {MARK}
        def test_good(perf_run):
            assert perf_run.status["5xx"] == 0

        {MARK}
        def test_bad(perf_run):
            assert perf_run.service == "toy"
    """)
    result = toy.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.re_match_lines(
        [
            r"=+ perfqa =+",
            r"service +scenario +launched +completed +5xx +p95 +verdict",
            r"toy +steady +20 +20 +0 +100 ms +PASSED",
            r"twin +steady +20 +20 +0 +100 ms +FAILED",
        ]
    )


@pytest.mark.usefixtures("without_load")
def test_inconclusive_fails_and_says_what_would_settle_it(toy: Project) -> None:
    """p99 of 20 samples is no number."""
    toy.test(f"""
        {MARK}
        def test_it(perf_run):
            assert perf_run.latency.p99 < "10s"
    """)
    result = toy.run("-v", "--junitxml=junit.xml")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "*test_it?toy? INCONCLUSIVE*",
            "*INCONCLUSIVE: p99 of latency of the run needs at least 299 samples,*has 20",
            "toy * INCONCLUSIVE",
        ]
    )
    failure = ET.parse(toy.path / "junit.xml").find(".//failure")  # noqa: S314
    assert failure is not None
    assert "INCONCLUSIVE: p99 of latency of the run needs at least 299" in failure.get(
        "message", ""
    )


@pytest.mark.timed
def test_invalid_is_an_error_not_a_failure(toy: Project) -> None:
    """The generator is stopped for longer than a hundredth of the arrivals can stand."""
    toy.test("""
        import os, signal, threading, time
        import psutil

        def freeze():
            deadline = time.monotonic() + 20
            while not os.path.exists("services/toy/burning"):  # the first request
                assert time.monotonic() < deadline
                time.sleep(0.01)
            time.sleep(0.2)
            children = psutil.Process().children(recursive=True)
            (generator,) = (one for one in children if one.name() == "perfqa-load")
            generator.suspend()
            time.sleep(0.5)
            generator.resume()

        @pytest.fixture
        def freezer():
            threading.Thread(target=freeze, daemon=True).start()

        @pytest.mark.perfqa(scenario="long.yaml")
        def test_it(freezer, perf_run):
            assert perf_run.status["5xx"] == 0
    """)
    toy.scenario("long.yaml", duration=1, rate=200, url="/burn/0")
    result = toy.run("-v", "--junitxml=junit.xml", "--perfqa-invalid=error")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*test_it?toy? INVALID*", "*InvalidRun: INVALID: * of 200 arrivals were sent more than*"]
    )
    result.stdout.re_match_lines([r"toy +long +200 +200 +0 .* INVALID"])
    error = ET.parse(toy.path / "junit.xml").find(".//error")  # noqa: S314
    assert error is not None
    assert re.search(
        r"InvalidRun: INVALID: \d+ of 200 arrivals were sent", error.get("message", "")
    )


ASKING = """
    @pytest.mark.perfqa(scenario="steady.yaml")
    def test_it(perf_run):
        assert {assertion}
"""


def asking(assertion: str) -> pytest.MarkDecorator:
    """Have a test assert something on a run."""
    text = ASKING.format(assertion=assertion)
    return inner(text, {"steady.yaml": steady()}, among_others=True)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(said, marks=asking(assertion), id=assertion)
        for assertion, said in {
            "perf_run.phase('peak').launched == 20": "no phase 'peak'; there are: 'steady'",
            "perf_run.endpoint('GET /x').launched == 20": (
                "no endpoint 'GET /x'; there are: 'GET /'"
            ),
            "perf_run.status['6xx'] == 0": "'6xx' is no status",
            "perf_run.errors['cheese'] == 0": "'cheese' is no kind of error",
            "perf_run.replicas['app'] == 1": "no answer says which replica",
            "perf_run.latency.p50 < '5/s'": "'5/s' is not a quantity such as",
            "perf_run.between('5s', '9s').status['5xx'] == 0": "there is no status",
        }.items()
    ],
)
def test_a_question_about_nothing_is_never_a_pass(told: Told, said: str) -> None:
    """Unknown names and empty slices are errors that say what there is."""
    told.assert_outcomes(failed=1)
    told.stdout.fnmatch_lines([f"E *{said.replace('[', '[[]')}*"])


@inner(
    """
    @pytest.fixture
    def dead(perf_service):
        perf_service.kill("app")

    pytestmark = pytest.mark.perfqa(
        services=["dead"], scenario="refused.yaml", errors="expected"
    )

    def test_it(dead, perf_run):
        assert perf_run.errors["refused"] == 20

    def test_no_5xx(dead, perf_run):
        assert perf_run.status["5xx"] == 0
    """,
    {"refused.yaml": steady(duration=0.25, rate=80)},
    services={"dead": SERVICE},
    among_others=True,
)
def test_a_dead_service_has_no_zero_5xx(told: Told) -> None:
    """When no request is answered, "no 5xx" does not hold: there is no status at all."""
    told.assert_outcomes(passed=1, failed=1)
    told.stdout.fnmatch_lines(["E *NoData: not one of 20 requests was answered*"])


@asking("perf_run.launched == 0")
def test_the_service_log_stands_beside_a_failure(told: Told) -> None:
    """What the service printed, and the run's line, are sections of the failure."""
    told.stdout.fnmatch_lines(
        ["*perfqa run*", "toy *steady* 20 *", "*perfqa log of app, its end*", "*toy server on*"]
    )
