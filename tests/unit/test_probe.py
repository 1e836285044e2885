"""The probe: requests in a known order on connections of their own, and what becomes of them."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import gc
import resource
import socket
import ssl
import struct
import threading
import time
from typing import TYPE_CHECKING

import pytest
import trustme

from pytest_perfqa.base.tls import tls_context
from pytest_perfqa.capacity.probing.probe import Bounds, Prober
from pytest_perfqa.errors import ConfigurationError, ServiceError
from pytest_perfqa.load.wire.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Handler = Callable[[socket.socket, int], None]

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
RESET_AT_CLOSE = struct.pack("ii", 1, 0)


class Server:
    """Accepts connections one after the other and hands each to ``handler`` with its number."""

    def __init__(self, handler: Handler, context: ssl.SSLContext | None = None) -> None:
        self._handler = handler
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.host = "localhost" if context else "127.0.0.1"
        self.port = self._listener.getsockname()[1]
        self.accepted = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http{'s' if self._context else ''}://{self.host}:{self.port}"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                number, self.accepted = self.accepted, self.accepted + 1
                threading.Thread(target=self._handle, args=(sock, number), daemon=True).start()

    def _handle(self, sock: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError):
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_side=True)
            with sock:
                if sock.recv(65536):  # nothing comes from who only looks whether anybody listens
                    self._handler(sock, number)

    def close(self) -> None:
        """Accept no more; a second call does nothing."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start servers; they end with the test."""
    servers = []

    def start(handler: Handler, context: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(handler, context))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def answering(data: bytes) -> Handler:
    """Make a handler that answers with these bytes and closes."""
    return lambda sock, _: sock.sendall(data)


@pytest.mark.parametrize(
    ("answer", "size"),
    [
        (OK, 2),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 3),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil it closes", 15),
        (b"HTTP/1.0 200 OK\r\n\r\n", 0),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 1),
    ],
    ids=["length", "chunked", "close", "empty", "interim"],
)
def test_an_answer_is_read_to_its_end(
    serve: Callable[..., Server], answer: bytes, size: int
) -> None:
    """However its end is told: by length, chunks, or the end of the connection."""
    with Prober(serve(answering(answer)).url) as prober:
        volley = prober.send([0.0])
    exchange = volley.exchanges[0]
    assert (exchange.outcome, exchange.status, exchange.size) == (Outcome.ANSWERED, 200, size)
    moments = [exchange.begun, exchange.connected, exchange.sent, exchange.first_byte]
    assert moments == sorted(moments)
    assert exchange.first_byte <= exchange.finished
    assert (volley.good, volley.bad, volley.pending, volley.ended_by) == (1, 0, 0, "complete")


def reset(sock: socket.socket, _: int) -> None:
    """Close so that the other side gets a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_CLOSE)


@pytest.mark.timed
@pytest.mark.parametrize(
    ("handler", "outcome"),
    [
        (reset, Outcome.RESET),
        (answering(b""), Outcome.CLOSED),
        (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), Outcome.CLOSED),
        (answering(b"SSH-2.0-OpenSSH\r\n\r\n"), Outcome.PROTOCOL),
        (lambda sock, _: sock.recv(1), Outcome.TIMEOUT),
    ],
    ids=["reset", "closed", "truncated", "garbage", "silent"],
)
def test_a_failure_is_told_by_its_kind(
    serve: Callable[..., Server], handler: Handler, outcome: Outcome
) -> None:
    """Nothing that isn't a whole answer counts as one."""
    with Prober(serve(handler).url, timeout=0.2) as prober:
        volley = prober.send([0.0, 0.0])
    assert [exchange.outcome for exchange in volley.exchanges] == [outcome, outcome]
    assert (volley.good, volley.bad, volley.pending) == (0, 2, 0)
    assert not volley.invalid


def test_an_error_status_is_an_answer_but_not_good(serve: Callable[..., Server]) -> None:
    """A 503 is bad, and said with its number."""
    with Prober(serve(answering(OK.replace(b"200", b"503"))).url) as prober:
        volley = prober.send([0.0])
    assert (volley.exchanges[0].outcome, volley.exchanges[0].status) == (Outcome.ANSWERED, 503)
    assert (volley.good, volley.bad) == (0, 1)


