"""What the user's own Locust classes send: every request event, as a record of an arrival."""

from __future__ import annotations

import math
import time
from functools import wraps
from typing import TYPE_CHECKING, Any

import gevent
import requests.exceptions
from gevent import GreenletExit
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession

from ..wire.message import excerpt
from ..wire.outcome import COMPLETED, Outcome, is_as_expected
from ..wire.record import WHOLE_ARRIVAL, RecordKind
from .geventhttpclient_internals import content_cached, send_once
from .locust_internals import content_kept
from .locust_outcome import outcome_of_exception

if TYPE_CHECKING:
    from collections.abc import Callable

    from .account import Account

_KEY = "perfqa"


class Attempt:
    """A request of the user's, or a whole arrival, that is over."""

    def __init__(self, started: float, ended: float, outcome: Outcome, detail: str = "") -> None:
        self.started = started
        self.ended = ended
        self.outcome = outcome
        self.detail = detail
        self.status = self.size = 0
        self.response: Any = None

    def header(self, name: str) -> str | None:
        """Give a header of the answer."""
        headers = getattr(self.response, "headers", None)
        value = headers.get(name) if headers else None
        return None if value is None else str(value)

    def excerpt(self) -> str:
        """Give the beginning of the answer's body, for people; empty if it has not been read."""
        # Both clients keep what they have read; to ask for what they have not would wait for it.
        kept = (content_cached(self.response), content_kept(self.response))
        body = next((one for one in kept if isinstance(one, bytes)), None)
        return "" if body is None else excerpt(body, None)


class Arrival:
    """One pass of a user's code: its requests, and what came of it.

    Attributes:
        due: when it should have begun, from which its first request counts; those after it, and
            in a closed model all, count from their sends: only the user's code knows how long it
            meant to think.
    """

    def __init__(self, due: float, phase: int, *, scheduled: bool) -> None:
        self.due = due
        self.phase = phase
        self.began = due
        self.outcome = Outcome.ANSWERED
        self.detail = ""
        self._first = scheduled

    def due_of(self, started: float) -> float:
        """Give the moment that a request sent at ``started`` was due."""
        first, self._first = self._first, False
        return min(self.due, started) if first else started

    def failed(self, outcome: Outcome, detail: str) -> None:
        """Note a failure; the user's own code's counts before that of a request."""
        if self.outcome in COMPLETED or outcome in {Outcome.USER_CODE, Outcome.PENDING}:
            self.outcome = outcome
            self.detail = detail

    def answered(self, attempt: Attempt) -> None:
        """Note what came of one of its requests."""
        if attempt.outcome not in COMPLETED:
            self.failed(attempt.outcome, attempt.detail)
        elif self.outcome in COMPLETED and not is_as_expected(attempt.outcome, attempt.status):
            self.outcome = Outcome.UNEXPECTED

    def raised(self, error: BaseException) -> None:
        """Note an exception in the user's code."""
        self.failed(Outcome.USER_CODE, f"{type(error).__name__}: {error}")

    def note(self, account: Account) -> None:
        """Record it as a whole, and count it as ended."""
        whole = Attempt(max(self.began, self.due), time.monotonic(), self.outcome, self.detail)
        account.note(self.due, whole, self.phase, WHOLE_ARRIVAL, RecordKind.ARRIVAL)
        account.ended()


def bind(greenlet: gevent.Greenlet, arrival: Arrival | None) -> None:
    """Let what a greenlet sends, and greenlets that it spawns later, belong to an arrival."""
    greenlet.spawn_tree_locals = {_KEY: arrival}


def arrival_of(greenlet: Any) -> Arrival | None:
    """Give the arrival that a greenlet works for."""
    known = getattr(greenlet, "spawn_tree_locals", None)
    return known.get(_KEY) if known else None


class Requests:
    """Records every request that the user's code tells Locust of."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def on_request(
        self,
        request_type: str,
        name: str,
        response_time: float | None = None,
        response_length: int | None = None,
        response: Any = None,
        exception: BaseException | str | None = None,
        start_time: float | None = None,
        **_: Any,
    ) -> None:
        """Listen to ``environment.events.request``."""
        now = time.monotonic()
        seconds = max(_number(response_time) / 1000, 0.0)
        started = now - seconds
        if start_time is not None:  # told later than it ended: after a with-block, say
            started = min(started, now - (time.time() - _number(start_time)))
        if isinstance(exception, str):
            exception = RuntimeError(exception)
        status = _status(response)
        if not status:  # whatever the user's code says of it, there was no answer
            exception = getattr(response, "error", None) or exception
        attempt = Attempt(started, started + seconds, outcome_of_exception(exception, status))
        attempt.status = status
        attempt.size = max(int(_number(response_length)), 0)
        attempt.response = response
        if exception is not None:
            attempt.detail = f"{type(exception).__name__}: {exception}"
        self._note(f"{request_type} {name}", attempt)

    def unfinished(self, label: str, started: float) -> None:
        """Note a request that was under way when the run ended."""
        self._note(label, Attempt(started, time.monotonic(), Outcome.PENDING, "the run ended"))

    def _note(self, label: str, attempt: Attempt) -> None:
        account = self._account
        arrival = arrival_of(gevent.getcurrent())
        if arrival is None:
            due, phase = attempt.started, account.phase_at(attempt.started)
        else:
            due, phase = arrival.due_of(attempt.started), arrival.phase
            arrival.answered(attempt)
        account.note(due, attempt, phase, account.endpoint(label), RecordKind.STEP)


def bound_requests(timeout: float, noted: Requests) -> None:
    """Give all requests of Locust's HTTP clients in this process a deadline, as flows have one.

    Args:
        timeout: seconds from the send to the last byte of the answer.
    """
    late = f"no answer within {timeout:g} s"
    sessions = (
        (HttpSession, lambda: requests.exceptions.ReadTimeout(late)),
        (FastHttpSession, lambda: TimeoutError(late)),
    )
    for session, failure in sessions:
        session.request = _bounded(session.request, timeout, failure, noted)


def _bounded(
    original: Callable[..., Any],
    timeout: float,
    failure: Callable[[], Exception],
    noted: Requests,
) -> Callable[..., Any]:
    @wraps(original)
    def request(self: Any, method: str, url: str, *args: Any, **options: Any) -> Any:
        started = time.monotonic()
        try:
            with gevent.Timeout(timeout, failure()):
                return original(self, method, url, *args, **options)
        except GreenletExit:
            noted.unfinished(f"{method} {options.get('name') or url}", started)
            raise

    return request


def without_resending(client: Any) -> bool:
    """Make a user's client send each request once; tell whether it had been told otherwise."""
    return isinstance(client, FastHttpSession) and send_once(client.client)


def _number(value: object) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return 0.0
    return number if math.isfinite(number) else 0.0


def _status(response: Any) -> int:
    status = getattr(response, "status_code", 0)
    return status if isinstance(status, int) and 100 <= status <= 599 else 0
