"""What a session leaves behind: the report, exports, and what a CI shows."""

from __future__ import annotations

import json
import os
import re
import signal
import socketserver
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from pytest_perfqa.report.kept import read_session
from pytest_perfqa.report.record.gathered import gather
from pytest_perfqa.report.record.schema import to_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from project import Project

TESTS = """
    @pytest.mark.perfqa(scenario="steady.yaml")
    def test_good(perf_run):
        assert perf_run.status["5xx"] == 0

    @pytest.mark.perfqa(scenario="steady.yaml")
    def test_bad(perf_run):
        assert perf_run.launched == 21, "</script> | `x`"
"""


class Receiver(socketserver.ThreadingTCPServer):
    """Takes what is sent to it, as Graphite does."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        self.lines: list[str] = []
        receiver = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                receiver.lines += [line.decode().rstrip("\n") for line in self.rfile]

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver on a free port."""
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def kept_records(directory: Path) -> list[dict[str, Any]]:
    """Give the records of the one session that was kept there, as its report would have them."""
    (folder,) = directory.iterdir()
    kept = read_session(folder)
    made = gather(kept.findings, kept.provenance.machine, kept.provenance.versions)
    return [json.loads(to_json(one)) for one in made.runs]


@pytest.mark.usefixtures("without_load")
@pytest.mark.parametrize("arguments", [(), ("-n2",)])
def test_everything_is_left_behind_when_tests_fail(
    toy: Project, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """Report, records, exports, JUnit properties, summary and annotations, also under xdist."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(toy.path / "summary.md"))
    (toy.path / "summary.md").write_text("before\n")
    toy.test(TESTS)
    port = receiver.server_address[1]
    result = toy.run(
        "--perfqa-report=out",
        "--perfqa-keep=kept",
        f"--perfqa-export=graphite:127.0.0.1:{port}/here, openmetrics:metrics.txt",
        "--junitxml=junit.xml",
        *arguments,
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*= perfqa =*",
            "toy *steady * 20 * FAILED",
            f"kept: {toy.path}/kept/*",
            f"report: {toy.path}/out/index.html",
            f"OpenMetrics: {toy.path}/metrics.txt",
            "::error file=test_it.py,line=*,title=FAILED%3A test_bad?toy?::*</script> | `x`*",
        ]
    )
    record = json.loads((toy.path / "out" / "steady-on-toy" / "result.json").read_text())
    assert record["verdict"] == "FAILED"
    assert sum(record["measured"]["windows"]["launched"]) == 20
    assert {test["name"]: test["verdict"] for test in record["tests"]} == {
        "test_it.py::test_good[toy]": "PASSED",
        "test_it.py::test_bad[toy]": "FAILED",
    }
    page = (toy.path / "out" / "steady-on-toy" / "index.html").read_text()
    assert "&lt;/script&gt;" in page
    assert kept_records(toy.path / "kept") == [record]
    for case in ET.parse(toy.path / "junit.xml").iter("testcase"):  # noqa: S314
        told = {one.get("name"): one.get("value") for one in case.iter("property")}
        assert told["perfqa_verdict"] == ("FAILED" if "bad" in str(case.get("name")) else "PASSED")
        assert told["perfqa_launched"] == "20"
        assert float(told["perfqa_latency_p95_seconds"] or "") > 0
    summary = (toy.path / "summary.md").read_text()
    assert summary.startswith("before\n### perfqa: 1 run, 0 passed\n")
    assert "| FAILED | toy | steady | 20 | 0 | 0 |" in summary
    assert (toy.path / "metrics.txt").read_text().endswith("# EOF\n")
    sent = [re.fullmatch(r"here\.toy\.steady\.(\S+) (\S+) (\d+)", one) for one in receiver.lines]
    assert all(sent)
    launched = {one[3]: float(one[2]) for one in sent if one and one[1] == "arrivals.launched"}
    assert sum(launched.values()) >= 20


@pytest.mark.usefixtures("without_load")
def test_properties_of_a_test_of_several_runs(toy: Project) -> None:
    """Each run has a number, the same run only one; a name is there once, and the user's stays."""
    toy.test("""
        @pytest.mark.perfqa(scenario="steady.yaml")
        def test_several(perf_run, perf_load, record_property):
            record_property("mine", 1)
            assert perf_load() is perf_run
            assert perf_load(rate="40/s") is not perf_run
            assert perf_load(rate="40/s").launched == 40

        @pytest.mark.perfqa(scenario="steady.yaml")
        def test_one(perf_load):
            assert perf_load().launched == 21
    """)
    toy.run("--junitxml=junit.xml").assert_outcomes(passed=1, failed=1)
    several, one = (
        [(str(found.get("name")), found.get("value")) for found in case.iter("property")]
        for case in ET.parse(toy.path / "junit.xml").iter("testcase")  # noqa: S314
    )
    told = dict(several)
    assert len(told) == len(several)
    assert (told["mine"], told["perfqa_verdict"], told["perfqa_service"]) == ("1", "PASSED", "toy")
    assert told["perfqa_run1_scenario"] == "steady"
    assert told["perfqa_run2_scenario"] == "steady[rate=40/s]"
    assert (told["perfqa_run1_launched"], told["perfqa_run2_launched"]) == ("20", "40")
    assert not [name for name in told if name.startswith(("perfqa_run3", "perfqa_launched"))]
    told = dict(one)
    assert len(told) == len(one)
    assert (told["perfqa_verdict"], told["perfqa_scenario"]) == ("FAILED", "steady")


@pytest.mark.usefixtures("without_locust")
@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--perfqa-report=test_it.py", "--perfqa-report: * is a file; accepted: a folder"),
        ("--perfqa-keep=test_it.py/x", "--perfqa-keep: * is a file; accepted: a folder"),
        ("--perfqa-save=../x", "--perfqa-save: found '../x'; accepted: letters, digits, *"),
        ("--perfqa-export=statsd:x", "--perfqa-export: found 'statsd:x'; accepted: graphite:*"),
        ("--perfqa-export=graphite:x:0", "--perfqa-export: found 'graphite:x:0'; accepted: *"),
    ],
)
def test_a_mistake_is_said_before_anything_starts(toy: Project, option: str, said: str) -> None:
    """A usage error, and no service was started."""
    toy.test(TESTS)
    result = toy.run(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {said}"])
    assert toy.starts() == 0


def test_without_the_extra_nothing_starts(toy: Project) -> None:
    """The command that helps is named."""
    toy.test(TESTS)
    (toy.path / "conftest.py").write_text("""
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "plotly" else find(name, *more)
""")
    result = toy.run("--perfqa-report=out")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["ERROR: --perfqa-report needs plotly; *pip install 'pytest-perfqa?report?'"]
    )
    assert not (toy.path / "out").exists()


