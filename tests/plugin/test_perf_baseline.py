"""perf_baseline: base against head, as tests, options and outputs have it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from toy_project import SERVICE

if TYPE_CHECKING:
    from project import Project

GATE = """
    @pytest.mark.perfqa(services=["toy"], scenario="steady.yaml")
    def test_gate(perf_baseline):
        perf_baseline.check("latency.p50", "error_rate")
"""
BROKEN = """
endpoint: app
ready: /
process: {{app: {{command: "python -c 'raise SystemExit(3)'"}}}}
"""


@pytest.mark.usefixtures("without_load")
def test_without_a_base_it_is_skipped(toy: Project) -> None:
    """With the reason; the service isn't started for it."""
    toy.scenario()
    toy.test(GATE)
    result = toy.run("-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*perfqa: nothing to compare with; *--perfqa-against=*"])
    assert toy.starts() == 0


@pytest.mark.usefixtures("without_locust")
def test_what_would_be_compared_is_said_when_tests_are_only_collected(toy: Project) -> None:
    """With what, and for how long at most; nothing starts."""
    toy.scenario()
    toy.test(GATE)
    result = toy.run("--collect-only", "--perfqa-against=service:toy", "--perfqa-budget=90")
    result.stdout.fnmatch_lines(
        ["perfqa: *1 comparison with base (service:toy) of 1 min 30 s at most*"]
    )
    assert toy.starts() == 0


@pytest.mark.usefixtures("without_load")
def test_base_and_head_are_up_side_by_side(toy: Project) -> None:
    """Each is started once for all tests; the summary and JUnit files have what was checked."""
    toy.service("twin")
    toy.scenario(duration=3, rate=400)
    (toy.path / "pytest.ini").write_text("[pytest]\nperfqa_budget = 100 min\n")
    toy.test(
        GATE
        + """
    @pytest.mark.perfqa(services=["toy"], scenario="steady.yaml")
    def test_others(perf_baseline, perf_service):
        assert perf_baseline.ratio("latency.mean") == 1
        assert {one.service for one in perf_baseline.head} == {"toy"} == {perf_service.name}
        assert {one.service for one in perf_baseline.base} == {"toy (base)"}
        assert len(perf_baseline.pairs) >= 10
    """
    )
    result = toy.run(
        *("--perfqa-against=service:twin", "--junitxml=junit.xml"),
        *("--perfqa-report=report", "--perfqa-keep=kept"),
    )
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            "perfqa: *1 comparison with base (service:twin) of 100 min at most*",
            "service *scenario *check *head *base *change *pairs *verdict",
            "toy *steady *latency.p50 *100 ms *100 ms *+0.0 % * PASSED",
            "toy *steady *error_rate * PASSED",
            "toy, steady: head against base (service:twin), * pairs in *",
        ]
    )
    assert toy.starts("toy") == toy.starts("twin") == 1
    told = {
        one.get("name"): one.get("value")
        for one in ET.parse(toy.path / "junit.xml").iterfind(".//testcase[1]//property")  # noqa: S314
    }
    assert told["perfqa_verdict"] == "PASSED"
    assert told["perfqa_check1_metric"] == "latency.p50"
    assert told["perfqa_check2_verdict"] == "PASSED"


@pytest.mark.usefixtures("without_load")
@pytest.mark.parametrize("side", ["base", "head"])
def test_a_side_that_cant_be_started_is_named(toy: Project, side: str) -> None:
    """An error, neither a failure of the other side nor a skip."""
    toy.service("broken", BROKEN)
    toy.scenario()
    head, base = ("broken", "toy") if side == "head" else ("toy", "broken")
    toy.test(GATE.replace("toy", head))
    result = toy.run(f"--perfqa-against=service:{base}")
    result.assert_outcomes(errors=1)
    label = "base (service:broken)" if side == "base" else "head"
    result.stdout.re_match_lines_random(
        [rf"E .*Error: {label.replace('(', '.').replace(')', '.')}: "]
    )


