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
import re
import socket
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from gevent.hub import get_hub
from geventhttpclient.response import (
    HTTPParseError,
    HTTPProtocolViolationError,
    HTTPResponse,
)

from .record import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

_READ, _WRITE = 1, 2
_RECEIVE = 65536
_HEAD_END = b"\r\n\r\n"
# Headers and trailers of one answer; nginx and node allow far less.
_HEADERS_LIMIT = 256 * 1024
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*(?=\r\n|\Z)", re.IGNORECASE)
_UNUSUAL = re.compile(
    rb"\r\n(?:transfer-encoding:|content-length:[^\r]*\r.*\ncontent-length:)",
    re.IGNORECASE | re.DOTALL,
)
_CLOSES = re.compile(rb"\r\nconnection:[^\r]*\bclose\b", re.IGNORECASE)

# Many sockets in connect at once make every one of them slow (measured: p99 64.6 ms without a
# limit, 1.7 ms with 64). A connect that takes long is the service's doing, though, and must not
# hold back others: it stops counting after _YOUNG seconds.
_CONNECTING = 64
_YOUNG = 0.02
_SWEEP = 0.01

_OUTCOMES = {
    errno.ECONNREFUSED: Outcome.REFUSED,
    errno.ECONNRESET: Outcome.RESET,
    errno.EPIPE: Outcome.RESET,
    errno.ECONNABORTED: Outcome.RESET,
    errno.ETIMEDOUT: Outcome.TIMEOUT,
    errno.EHOSTUNREACH: Outcome.UNREACHABLE,
    errno.ENETUNREACH: Outcome.UNREACHABLE,
    errno.EMFILE: Outcome.NO_DESCRIPTORS,
    errno.ENFILE: Outcome.NO_DESCRIPTORS,
    errno.EADDRNOTAVAIL: Outcome.NO_PORTS,
}


class Exchange:
    """One request on its way and what came back.

    ``started`` is the moment the connect or, on a kept connection, the send began; ``ended`` that
    of the last byte or of the failure (``time.monotonic``). ``size`` counts bytes of the body as
    received. The body is kept only where ``wants_body``.
    """

    __slots__ = (
        "body",
        "connection",
        "data",
        "detail",
        "ended",
        "head",
        "method",
        "on_done",
        "outcome",
        "parsed",
        "size",
        "started",
        "status",
        "wants_body",
    )

    def __init__(
        self,
        method: str,
        data: bytes,
        on_done: Callable[[Exchange], None],
        *,
        wants_body: bool = False,
    ) -> None:
        self.method = method
        self.data = data
        self.on_done = on_done
        self.wants_body = wants_body
        self.started = self.ended = 0.0
        self.status = self.size = 0
        self.outcome = Outcome.PENDING
        self.detail = ""
        self.head = b""
        self.parsed: _Parser | None = None
        self.body = bytearray()
        self.connection: _Connection | None = None

    def header(self, name: str) -> str | None:
        """Give the value of a header of the answer, the last one if it came several times."""
        values = self.header_values(name)
        return values[-1] if values else None

    def header_values(self, name: str) -> list[str]:
        """Give all values of a header of the answer."""
        if self.parsed is not None:
            found = self.parsed.get(name, [])
            return [found] if isinstance(found, str) else list(found or [])
        pattern = rb"\r\n" + re.escape(name.encode()) + rb":[ \t]*([^\r]*)"
        raw = re.findall(pattern, self.head, re.IGNORECASE)
        return [value.decode("latin-1").rstrip() for value in raw]


class _Parser(HTTPResponse):  # type: ignore[misc]  # untyped here
    """llhttp for one answer: it stops at its end, and doesn't keep headers without limit."""

    def __init__(self, method: str) -> None:
        super().__init__(method)
        self.finished = False
        self.status = 0
        self._header_bytes = 0

    def _on_message_begin(self) -> None:
        if self.finished:  # what follows is not the answer, even if it looks like one
            raise HTTPProtocolViolationError("bytes after the answer")
        super()._on_message_begin()

    def _on_header_field(self, string: str) -> None:
        self._count(string)
        super()._on_header_field(string)

    def _on_header_value(self, string: str) -> None:
        self._count(string)
        super()._on_header_value(string)

    def _count(self, string: str) -> None:
        self._header_bytes += len(string)
        if self._header_bytes > _HEADERS_LIMIT:
            raise HTTPProtocolViolationError(f"more than {_HEADERS_LIMIT} bytes of headers")

    def _on_headers_complete(self) -> int | bool | None:
        code = self.get_code()
        if not 100 <= code <= 599:
            raise HTTPProtocolViolationError(f"status {code}")
        self.status = code
        result: int | bool | None = super()._on_headers_complete()
        return result

    def _on_message_complete(self) -> None:
        super()._on_message_complete()
        self.finished = self.get_code() >= 200  # not so an interim 1xx: the answer follows


