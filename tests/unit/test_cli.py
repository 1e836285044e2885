"""The command line: what it prints and its exit codes."""

from __future__ import annotations

import http.server
import json
import threading
from typing import TYPE_CHECKING, ClassVar

import pytest

from pytest_perfqa import cli

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
    """All that was found, numbers in base units."""
    arguments = ["breaking-point", url, "--burst-within", "5ms", "--slo", "5xx == 0", "--json"]
    assert cli.main(arguments) == cli.OK
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["kind"]) == (1, "breaking point")
    assert (found["capacity"], found["rate"], found["cause"]) == ("burst capacity", 600, "5xx")
    assert found["probes"][-1]["verdict"] in {"PASSED", "FAILED"}
    assert sum(found["probes"][0]["counts"].values()) == 16


def test_breaking_point_writes_a_report(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A page with the probes on a line, and the record."""
    folder = tmp_path / "some" / "report"
    arguments = ["breaking-point", url, "--burst-within", "5ms", "--report", str(folder)]
    assert cli.main(arguments) == cli.OK
    assert str(folder / "index.html") in capsys.readouterr().err
    found = json.loads((folder / "result.json").read_text())
    page = (folder / "index.html").read_text()
    assert page.count("<circle") == len(found["probes"])
    assert "burst capacity" in page


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


def test_characterize_prints_what_was_found(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The findings, and the evidence for them."""
    assert cli.main(["characterize", url, "--budget", "20s"]) == cli.OK
    assert f"{url} /" in capsys.readouterr().out
