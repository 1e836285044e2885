"""Programs of others on the service's CPU: nothing is concluded from what they disturbed."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

if TYPE_CHECKING:
    from conftest import Project

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
SCENARIO = """
config:
  phases:
    - {name: quiet, duration: 3, arrivalRate: 40}
    - {name: between, duration: 1, arrivalRate: 40}
    - {name: beside others, duration: 2, arrivalRate: 40}
scenarios:
  - flow: [{get: {url: /burn/0.005}}]
"""
# It waits for the first request, and begins in the phase between.
LOOP = """
import pathlib, sys, time
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.02)
time.sleep(3.5)
end = time.monotonic() + 4
while time.monotonic() < end:
    pass
"""


@pytest.fixture
def shared(project: Project) -> Project:
    """A service on the last CPU, and tests of a run beside a loop, if it is asked for."""
    project.service(text=SERVICE)
    (project.path / "steady.yaml").write_text(SCENARIO)
    (project.path / "loop.py").write_text(LOOP)
    project.test("""
        import os, subprocess, sys

        pytestmark = pytest.mark.perfqa(scenario="steady.yaml")

        @pytest.fixture(scope="module", autouse=True)
        def others():
            if "BESIDE" not in os.environ:
                yield
                return
            cpu = str(max(os.sched_getaffinity(0)))
            first = "services/toy/burning"
            loop = subprocess.Popen(["taskset", "-c", cpu, sys.executable, "loop.py", first])
            yield
            loop.kill()
            loop.wait()

        def test_quiet(perf_run):
            assert perf_run.phase("quiet").latency.p50 < "1s"

        def test_beside_others(perf_run):
            assert perf_run.phase("beside others").latency.p50 < "1s"

        def test_slow_beside_others(perf_run):
            assert perf_run.phase("beside others").latency.p50 < "1us"

        def test_all(perf_run):
            assert perf_run.errors.total == 0

        def test_load(perf_run):
            assert perf_run.launched == 240
    """)
    return project


def test_what_others_disturbed_is_invalid_whatever_came_out(
    shared: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With who, how much and when; what is asserted on clean stretches and on the load stands."""
    monkeypatch.setenv("BESIDE", "1")
    once = "--perfqa-invalid=error"
    result = shared.run("-v", once, "--perfqa-report=report", "--junitxml=junit.xml")
    result.stdout.fnmatch_lines(
        [
            "*test_quiet?toy? PASSED*",
            "*test_beside_others?toy? INVALID*",
            "*test_slow_beside_others?toy? INVALID*",
            "*test_all?toy? INVALID*",
            "*test_load?toy? PASSED*",
        ]
    )
    said = r"from [34]\.\d s to [67]\.\d s of the run others took [\d.]+ s of its CPUs in [\d.]+ s"
    who = r"\(python\S* loop\.py \(pid \d+\): [\d.]+ s"
    result.stdout.re_match_lines(
        [
            rf"E .*INVALID: phase 'beside others': {said} {who}.*and its threads waited .* s.*",
            rf"toy, steady: {said} {who}.*",
        ]
    )
    result.assert_outcomes(passed=2, errors=3)
    (told,) = _record(shared)["measured"]["disturbances"]
    assert 3 <= told["start"] <= 4
    assert told["who"][0].endswith(")")
    assert told["how"] == "CPU"
    error = ET.parse(shared.path / "junit.xml").find(".//error")  # noqa: S314
    assert error is not None
    assert "others took" in error.get("message", "")


def test_without_them_all_is_judged(shared: Project) -> None:
    """The same tests on the same service: the slow one is what it is."""
    result = shared.run("-v")
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(["*test_slow_beside_others?toy? FAILED*"])
    result.stdout.no_fnmatch_line("*others took*")


def _record(project: Project) -> Any:
    (file,) = (project.path / "report").rglob("result.json")
    return json.loads(file.read_text())
