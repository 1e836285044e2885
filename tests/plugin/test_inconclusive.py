"""What becomes of tests that can't tell: --perfqa-inconclusive=fail|pass|remeasure."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

if TYPE_CHECKING:
    from project import Project

MARK = '@pytest.mark.perfqa(scenario="steady.yaml")'
# 20 requests a run: 29 bound a p90, 59 a p95, 299 a p99.
ASKS = f"""
    {MARK}
    def test_p(perf_run):
        print("asked", perf_run.latency.count, perf_run.launched)
        assert perf_run.latency.sample_percentile(95) < "10s"
        perf_run.phase("steady").endpoint("GET /").latency.percentile(%s)
"""


@pytest.fixture
def toy(toy: Project, without_load: None) -> Project:  # noqa: ARG001
    """A project whose runs are made of numbers: the same becomes of them."""
    toy.scenario(duration=0.25, rate=80)
    return toy


def test_pass_is_an_outcome_of_its_own(toy: Project) -> None:
    """Neither passed nor failed; the reason is told, and JUnit has it as skipped."""
    toy.test(ASKS % 99)
    result = toy.run("-v", "--junitxml=junit.xml", "--perfqa-inconclusive=pass")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(
        [
            "*test_p?toy? INCONCLUSIVE*",
            "toy * INCONCLUSIVE",
            "test_it.py::test_p?toy?: INCONCLUSIVE: p99 of latency * needs at least 299 samples*",
            "=* 1 inconclusive in *=",
        ]
    )
    skipped = ET.parse(toy.path / "junit.xml").find(".//skipped")  # noqa: S314
    assert skipped is not None
    assert skipped.get("message", "").startswith("INCONCLUSIVE: p99 of latency of GET /")


def test_a_failure_is_one_whatever_the_mode(toy: Project) -> None:
    """Only what can't be told is passed over, and no failure is measured again."""
    toy.test(f"""
        {MARK}
        def test_bad(perf_run):
            assert perf_run.status["5xx"] > 0
    """)
    for mode in ("pass", "remeasure"):
        result = toy.run(f"--perfqa-inconclusive={mode}")
        assert result.ret == pytest.ExitCode.TESTS_FAILED
        result.assert_outcomes(failed=1)
    assert "again" not in result.stdout.str()


@pytest.mark.parametrize(
    ("percent", "runs", "passes"), [(90, 2, True), (95, 3, True), (99, 3, False)]
)
def test_remeasure_pools_the_samples_of_up_to_three_runs(
    toy: Project, percent: int, runs: int, passes: bool
) -> None:
    """Times are pooled, on slices too; counts stay those of one run. Then it is as it is."""
    (toy.path / "pytest.ini").write_text("[pytest]\nperfqa_inconclusive = remeasure\n")
    if percent == 90:  # once with a load
        (toy.path / "conftest.py").unlink()
    toy.test(ASKS % percent)
    result = toy.run("-v", "-s", "-p", "among_others")
    said = result.stdout.str()
    assert [f"asked {20 * number} 20" in said for number in (1, 2, 3, 4)] == [
        number <= runs for number in (1, 2, 3, 4)
    ]
    assert said.count("perfqa: measuring steady on toy again: INCONCLUSIVE: p") == runs - 1
    assert f"steady on toy: latency and response are of {runs} runs" in said
    if passes:
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines(["toy *steady* 20 * PASSED"])
    else:
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines(["*has 60", "toy *steady* 20 * INCONCLUSIVE"])


def test_what_does_not_pool_is_measured_again_once(toy: Project) -> None:
    """The new run decides alone, for requirements of the scenario file as well."""
    toy.test(f"""
        from pytest_perfqa import Inconclusive

        asked = []

        {MARK}
        def test_it(perf_run):
            asked.append(perf_run)
            raise Inconclusive("nobody knows")

        def test_runs():
            assert len(asked) == 2
            assert asked[0] is not asked[1]
    """)
    result = toy.run("--perfqa-inconclusive=remeasure")
    result.assert_outcomes(failed=1, passed=1)


def test_a_mode_that_there_is_not(toy: Project) -> None:
    """It is a usage error."""
    toy.test(ASKS % 99)
    result = toy.run("--perfqa-inconclusive=maybe")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*found 'maybe'; accepted: fail, pass, remeasure"])
