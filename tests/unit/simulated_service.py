# ruff: noqa: D102 - the Protocol says what they do
"""A service in virtual time behind the interface of a prober: the truth is known, nothing waits."""

from __future__ import annotations

import heapq
import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pytest_perfqa.capacity.probing.exchange import ProbeExchange
from pytest_perfqa.capacity.probing.probe import Drained
from pytest_perfqa.capacity.probing.volley import Volley
from pytest_perfqa.load.wire.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

TICK = 0.01
CANARY = 0.001


class Server(Protocol):
    """Takes requests and says when each is done, in the order of time."""

    def arrive(self, now: float) -> int | None:
        """Take a request; give its number, None if it is turned away."""

    def next_done(self) -> float:
        """Give when the next is done if nothing else arrives."""

    def pop_done(self) -> int:
        """Take the one that is done next."""

    @property
    def busy(self) -> bool:
        """Whether it works on anything."""


class Fifo:
    """Some workers before one queue, which may be bounded."""

    def __init__(self, workers: int, service: Callable[[], float], queue: float = math.inf) -> None:
        self._free = [0.0] * workers
        self._service = service
        self._room = workers + queue
        self._done: list[tuple[float, int]] = []
        self._count = 0

    def arrive(self, now: float) -> int | None:
        if len(self._done) >= self._room:
            return None
        finish = max(now, self._free[0]) + self._service()
        heapq.heapreplace(self._free, finish)
        self._count += 1
        heapq.heappush(self._done, (finish, self._count))
        return self._count

    def next_done(self) -> float:
        return self._done[0][0] if self._done else math.inf

    def pop_done(self) -> int:
        return heapq.heappop(self._done)[1]

    @property
    def busy(self) -> bool:
        return bool(self._done)


class RoundRobin:
    """Replicas that take turns."""

    def __init__(self, replicas: Sequence[Fifo]) -> None:
        self._replicas = replicas
        self._count = 0
        self._numbers: dict[tuple[int, int], int] = {}

    def arrive(self, now: float) -> int | None:
        which = self._count % len(self._replicas)
        self._count += 1
        own = self._replicas[which].arrive(now)
        if own is None:
            return None
        self._numbers[which, own] = self._count
        return self._count

    def next_done(self) -> float:
        return min(replica.next_done() for replica in self._replicas)

    def pop_done(self) -> int:
        which = min(range(len(self._replicas)), key=lambda i: self._replicas[i].next_done())
        return self._numbers.pop((which, self._replicas[which].pop_done()))

    @property
    def busy(self) -> bool:
        return any(replica.busy for replica in self._replicas)


class Sharing:
    """Works on all requests at once with some CPUs, as threads do."""

    def __init__(self, cpus: float, service: Callable[[], float]) -> None:
        self._cpus = cpus
        self._service = service
        self._left: dict[int, float] = {}
        self._now = 0.0
        self._count = 0

    def _speed(self) -> float:
        return min(1.0, self._cpus / max(1, len(self._left)))

    def _work(self, now: float) -> None:
        done = (now - self._now) * self._speed()
        self._left = {number: left - done for number, left in self._left.items()}
        self._now = now

    def arrive(self, now: float) -> int:
        self._work(now)
        self._count += 1
        self._left[self._count] = self._service()
        return self._count

    def next_done(self) -> float:
        if not self._left:
            return math.inf
        return self._now + min(self._left.values()) / self._speed()

    def pop_done(self) -> int:
        self._work(self.next_done())
        number = min(self._left, key=self._left.__getitem__)
        del self._left[number]
        return number

    @property
    def busy(self) -> bool:
        return bool(self._left)


def constant(seconds: float) -> Callable[[], float]:
    """Service times that are all the same."""
    return lambda: seconds


def gamma(mean: float, variation: float, seed: int = 1) -> Callable[[], float]:
    """Service times of a gamma distribution with this coefficient of variation."""
    random = np.random.default_rng(seed)
    shape = 1 / variation**2
    return lambda: float(random.gamma(shape, mean / shape))


