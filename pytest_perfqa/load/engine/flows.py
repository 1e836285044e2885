"""Arrivals that run the flows of a scenario: what each is given, and the way its requests take."""

from __future__ import annotations

import random
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import gevent
from gevent.hub import Waiter, get_hub

from ...base.address import Address, accepting
from ...base.tls import tls_context
from ...scenario.records import Flow, Request
from ..wire.message import build, is_constant
from ..wire.record import RecordKind
from .transport import Exchange, Pool, Transport
from .vuser import VirtualUser, is_redirect, read_json_paths

if TYPE_CHECKING:
    from ..wire.plan import Plan
    from .account import Account

_DRAW = 1 << 20
_CONNECT_SECONDS = 1.0


class Flows:
    """Everything that virtual users share; the engine they run in."""

    def __init__(self, plan: Plan, account: Account) -> None:
        scenario = plan.scenario
        address = Address.read(plan.url)
        self.host = address.authority
        self.origin = address.origin
        self.prefix = address.prefix
        self.close_after = not scenario.keep_connections
        self.stopping = False
        self.note = account.note
        self.endpoint = account.endpoint
        self._scenario = scenario
        self._account = account
        tls = None
        if address.is_tls:
            tls = tls_context(verify=scenario.verify_certificates), address.host
        places = address.places()
        # The only one need not be tried; of none that accepts, what becomes of the load tells.
        place = accepting(places, _CONNECT_SECONDS) if len(places) > 1 else None
        self._transport = Transport(*(place or places[0]), timeout=scenario.timeout, tls=tls)
        read_json_paths(scenario.flows)
        self._shared = Pool(self._transport) if scenario.keep_connections else None
        self._fast = [self._constant(flow) for flow in scenario.flows]
        self._weights = list(accumulate(flow.weight for flow in scenario.flows))
        self._thinking: dict[Waiter[None], None] = {}

    def begin(self, index: int, due: float, phase: int) -> None:
        """Send an arrival on its way."""
        self._account.began()
        number = self._draw(index)
        request, fast = self._fast[number]
        if fast is None:
            user, pool = self._user(self._scenario.flows[number], index, due, phase)
            gevent.spawn(self._walk, user, pool)
        else:
            # Its connection isn't kept, even by a server that ignores "Connection: close".
            pool = self._shared or Pool(self._transport, closed=True)
            arrival = _Single(self, request, due, phase, index)
            pool.send(Exchange(request.method, fast, arrival))

    def walk(self, index: int, due: float, phase: int) -> None:
        """Run one arrival and wait for its end."""
        self._account.began()
        pass_ = self._user(self._scenario.flows[self._draw(index)], index, due, phase)
        # In a greenlet of its own: Locust may kill the one that waits here, at any moment, and
        # the arrival must be accounted for all the same.
        gevent.spawn(self._walk, *pass_).join()

    def follow(
        self, request: Request, due: float, phase: int, index: int, answer: Exchange
    ) -> None:
        """Go on with an arrival as a virtual user after all: its first answer was a redirect."""
        user, pool = self._user(Flow("", 1, (request,)), index, due, phase, answer)
        gevent.spawn(self._walk, user, pool)

    def ended(self) -> None:
        """Count one virtual user less at work."""
        self._account.ended()

    def drain(self) -> None:
        """Wait until no virtual user is at work: each of its requests has a deadline."""
        self._account.idle.wait()

    def abandon(self) -> None:
        """Send no more, and end what is under way as pending."""
        # Virtual users aren't killed: a greenlet killed before its first turn would never say
        # that it has ended. Each sees ``stopping`` at its next step.
        self.stopping = True
        self._transport.abandon()
        for waiter in list(self._thinking):
            waiter.switch(None)

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()
        if self._shared is not None:
            self._shared.close()

    def pause(self, seconds: float) -> None:
        """Let a virtual user, in its own greenlet, think; ``abandon`` ends it."""
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

    def _user(
        self, flow: Flow, index: int, due: float, phase: int, first: Exchange | None = None
    ) -> tuple[VirtualUser, Pool]:
        pool = self._shared or Pool(self._transport)
        user = VirtualUser(
            self,
            pool,
            flow,
            due=due,
            phase=phase,
            variables={} if first is not None else self._variables(index),
            seed=f"{self._scenario.seed}:{index}",
            first=first,
        )
        return user, pool

    def _walk(self, user: VirtualUser, pool: Pool) -> None:
        try:
            user.run()
        finally:
            if pool is not self._shared:
                pool.close()
            self.ended()

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
        message = build(first, {}, random.Random(0), self.prefix)  # noqa: S311 - nothing random is in it
        return first, message.encode(self.host, {}, close=self.close_after)

    def _draw(self, index: int) -> int:
        return draw(self._weights, f"{self._scenario.seed}:flow:{index}")

    def _variables(self, index: int) -> dict[str, Any]:
        chance = random.Random(f"{self._scenario.seed}:data:{index}")  # noqa: S311
        drawn = {name: chance.choice(values) for name, values in self._scenario.variables.items()}
        for payload in self._scenario.payloads:
            number = index if payload.order == "sequence" else chance.randrange(_DRAW)
            drawn |= zip(payload.fields, payload.rows[number % len(payload.rows)], strict=False)
        return drawn


def draw(weights: list[float], seed: str) -> int:
    """Draw a number by weights, given added up; the same seed draws the same."""
    if len(weights) == 1:
        return 0
    point = random.Random(seed).random() * weights[-1]  # noqa: S311 - repeatable, not a secret
    return next(number for number, weight in enumerate(weights) if point < weight)


class _Single:
    """An arrival of one constant request: a callback, without a greenlet."""

    __slots__ = ("_due", "_flows", "_index", "_phase", "_request")

    def __init__(self, flows: Flows, request: Request, due: float, phase: int, index: int) -> None:
        self._flows = flows
        self._request = request
        self._due = due
        self._phase = phase
        self._index = index

    def __call__(self, exchange: Exchange) -> None:
        flows = self._flows
        if self._request.follow_redirects and is_redirect(exchange):
            flows.follow(self._request, self._due, self._phase, self._index, exchange)
            return
        flows.note(
            self._due, exchange, self._phase, flows.endpoint(self._request.label), RecordKind.SINGLE
        )
        flows.ended()
