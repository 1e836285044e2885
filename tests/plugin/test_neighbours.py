"""Programs of others on the service's CPU: nothing is concluded from what they disturbed."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest
from inner import inner

if TYPE_CHECKING:
    from inner import Told
    from project import Project

pytestmark = [
    pytest.mark.timed,
    pytest.mark.skipif(
        len(os.sched_getaffinity(0)) < 2, reason="the service must have a CPU of its own"
    ),
]

SERVICE = """
endpoint: app
ready: /
limits: {{cpus: 1}}
process:
  app: {{command: "python {folder}/server.py {{port}} {folder}/starts.txt"}}
"""
# The CPU is looked at in windows of half a second: so long, at least, are the phase that must be
# clean and the one that is disturbed, and others begin half a second after the one and before the
# other.
SCENARIO = """
config:
  phases:
    - {{name: quiet, duration: {each}, arrivalRate: {rate}}}
    - {{name: between, duration: {each}, arrivalRate: {rate}}}
    - {{name: beside others, duration: {each}, arrivalRate: {rate}}}
scenarios:
  - flow: [{{get: {{url: /burn/0.005}}}}]
"""
# It waits for the first request, and begins in the phase between.
LOOP = """
import pathlib, sys, time
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.02)
time.sleep(1.5)
end = time.monotonic() + 2.5
while time.monotonic() < end:
    pass
"""
ASKING = """
    def test_quiet(perf_run):
        assert perf_run.phase("quiet").latency.p50 < "1s"

    def test_beside_others(perf_run):
        assert perf_run.phase("beside others").latency.p50 < "1s"

    def test_slow_beside_others(perf_run):
        assert perf_run.phase("beside others").latency.p50 < "1us"

    def test_all(perf_run):
        assert perf_run.errors.total == 0

    def test_load(perf_run):
        assert perf_run.launched == 120
"""
BESIDE = """
    import os, subprocess, sys

    pytestmark = pytest.mark.perfqa(scenario="steady.yaml")

    @pytest.fixture(scope="module", autouse=True)
    def others():
        cpu = str(max(os.sched_getaffinity(0)))
        first = "services/toy/burning"
        loop = subprocess.Popen(["taskset", "-c", cpu, sys.executable, "loop.py", first])
        yield
        loop.kill()
        loop.wait()
"""


def test_what_others_disturbed_is_invalid_whatever_came_out(project: Project) -> None:
    """With who, how much and when; what is asserted on clean stretches and on the load stands."""
    project.service(text=SERVICE)
    (project.path / "steady.yaml").write_text(SCENARIO.format(each=1, rate=40))
    (project.path / "loop.py").write_text(LOOP)
    project.test(BESIDE + ASKING)
    once = "--perfqa-invalid=error"
    result = project.run("-v", once, "--perfqa-report=report", "--junitxml=junit.xml")
    result.stdout.fnmatch_lines(
        [
            "*test_quiet?toy? PASSED*",
            "*test_beside_others?toy? INVALID*",
            "*test_slow_beside_others?toy? INVALID*",
            "*test_all?toy? INVALID*",
            "*test_load?toy? PASSED*",
        ]
    )
    said = r"from [12]\.\d s to [34]\.\d s of the run others took [\d.]+ s of its CPUs in [\d.]+ s"
    who = r"\(python\S* loop\.py \(pid \d+\): [\d.]+ s"
    result.stdout.re_match_lines(
        [
            rf"E .*INVALID: phase 'beside others': {said} {who}.*and its threads waited .* s.*",
            rf"toy, steady: {said} {who}.*",
        ]
    )
    result.assert_outcomes(passed=2, errors=3)
    (told,) = _record(project)["measured"]["disturbances"]
    assert 1 <= told["start"] <= 2
    assert told["who"][0].endswith(")")
    assert told["how"] == "CPU"
    error = ET.parse(project.path / "junit.xml").find(".//error")  # noqa: S314
    assert error is not None
    assert "others took" in error.get("message", "")


@inner(
    f"""
    pytestmark = pytest.mark.perfqa(services=["alone"], scenario="undisturbed.yaml")
    {ASKING}
    """,
    {"undisturbed.yaml": SCENARIO.format(each=0.5, rate=80)},
    services={"alone": SERVICE},
)
def test_without_them_all_is_judged(told: Told) -> None:
    """The same tests on the same service: the slow one is what it is."""
    told.assert_outcomes(passed=4, failed=1)
    assert told.verdicts()["test_slow_beside_others[alone]"] == "FAILED"
    told.stdout.no_fnmatch_line("*others took*")
    told.session.no_fnmatch_line("alone, undisturbed: *others took*")


def _record(project: Project) -> Any:
    (file,) = (project.path / "report").rglob("result.json")
    return json.loads(file.read_text())