class Transport:
    """All connections of one generator process to one address, and their deadlines.

    Args:
        family, address: as ``socket.getaddrinfo`` gives them.
        timeout: seconds from the start of an exchange to its last byte.
    """

    def __init__(self, family: int, address: tuple[object, ...], timeout: float) -> None:
        self.family = family
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

    __slots__ = ("_left", "_reader", "_unsent", "_writer", "exchange", "pool", "sock", "transport")

    def __init__(self, transport: Transport, pool: Pool) -> None:
        self.transport = transport
        self.pool = pool
        self.exchange: Exchange | None = None
        self.sock: _socket.socket | None = None
        self._reader: Any = None
        self._writer: Any = None
        self._unsent = memoryview(b"")
        self._left = -1  # bytes of the body still to come; -1 before the head

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
            self.fail(_OUTCOMES.get(code, Outcome.OTHER), errno.errorcode.get(code, str(code)))
            return
        # Watched for as long as it is open: an idle connection that the server closes is noticed.
        self._reader = self.transport.loop.io(self.sock.fileno(), _READ)
        self._reader.start(self._on_readable)
        self.write(exchange.data)

    def write(self, data: bytes | memoryview) -> None:
        """Send, and go on when the socket takes more."""
        if self.sock is None:
            return
        try:
            sent = self.sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._unsent = memoryview(data)  # never to be sent: not a connection to keep
            if self.exchange is not None:
                self.fail_soon(self.exchange, error)
            return
        if sent < len(data):
            self._unsent = memoryview(data)[sent:]
            self._writer = self.transport.loop.io(self.sock.fileno(), _WRITE)
            self._writer.start(self._on_writable)

    def _on_writable(self) -> None:
        self._stop_writing()
        unsent, self._unsent = self._unsent, memoryview(b"")
        self.write(unsent)

    def _on_readable(self) -> None:
        if self.sock is None:
            return
        try:
            data = self.sock.recv(_RECEIVE)
        except BlockingIOError:
            return
        except OSError as error:
            self.fail(outcome_of(error), str(error))
            return
        if self.exchange is None:  # the server closed, or sent what nobody asked for
            self.close()
        elif not data:
            self._on_end_of_stream(self.exchange)
        else:
            self._on_data(self.exchange, data)

    def _on_data(self, exchange: Exchange, data: bytes) -> None:
        if exchange.parsed is not None:
            self._parse(exchange, data)
        elif self._left >= 0:
            self._on_body(exchange, data)
        elif self._is_simple(exchange, data):
            head, _, body = data.partition(_HEAD_END)
            exchange.head = head
            exchange.status = int(head[9:12])
            length = _LENGTH.search(head)
            self._left = int(length[1]) if length else 0
            self._on_body(exchange, body)
        else:
            exchange.parsed = _Parser(exchange.method)
            self._parse(exchange, data)

    @staticmethod
    def _is_simple(exchange: Exchange, data: bytes) -> bool:
        """Whether a whole head with one Content-Length came: no need for a parser then."""
        end = data.find(_HEAD_END)
        return (
            end > 0
            and data.startswith(b"HTTP/1.1 ")
            and data[9:12].isdigit()
            and data[9:10] in {b"2", b"3", b"4", b"5"}
            and data[9:12] not in {b"204", b"304"}
            and exchange.method != "HEAD"
            and _LENGTH.search(data, 0, end + 2) is not None
            and _UNUSUAL.search(data, 0, end) is None
        )

    def _on_body(self, exchange: Exchange, data: bytes) -> None:
        excess = len(data) > self._left
        if excess:
            data = data[: self._left]
        exchange.size += len(data)
        self._left -= len(data)
        if exchange.wants_body:
            exchange.body += data
        if self._left == 0:
            self._left = -1
            # Bytes after the answer may as well come too late to be seen: whether they did must
            # not decide about the answer. Only the connection is done for.
            self._complete(exchange, reusable=not excess and _CLOSES.search(exchange.head) is None)

    def _parse(self, exchange: Exchange, data: bytes) -> None:
        parsed = exchange.parsed
        assert parsed is not None  # noqa: S101 - for the type checker; set by the caller
        try:
            parsed.feed(data)
        except (HTTPParseError, ValueError) as error:
            if not parsed.finished:
                exchange.status = parsed.status
                self.fail(Outcome.PROTOCOL, f"not HTTP: {error}")
                return
            excess = True
        else:
            excess = False
        exchange.status = parsed.status
        body = parsed._body_buffer  # it has no public way to take what has come
        exchange.size += len(body)
        if exchange.wants_body:
            exchange.body += body
        del body[:]
        if parsed.finished:
            self._complete(exchange, reusable=not excess and not parsed.should_close())

    def _on_end_of_stream(self, exchange: Exchange) -> None:
        parsed = exchange.parsed
        until_close = (
            parsed is not None
            and parsed.headers_complete
            and exchange.status >= 200
            and "content-length" not in parsed
            and "chunked" not in str(parsed.get("transfer-encoding", "")).lower()
        )
        if until_close:
            self._complete(exchange, reusable=False)
        else:
            begun = exchange.parsed is not None or exchange.head
            what = "in the middle of an answer" if begun else "without an answer"
            self.fail(Outcome.CLOSED, f"connection closed {what}")

    def _complete(self, exchange: Exchange, *, reusable: bool) -> None:
        exchange.outcome = Outcome.ANSWERED
        self._finish(exchange)
        if reusable and not self.pool.closed and not self._unsent:
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
    return _OUTCOMES.get(error.errno or 0, Outcome.OTHER)
