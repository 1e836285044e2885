"""The command line: what it prints and its exit codes."""

from __future__ import annotations

import http.server
import json
import threading
from typing import TYPE_CHECKING, Any, ClassVar

import jsonschema
import pytest

from pytest_perfqa import cli
from pytest_perfqa.errors import Inconclusive, InvalidRun, ServiceError
from pytest_perfqa.report.record import schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Handler(http.server.BaseHTTPRequestHandler):
    """Has room for three requests, of 0.15 s each."""

    room: ClassVar = threading.Semaphore(3)
    work = threading.Event()

    def do_GET(self) -> None:
        """Answer 200, or 503 where there is no room."""
        if not self.room.acquire(blocking=False):
            self._answer(503)
            return
        self.work.wait(0.15)
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


def test_breaking_point_prints_a_table(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The answer, then the probes behind it."""
    assert cli.main(["breaking-point", url, "--burst-within", "5ms"]) == cli.OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"burst capacity of {url}, GET /: 600/s (3 within 5 ms)")
    assert lines[1].split() == ["probe", "requests", "rate", "verdict", "cause", "why"]
    assert any("FAILED" in line and "5xx" in line for line in lines)


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


def test_breaking_point_writes_the_report(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder that the plugin writes, with the page of this search."""
    folder = tmp_path / "some" / "report"
    arguments = ["breaking-point", url, "--burst-within", "5ms", "--report", str(folder)]
    assert cli.main(arguments) == cli.OK
    assert f"report: {folder / 'index.html'}" in capsys.readouterr().err
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

    monkeypatch.setattr("pytest_perfqa.capacity.breaking_point.find_breaking_point", end)
    monkeypatch.setattr("pytest_perfqa.capacity.characterize.characterize", end)
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

    monkeypatch.setattr("pytest_perfqa.report.folder.write", full)
    monkeypatch.setattr("pytest_perfqa.capacity.characterize.characterize", end)
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
        (["{url}", "--burst-within", "5ms", "--budget", "50ms"], cli.INCONCLUSIVE, "budget"),
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


def test_characterize_prints_and_reports_what_was_found(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The findings, and the evidence for them."""
    arguments = ["characterize", url, "--budget", "20s", "--report", str(tmp_path)]
    assert cli.main(arguments) == cli.OK
    assert f"{url} /" in capsys.readouterr().out
    record = record_in(tmp_path)
    assert (record["service"], record["path"], record["error"]) == (url, "/", None)
    assert record["staircases"]
