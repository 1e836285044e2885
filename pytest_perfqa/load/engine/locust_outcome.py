"""What an exception in Locust's request event says about the request."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import zlib
from typing import TYPE_CHECKING

import gevent
import requests.exceptions
import urllib3.exceptions
from locust.exception import CatchResponseError, ResponseError

from ...base.status import is_usual
from ..wire.outcome import Outcome
from .geventhttpclient_internals import (
    BadStatusCode,
    HTTPConnectionClosed,
    HTTPParseError,
    error_within,
)
from .locust_internals import LocustBadStatusCode
from .transport import outcome_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_STATUS = (requests.exceptions.HTTPError, BadStatusCode, LocustBadStatusCode)
_SAID_BY_USER = (CatchResponseError, ResponseError)
# The first rule that any error of the chain meets decides. Some of these derive from others:
# RemoteDisconnected is a ConnectionResetError, HTTPConnectionClosed an HTTPParseError.
_RULES: tuple[tuple[tuple[type[BaseException], ...], Outcome], ...] = (
    ((socket.gaierror,), Outcome.UNREACHABLE),
    ((requests.exceptions.TooManyRedirects,), Outcome.REDIRECT),
    (
        (
            TimeoutError,
            gevent.Timeout,
            requests.exceptions.Timeout,
            urllib3.exceptions.TimeoutError,
        ),
        Outcome.TIMEOUT,
    ),
    (
        (http.client.RemoteDisconnected, http.client.IncompleteRead, HTTPConnectionClosed),
        Outcome.CLOSED,
    ),
    ((ConnectionRefusedError,), Outcome.REFUSED),
    ((ConnectionResetError, BrokenPipeError, ConnectionAbortedError), Outcome.RESET),
    (
        (
            HTTPParseError,
            http.client.HTTPException,
            zlib.error,
            requests.exceptions.ContentDecodingError,
            requests.exceptions.InvalidHeader,
            urllib3.exceptions.HTTPError,
        ),
        Outcome.PROTOCOL,
    ),
)
_DEEPEST = 20
# geventhttpclient has one exception for what isn't HTTP and for an answer that was cut off.
_ENDED = re.compile(r"connection closed|\bEOF\b|Incomplete response", re.IGNORECASE)


def outcome_of_exception(error: BaseException | None, status: int) -> Outcome:
    """Classify how a request ended, by the exception Locust was told of and the answer's status.

    A status that the client takes for an error is an answer. With an answer, an exception that
    doesn't come from the way it took is the user's judgement on it; none at all, whatever the
    status, is a success.
    """
    if error is None:
        return Outcome.ANSWERED if is_usual(status) else Outcome.EXPECTED
    if isinstance(error, _STATUS):
        return Outcome.EXPECTATION if is_usual(status) else Outcome.ANSWERED
    if isinstance(error, _SAID_BY_USER):
        return Outcome.EXPECTATION
    found = _outcome_of_chain(list(_chain(error)))
    if found is None:
        return Outcome.EXPECTATION if status else Outcome.OTHER
    return found


def _outcome_of_chain(chain: list[BaseException]) -> Outcome | None:
    """Say what happened on the way, None if nothing of the chain tells."""
    if any(isinstance(one, ssl.SSLError) for one in chain):
        return Outcome.TLS
    # What the system said is more than what clients made of it: urllib3's error for a refused
    # connection derives from the one for a connect that took too long.
    said = [outcome_of(one) for one in chain if isinstance(one, OSError) and one.errno]
    found = next((outcome for outcome in said if outcome is not Outcome.OTHER), None)
    if found is not None:
        return found
    return _outcome_of_clients(chain)


def _outcome_of_clients(chain: list[BaseException]) -> Outcome | None:
    if any(isinstance(one, HTTPParseError) and _ENDED.search(str(one)) for one in chain):
        return Outcome.CLOSED
    for kinds, outcome in _RULES:
        if any(isinstance(one, kinds) for one in chain):
            return outcome
    if any("Redirection limit" in str(one) for one in chain):
        return Outcome.REDIRECT
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Give an exception and all that is wrapped in it, in whatever way clients wrap."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting and len(seen) < _DEEPEST:
        one = waiting.pop(0)
        if not isinstance(one, BaseException) or one in seen:
            continue
        seen.append(one)
        yield one
        # urllib3 has its causes in ``reason``, geventhttpclient in ``original``, requests in
        # the arguments.
        inner = [one.__cause__, getattr(one, "reason", None), error_within(one)]
        context = None if one.__suppress_context__ else one.__context__
        waiting += [*inner, *one.args, context]
