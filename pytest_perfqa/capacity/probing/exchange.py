"""One request on a connection of its own that never blocks; moments are of ``time.monotonic``."""

from __future__ import annotations

import enum
import errno
import functools
import math
import select
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any

import h11

from ...base.status import is_served
from ...load.wire.outcome import COMPLETED, OUTCOME_OF_ERRNO, Outcome, is_as_expected

_RECEIVE = 65536
_HEADERS_LIMIT = 256 * 1024
_IN_PROGRESS = {errno.EINPROGRESS, errno.EALREADY, errno.EWOULDBLOCK, errno.EINTR}
_CONNECTED = {0, errno.EISCONN}


@dataclass(slots=True)
class ProbeExchange:
    """A request and what came of it.

    Attributes:
        index: its place in the order of sending.
        intended: when it was due.
        begun, connected, sent: when its connection was begun and accepted, and the request gone.
        first_byte, finished: when the answer began and was complete, or the request failed.
        outcome: ``PENDING`` until then, and for good where it was abandoned.
        status: of the answer, 0 without one.
        size: bytes of the body.
        replica: the value of the replica header.

    Moments that have not come are NaN.
    """

    index: int
    intended: float
    begun: float = math.nan
    connected: float = math.nan
    sent: float = math.nan
    first_byte: float = math.nan
    finished: float = math.nan
    outcome: Outcome = Outcome.PENDING
    status: int = 0
    size: int = 0
    replica: str | None = None

    @property
    def pending(self) -> bool:
        """Whether it has no end yet."""
        return self.outcome is Outcome.PENDING

    @property
    def is_answered(self) -> bool:
        """Whether there is a whole answer, with whatever status."""
        return self.outcome in COMPLETED

    @property
    def is_served(self) -> bool:
        """Whether an answer began, and not with an error of the server."""
        return is_served(self.status)

    @property
    def is_good(self) -> bool:
        """Whether it was answered as expected."""
        return is_as_expected(self.outcome, self.status)

    @property
    def latency(self) -> float:
        """Seconds from the moment it was due to its end."""
        return self.finished - self.intended

    @property
    def response(self) -> float:
        """Seconds from when its connection was begun to its end."""
        return self.finished - self.begun

    @property
    def lag(self) -> float:
        """Seconds that it was begun late."""
        return self.begun - self.intended


@dataclass(frozen=True)
class Peer:
    """Where requests go.

    Attributes:
        family, address: as a socket takes them.
        name: the host, for TLS.
        context: where the peer speaks TLS.
    """

    family: int
    address: Any
    name: str
    context: ssl.SSLContext | None = None


class _Stage(enum.Enum):
    CONNECTING = enum.auto()
    HANDSHAKE = enum.auto()
    SENDING = enum.auto()
    WAITING = enum.auto()


