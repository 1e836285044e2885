"""Is it ready? One function per notion: a path answers, a port accepts, a line is printed."""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...base.status import is_served
from . import logs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ...base.address import Address
    from ..config import Ready

    Canary = Callable[[float], "ProbeResult"]

__tracebackhide__ = True

# A probe of what does not listen yet takes 0.1 ms: what is looked at often is noticed at once.
_FIRST_INTERVAL_SECONDS = 0.01
_LONGEST_INTERVAL_SECONDS = 0.1
_GROWTH = 1.1
# A single probe must end even where something accepts and never answers.
_PROBE_SECONDS = 5.0
_HOLD_SECONDS = 0.2


@dataclass(frozen=True)
class ProbeResult:
    """What came of one probe.

    Attributes:
        is_good: it is what a ready service gives.
        detail: what came, for a message.
        seconds: how long it took.
        status: of HTTP, if there was an answer.
        replica: the value of the replica header, if there was one.
    """

    is_good: bool
    detail: str
    seconds: float = 0.0
    status: int | None = None
    replica: str | None = None


def canary(address: Address, ready: Ready, replica_header: str | None) -> Canary:
    """Make the cheapest request that goes all the way: to the ready path.

    Without one it goes to ``/``, where any answer but an error of the server is good.
    """

    def send(timeout: float) -> ProbeResult:
        answer = get(address, ready.path or "/", timeout, replica_header)
        if ready.path is None and answer.status is not None:
            return replace(answer, is_good=is_served(answer.status))
        return answer

    return send


def get(
    address: Address, path: str, timeout: float, replica_header: str | None = None
) -> ProbeResult:
    """Ask for ``path`` on a new connection; good is a status 2xx.

    Args:
        timeout: seconds until it counts as unanswered, for the connection and for each read, and
            for an answer that goes on and on.
        replica_header: its value goes into the answer.
    """
    from .http_client import get_once, reason  # noqa: PLC0415 - a session may start no service

    begin = time.monotonic()
    try:
        response = get_once(address.origin + address.prefix + path, timeout)
    except OSError as error:
        why = reason(error)
        detail = f"GET {path}: {type(why).__name__}: {why}"
        return ProbeResult(is_good=False, detail=detail, seconds=time.monotonic() - begin)
    return ProbeResult(
        is_good=200 <= response.status_code < 300,
        detail=f"GET {path}: {response.status_code} {response.reason}",
        seconds=time.monotonic() - begin,
        status=response.status_code,
        replica=response.headers.get(replica_header) if replica_header else None,
    )


def connect(address: Address, timeout: float) -> ProbeResult:
    """Open a connection; good is that it is accepted."""
    begin = time.monotonic()
    place = f"connection to {address.host}:{address.port}"
    try:
        socket.create_connection((address.host, address.port), timeout).close()
    except OSError as error:
        detail = f"{place}: {error}"
        return ProbeResult(is_good=False, detail=detail, seconds=time.monotonic() - begin)
    return ProbeResult(is_good=True, detail=f"{place}: accepted", seconds=time.monotonic() - begin)


def connect_through(address: Address, timeout: float) -> ProbeResult:
    """Open a connection; good is that it is kept open.

    Docker accepts on the port of a container in which nobody listens, and hangs up at once.
    """
    begin = time.monotonic()
    place = f"connection to {address.host}:{address.port}"
    try:
        with socket.create_connection((address.host, address.port), timeout) as connection:
            connection.settimeout(_HOLD_SECONDS)
            try:
                is_kept = bool(connection.recv(1))
            except TimeoutError:
                is_kept = True
    except OSError as error:
        detail = f"{place}: {error}"
        return ProbeResult(is_good=False, detail=detail, seconds=time.monotonic() - begin)
    detail = f"{place}: {'accepted' if is_kept else 'accepted, then closed'}"
    return ProbeResult(is_good=is_kept, detail=detail, seconds=time.monotonic() - begin)


def find_in_log(log: Path, pattern: str, start: int = 0) -> ProbeResult:
    """Look for a regular expression in a log, from byte ``start`` on."""
    if re.search(pattern, logs.read_log(log, start), re.MULTILINE):
        return ProbeResult(is_good=True, detail=f"{pattern!r} was printed")
    return ProbeResult(is_good=False, detail=f"{pattern!r} was not printed")


def wait(probe: Callable[[float], ProbeResult], deadline: float) -> ProbeResult:
    """Repeat ``probe`` until its answer is good; give the last one if ``deadline`` comes first.

    Args:
        probe: takes its own limit in seconds; what it raises ends the waiting.
        deadline: a moment of ``time.monotonic``.
    """
    interval = _FIRST_INTERVAL_SECONDS
    while True:
        left = deadline - time.monotonic()
        answer = probe(min(_PROBE_SECONDS, max(left, _FIRST_INTERVAL_SECONDS)))
        if answer.is_good or time.monotonic() + interval > deadline:
            return answer
        time.sleep(interval)
        interval = min(interval * _GROWTH, _LONGEST_INTERVAL_SECONDS)


def advice(path: Path) -> str:
    """Say in a line what to write into a service's file where it is ready, but not so soon."""
    return (
        "  if it needs longer, or answers with 2xx on another path: "
        f"ready: {{path: /health, within: 60s}} in {path}\n"
    )
