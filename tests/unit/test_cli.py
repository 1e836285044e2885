"""The command line: what it prints and its exit codes."""

from __future__ import annotations

import contextlib
import http.server
import io
import json
import threading
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import demo_report
import jsonschema
import pytest

from pytest_perfqa import cli
from pytest_perfqa.base.units import Quantity, Unit
from pytest_perfqa.capacity.character.question import NO_SUCH_PATH
from pytest_perfqa.capacity.limits.found import BreakingPoint, Capacity
from pytest_perfqa.errors import ConfigurationError, Inconclusive, InvalidRun, ServiceError
from pytest_perfqa.machine import alone as machine
from pytest_perfqa.report.record.schema import schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_perfqa.capacity.character.kind import Character
    from pytest_perfqa.capacity.character.question import Question


class Handler(http.server.BaseHTTPRequestHandler):
    """Has room for three requests, of 60 ms each: much longer than a burst of 5 ms."""

    room: ClassVar = threading.Semaphore(3)
    work = threading.Event()

    def do_GET(self) -> None:
        """Answer 200, or 503 where there is no room."""
        if not self.room.acquire(blocking=False):
            self._answer(503)
            return
        self.work.wait(0.06)
        self.room.release()
        self._answer(404 if self.path == "/nothing" else 200)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of a running service."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass(frozen=True)
class Searched:
    """What came of a search."""

    code: int
    folder: Path
    out: str
    err: str


