"""TLS: what a service with a certificate answers, and what becomes of one that can't be trusted."""

from __future__ import annotations

import http.server
import re
import socket
import ssl
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
import trustme

from pytest_perfqa.base.address import Address
from pytest_perfqa.capacity.probing.probe import Prober
from pytest_perfqa.errors import ServiceError
from pytest_perfqa.load.driver.generator import generate
from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.result.samples import Samples, read_samples
from pytest_perfqa.scenario.records import Flow, Phase, Request, Scenario
from pytest_perfqa.service.shared import readiness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_perfqa.load.driver.warm import Warm

BIG = 3_000_000
ARRIVALS = 20


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with as many bytes as the path says, after reading what was sent."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a GET."""
        body = b"x" * int(self.path.strip("/") or 2)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """Answer a POST with the size of what came."""
        size = len(self.rfile.read(int(self.headers["Content-Length"])))
        self.path = f"/{5 if size == BIG else 1}"
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    """A server with a certificate for localhost."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self._context = context

    def finish_request(self, request: socket.socket, address: object) -> None:
        """Shake hands in the thread of the connection."""
        try:
            with self._context.wrap_socket(request, server_side=True) as secure:
                super().finish_request(secure, address)
        except OSError:
            pass  # a client that doesn't trust us says so and goes

    def handle_error(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority of this test's own."""
    return trustme.CA()


@pytest.fixture(params=["127.0.0.1"])
def url(authority: trustme.CA, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server with a certificate for 127.0.0.1, or whom the test names."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(request.param).configure_cert(context)
    with Server(context) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the generator trust the authority."""
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))


def load(
    url: str,
    folder: Path,
    request: Request | None = None,
    *,
    warm: Warm,
    keep: bool = False,
    verify: bool = True,
) -> tuple[Samples, str]:
    """Send twenty requests; give what was recorded and the first failure's text."""
    flow = Flow("", 1, (request or Request("GET", "/", "GET /"),))
    scenario = Scenario(
        "tls",
        (Phase("", 0.3, count=ARRIVALS),),
        (flow,),
        timeout=20,
        keep_connections=keep,
        verify_certificates=verify,
    )
    folder.mkdir(exist_ok=True)
    recording = generate(scenario, url, folder, reaper=warm.reaper, warm=warm)
    examples = " ".join(one.said for one in recording.summaries[0].examples)
    return read_samples(recording)[0], examples


def outcomes(samples: Samples) -> set[int]:
    """Give how the requests ended; there are as many as arrivals."""
    assert samples.count == ARRIVALS
    return set(np.unique(samples.rows["outcome"]).tolist())


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("size", [2, BIG])
def test_answers_come_whole(url: str, tmp_path: Path, warm: Warm, size: int, *, keep: bool) -> None:
    """Small and large answers, on kept connections and on new ones."""
    request = Request("GET", f"/{size}", "GET /")
    samples, examples = load(url, tmp_path / "out", request, warm=warm, keep=keep)
    assert outcomes(samples) == {Outcome.ANSWERED}, examples
    assert set(samples.rows["status"]) == {200}
    assert set(samples.rows["size"]) == {size}


@pytest.mark.usefixtures("trusted")
def test_large_requests_go_out_whole(url: str, tmp_path: Path, warm: Warm) -> None:
    """A body larger than any buffer on the way."""
    request = Request("POST", "/", "POST /", body="y" * BIG)
    samples, examples = load(url, tmp_path / "out", request, warm=warm)
    assert outcomes(samples) == {Outcome.ANSWERED}, examples
    assert set(samples.rows["size"]) == {5}


def refused(url: str, folder: Path, warm: Warm) -> str:
    """Make sure that load, probe and readiness refuse alike; give the load's reason."""
    samples, examples = load(url, folder / "out", warm=warm)
    assert outcomes(samples) == {Outcome.TLS}
    answer = readiness.get(Address.read(url), "/", 5.0)
    assert (answer.is_good, answer.status) == (False, None)
    said = re.search(r"certificate verify failed: [\w' -]+", answer.detail)
    assert said is not None, answer.detail
    assert said[0] in examples
    with pytest.raises(ServiceError, match=re.escape(said[0])):
        Prober(url)
    return examples


def test_a_certificate_that_is_not_trusted_is_an_error(
    url: str, tmp_path: Path, warm: Warm
) -> None:
    """It is told apart from other failures, with the reason; whoever asks."""
    assert "certificate verify failed" in refused(url, tmp_path, warm)


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("url", ["localhost"], indirect=True)
def test_a_certificate_of_another_host_is_an_error(url: str, tmp_path: Path, warm: Warm) -> None:
    """Whoever asks, and though its issuer is trusted."""
    assert "IP address mismatch" in refused(url, tmp_path, warm)


@pytest.mark.usefixtures("trusted")
def test_who_is_trusted_is_trusted_by_all(url: str) -> None:
    """Readiness and probe, as the load: by the system's certificates, not by a client's own."""
    with Prober(url) as prober:
        assert prober.send([0.0]).good == 1
    assert readiness.get(Address.read(url), "/", 5.0).detail == "GET /: 200 OK"


def test_certificates_need_not_be_checked(url: str, tmp_path: Path, warm: Warm) -> None:
    """As with Artillery's tls.rejectUnauthorized: false."""
    samples, examples = load(url, tmp_path / "out", warm=warm, verify=False)
    assert outcomes(samples) == {Outcome.ANSWERED}, examples


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
def test_what_speaks_no_tls_is_an_error(answer: bytes, tmp_path: Path, warm: Warm) -> None:
    """A plain HTTP server, and one that closes during the handshake."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:

        def serve() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                with peer:
                    peer.recv(4096)
                    peer.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        port = server.getsockname()[1]
        samples, examples = load(f"https://127.0.0.1:{port}", tmp_path / "out", warm=warm)
        server.shutdown(socket.SHUT_RDWR)
    assert outcomes(samples) <= {Outcome.TLS, Outcome.CLOSED, Outcome.RESET}, examples
