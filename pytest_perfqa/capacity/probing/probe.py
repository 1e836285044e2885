"""The probe: requests sent in a known order by one dispatcher, each on a connection of its own.

Order is by construction: connect and send, socket by socket. A crowd of threads or greenlets
reorders a burst, and then the staircase of its completions says nothing about workers.
"""

from __future__ import annotations

import contextlib
import gc
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...base.address import Address, accepting
from ...base.tls import tls_context
from ...errors import ConfigurationError, ServiceError
from ...load.wire.message import Message, target
from ...service.shared.readiness import ProbeResult
from ...service.shared.settling import wait_until_settled
from .exchange import Connection, Peer, ProbeExchange
from .open_requests import TICK_SECONDS, OpenRequests
from .volley import Volley

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    Until = Callable[["Volley", float], bool]
    Watch = Callable[[], tuple[str, ...]]

# How long the dispatcher stays with one socket before it goes on to the next. Neighbours accept at
# once; where the first doesn't, connections are begun in order and sent on as they come up.
_PATIENCE_SECONDS = 0.005
_TLS_PATIENCE_SECONDS = 0.05
# Within a long burst, what came is taken in (with its moment) after so many sends, and read after
# so many: reading takes longer than sending.
_SENDS_PER_POLL = 8
_SENDS_PER_LOOK = 64
_SPIN_SECONDS = 0.001
_CONNECT_SECONDS = 5.0


@dataclass(frozen=True)
class Bounds:
    """What a prober may use in all.

    Attributes:
        requests: sent at most.
        concurrency: open at one time at most.
        seconds: from the first request on, at most.
    """

    requests: int = 1500
    concurrency: int = 256
    seconds: float = 60.0


@dataclass(frozen=True)
class Drained:
    """Whether a service came to rest, and how long that took.

    Attributes:
        seconds: waited.
        is_drained: False where time ran out: then what follows can't be believed.
    """

    seconds: float
    is_drained: bool


