"""Sends every arrival at its time, whether or not earlier ones have been answered."""

from __future__ import annotations

import contextlib
import random
import time
from itertools import accumulate
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import gevent
from gevent import socket
from gevent.event import Event
from gevent.hub import Waiter, get_hub

from ..scenario import Flow, Request
from ..schedule import schedule
from .clock import Alarm
from .message import build, is_constant
from .plan import Plan, Summary, endpoints
from .record import NO_REPLICA, Kind, Outcome, Recorder
from .transport import Exchange, Pool, Transport
from .vuser import VirtualUser, is_redirect, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

# Without a limit, one late wake-up starts everything overdue at once, each on a connection of its
# own (measured at 25,000/s offered: 78 % of arrivals lost; with 32 per turn all were sent).
_PER_TURN = 32
# Arrival times are turned into Python floats in blocks: ten million at once would take 0.3 GB.
_BLOCK = 16_384
_DRAW = 1 << 20
# So late that the run can only be INVALID: no use to go on for as long as the backlog takes.
_HOPELESS_SECONDS = 10.0
_PROBE_SECONDS = 1.0


class Dispatcher:
    """The arrivals of one plan, their virtual users and their account."""

    def __init__(self, plan: Plan, recorder: Recorder) -> None:
        scenario = plan.scenario
        split = urlsplit(plan.url)
        self.host = split.netloc
        self.close_after = not scenario.keep_connections
        self._scenario = scenario
        self._plan = plan
        self._recorder = recorder
        self._transport = Transport(
            *_resolve(split.hostname or "", split.port or 80), timeout=scenario.timeout
        )
        prepare(scenario.flows)
        self._shared = Pool(self._transport) if scenario.keep_connections else None
        self._numbers = {label: number for number, label in enumerate(endpoints(scenario))}
        self._fast = [self._constant(flow) for flow in scenario.flows]
        self._weights = list(accumulate(flow.weight for flow in scenario.flows))
        self._limits = [
            None if phase.max_vusers is None else _share(phase.max_vusers, plan.shard, plan.shards)
            for phase in scenario.phases
        ]
        self._schedule = schedule(scenario).shard(plan.shard, plan.shards)
        self._alarm = Alarm()
        self._thinking: dict[Waiter[None], None] = {}
        self._replicas: dict[str, int] = {}
        self._examples: dict[str, str] = {}
        self._idle = Event()
        self._idle.set()
        self._stopped: str | None = None
        self._start = 0.0
        self.launched = self.skipped = self.running = 0

    def run(self, start: float) -> Summary:
        """Send all arrivals, the first counted from ``start``, and wait until all have ended."""
        self._start = start
        cpu = time.process_time()
        self._dispatch()
        self._idle.wait()
        self._transport.close()
        if self._shared is not None:
            self._shared.close()
        self._alarm.close()
        return Summary(
            planned=len(self._schedule),
            launched=self.launched,
            skipped=self.skipped,
            missed=len(self._schedule) - self.launched - self.skipped,
            replicas=tuple(self._replicas),
            cpu=time.process_time() - cpu,
            wall=time.monotonic() - start,
            examples=self._examples,
            stopped=self._stopped,
        )

    def stop(self, reason: str) -> None:
        """Send no more, and end what is under way as pending."""
        if self._stopped is None:
            self._stopped = reason or "it was told to"
            self._alarm.interrupt()
            get_hub().loop.run_callback(self._abandon)

    def _abandon(self) -> None:
        # Virtual users aren't killed: a greenlet killed before its first turn would never say
        # that it has ended. Each sees ``stopping`` at its next step.
        self._transport.abandon()
        for waiter in list(self._thinking):
            waiter.switch(None)

    @property
    def stopping(self) -> bool:
        """Whether no more is to be sent."""
        return self._stopped is not None

    def pause(self, seconds: float) -> None:
        """Let a virtual user, in its own greenlet, think; ``stop`` ends it."""
        loop = get_hub().loop
        waiter: Waiter[None] = Waiter()
        timer = loop.timer(seconds)
        self._thinking[waiter] = None
        timer.start(waiter.switch, None, update=True)
        try:
            waiter.get()
        finally:
            timer.close()
            del self._thinking[waiter]

    def _dispatch(self) -> None:
        sent_in_turn = 0
        for index, offset, phase in self._arrivals():
            due = self._start + offset
            if due > time.monotonic():
                self._alarm.wait_until(due)
                sent_in_turn = 0
            elif sent_in_turn >= _PER_TURN:
                gevent.sleep(0)
                sent_in_turn = 0
            if time.monotonic() - due > _HOPELESS_SECONDS:
                self.stop(f"it fell {_HOPELESS_SECONDS:g} s behind its schedule")
            if self.stopping:
                break
            sent_in_turn += 1
            self._launch(index, due, phase)

    def _arrivals(self) -> Iterator[tuple[int, float, int]]:
        times, phases = self._schedule.times, self._schedule.phases
        for first in range(0, len(times), _BLOCK):
            block = slice(first, first + _BLOCK)
            pairs = zip(times[block].tolist(), phases[block].tolist(), strict=True)
            for index, (offset, phase) in enumerate(pairs, first):
                yield index * self._plan.shards + self._plan.shard, offset, phase

    def _launch(self, index: int, due: float, phase: int) -> None:
        limit = self._limits[phase]
        if limit is not None and self.running >= limit:
            self.skipped += 1
            return
        self.launched += 1
        self.running += 1
        self._idle.clear()
        number = self._draw(index)
        request, fast = self._fast[number]
        if fast is None:
            flow = self._scenario.flows[number]
            self._spawn(flow, due, phase, index, self._variables(index))
        else:
            # Its connection isn't kept, even by a server that ignores "Connection: close".
            pool = self._shared or Pool(self._transport, closed=True)
            arrival = _Single(self, request, due, phase, index)
            pool.send(Exchange(request.method, fast, arrival))

    def _spawn(
        self,
        flow: Flow,
        due: float,
        phase: int,
        index: int,
        variables: dict[str, Any],
        first: Exchange | None = None,
    ) -> None:
        pool = self._shared or Pool(self._transport)
        user = VirtualUser(
            self,
            pool,
            flow,
            due=due,
            phase=phase,
            variables=variables,
            seed=f"{self._scenario.seed}:{index}",
            first=first,
        )
        gevent.spawn(self._pass, user, pool)

    def _pass(self, user: VirtualUser, pool: Pool) -> None:
        try:
            user.run()
        finally:
            if pool is not self._shared:
                pool.close()
            self.ended()

    def follow(
        self, request: Request, due: float, phase: int, index: int, answer: Exchange
    ) -> None:
        """Go on with an arrival as a virtual user after all: its first answer was a redirect."""
        self._spawn(Flow("", 1, (request,)), due, phase, index, {}, answer)

    def ended(self) -> None:
        """Count one virtual user less at work."""
        self.running -= 1
        if not self.running:
            self._idle.set()

    def endpoint(self, label: str) -> int:
        """Give the number of an endpoint."""
        return self._numbers[label]

    def note(self, due: float, exchange: Exchange, phase: int, endpoint: int, kind: Kind) -> None:
        """Record an exchange that was due at a moment of ``time.monotonic``."""
        outcome = exchange.outcome
        if outcome is not Outcome.ANSWERED and outcome.label not in self._examples:
            self._examples[outcome.label] = exchange.detail
        self._recorder.add(
            due - self._start,
            exchange.started - due,
            exchange.ended - exchange.started,
            exchange.size,
            exchange.status,
            phase,
            endpoint,
            outcome,
            self._replica(exchange),
            kind,
        )

    def _replica(self, exchange: Exchange) -> int:
        header = self._plan.replica_header
        if header is None or not exchange.status:
            return NO_REPLICA
        value = exchange.header(header)
        if value is None:
            return NO_REPLICA
        # nginx lists every upstream it tried; the last one answered.
        value = value.rpartition(",")[2].strip()
        if len(self._replicas) < NO_REPLICA:
            self._replicas.setdefault(value, len(self._replicas))
        return self._replicas.get(value, NO_REPLICA)

    def _constant(self, flow: Flow) -> tuple[Request, bytes | None]:
        """Give the bytes of a flow that is one request, the same every time, else None."""
        first = flow.steps[0]
        if not isinstance(first, Request):
            return Request("GET", "/", ""), None
        plain = (
            len(flow.steps) == 1
            and not (first.captures or first.expectations or first.cookies)
            and is_constant(first)
        )
        if not plain:
            return first, None
        message = build(first, {}, random.Random(0))  # noqa: S311 - nothing random is in it
        return first, message.encode(self.host, {}, close=self.close_after)

    def _draw(self, index: int) -> int:
        if len(self._weights) == 1:
            return 0
        point = random.Random(f"{self._scenario.seed}:flow:{index}").random() * self._weights[-1]  # noqa: S311
        return next(number for number, weight in enumerate(self._weights) if point < weight)

    def _variables(self, index: int) -> dict[str, Any]:
        chance = random.Random(f"{self._scenario.seed}:data:{index}")  # noqa: S311
        drawn = {name: chance.choice(values) for name, values in self._scenario.variables.items()}
        for payload in self._scenario.payloads:
            number = index if payload.order == "sequence" else chance.randrange(_DRAW)
            drawn |= zip(payload.fields, payload.rows[number % len(payload.rows)], strict=False)
        return drawn