@pytest.mark.usefixtures("without_locust")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--perfqa-against=git:nowhere"], "--perfqa-against: found 'git:nowhere'; "),
        (["--perfqa-against=nowhere"], "--perfqa-against: found 'nowhere'; no folder"),
        (["--perfqa-against=service:tyo"], "there is no service 'tyo'"),
        (["--perfqa-against=saved:main"], "saved results can't be compared with yet"),
        (["--perfqa-budget=soon"], "--perfqa-budget: found 'soon'; accepted: a time above 0"),
        (["--perfqa-budget=5/s"], "--perfqa-budget: found '5/s'; accepted: a time above 0"),
        (["--perfqa-against=other"], "base (other): there is no service 'toy'; it has: twin"),
        (["--perfqa-against=wrong"], "base (wrong): "),
    ],
)
def test_a_mistake_is_told_before_anything_starts(
    toy: Project, arguments: list[str], said: str
) -> None:
    """Exit code 4, what was found and what is accepted."""
    toy.scenario()
    toy.test(GATE)
    other = toy.path / "other" / "services" / "twin"
    other.mkdir(parents=True)
    (other / "service.yaml").write_text(SERVICE.format(folder=other))
    wrong = toy.path / "wrong" / "services" / "toy"
    wrong.mkdir(parents=True)
    (wrong / "service.yaml").write_text("endpont: x\n")
    result = toy.run(*arguments)
    assert said in result.stderr.str() + result.stdout.str()
    assert toy.starts() == 0
    assert result.ret == pytest.ExitCode.USAGE_ERROR


PREPARED = """
prepare:
  - >-
    python -c "import os; print(os.getcwd(), file=open('{folder}/prepared.txt', 'a'))"
"""


@pytest.mark.usefixtures("without_load")
def test_a_base_of_another_commit(toy: Project) -> None:
    """It is prepared once, and started from the files of that commit, which go with the session."""
    toy.scenario(duration=3, rate=400)
    toy.test(GATE)
    service = toy.path / "services" / "toy"
    head = (service / "service.yaml").read_text()
    (service / "service.yaml").write_text(head + PREPARED.format(folder=service))
    git = ("git", "-c", "user.name=x", "-c", "user.email=x@x")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "before"], ["tag", "before"]):
        subprocess.run([*git, *words], cwd=toy.path, check=True)
    (service / "service.yaml").write_text(head)
    known = sorted(path for path in (toy.path / ".git").rglob("*") if path.name != "index")
    result = toy.run("--perfqa-against=git:before")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["toy, steady: head against base (git:before), *"])
    (folder,) = (service / "prepared.txt").read_text().splitlines()
    assert folder.endswith("/services/toy")
    assert Path(folder) != service
    assert not Path(folder).parents[1].exists()
    assert toy.starts() == 2
    assert known == sorted(p for p in (toy.path / ".git").rglob("*") if p.name != "index")


def nap(seconds: float) -> str:
    """Give a service that says how long it sleeps, if asked to."""
    return f"{SERVICE}env: {{{{NAP_SECONDS: '{seconds}'}}}}\n"


TWO = """
config:
  phases: [{duration: 0.1, arrivalRate: 250}]
scenarios: [{flow: [{get: {url: /, name: home}}, {get: {url: /sleep/NAP_SECONDS, name: nap}}]}]
"""


def told_of(project: Project, seconds: float, check: str) -> pytest.RunResult:
    """Compare a service that sleeps so long with one that sleeps for 20 ms."""
    project.service("base", nap(0.02))
    project.service("toy", nap(seconds))
    (project.path / "two.yaml").write_text(TWO)
    project.test(f"""
        @pytest.mark.perfqa(services=["toy"], scenario="two.yaml")
        def test_gate(perf_baseline):
            perf_baseline.check({check})
    """)
    return project.run("--perfqa-against=service:base", "--perfqa-budget=50s")


@pytest.mark.timed
def test_two_real_services_that_are_alike_pass(project: Project) -> None:
    """Two processes each, on the same CPUs."""
    result = told_of(project, 0.02, "'latency.p50', within='20%', endpoint='nap'")
    result.assert_outcomes(passed=1)


@pytest.mark.timed
def test_a_real_service_that_takes_half_as_long_again_fails(project: Project) -> None:
    """The endpoint is named that does."""
    result = told_of(project, 0.03, "'latency.mean', within='20%'")
    result.assert_outcomes(failed=1)
    result.stdout.re_match_lines_random(
        [
            r"E .*latency\.mean of nap: 3\d.* ms, was 2\d.* ms: \+[345]\d\..* %\), 1[3-9] pairs in",
            r"E .*noise of this machine, from pair to pair: ",
        ]
    )
