"""Ready or not: what each notion of it takes for an answer."""

from __future__ import annotations

import contextlib
import http.server
import threading
import time
from typing import TYPE_CHECKING

import pytest

from pytest_perfqa.base.address import Address
from pytest_perfqa.service.config import Ready
from pytest_perfqa.service.shared import readiness
from pytest_perfqa.service.shared.readiness import ProbeResult

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with the status that the path says."""

    def do_GET(self) -> None:
        """Say who answers, too; or say something for ever."""
        if self.path == "/events":
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                while True:
                    self.wfile.write(b"data: 1\n" * 1000)
            return
        self.send_response(int(self.path.strip("/") or "204"))
        self.send_header("Content-Length", "0")
        self.send_header("X-Upstream", "app-1")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[Address]:
    """Where a server listens."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield Address("127.0.0.1", server.server_address[1])
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "is_ready", "is_up"),
    [
        (200, True, True),
        (299, True, True),
        (300, False, True),
        (302, False, True),
        (404, False, True),
        (499, False, True),
        (500, False, False),
        (503, False, False),
    ],
)
def test_ready_is_2xx_and_up_is_no_error_of_the_server(
    address: Address, status: int, *, is_ready: bool, is_up: bool
) -> None:
    """A path that is meant to tell must say so; where none is known, a 404 shows somebody there."""
    told = readiness.canary(address, Ready(path=f"/{status}"), "X-Upstream")(1.0)
    assert (told.is_good, told.status, told.replica) == (is_ready, status, "app-1")
    place = Address(address.host, address.port, prefix=f"/{status}")
    assert readiness.canary(place, Ready(path=None, tcp=True), None)(1.0).is_good is is_up


def test_an_answer_without_an_end_is_none(address: Address) -> None:
    """Nobody waits for it for ever, nor keeps all of it."""
    begin = time.monotonic()
    told = readiness.get(address, "/events", 0.3)
    assert time.monotonic() - begin < 30
    assert (told.is_good, told.status) == (False, None)
    assert told.detail.endswith("TimeoutError: 200 OK, but it had not ended after 0.3 s")


def test_nobody_there_is_not_ready(address: Address) -> None:
    """Neither for a request nor for a connection; where somebody listens it is accepted."""
    nobody = Address("127.0.0.1", 1)
    for told in (readiness.get(nobody, "/", 1.0), readiness.connect(nobody, 1.0)):
        assert not told.is_good
        assert "refused" in told.detail
    assert readiness.canary(nobody, Ready(path=None, tcp=True), None)(1.0).status is None
    assert readiness.connect(address, 1.0).is_good
    assert readiness.connect_through(address, 1.0).is_good


def test_only_what_was_printed_since_counts(tmp_path: Path) -> None:
    """A log goes on after a restart: what stood there before says nothing of the new one."""
    log = tmp_path / "log"
    log.write_text("listening on 80\n")
    before = log.stat().st_size
    assert readiness.find_in_log(log, r"^listening on \d+$").is_good
    assert not readiness.find_in_log(log, r"^listening on \d+$", before).is_good
    with log.open("a") as more:
        more.write("starting\nlistening on 81\n")
    assert readiness.find_in_log(log, r"^listening on \d+$", before).is_good


def test_the_first_good_answer_ends_the_waiting() -> None:
    """Each before it is followed by another; the last one is told where time runs out."""
    asked = []

    def probe(limit: float) -> ProbeResult:
        asked.append(limit)
        return ProbeResult(is_good=len(asked) >= 3, detail=str(len(asked)))

    assert readiness.wait(probe, time.monotonic() + 60).detail == "3"
    assert max(asked) <= 5.0, "one probe must not take all of the time"

    late = readiness.wait(lambda _: ProbeResult(is_good=False, detail="no"), time.monotonic() + 0.1)
    assert (late.is_good, late.detail) == (False, "no")
