"""One virtual user: one pass through a flow, step by step, in a greenlet of its own."""

from __future__ import annotations

import contextlib
import json
import random
import re
import time
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urljoin, urlsplit

from gevent.hub import Waiter

from ...base.address import Address
from ...base.status import is_usual
from ...scenario.records import Capture, Expectation, Flow, Loop, Request, Step, Think
from ...scenario.template import render_templates, template_text
from ..wire.message import Message, build, decode, target
from ..wire.outcome import COMPLETED, Outcome, is_as_expected
from ..wire.plan import REDIRECTS, requests
from ..wire.record import WHOLE_ARRIVAL, RecordKind
from .transport import Exchange, Pool

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_REDIRECTED = {301, 302, 303, 307, 308}
_UNREAD = object()


class Engine(Protocol):
    """What a virtual user needs of the generator it runs in."""

    host: str
    origin: str
    prefix: str
    close_after: bool

    @property
    def stopping(self) -> bool:
        """Whether no more is to be sent."""

    def pause(self, seconds: float) -> None:
        """Wait, in the greenlet of a virtual user; shorter when the run is stopped."""

    def note(
        self, due: float, exchange: Exchange, phase: int, endpoint: int, kind: RecordKind
    ) -> None:
        """Record an exchange that was due at a moment of ``time.monotonic``."""

    def endpoint(self, label: str) -> int:
        """Give the number of an endpoint."""