class Connection:
    """Carries one exchange; the caller polls and says when something can go on.

    What comes is kept with its moment at once and read later, by ``digest``: parsing one answer
    must not delay the moment at which the next is seen.
    """

    def __init__(
        self, exchange: ProbeExchange, peer: Peer, method: str, request: bytes, replica_header: str
    ) -> None:
        self.exchange = exchange
        self._peer = peer
        self._method = method
        self._left = memoryview(request)
        self._replica_header = replica_header.lower().encode()
        self._stage = _Stage.CONNECTING
        self._wants = select.EPOLLOUT
        self._sock: socket.socket | None = None
        self._arrived: list[tuple[float, bytes]] = []
        self._parser: h11.Connection | None = None
        self._last_seen = math.nan

    def fileno(self) -> int:
        """Give the descriptor, -1 once it is closed."""
        return -1 if self._sock is None else self._sock.fileno()

    @property
    def events(self) -> int:
        """What to poll for."""
        return self._wants

    @property
    def is_sent(self) -> bool:
        """Whether the request has gone, or failed."""
        return self._stage is _Stage.WAITING or not self.exchange.pending

    def open(self, patience: float) -> None:
        """Connect and send, as far as that goes within ``patience`` seconds."""
        self.exchange.begun = time.monotonic()
        try:
            sock = socket.socket(self._peer.family, socket.SOCK_STREAM)
        except OSError as error:
            self._fail(error)
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        code = sock.connect_ex(self._peer.address)
        if code not in _IN_PROGRESS | _CONNECTED:
            self._fail(OSError(code, "connect"))
            return
        self.advance()
        deadline = self.exchange.begun + patience
        while not self.is_sent and (left := deadline - time.monotonic()) > 0:
            poller = select.poll()
            poller.register(self.fileno(), self._wants)
            poller.poll(left * 1e3)
            self.advance()

    def advance(self) -> None:
        """Go on with connecting, the handshake and sending as far as it goes."""
        try:
            if self._stage is _Stage.CONNECTING:
                self._connect()
            if self._stage is _Stage.HANDSHAKE:
                self._shake_hands()
            if self._stage is _Stage.SENDING:
                self._send()
        except (BlockingIOError, ssl.SSLWantWriteError):
            self._wants = select.EPOLLOUT
        except ssl.SSLWantReadError:
            self._wants = select.EPOLLIN
        except OSError as error:
            self._fail(error)

    def _connect(self) -> None:
        assert self._sock is not None  # noqa: S101 - opened
        code = self._sock.connect_ex(self._peer.address)
        if code in _IN_PROGRESS:
            raise BlockingIOError
        if code not in _CONNECTED:
            raise OSError(code, "connect")
        self.exchange.connected = time.monotonic()
        self._stage = _Stage.SENDING
        if self._peer.context is not None:
            self._sock = self._peer.context.wrap_socket(
                self._sock, server_hostname=self._peer.name, do_handshake_on_connect=False
            )
            self._stage = _Stage.HANDSHAKE

    def _shake_hands(self) -> None:
        assert isinstance(self._sock, ssl.SSLSocket)  # noqa: S101 - wrapped when connected
        self._sock.do_handshake()
        self._stage = _Stage.SENDING

    def _send(self) -> None:
        assert self._sock is not None  # noqa: S101 - opened
        while self._left:
            self._left = self._left[self._sock.send(self._left) :]
        self.exchange.sent = time.monotonic()
        self._stage = _Stage.WAITING
        self._wants = select.EPOLLIN

    def on_event(self, moment: float) -> None:
        """Go on with whatever the connection waits for; ``moment`` is when the poll returned."""
        if not self.exchange.pending:
            return
        if self._stage is _Stage.WAITING:
            self._receive(moment)
        else:
            self.advance()

    def _receive(self, moment: float) -> None:
        assert self._sock is not None  # noqa: S101 - opened
        try:
            while True:
                data = self._sock.recv(_RECEIVE)
                self._arrived.append((moment, data))
                # A TLS socket may hold more than the poll can see.
                if not data or not isinstance(self._sock, ssl.SSLSocket):
                    return
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except ssl.SSLEOFError:
            self._arrived.append((moment, b""))
        except OSError as error:
            self.digest()
            if self.exchange.pending:
                self._fail(error, moment)

    def digest(self) -> None:
        """Read what has come; at its end the exchange is finished."""
        arrived, self._arrived = self._arrived, []
        for moment, data in arrived:
            if not self.exchange.pending:
                return
            if data and math.isnan(self.exchange.first_byte):
                self.exchange.first_byte = moment
            self._parse(moment, data)

    def _parse(self, moment: float, data: bytes) -> None:
        if self._parser is None:
            self._parser = _parser(self._method)
        try:
            self._parser.receive_data(data)
            while self.exchange.pending:
                event = self._parser.next_event()
                if not isinstance(event, h11.Event):
                    return
                self._take(event, moment)
        except h11.RemoteProtocolError:
            self.finish(Outcome.PROTOCOL if data else Outcome.CLOSED, moment)

    def _take(self, event: h11.Event, moment: float) -> None:
        if isinstance(event, h11.Response):
            self.exchange.status = event.status_code
            self.exchange.replica = next(
                (
                    value.decode("latin-1")
                    for name, value in event.headers
                    if name == self._replica_header
                ),
                None,
            )
        elif isinstance(event, h11.Data):
            self.exchange.size += len(event.data)
        elif isinstance(event, h11.EndOfMessage):
            self.finish(Outcome.ANSWERED, moment)
        elif isinstance(event, h11.ConnectionClosed):
            self.finish(Outcome.CLOSED, moment)

    def _fail(self, error: OSError, moment: float | None = None) -> None:
        if isinstance(error, ssl.SSLError):
            outcome = Outcome.TLS
        else:
            outcome = OUTCOME_OF_ERRNO.get(error.errno or 0, Outcome.OTHER)
        self.finish(outcome, time.monotonic() if moment is None else moment)

    def finish(self, outcome: Outcome, moment: float) -> None:
        """End the exchange; its descriptor stays taken, lest it is used again too early."""
        self.exchange.outcome = outcome
        self.exchange.finished = moment

    def close(self) -> None:
        """Close the connection, whatever has become of the exchange."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None


@functools.cache
def _request(method: str) -> tuple[h11.Request, h11.EndOfMessage]:
    """Give the request as a parser is told of it: only the method decides how answers end."""
    headers = [("Host", "host"), ("Connection", "close")]
    return h11.Request(method=method, target="/", headers=headers), h11.EndOfMessage()


def _parser(method: str) -> h11.Connection:
    """Make a parser of one answer."""
    parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEADERS_LIMIT)
    for event in _request(method):
        parser.send(event)
    return parser