class _Single:
    """An arrival of one constant request: a callback, without a greenlet."""

    __slots__ = ("_dispatcher", "_due", "_index", "_phase", "_request")

    def __init__(
        self,
        dispatcher: Dispatcher,
        request: Request,
        due: float,
        phase: int,
        index: int,
    ) -> None:
        self._dispatcher = dispatcher
        self._request = request
        self._due = due
        self._phase = phase
        self._index = index

    def __call__(self, exchange: Exchange) -> None:
        dispatcher = self._dispatcher
        if self._request.follow_redirects and is_redirect(exchange):
            dispatcher.follow(self._request, self._due, self._phase, self._index, exchange)
            return
        dispatcher.note(
            self._due, exchange, self._phase, dispatcher.endpoint(self._request.label), Kind.SINGLE
        )
        dispatcher.ended()


def _resolve(host: str, port: int) -> tuple[int, tuple[Any, ...]]:
    """Give the first address of a host that can be connected to, or else its first."""
    found = [
        (family, address)
        for family, *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    ]
    if len(found) > 1:  # "localhost" is ::1 and 127.0.0.1, and services often listen on one only
        for family, address in found:
            with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.settimeout(_PROBE_SECONDS)
                probe.connect(address)
                return family, address
    return found[0]


def _share(limit: int, shard: int, shards: int) -> int:
    """Give one generator's part of a limit on all of them together."""
    return limit * (shard + 1) // shards - limit * shard // shards
