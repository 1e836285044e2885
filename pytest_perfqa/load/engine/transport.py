"""HTTP/1.1 on gevent's loop: one exchange at a time per connection, no retries, no waiting.

Locust's FastHttpSession resends a dropped request in silence, up to the size of its pool, and
blocks when the pool is used up. Both would falsify a verdict on availability, so requests go out
here: what the service did to a request is what is recorded.

Callbacks run on the hub. ``Pool.send`` never calls back before it has returned.
"""

from __future__ import annotations

import _socket
import contextlib
import errno
import socket
import ssl
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from gevent.hub import get_hub

from ..wire.message import excerpt
from ..wire.outcome import OUTCOME_OF_ERRNO, Outcome
from .answer import Answer, ProtocolError
from .tls import TlsSocket

if TYPE_CHECKING:
    from collections.abc import Callable

_READ, _WRITE = 1, 2
_RECEIVE = 65536

# Many sockets in connect at once make every one of them slow (measured: p99 64.6 ms without a
# limit, 1.7 ms with 64). A connect that takes long is the service's doing, though, and must not
# hold back others: it stops counting after _YOUNG seconds.
_CONNECTING = 64
_YOUNG = 0.02
_SWEEP = 0.01


class Exchange(Answer):
    """One request on its way, and the answer to it.

    ``started`` is the moment the connect or, on a kept connection, the send began; ``ended`` that
    of the last byte or of the failure (``time.monotonic``).
    """

    __slots__ = ("connection", "data", "detail", "ended", "on_done", "outcome", "started")

    def __init__(
        self,
        method: str,
        data: bytes,
        on_done: Callable[[Exchange], None],
        *,
        wants_body: bool = False,
    ) -> None:
        super().__init__(method, wants_body=wants_body)
        self.data = data
        self.on_done = on_done
        self.started = self.ended = 0.0
        self.outcome = Outcome.PENDING
        self.detail = ""
        self.connection: _Connection | None = None

    def header(self, name: str) -> str | None:
        """Give the value of a header of the answer, the last one if it came several times."""
        values = self.header_values(name)
        return values[-1] if values else None

    def excerpt(self) -> str:
        """Give the beginning of the answer's body, for people."""
        return excerpt(bytes(self.body), self.header("content-encoding"))


class Transport:
    """All connections of one generator process to one address, and their deadlines.

    Args:
        family, address: as ``socket.getaddrinfo`` gives them.
        timeout: seconds from the start of an exchange to its last byte.
        tls: speak TLS in this context, to a server of this name.
    """

    def __init__(
        self,
        family: int,
        address: tuple[object, ...],
        timeout: float,
        tls: tuple[ssl.SSLContext, str] | None = None,
    ) -> None:
        self.family = family
        self.tls = tls
        self.address = address
        self.timeout = timeout
        self.loop = get_hub().loop
        self.in_flight: dict[Exchange, None] = {}
        self._connecting: dict[_Connection, None] = {}
        self._waiting: deque[tuple[Exchange, Pool]] = deque()
        self._sweeper = self.loop.timer(_SWEEP, _SWEEP)
        self._sweeper.start(self._sweep)

    def close(self) -> None:
        """Stop watching deadlines; connections are closed by their pools."""
        self._sweeper.stop()

    def connect(self, exchange: Exchange, pool: Pool) -> None:
        """Open a connection for the exchange, now or when fewer are being opened."""
        if len(self._connecting) >= _CONNECTING:
            self._waiting.append((exchange, pool))
            return
        self._open(exchange, pool)

    def _open(self, exchange: Exchange, pool: Pool) -> None:
        exchange.started = time.monotonic()
        self.in_flight[exchange] = None
        connection = _Connection(self, pool)
        connection.exchange = exchange
        exchange.connection = connection
        try:
            connection.open()
        except OSError as error:
            connection.fail_soon(exchange, error)
        else:
            self._connecting[connection] = None

    def connected(self, connection: _Connection) -> None:
        """Note that a connection is no longer being opened, or takes too long to count."""
        if connection in self._connecting:
            del self._connecting[connection]
            self._open_waiting()

    def _open_waiting(self) -> None:
        while self._waiting and len(self._connecting) < _CONNECTING:
            self._open(*self._waiting.popleft())

    def _sweep(self) -> None:
        now = time.monotonic()
        for connection in [
            connection
            for connection in self._connecting
            if connection.exchange is None or now - connection.exchange.started > _YOUNG
        ]:
            self._connecting.pop(connection, None)
        self._open_waiting()
        expired = []
        for exchange in self.in_flight:  # in the order of their starts, so of their deadlines
            if now - exchange.started < self.timeout:
                break
            expired.append(exchange)
        for exchange in expired:
            if exchange.connection is not None and exchange in self.in_flight:
                exchange.connection.fail(Outcome.TIMEOUT, f"no answer within {self.timeout:g} s")

    def abandon(self) -> None:
        """End everything that is in flight or waits for a connection, as pending."""
        for exchange, _ in self._waiting:
            exchange.started = exchange.ended = time.monotonic()
            exchange.on_done(exchange)
        self._waiting.clear()
        for exchange in list(self.in_flight):
            if exchange.connection is not None:
                exchange.connection.fail(Outcome.PENDING, "the run ended")