def test_nobody_there(serve: Callable[..., Server]) -> None:
    """It is an error when the prober is made; a service that goes away later refuses."""
    server = serve(answering(OK))
    with Prober(server.url) as prober:
        server.close()
        volley = prober.send([0.0])
    assert volley.exchanges[0].outcome is Outcome.REFUSED
    with pytest.raises(ServiceError, match="nobody answers"):
        Prober(server.url)
    with pytest.raises(ConfigurationError, match="is no address"):
        Prober("localhost:80")


def test_a_burst_arrives_in_the_order_of_sending(serve: Callable[..., Server]) -> None:
    """The server says as which connection it accepted each; that is the order of exchanges."""

    def handler(sock: socket.socket, number: int) -> None:
        sock.sendall(OK.replace(b"\r\n\r\n", f"\r\nX-Number: {number}\r\n\r\n".encode()))

    with Prober(serve(handler).url, replica_header="X-Number") as prober:
        volley = prober.send([0.0] * 100)
    numbers = [int(exchange.replica or -1) for exchange in volley.exchanges]
    assert numbers == list(range(numbers[0], numbers[0] + 100))
    assert volley.good == 100
    begun = [exchange.begun for exchange in volley.exchanges]
    assert begun == sorted(begun)
    assert volley.spread == begun[-1] - begun[0]


@pytest.mark.timed
def test_spaced_requests_wait_for_their_moments(serve: Callable[..., Server]) -> None:
    """None is sent before it is due."""
    with Prober(serve(answering(OK)).url) as prober:
        volley = prober.send([0.0, 0.05, 0.1])
    assert all(exchange.lag >= 0 for exchange in volley.exchanges)
    assert volley.spread >= 0.09
    assert volley.good == 3


def test_an_early_verdict_abandons_what_is_pending(serve: Callable[..., Server]) -> None:
    """``until`` sees each end; the server sees the connections close."""
    closed = threading.Semaphore(0)

    def handler(sock: socket.socket, number: int) -> None:
        if number == 1:
            sock.sendall(OK.replace(b"200", b"500"))
        elif not sock.recv(1):
            closed.release()

    with Prober(serve(handler).url) as prober:
        volley = prober.send([0.0] * 4, until=lambda volley, _: volley.bad > 0)
        assert volley.ended_by == "verdict"
        assert prober.pending == 0
    assert volley.finished[0].status == 500
    assert all(closed.acquire(timeout=10) for _ in range(volley.pending))


@pytest.mark.timed
def test_what_is_kept_goes_on(serve: Callable[..., Server]) -> None:
    """Held requests stay open while others come and go, and can be waited for."""
    release = threading.Event()

    def handler(sock: socket.socket, number: int) -> None:
        if number <= 2:
            release.wait(10)
        sock.sendall(OK)

    with Prober(serve(handler).url) as prober:
        held = prober.send(
            [0.0, 0.0], until=lambda volley, _: len(volley.exchanges) == 2, keep=True
        )
        others = prober.send([0.0, 0.0])
        assert (held.pending, others.good) == (2, 2)
        prober.wait(held, limit=0.02)
        assert (held.pending, held.ended_by) == (2, "verdict")
        release.set()
        prober.wait(held)
    assert (held.pending, held.good, held.ended_by) == (0, 2, "complete")


def test_bounds_of_requests_and_concurrency(serve: Callable[..., Server]) -> None:
    """What is beyond them isn't sent, and that is said."""
    server = serve(lambda sock, _: sock.recv(1))
    with Prober(server.url, timeout=0.1, bounds=Bounds(requests=5, concurrency=3)) as prober:
        volley = prober.send([0.0] * 4)
        assert (len(volley.exchanges), volley.planned, volley.ended_by) == (3, 4, "concurrency")
        volley = prober.send([0.0] * 3)
        assert (len(volley.exchanges), volley.ended_by) == (2, "requests")
        assert prober.requests_left == 0


@pytest.mark.timed
def test_the_bound_of_time(serve: Callable[..., Server]) -> None:
    """It ends waiting and sending."""
    server = serve(lambda sock, _: sock.recv(1))
    with Prober(server.url, bounds=Bounds(seconds=0.1)) as prober:
        volley = prober.send([0.0, 5.0])
        assert (len(volley.exchanges), volley.pending, volley.ended_by) == (1, 1, "time")
        assert prober.seconds_left <= 0
        assert prober.send([0.0]).exchanges == []