def test_written_when_interrupted_though_the_receiver_is_gone(toy: Project, tmp_path: Path) -> None:
    """SIGTERM in the second run: the first is in the report, the second said to be interrupted."""
    toy.scenario(duration=0.4, rate=50)
    toy.scenario("long.yaml", duration=300, rate=20)
    toy.test("""
        import pathlib

        @pytest.mark.perfqa(scenario="steady.yaml")
        def test_first(perf_run):
            pathlib.Path("first").touch()

        @pytest.mark.perfqa(scenario="long.yaml")
        def test_second(perf_run): pass
    """)
    (toy.path / "pytest.ini").write_text(
        "[pytest]\nperfqa_report = out\nperfqa_keep = kept\nperfqa_export = graphite:127.0.0.1:9\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "among_others"]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with subprocess.Popen(
        command,
        cwd=toy.path,
        env=os.environ | {"TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        deadline = time.monotonic() + 60
        while not list(scratch.glob("perfqa-*/run-2/records-0.bin")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(1)
        running.send_signal(signal.SIGTERM)
        output, _ = running.communicate(timeout=60)
    assert running.returncode == pytest.ExitCode.INTERRUPTED
    assert "graphite 127.0.0.1:9: " in output
    assert "values were not sent: " in output
    index = (toy.path / "out" / "index.html").read_text()
    assert "INTERRUPTED" in index
    first = json.loads((toy.path / "out" / "steady-on-toy" / "result.json").read_text())
    second = json.loads((toy.path / "out" / "long-on-toy" / "result.json").read_text())
    assert (first["verdict"], first["measured"]["totals"]["launched"]) == ("PASSED", 20)
    assert [part["name"] for part in first["measured"]["parts"]] == ["app"]
    schema = json.loads((Path(__file__).parents[2] / "docs" / "result.schema.json").read_text())
    for record in (first, second):
        jsonschema.validate(record, schema)
    assert second["verdict"] == "UNTESTED"
    kinds = [one["kind"] for one in second["measured"]["events"]]
    assert [kind for kind in kinds if kind != "disturbance"] == ["abort"]  # a machine may be busy
    assert 0 < second["measured"]["totals"]["launched"] < 6000
    page = (toy.path / "out" / "long-on-toy" / "index.html").read_text()
    assert "It was ended after" in page
    assert "<p>interrupted</p>" in page
    assert kept_records(toy.path / "kept") == [first, second]
    assert not list(toy.path.rglob("*.part"))