class Failed(Exception):
    """The pass ends here: a request failed, or its answer was not what was expected."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.label)
        self.outcome = outcome


class VirtualUser:
    """One arrival on its way through a flow; ``first`` is an answer that it has already got."""

    def __init__(
        self,
        engine: Engine,
        pool: Pool,
        flow: Flow,
        *,
        due: float,
        phase: int,
        variables: Mapping[str, Any],
        seed: str,
        first: Exchange | None = None,
    ) -> None:
        self._engine = engine
        self._pool = pool
        self._flow = flow
        self._due = due
        self._phase = phase
        self._variables = dict(variables)
        self._random = random.Random(seed)  # noqa: S311 - repeatable load, not a secret
        self._cookies: dict[str, str] = {}
        self._kind = RecordKind.SINGLE if _is_single(flow) else RecordKind.STEP
        self._first_start = 0.0
        self._first = first
        self._outcome = Outcome.ANSWERED

    def run(self) -> None:
        """Walk through the flow and record what came of it."""
        arrived = self._due
        try:
            self._walk(self._flow.steps)
        except Failed as failed:
            self._outcome = failed.outcome
        if self._kind is RecordKind.STEP:
            self._note_arrival(arrived)

    def _note_arrival(self, arrived: float) -> None:
        whole = Exchange("", b"", _ignore)
        whole.started = self._first_start or arrived
        whole.ended = time.monotonic()
        whole.outcome = self._outcome
        self._engine.note(arrived, whole, self._phase, WHOLE_ARRIVAL, RecordKind.ARRIVAL)

    def _walk(self, steps: Iterable[Step]) -> None:
        for step in steps:
            if self._engine.stopping and self._kind is RecordKind.STEP:
                raise Failed(Outcome.PENDING)
            match step:
                case Think(seconds):
                    # The arrival was on time, however long it thinks before its first request.
                    self._first_start = self._first_start or time.monotonic()
                    self._engine.pause(seconds)
                    self._due = time.monotonic()
                case Loop():
                    self._repeat(step)
                case Request():
                    self._request(step)

    def _repeat(self, loop: Loop) -> None:
        if loop.count is not None:
            values: Iterable[Any] = range(loop.count)
        else:
            over = loop.over
            found = self._variables.get(over, ()) if isinstance(over, str) else over
            values = found if isinstance(found, list | tuple) else [found]
        for number, value in enumerate(values):
            self._variables |= {"$loopCount": number, "$loopElement": value}
            self._walk(loop.steps)

    def _request(self, request: Request) -> None:
        exchange = self._exchange(request)
        self._first_start = self._first_start or exchange.started
        endpoint = self._engine.endpoint(request.label)
        self._engine.note(self._due, exchange, self._phase, endpoint, self._kind)
        self._due = time.monotonic()
        if exchange.outcome not in COMPLETED:
            raise Failed(exchange.outcome)
        if not is_as_expected(exchange.outcome, exchange.status):
            self._outcome = Outcome.UNEXPECTED

    def _exchange(self, request: Request) -> Exchange:
        needs_body = bool(request.captures or request.expectations)
        exchange = Exchange(request.method, b"", _ignore)
        exchange.started = exchange.ended = time.monotonic()
        try:
            message = build(request, self._variables, self._random, self._engine.prefix)
            for name, value in request.cookies.items():
                self._cookies[name] = template_text(
                    render_templates(value, self._variables, self._random)
                )
            exchange = self._send(message, needs_body)
            if request.follow_redirects:
                exchange = self._follow(message, exchange, needs_body)
            if exchange.outcome is Outcome.ANSWERED:
                self._judge(request, exchange)
        except Exception as error:  # noqa: BLE001 - whatever it is, the arrival is accounted for
            return _failed(exchange, Outcome.OTHER, f"{type(error).__name__}: {error}")
        return exchange

    def _send(self, message: Message, needs_body: bool) -> Exchange:
        if self._first is not None:
            exchange, self._first = self._first, None
            self._keep_cookies(exchange)
            return exchange
        if self._engine.stopping:
            exchange = Exchange(message.method, b"", _ignore)
            exchange.started = exchange.ended = time.monotonic()
            return exchange
        data = message.encode(
            self._engine.host,
            self._cookies,
            close=self._engine.close_after and self._kind is RecordKind.SINGLE,
        )
        exchange = perform(self._pool, message.method, data, wants_body=needs_body)
        self._keep_cookies(exchange)
        return exchange

    def _follow(self, message: Message, exchange: Exchange, needs_body: bool) -> Exchange:
        started = exchange.started
        followed = 0
        while is_redirect(exchange):
            location = exchange.header("location") or ""
            if followed == REDIRECTS:
                _failed(exchange, Outcome.REDIRECT, f"more than {REDIRECTS} redirects")
                break
            try:
                message = redirected(message, exchange.status, location, self._engine.origin)
            except ValueError as error:
                _failed(exchange, Outcome.REDIRECT, str(error))
                break
            followed += 1
            exchange = self._send(message, needs_body)
        exchange.started = started
        return exchange

    def _keep_cookies(self, exchange: Exchange) -> None:
        for header in exchange.header_values("set-cookie"):
            pair, *attributes = header.split(";")
            name, separator, value = (part.strip() for part in pair.partition("="))
            if not (name and separator):
                continue
            if any(map(_has_expired, attributes)):
                self._cookies.pop(name, None)
            else:
                self._cookies[name] = value

    def _judge(self, request: Request, exchange: Exchange) -> None:
        """Check expectations and take captures; the first miss makes the exchange a failure."""
        if not (request.captures or request.expectations):
            return
        answer = AnswerContent(exchange)
        for expectation in request.expectations:
            miss = answer.miss(render_expectation(expectation, self._variables, self._random))
            if miss:
                _failed(exchange, Outcome.EXPECTATION, miss)
                return
        for capture in request.captures:
            found = answer.capture(capture)
            if found is None and capture.strict:
                _failed(exchange, Outcome.CAPTURE, f"{capture.expression!r} found nothing")
                return
            self._variables[capture.name] = "" if found is None else found
        if request.expectations and not is_usual(exchange.status):
            exchange.outcome = Outcome.EXPECTED


class AnswerContent:
    """What an exchange brought, to be looked into: text and JSON are read when asked for."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._text: str | None = None
        self._document: Any = _UNREAD

    @property
    def text(self) -> str:
        """The body as text; empty where it can't be decoded."""
        if self._text is None:
            try:
                self._text = decode(
                    bytes(self._exchange.body), self._exchange.header("content-encoding")
                )
            except ValueError:
                self._text = ""
        return self._text

    def capture(self, capture: Capture) -> Any | None:
        """Give what a capture finds, or None."""
        if capture.source == "header":
            return self._exchange.header(capture.expression)
        if capture.source == "regexp":
            match = re.search(capture.expression, self.text)
            return match[capture.group] if match else None
        found = self._find(capture.expression)
        return found[0] if found else None

    def _find(self, path: str) -> list[Any]:
        if self._document is _UNREAD:
            try:
                self._document = json.loads(self.text)
            except ValueError:
                self._document = None
        if self._document is None:
            return []
        return [match.value for match in json_path(path).find(self._document)]

    def miss(self, expectation: Expectation) -> str | None:
        """Say how the answer misses an expectation, or give None."""
        wanted = expectation.value
        match expectation.kind:
            case "statusCode":
                accepted = wanted if isinstance(wanted, list) else [wanted]
                met = self._exchange.status in [int(one) for one in accepted]
                found: object = self._exchange.status
            case "contentType":
                found = self._exchange.header("content-type") or ""
                met = _is_media_type(str(found), str(wanted))
            case "hasProperty" | "notHasProperty":
                found = "the property" if self._find(str(wanted)) else "no such property"
                met = (found == "the property") == (expectation.kind == "hasProperty")
            case "equals":
                found = wanted
                met = all(template_text(one) == template_text(wanted[0]) for one in wanted)
        return None if met else f"expected {expectation.kind} {wanted!r}, found {found!r}"


