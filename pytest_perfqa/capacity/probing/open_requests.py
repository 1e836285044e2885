"""The requests that are open: on which of them something comes, and which end thereby."""

from __future__ import annotations

import select
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...load.wire.outcome import Outcome

if TYPE_CHECKING:
    from .exchange import Connection
    from .volley import Volley

#: How long is waited at one time, and how often is looked for requests that have timed out.
TICK_SECONDS = 0.01
# Among so many reads, what came meanwhile is taken in: the moment counts.
_READS_PER_POLL = 8


@dataclass(slots=True, eq=False)
class _Open:
    """A connection that is open, and which volley it belongs to."""

    connection: Connection
    volley: Volley
    deadline: float
    descriptor: int
    events: int


class OpenRequests:
    """Connections on which answers are awaited, of all volleys of a prober."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._next_sweep = 0.0
        self._unread: dict[_Open, None] = {}
        self._connections: dict[int, _Open] = {}

    def __len__(self) -> int:
        return len(self._connections)

    def add(self, connection: Connection, volley: Volley, deadline: float) -> None:
        """Await the answer on a connection until a moment (``time.monotonic``)."""
        descriptor = connection.fileno()
        one = _Open(connection, volley, deadline, descriptor, connection.events)
        self._connections[descriptor] = one
        self._epoll.register(descriptor, one.events)

    def abandon(self, volley: Volley | None = None) -> None:
        """Close the connections of a volley, or all."""
        for one in list(self._connections.values()):
            if volley is None or one.volley is volley:
                self._forget(one)

    def close(self) -> None:
        """Close everything; a second call does nothing."""
        self.abandon()
        self._epoll.close()

    def take_in(self) -> None:
        """Note the moment of what has come; it is read later."""
        self._unread.update(dict.fromkeys(self._poll(0.0)))

    def read(self, seconds: float) -> list[Volley]:
        """Read what comes within some time; give the volley of each request that has ended."""
        ended = []
        self._unread.update(dict.fromkeys(self._poll(seconds)))
        read = 0
        while self._unread:
            one = next(iter(self._unread))
            del self._unread[one]
            if self._connections.get(one.descriptor) is not one:
                continue
            one.connection.digest()
            if one.connection.exchange.pending:
                self._follow(one)
            else:
                ended.append(self._end(one))
            read += 1
            if read % _READS_PER_POLL == 0:
                self.take_in()
        now = time.monotonic()
        if now >= self._next_sweep:
            self._next_sweep = now + TICK_SECONDS
            for one in [one for one in self._connections.values() if one.deadline <= now]:
                one.connection.finish(Outcome.TIMEOUT, now)
                ended.append(self._end(one))
        return ended

    def _end(self, one: _Open) -> Volley:
        self._forget(one)
        one.volley.finished.append(one.connection.exchange)
        return one.volley

    def _follow(self, one: _Open) -> None:
        if one.events != one.connection.events:
            one.events = one.connection.events
            self._epoll.modify(one.descriptor, one.events)

    def _forget(self, one: _Open) -> None:
        del self._connections[one.descriptor]
        self._epoll.unregister(one.descriptor)
        one.connection.close()

    def _poll(self, seconds: float) -> list[_Open]:
        """Take in what comes within some time; give the connections on which something did."""
        events = self._epoll.poll(seconds)
        moment = time.monotonic()
        ready = [self._connections[descriptor] for descriptor, _ in events]
        for one in ready:
            one.connection.on_event(moment)
        return ready