@dataclass
class SimulatedProber:
    """A prober whose service is simulated.

    Attributes:
        patience: after this a proxy answers 504; the service works on.
        timeout: after this the client gives up.
        lag: every request is sent so much late.
        fastest: at a higher rate than this, every request is late.
    """

    server: Server
    patience: float = math.inf
    timeout: float = math.inf
    budget: float = math.inf
    lag: float = 0.0
    fastest: float = math.inf
    drains: int = 0
    sent: int = 0
    now: float = 0.0
    _open: dict[int, ProbeExchange] = field(default_factory=dict)

    @property
    def seconds_left(self) -> float:
        """What is left of the budget."""
        return self.budget - self.now

    def send(
        self,
        offsets: Sequence[float],
        *,
        timeout: float | None = None,
        until: Callable[[Volley, float], bool] | None = None,
        path: str | None = None,
    ) -> Volley:
        """Send requests, as a prober does; those to another path take a canary's time."""
        del timeout
        volley = Volley(self.now, tuple(offsets))
        if path is not None:
            self._canary(volley)
            return volley
        due = deque(volley.begin + offset for offset in offsets)
        ages: deque[ProbeExchange] = deque()
        is_fast = len(offsets) > self.fastest * max(offsets[-1], TICK)
        lag = 1.0 if is_fast else self.lag
        tick = self.now + TICK
        ended = ""
        while (due or volley.pending) and not ended:
            patience = min(self.patience, self.timeout)
            while ages and not ages[0].pending:
                ages.popleft()
            expiry = ages[0].intended + patience if ages else math.inf
            arrival = due[0] + lag if due else math.inf
            moment = min(arrival, expiry, self.server.next_done(), tick)
            if moment - volley.begin > 1e6 or self.seconds_left <= 0:
                ended = "time"
                break
            self.now = max(self.now, moment)
            if moment == arrival:
                ages.append(self._arrive(volley, due.popleft()))
            elif moment == self.server.next_done():
                self._end(volley, self._open.pop(self.server.pop_done(), None), 200)
            elif moment == expiry:
                gone = ages.popleft()
                self._end(volley, gone, 504 if self.patience <= self.timeout else 0)
            else:
                tick = max(tick + TICK, self._next_event(due, ages, patience))
            if until is not None and until(volley, self.now):
                ended = "verdict"
        volley.ended_by = ended or "complete"
        volley.seconds = self.now - volley.begin
        self._open.clear()
        return volley

    def _next_event(self, due: deque[float], ages: deque[ProbeExchange], patience: float) -> float:
        """Skip ticks in which nothing happens: a watcher learns nothing at them but an age."""
        expiry = ages[0].intended + patience if ages else math.inf
        event = min(due[0] if due else math.inf, expiry, self.server.next_done())
        return self.now + TICK * max(1.0, (event - self.now) // TICK // 20)

    def _arrive(self, volley: Volley, due: float) -> ProbeExchange:
        one = ProbeExchange(len(volley.exchanges), due, begun=self.now, sent=self.now)
        volley.exchanges.append(one)
        self.sent += 1
        number = self.server.arrive(self.now)
        if number is None:
            self._end(volley, one, 503)
        else:
            self._open[number] = one
        return one

    def _end(self, volley: Volley, one: ProbeExchange | None, status: int) -> None:
        if one is None or not one.pending:
            return
        one.outcome = Outcome.ANSWERED if status else Outcome.TIMEOUT
        one.status, one.finished = status, self.now
        volley.finished.append(one)

    def _canary(self, volley: Volley) -> None:
        one = ProbeExchange(0, self.now, begun=self.now, sent=self.now)
        self.now += CANARY
        volley.exchanges.append(one)
        self._end(volley, one, 200)
        volley.seconds = CANARY

    def drain(
        self,
        *,
        fast: float,
        limit: float,
        path: str | None = None,
        replicas: Collection[str] = (),
    ) -> Drained:
        """Let the service finish what nobody waits for."""
        del fast, path, replicas
        self.drains += 1
        begin = self.now
        while self.server.busy and self.server.next_done() - begin <= limit:
            self.now = max(self.now, self.server.next_done())
            self.server.pop_done()
        if self.server.busy:
            self.now = begin + limit
        return Drained(self.now - begin, not self.server.busy)