class Prober:
    """Sends volleys of requests to one service; bounded in all that it uses.

    Args:
        url: the address of the service, http or https.
        path: asked for where a volley names none.
        headers: sent with each request.
        method: of each request.
        timeout: seconds for one request, from when it is begun.
        replica_header: its value is kept in each exchange.
        verify: refuse certificates that aren't trusted.
        watch: says how others have disturbed the service since it was asked last.

    Attributes:
        disturbed: how others disturbed the service while requests were held.

    Raises:
        ConfigurationError: the address is none, or its host has no address.
        ServiceError: nobody listens there, or not with TLS that can be trusted.
    """

    def __init__(
        self,
        url: str,
        path: str = "/",
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout: float = 60.0,
        bounds: Bounds | None = None,
        replica_header: str | None = None,
        verify: bool = True,
        watch: Watch = tuple,
    ) -> None:
        self.path = path
        self.timeout = timeout
        self.bounds = bounds or Bounds()
        self.sent = 0
        self._method = method
        self._headers = dict(headers or {})
        self._body = body
        self._replica_header = replica_header or ""
        self._begin: float | None = None
        self._prefix, self._host, self.peer = _locate(url, verify=verify)
        self._open = OpenRequests()
        self._watch = watch
        self._is_holding = False
        self.disturbed: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def pending(self) -> int:
        """How many requests are open, of all volleys."""
        return len(self._open)

    @property
    def seconds_left(self) -> float:
        """Seconds that may still be used."""
        if self._begin is None:
            return self.bounds.seconds
        return self._begin + self.bounds.seconds - time.monotonic()

    @property
    def requests_left(self) -> int:
        """How many requests may still be sent."""
        return self.bounds.requests - self.sent

    def send(
        self,
        offsets: Sequence[float],
        *,
        timeout: float | None = None,
        until: Until | None = None,
        path: str | None = None,
        keep: bool = False,
    ) -> Volley:
        """Send requests at the given offsets and wait for their ends.

        Args:
            offsets: ascending, in seconds from now; all 0 is a burst.
            timeout: seconds for one request, instead of the prober's.
            until: called with the volley and the moment at each end of a request and about every
                10 ms; True ends the volley early.
            path: instead of the prober's.
            keep: what is pending at an early end stays open, for ``wait``; else it is abandoned:
                its connections are closed, and the service may go on working for nobody.
        """
        request = self._request(self.path if path is None else path)
        limit = self.timeout if timeout is None else timeout
        if not keep:
            self.look()
        self._is_holding = self._is_holding or keep
        volley = Volley(time.monotonic(), tuple(offsets))
        self._begin = volley.begin if self._begin is None else self._begin
        with _measured(volley), _no_collection():
            patience = _TLS_PATIENCE_SECONDS if self.peer.context else _PATIENCE_SECONDS
            ended = ""
            while not ended and len(volley.exchanges) < volley.planned:
                due = volley.begin + offsets[len(volley.exchanges)]
                if due > time.monotonic():
                    ended = self._look(volley, until, due)
                    continue
                ended = self._exhausted()
                if not ended:
                    patience = self._start(volley, due, request, limit, patience)
                    if len(volley.exchanges) % _SENDS_PER_LOOK == 0:
                        ended = self._look(volley, until, due)
                    elif len(volley.exchanges) % _SENDS_PER_POLL == 0:
                        self._open.take_in()
            volley.ended_by = ended or self._finish(volley, until)
        if not keep:
            self.abandon(volley)
            volley.disturbed = self._watch()
        return volley

    def look(self) -> None:
        """See whether others have disturbed what was held, which nothing may come between."""
        found = self._watch()
        self.disturbed += found if self._is_holding else ()
        self._is_holding = False

    def wait(
        self, volley: Volley, *, until: Until | None = None, limit: float | None = None
    ) -> Volley:
        """Go on waiting for the ends of a volley that was kept, at most ``limit`` seconds."""
        deadline = time.monotonic() + limit if limit is not None else None

        def enough(volley: Volley, now: float) -> bool:
            over = deadline is not None and now >= deadline
            return over or (until is not None and until(volley, now))

        with _no_collection():
            volley.ended_by = self._finish(volley, enough)
        return volley

    def abandon(self, volley: Volley | None = None) -> None:
        """Close the open connections of a volley, or all."""
        self._open.abandon(volley)

    def canary(self, path: str | None = None) -> Callable[[float], ProbeResult]:
        """Make a canary: one request, whose answer says how it went and how long it took.

        Sent as volleys are, not as those of ``service.shared.readiness``: it counts against the
        bounds, and its time is compared with those of requests that went the same way.
        """

        def send(limit: float) -> ProbeResult:
            volley = self.send([0.0], timeout=limit, path=path)
            if not volley.exchanges:
                return ProbeResult(is_good=False, detail=f"the bound of {volley.ended_by} was met")
            one = volley.exchanges[0]
            return ProbeResult(
                is_good=one.is_good,
                detail=one.outcome.label if not one.status else str(one.status),
                seconds=one.response,
                status=one.status or None,
                replica=one.replica,
            )

        return send

    def drain(
        self,
        *,
        fast: float,
        limit: float,
        path: str | None = None,
        replicas: Collection[str] = (),
    ) -> Drained:
        """Wait until the service is at rest: nothing of ours pending, canaries in a row fast.

        Nothing pending is not enough: what clients or a proxy gave up still occupies workers.

        Args:
            fast: seconds within which an answer of a service at rest comes.
            limit: seconds for all of it.
            path: of the canaries; best one that is quick and goes to the same workers.
            replicas: values of the replica header, each of which must have answered.
        """
        begin = time.monotonic()
        while self.pending and (left := begin + limit - time.monotonic()) > 0:
            self._open.read(min(left, TICK_SECONDS))
        left = min(begin + limit - time.monotonic(), self.seconds_left)
        is_drained = not self.pending and wait_until_settled(
            self.canary(path), fast=fast, replicas=replicas, limit=left
        )
        return Drained(time.monotonic() - begin, is_drained)

    def close(self) -> None:
        """Close everything; a second call does nothing."""
        self._open.close()

    def _request(self, path: str) -> bytes:
        message = Message(self._method, self._prefix + target(path, {}), self._headers, self._body)
        return message.encode(self._host, {}, close=True)

    def _exhausted(self) -> str:
        """Name the bound that doesn't let another request be sent, if one does."""
        if self.requests_left <= 0:
            return "requests"
        if self.pending >= self.bounds.concurrency:
            return "concurrency"
        return "time" if self.seconds_left <= 0 else ""

    def _start(
        self, volley: Volley, due: float, request: bytes, limit: float, patience: float
    ) -> float:
        """Send one request; give how patient to be with the next."""
        exchange = ProbeExchange(len(volley.exchanges), due)
        connection = Connection(exchange, self.peer, self._method, request, self._replica_header)
        volley.exchanges.append(exchange)
        self.sent += 1
        connection.open(patience)
        if not exchange.pending:
            connection.close()
            volley.finished.append(exchange)
            return patience
        self._open.add(connection, volley, exchange.begun + limit)
        return patience if connection.is_sent else 0.0

    def _finish(self, volley: Volley, until: Until | None) -> str:
        """Wait for the ends of all that was sent; give why that ended."""
        ended = ""
        while volley.pending and not ended:
            ended = self._look(volley, until, time.monotonic() + TICK_SECONDS)
        return ended or "complete"

    def _look(self, volley: Volley, until: Until | None, due: float) -> str:
        """Read what comes until ``due``, at most a tick; give why the volley ends, if it does."""
        left = min(due - time.monotonic(), TICK_SECONDS)
        if 0 < left < _SPIN_SECONDS:
            # A poll rounds up to whole milliseconds.
            time.sleep(left)
            left = 0.0
        elif left > 0:
            left -= _SPIN_SECONDS
        for ended in self._open.read(max(0.0, left)):
            if ended is volley and until is not None and until(volley, time.monotonic()):
                return "verdict"
        if until is not None and until(volley, time.monotonic()):
            return "verdict"
        return "time" if self.seconds_left <= 0 else ""