def test_a_generator_that_falls_behind_is_invalid(serve: Callable[..., Server]) -> None:
    """Here its own callback holds it up; a verdict on such a volley would be about itself."""

    def slow(_: object, __: float) -> bool:
        time.sleep(0.05)
        return False

    with Prober(serve(answering(OK)).url) as prober:
        volley = prober.send([0.005 * k for k in range(10)], until=slow)
    assert volley.lag > 0.02
    assert "sent late" in volley.invalid[0]


@pytest.mark.timed
def test_whom_others_disturbed_is_told(serve: Callable[..., Server]) -> None:
    """Between the looks before and after a volley; never in between, where requests are held."""
    told = [("before",), ("meanwhile",), ("since",), (), ("while held",), ()]
    looks = iter(told)
    with Prober(serve(answering(OK)).url, watch=lambda: next(looks)) as prober:
        assert prober.send([0.0]).disturbed == ("meanwhile",)
        first = prober.send([0.0])
        assert (first.disturbed, first.invalid, prober.disturbed) == ((), (), ())
        held = prober.send([0.0], keep=True)
        prober.wait(held)
        assert held.disturbed == ()
        prober.look()
        assert prober.disturbed == ("while held",)
        prober.look()
    assert prober.disturbed == ("while held",)
    assert next(looks, None) is None


def test_no_descriptors_are_the_generators_fault(serve: Callable[..., Server]) -> None:
    """Not the service's: the volley is invalid."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Prober(serve(answering(OK)).url) as prober:
        # Whatever number is free, it is too high.
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            volley = prober.send([0.0])
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert volley.exchanges[0].outcome is Outcome.NO_DESCRIPTORS
    assert "ulimit" in volley.invalid[0]


def test_no_ports_are_the_generators_fault(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The study took that for saturation of the server."""

    class NoPorts(socket.socket):
        def connect_ex(self, _: object) -> int:
            return errno.EADDRNOTAVAIL

    with Prober(serve(answering(OK)).url) as prober:
        monkeypatch.setattr(socket, "socket", NoPorts)
        volley = prober.send([0.0])
    assert volley.exchanges[0].outcome is Outcome.NO_PORTS
    assert "ip_local_port_range" in volley.invalid[0]


def test_garbage_is_collected_again_afterwards(serve: Callable[..., Server]) -> None:
    """Only while sending it is paused, even where sending ends with an error."""
    seen = []

    def until(_: object, __: float) -> bool:
        seen.append(gc.isenabled())
        raise ZeroDivisionError

    with Prober(serve(answering(OK)).url) as prober, pytest.raises(ZeroDivisionError):
        prober.send([0.0], until=until)
    assert seen == [False]
    assert gc.isenabled()


def test_https(
    serve: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trusted certificate is spoken to, another is a failure of its own kind."""
    authority = trustme.CA()
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(theirs)
    server = serve(answering(OK), theirs)
    with pytest.raises(ServiceError, match=r"no TLS with https://.*: .*certificate verify failed"):
        Prober(server.url)
    with Prober(server.url, verify=False) as prober:
        assert prober.send([0.0]).good == 1
        prober.peer = dataclasses.replace(prober.peer, context=tls_context())
        assert prober.send([0.0]).exchanges[0].outcome is Outcome.TLS
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with Prober(server.url) as prober:
        assert prober.send([0.0] * 10).good == 10


@pytest.mark.timed
def test_drained_means_that_canaries_are_fast(serve: Callable[..., Server]) -> None:
    """Nothing of ours is pending, but the server is still busy with what we abandoned."""
    busy = threading.Lock()

    def handler(sock: socket.socket, number: int) -> None:
        with busy:
            time.sleep(0.1 if number <= 4 else 0)
        sock.sendall(OK)

    with Prober(serve(handler).url) as prober:
        prober.send([0.0] * 4, until=lambda volley, _: len(volley.exchanges) == 4)
        assert prober.pending == 0
        assert not prober.drain(fast=0.05, limit=0.05).is_drained
        drained = prober.drain(fast=0.05, limit=10)
        assert drained.is_drained
        assert prober.sent >= 7