def render_expectation(
    expectation: Expectation, variables: Mapping[str, Any], random: random.Random
) -> Expectation:
    """Expand the templates in an expectation."""
    return Expectation(expectation.kind, render_templates(expectation.value, variables, random))


def perform(pool: Pool, method: str, data: bytes, *, wants_body: bool = False) -> Exchange:
    """Send a request and wait, this greenlet only, for its end."""
    waiter = Waiter()
    pool.send(Exchange(method, data, waiter.switch, wants_body=wants_body))
    exchange: Exchange = waiter.get()
    return exchange


def redirected(message: Message, status: int, location: str, origin: str) -> Message:
    """Give the request that a redirect asks for (RFC 9110, 15.4).

    Raises:
        ValueError: it leads to another host, where load must not go.
    """
    url = urljoin(origin + message.target, location)
    if not _is_at(url, origin):
        raise ValueError(f"redirected to another host: {location}")
    where = target(urlsplit(url)._replace(scheme="", netloc="").geturl(), {})
    if status == 303 or (status in {301, 302} and message.method == "POST"):
        method = "HEAD" if message.method == "HEAD" else "GET"
        headers = {k: v for k, v in message.headers.items() if k.lower() != "content-type"}
        return Message(method, where, headers, b"")
    return Message(message.method, where, message.headers, message.body)


def _is_at(url: str, origin: str) -> bool:
    try:
        return Address.read(url).origin == origin
    except ValueError:
        return False


def is_redirect(exchange: Exchange) -> bool:
    """Whether a whole answer asks to look elsewhere."""
    return (
        exchange.status in _REDIRECTED
        and exchange.outcome is Outcome.ANSWERED
        and bool(exchange.header("location"))
    )


@cache
def json_path(path: str) -> Any:
    """Read a JSONPath, once: that costs a millisecond."""
    from jsonpath_ng.ext import parser  # noqa: PLC0415 - 0.1 s for those who use it

    return parser.parse(path)


def read_json_paths(flows: Iterable[Flow]) -> None:
    """Read all JSONPaths: within the run, that would hold up other arrivals."""
    for request in (request for flow in flows for request in requests(flow.steps)):
        for capture in request.captures:
            if capture.source == "json":
                json_path(capture.expression)
        for expectation in request.expectations:
            if expectation.kind in {"hasProperty", "notHasProperty"}:
                with contextlib.suppress(Exception):  # a template: known only when it runs
                    json_path(str(expectation.value))


def _has_expired(attribute: str) -> bool:
    """Whether an attribute of a cookie asks to forget it."""
    name, _, value = (part.strip() for part in attribute.partition("="))
    try:
        if name.lower() == "max-age":
            return int(value) <= 0
        if name.lower() == "expires":
            return parsedate_to_datetime(value).timestamp() <= time.time()
    except ValueError:
        pass
    return False


def _is_single(flow: Flow) -> bool:
    return len(flow.steps) == 1 and isinstance(flow.steps[0], Request)


def _failed(exchange: Exchange, outcome: Outcome, detail: str) -> Exchange:
    exchange.outcome = outcome
    exchange.detail = detail
    return exchange


def _is_media_type(found: str, wanted: str) -> bool:
    kind = found.partition(";")[0].strip().lower()
    if wanted.lower() == "json":  # as Artillery has it: JSON under any of its names
        return kind == "application/json" or kind.endswith("+json")
    return kind == wanted.partition(";")[0].strip().lower()


def _ignore(_: Exchange) -> None:
    """Do nothing: the exchange never went out."""