@contextlib.contextmanager
def _measured(volley: Volley) -> Iterator[None]:
    """Note how long a volley took and how much of a CPU it used."""
    begin, used = time.monotonic(), time.process_time()
    try:
        yield
    finally:
        volley.seconds = time.monotonic() - begin
        volley.cpu = (time.process_time() - used) / max(volley.seconds, 1e-9)


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector from delaying a send or the moment of an answer."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _locate(url: str, *, verify: bool) -> tuple[str, str, Peer]:
    """Give the path that comes with an address, the Host header, and the peer."""
    try:
        address = Address.read(url)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    try:
        places = address.places()
    except OSError as error:
        raise ConfigurationError(
            f"{url}: {address.host!r} has no address: {error.strerror}"
        ) from None
    # Not more than a connection: a request would warm up what is to be seen cold.
    place = accepting(places, _CONNECT_SECONDS)
    if place is None:
        raise ServiceError(f"nobody answers at {url}")
    peer = Peer(*place, address.host, tls_context(verify=verify) if address.is_tls else None)
    try:
        _shake_hands(peer)
    except OSError as error:
        raise ServiceError(f"no TLS with {url}: {error}") from None
    return address.prefix, address.authority, peer


def _shake_hands(peer: Peer) -> None:
    """See once whether TLS comes about, and why not."""
    if peer.context is not None:
        with socket.socket(peer.family) as sock:
            sock.settimeout(_CONNECT_SECONDS)
            sock.connect(peer.address)
            peer.context.wrap_socket(sock, server_hostname=peer.name).close()