class Pool:
    """Idle connections: shared by all virtual users, or one user's own.

    One that is ``closed`` from the start keeps none: each exchange has a connection of its own.
    """

    def __init__(self, transport: Transport, *, closed: bool = False) -> None:
        self._transport = transport
        self.idle: dict[_Connection, None] = {}
        self.closed = closed

    def send(self, exchange: Exchange) -> None:
        """Put an exchange on the wire; ``exchange.on_done`` is called once, later."""
        if self.idle:
            connection, _ = self.idle.popitem()  # the one used last: the least likely to be stale
            exchange.connection = connection
            exchange.started = time.monotonic()
            self._transport.in_flight[exchange] = None
            connection.exchange = exchange
            connection.write(exchange.data)
        else:
            self._transport.connect(exchange, self)

    def close(self) -> None:
        """Close the idle connections, and each busy one when it becomes idle."""
        self.closed = True
        for connection in list(self.idle):
            connection.close()


class _Connection:
    """A socket with at most one exchange on it."""

    __slots__ = ("_reader", "_unsent", "_writer", "exchange", "pool", "sock", "transport")

    def __init__(self, transport: Transport, pool: Pool) -> None:
        self.transport = transport
        self.pool = pool
        self.exchange: Exchange | None = None
        self.sock: _socket.socket | TlsSocket | None = None
        self._reader: Any = None
        self._writer: Any = None
        self._unsent = memoryview(b"")

    def open(self) -> None:
        """Begin to connect.

        Raises:
            OSError: no descriptor or no port was left, or the address can't be reached.
        """
        self.sock = sock = _open_socket(self.transport.family)
        code = sock.connect_ex(self.transport.address)
        if code not in {0, errno.EINPROGRESS}:
            raise OSError(code, errno.errorcode.get(code, str(code)))
        self._writer = self.transport.loop.io(sock.fileno(), _WRITE)
        self._writer.start(self._on_connected)

    def _on_connected(self) -> None:
        self._stop_writing()
        self.transport.connected(self)
        exchange = self.exchange
        if self.sock is None or exchange is None:
            return
        code = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self.fail(
                OUTCOME_OF_ERRNO.get(code, Outcome.OTHER), errno.errorcode.get(code, str(code))
            )
            return
        if self.transport.tls is not None and isinstance(self.sock, _socket.socket):
            self.sock = TlsSocket(self.sock, *self.transport.tls)
        # Watched for as long as it is open: an idle connection that the server closes is noticed.
        self._reader = self.transport.loop.io(self.sock.fileno(), _READ)
        self._reader.start(self._on_readable)
        self.write(exchange.data)

    def write(self, data: bytes | memoryview) -> None:
        """Send, and go on when the socket takes more."""
        sock = self.sock
        if sock is None:
            return
        try:
            sent = sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._unsent = memoryview(data)  # never to be sent: not a connection to keep
            if self.exchange is not None:
                self.fail_soon(self.exchange, error)
            return
        if sent < len(data) or (self.transport.tls and sock.unsent):  # type: ignore[union-attr]
            self._unsent = memoryview(data)[sent:]
            self._wait_until_writable()

    def _wait_until_writable(self) -> None:
        # With TLS it may be the other side's turn, before a byte of ours can go.
        if self._writer is None and not getattr(self.sock, "waits_for_peer", False):
            self._writer = self.transport.loop.io(self.sock.fileno(), _WRITE)  # type: ignore[union-attr]
            self._writer.start(self._on_writable)

    def _on_writable(self) -> None:
        self._stop_writing()
        unsent, self._unsent = self._unsent, memoryview(b"")
        self.write(unsent)

    def _on_readable(self) -> None:
        if self.transport.tls is None:
            self._read()
            return
        while self._read():  # of what TLS has taken from the socket, no watcher tells
            pass
        if self.exchange is not None and self._unsent:
            self._on_writable()

    def _read(self) -> bool:
        """Take in what has come; tell whether there was anything."""
        if self.sock is None:
            return False
        try:
            data = self.sock.recv(_RECEIVE)
        except BlockingIOError:
            return False
        except OSError as error:
            self.fail(outcome_of(error), str(error))
            return False
        if self.exchange is None:  # the server closed, or sent what nobody asked for
            self.close()
        elif not data:
            self._on_end_of_stream(self.exchange)
        else:
            self._on_data(self.exchange, data)
        return True

    def _on_data(self, exchange: Exchange, data: bytes) -> None:
        try:
            complete = exchange.feed(data)
        except ProtocolError as error:
            self.fail(Outcome.PROTOCOL, str(error))
            return
        if complete:
            self._complete(exchange)

    def _on_end_of_stream(self, exchange: Exchange) -> None:
        if exchange.ends_with_stream():
            self._complete(exchange)
        else:
            what = "in the middle of an answer" if exchange.begun else "without an answer"
            self.fail(Outcome.CLOSED, f"connection closed {what}")

    def _complete(self, exchange: Exchange) -> None:
        exchange.outcome = Outcome.ANSWERED
        self._finish(exchange)
        if exchange.reusable and not self.pool.closed and not self._unsent:
            self.pool.idle[self] = None
        else:
            self.close()
        exchange.on_done(exchange)

    def fail(self, outcome: Outcome, detail: str) -> None:
        """End the exchange, if one is on, with a failure, and close the connection."""
        exchange = self.exchange
        self.close()
        if exchange is not None and exchange in self.transport.in_flight:
            exchange.outcome = outcome
            exchange.detail = detail
            self._finish(exchange)
            exchange.on_done(exchange)

    def fail_soon(self, exchange: Exchange, error: OSError) -> None:
        """Fail once the caller of ``Pool.send`` has got its turn, if nothing came in between."""

        def fail() -> None:
            self._read_early_answer(exchange)
            if self.exchange is exchange:
                self.fail(outcome_of(error), str(error))

        self.transport.loop.run_callback(fail)

    def _read_early_answer(self, exchange: Exchange) -> None:
        """Take in what the server said (413, say) before it refused to read on."""
        with contextlib.suppress(OSError):
            while self._reader is not None and self.sock is not None and self.exchange is exchange:
                data = self.sock.recv(_RECEIVE)
                if not data:
                    return
                self._on_data(exchange, data)

    def _finish(self, exchange: Exchange) -> None:
        exchange.ended = time.monotonic()
        exchange.connection = None
        self.exchange = None
        self.transport.in_flight.pop(exchange, None)

    def _stop_writing(self) -> None:
        if self._writer is not None:
            self._writer.stop()
            self._writer.close()
            self._writer = None

    def close(self) -> None:
        """Close the socket and forget the connection."""
        if self.sock is None:
            return
        self._stop_writing()
        if self._reader is not None:
            self._reader.stop()
            self._reader.close()
            self._reader = None
        self.sock.close()
        self.sock = None
        self.pool.idle.pop(self, None)
        self.transport.connected(self)


def _open_socket(family: int) -> _socket.socket:
    # Not socket.socket: gevent has put its cooperative one there, and nothing here may yield.
    sock = _socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def outcome_of(error: OSError) -> Outcome:
    """Classify an error of a socket."""
    if isinstance(error, ssl.SSLError):
        return Outcome.TLS
    return OUTCOME_OF_ERRNO.get(error.errno or 0, Outcome.OTHER)