@pytest.fixture(autouse=True)
def _machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a machine of their own for tests that put no load on it: they wait for nobody."""
    if request.node.get_closest_marker("timed") is None:
        monkeypatch.setattr(machine, "_NAME", f"perfqa-test-{uuid.uuid4()}")


@pytest.fixture(scope="module")
def searched(url: str, tmp_path_factory: pytest.TempPathFactory) -> Searched:
    """What one search printed, and where it wrote its report."""
    folder = tmp_path_factory.mktemp("some") / "report"
    arguments = ["breaking-point", url, "--burst-within", "5ms", "--report", str(folder)]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.main(arguments)
    return Searched(code, folder, out.getvalue(), err.getvalue())


@pytest.mark.timed
def test_breaking_point_prints_a_table(url: str, searched: Searched) -> None:
    """The answer, then the probes behind it."""
    assert searched.code == cli.OK
    lines = searched.out.splitlines()
    assert lines[0].startswith(f"burst capacity of {url}, GET /: 600/s (3 within 5 ms)")
    assert lines[1].split() == ["probe", "requests", "rate", "verdict", "cause", "why"]
    assert any("FAILED" in line and "5xx" in line for line in lines)


@pytest.mark.timed
def test_breaking_point_as_json(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """All that was found, numbers in base units, by the schema of every record."""
    arguments = ["breaking-point", url, "--burst-within", "5ms", "--slo", "5xx == 0", "--json"]
    assert cli.main(arguments) == cli.OK
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, schema())
    assert found["format"] == "pytest-perfqa breaking point"
    assert (found["capacity"], found["rate"], found["cause"]) == ("burst capacity", 600, "5xx")
    assert found["probes"][-1]["verdict"] in {"PASSED", "FAILED"}
    assert sum(found["probes"][0]["counts"].values()) == 16


def record_in(folder: Path) -> dict[str, Any]:
    """Give the one record in a report, which fulfils the schema and is linked from the index."""
    (path,) = folder.glob("*/result.json")
    record: dict[str, Any] = json.loads(path.read_text())
    jsonschema.validate(record, schema())
    assert f'href="{path.parent.name}/index.html"' in (folder / "index.html").read_text()
    assert (path.parent / "index.html").exists()
    assert (path.parent / "result.js").exists()
    return record


@pytest.mark.timed
def test_breaking_point_writes_the_report(url: str, searched: Searched) -> None:
    """The folder that the plugin writes, with the page of this search."""
    folder = searched.folder
    assert f"report: {folder / 'index.html'}" in searched.err
    record = record_in(folder)
    assert (record["service"], record["target"], record["verdict"]) == (url, "GET /", "PASSED")
    assert (record["rate"], record["cause"], record["error"]) == (600, "5xx", None)
    assert len(record["probes"]) > 1


@pytest.mark.parametrize(
    ("error", "code", "verdict"),
    [
        (ServiceError("it does not answer"), cli.FAILED, "FAILED"),
        (Inconclusive("the budget ran out"), cli.INCONCLUSIVE, "INCONCLUSIVE"),
        (InvalidRun(["out of ports"]), cli.INVALID, "INVALID"),
        (KeyboardInterrupt(), cli.INTERRUPTED, "UNTESTED"),
    ],
)
def test_a_report_of_what_came_to_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
    verdict: str,
) -> None:
    """Written as well, with the reason; after Ctrl-C it says so."""

    def end(*_: object) -> None:
        raise error

    monkeypatch.setattr("pytest_perfqa.capacity.limits.breaking_point.find_breaking_point", end)
    monkeypatch.setattr("pytest_perfqa.capacity.character.characterize.characterize", end)
    said = str(error) or "interrupted"
    for command in ("breaking-point", "characterize"):
        folder = tmp_path / command
        assert cli.main([command, "http://127.0.0.1:1", "--report", str(folder)]) == code
        record = record_in(folder)
        assert (record["error"], record.get("verdict", verdict)) == (said, verdict)
        is_said = "INTERRUPTED" in (folder / "index.html").read_text()
        assert is_said == isinstance(error, KeyboardInterrupt)


def test_a_report_that_can_not_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is no reason to lose what was found."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    def end(*_: object) -> None:
        raise ServiceError("it does not answer")

    monkeypatch.setattr("pytest_perfqa.report.html.folder.write_pages", full)
    monkeypatch.setattr("pytest_perfqa.capacity.character.characterize.characterize", end)
    folder = tmp_path / "report"
    assert cli.main(["characterize", "http://127.0.0.1:1", "--report", str(folder)]) == cli.FAILED
    said = capsys.readouterr().err
    assert "report: not written: [Errno 28]" in said
    assert "it does not answer" in said


def test_a_file_in_the_place_of_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Said before anything is sent."""
    (tmp_path / "report").touch()
    arguments = ["characterize", "http://127.0.0.1:1", "--report", str(tmp_path / "report")]
    assert cli.main(arguments) == cli.USAGE
    assert "perfqa: --report: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["ftp://x"], cli.USAGE, "is no address"),
        (["http://example.com"], cli.USAGE, "accepted with --allow-remote"),
        (["{url}", "--slo", "fast"], cli.USAGE, "is no condition"),
        (["{url}", "--path", "heavy"], cli.USAGE, "--path='heavy'"),
        (["{url}", "--path", "/nothing"], cli.FAILED, "404"),
        (["http://127.0.0.1:1"], cli.FAILED, "127.0.0.1:1"),
        pytest.param(
            ["{url}", "--burst-within", "5ms", "--budget", "50ms"],
            cli.INCONCLUSIVE,
            "budget",
            marks=pytest.mark.timed,
        ),
    ],
)
def test_exit_codes(
    url: str, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    """Each kind of failure has its own, and says what is wrong on stderr."""
    assert cli.main(["breaking-point", *(one.format(url=url) for one in arguments)]) == code
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""


@pytest.mark.timed
def test_characterize_prints_and_reports_what_was_found(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The findings, and the evidence; where all is slow, nobody can tell who waits for whom."""
    arguments = ["characterize", url, "--budget", "6s", "--report", str(tmp_path)]
    assert cli.main(arguments) == cli.INCONCLUSIVE
    said = capsys.readouterr()
    assert f"{url} /" in said.out
    assert "perfqa: the data can't tell whether it is synchronous" in said.err
    record = record_in(tmp_path)
    assert (record["service"], record["path"], record["error"]) == (url, "/", None)
    assert record["staircases"]


KIND, NUMBER = "whether it is synchronous", "how many requests it serves at one time"


@pytest.mark.parametrize("json_too", [False, True])
@pytest.mark.parametrize(
    ("untold", "code"),
    [((), cli.OK), ((KIND,), cli.INCONCLUSIVE), ((NUMBER,), cli.INCONCLUSIVE),
     ((KIND, NUMBER), cli.INCONCLUSIVE)],
)  # fmt: skip
def test_what_is_known_in_part_is_printed_and_is_no_success(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    untold: tuple[str, ...],
    code: int,
    *,
    json_too: bool,
) -> None:
    """A script that goes on after "kind not told" would go on with nothing."""
    found = replace(
        demo_report.character(),
        kind=None if KIND in untold else "synchronous",
        concurrency_limit=None if NUMBER in untold else 3,
        untold=untold,
    )
    monkeypatch.setattr(
        "pytest_perfqa.capacity.character.characterize.characterize", lambda _: found
    )
    arguments = ["characterize", "http://127.0.0.1:1", *["--json"][: int(json_too)]]
    assert cli.main(arguments) == code
    said = capsys.readouterr()
    assert said.err == (f"perfqa: the data can't tell {', nor '.join(untold)}\n" if untold else "")
    if not json_too:
        assert ("kind not told" in said.out) == (KIND in untold)
        assert "service time     250 ms" in said.out
        return
    record = json.loads(said.out)
    jsonschema.validate(record, schema())
    assert (record["kind"] is None) == (KIND in untold)
    assert (record["concurrency_limit"] is None) == (NUMBER in untold)


@pytest.mark.parametrize(("confirmed", "code"), [(True, cli.OK), (False, cli.INCONCLUSIVE)])
def test_a_breaking_point_that_was_not_confirmed_is_no_success(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    code: int,
    *,
    confirmed: bool,
) -> None:
    """It is printed all the same, and its record says so."""
    found = BreakingPoint(
        capacity=Capacity.BURST,
        rate=Quantity(4, Unit.PER_SECOND),
        low=Quantity(4, Unit.PER_SECOND),
        high=Quantity(5, Unit.PER_SECOND),
        broken=True,
        cause="5xx",
        confirmed=confirmed,
        probes=(),
        wall=Quantity(8, Unit.SECOND),
        service="toy",
        target="GET /",
        window=10.0,
    )
    monkeypatch.setattr(
        "pytest_perfqa.capacity.limits.breaking_point.find_breaking_point", lambda *_: found
    )
    assert cli.main(["breaking-point", "http://127.0.0.1:1", "--json"]) == code
    record = json.loads(capsys.readouterr().out)
    jsonschema.validate(record, schema())
    assert record["confirmed"] is confirmed
    assert record["verdict"] == ("PASSED" if confirmed else "INCONCLUSIVE")


@pytest.mark.parametrize("command", ["breaking-point", "characterize"])
@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ServiceError("it does not answer"), cli.FAILED),
        (Inconclusive("the budget ran out"), cli.INCONCLUSIVE),
        (InvalidRun(["out of ports"]), cli.INVALID),
        (ConfigurationError("no such thing"), cli.USAGE),
        (KeyboardInterrupt(), cli.INTERRUPTED),
    ],
)
def test_json_of_what_came_to_nothing(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    error: BaseException,
    code: int,
) -> None:
    """A program reads the reason where it reads results; a wrong question has none."""

    def end(*_: object) -> None:
        raise error

    monkeypatch.setattr("pytest_perfqa.capacity.limits.breaking_point.find_breaking_point", end)
    monkeypatch.setattr("pytest_perfqa.capacity.character.characterize.characterize", end)
    assert cli.main([command, "http://127.0.0.1:1", "--json"]) == code
    said = capsys.readouterr()
    assert (str(error) or "interrupted") in said.err
    if code in {cli.USAGE, cli.INTERRUPTED}:
        assert said.out == ""
        return
    record = json.loads(said.out)
    jsonschema.validate(record, schema())
    assert record["error"] == str(error)


def test_a_quick_path_is_asked_for(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What can't be told without one may be with it."""
    asked = []

    def note(question: Question) -> Character:
        asked.append(question.quick)
        return demo_report.character()

    monkeypatch.setattr("pytest_perfqa.capacity.character.characterize.characterize", note)
    assert cli.main(["characterize", url, "--quick", "/ping"]) == cli.OK
    assert cli.main(["characterize", url]) == cli.OK
    assert asked == ["/ping", NO_SUCH_PATH]
    assert cli.main(["characterize", url, "--quick", "ping"]) == cli.USAGE
    assert "quick='ping'" in capsys.readouterr().err
