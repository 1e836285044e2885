"""Live figures for Graphite, in its plaintext protocol: one line per value.

While a run goes, what is known of it every second; when it has ended, all of it second by second,
which takes the place of what was sent before.
"""

from __future__ import annotations

import contextlib
import hashlib
import queue
import re
import select
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...errors import NoData
from ...load.driver.generator import Progress
from ...result.attributes.timeline import PERCENTS
from ..record.metrics import metrics
from .exporter import Exporter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ...result.run_result import RunResult
    from ...scenario.records import Scenario
    from ..record.schema import Record

_CONNECT_SECONDS = 3.0
_SEND_SECONDS = 5.0
_CLOSE_SECONDS = 10.0
# So many batches may wait for a slow receiver; what comes then is dropped, and counted.
_MOST_WAITING = 1000
_BATCH_LINES = 500
_SEGMENT = 80
_STATISTICS = {50.0: "p50", 95.0: "p95", 99.0: "p99", 100.0: "max"}

Value = tuple[str, float, int]


@dataclass(frozen=True)
class GraphiteServer:
    """Where Graphite listens, and what the names of all metrics begin with."""

    host: str
    port: int
    prefix: str = "perfqa"

    def __str__(self) -> str:
        return f"graphite {self.host}:{self.port}"


def segment(text: str) -> str:
    """Give a name as one step of a metric's path: letters, digits, ``_`` and ``-``.

    Punctuation becomes ``_``; a name of which more is lost is told from its likes by a digest.
    """
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", text)
    if text.isascii() and text.isprintable() and 0 < len(plain) <= _SEGMENT:
        return plain
    return f"{plain[:_SEGMENT]}_{_digest(text)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


class GraphiteExport(Exporter):
    """Looks on while runs are made, and tells Graphite; it neither delays nor fails them."""

    def __init__(self, server: GraphiteServer) -> None:
        self.server = server
        self._sender = _Sender(server)
        self._path = server.prefix
        self._told: dict[str, tuple[str, str]] = {}
        self._before: Progress | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user is to be told, such as that the receiver was gone."""
        if not self._sender.lost:
            return ()
        reason = self._sender.reason or "it was too slow"
        return (f"{self.server}: {self._sender.lost} values were not sent: {reason}",)

    def begin(self, service: str, scenario: Scenario) -> None:
        """Take note that a run begins."""
        path = ".".join((self.server.prefix, segment(service), segment(scenario.name)))
        run = (service, scenario.name)
        if self._told.setdefault(path, run) != run:  # "a/b" and "a_b" are one word there
            path += f"_{_digest('.'.join(run))}"
        self._path = path
        self._before = None

    def progress(self, progress: Progress) -> None:
        """Send what is known of the last second."""
        self._send(self._live(progress, int(time.time())))
        self._before = progress

    def _live(self, progress: Progress, now: int) -> Iterator[Value]:
        before = self._before or Progress(0.0, 0, 0, 0, 0, None)
        seconds = progress.elapsed - before.elapsed
        if seconds > 0:
            counted, earlier = _counts(progress), _counts(before)
            for name, count in counted.items():
                yield name, (count - earlier.get(name, 0)) / seconds, now
        yield "arrivals.pending", progress.pending, now
        if progress.p95 is not None:
            yield "latency.p95", progress.p95, now

    def end(self, result: RunResult | None) -> None:
        """Send the whole run once more, as it was recorded."""
        if result is not None:
            self._send(recorded(result))

    def _send(self, values: Iterator[Value]) -> None:
        lines = [f"{self._path}.{name} {value:.10g} {at}\n" for name, value, at in values]
        for first in range(0, len(lines), _BATCH_LINES):
            self._sender.put(lines[first : first + _BATCH_LINES])

    def finish(self, records: Sequence[Record]) -> Iterator[str]:  # noqa: ARG002
        """Send what is still waiting; tell what could not be sent."""
        self.close()
        yield from self.notes

    def close(self) -> None:
        """Send what is still waiting, for a short time."""
        self._sender.close()


def _counts(progress: Progress) -> dict[str, int]:
    """Give what is told as a rate, with names as in ``recorded``."""
    return {
        "arrivals.launched": progress.launched,
        "arrivals.completed": progress.completed,
        "arrivals.failed": progress.failed,
        **{f"status.{segment(code)}": count for code, count in progress.status.items()},
        **{f"errors.{segment(kind)}": count for kind, count in progress.errors.items()},
    }


def recorded(result: RunResult) -> Iterator[Value]:
    """Give a run second by second, with names below that of the run; counts are per second."""
    start = int(result.started_at.timestamp())
    course = result.timeline(1.0)
    levels = {
        "arrivals.launched": course.launched,
        "arrivals.completed": course.completed,
        "arrivals.failed": course.failed,
        "arrivals.pending": course.pending,
        "requests.unexpected": course.bad,
        **{f"status.{code}": counts for code, counts in course.status.items()},
        **{f"errors.{segment(kind)}": counts for kind, counts in course.errors.items()},
    }
    for name, counts in levels.items():
        for number, count in enumerate(counts.tolist()):
            yield name, count, start + number
    for kind, percentiles in (("latency", course.latency), ("response", course.response)):
        for percent in PERCENTS:
            for number, value in enumerate(percentiles[percent].tolist()):
                if not np.isnan(value):
                    yield f"{kind}.{_STATISTICS[percent]}", value, start + number
    yield from _resources(result, start)
    for metric in metrics(result):
        if metric.value is not None:
            yield f"metrics.{segment(metric.name)}", metric.value, start + int(result.wall)


def _resources(result: RunResult, start: int) -> Iterator[Value]:
    resources = result.resources_throughout
    for name in resources:
        for kind in ("cpu", "memory"):
            figure = getattr(resources[name], kind)
            with contextlib.suppress(NoData):
                for moment, value in zip(figure.times, figure.values, strict=True):
                    yield f"{kind}.{segment(name)}", float(value), start + int(moment)


class _Sender:
    """Sends batches of lines from a thread of its own; connects again where that may help."""

    def __init__(self, address: GraphiteServer) -> None:
        self._address = address
        self._waiting: queue.Queue[list[str] | None] = queue.Queue(_MOST_WAITING)
        self._socket: socket.socket | None = None
        self._closing = threading.Event()
        self.lost = 0
        self.reason = ""
        self._thread: threading.Thread | None = None

    def put(self, lines: list[str]) -> None:
        """Leave lines to be sent; never waits."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="perfqa-graphite", daemon=True)
            self._thread.start()
        try:
            self._waiting.put_nowait(lines)
        except queue.Full:
            self.lost += len(lines)

    def close(self) -> None:
        """Wait a little until all is sent; what is not is counted as lost."""
        if self._thread is None:
            return
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(None)
        self._thread.join(_CLOSE_SECONDS)
        self._closing.set()
        with contextlib.suppress(queue.Empty):
            while True:
                self.lost += len(self._waiting.get_nowait() or ())

    def _work(self) -> None:
        while not self._closing.is_set() and (lines := self._waiting.get()) is not None:
            try:
                self._transmit("".join(lines).encode())
            except OSError as error:
                self.lost += len(lines)
                self.reason = self.reason or str(error)
                self._drop()
        self._drop()

    def _transmit(self, data: bytes) -> None:
        if self._socket is None or self._is_closed():
            self._drop()
            address = (self._address.host, self._address.port)
            self._socket = socket.create_connection(address, timeout=_CONNECT_SECONDS)
            self._socket.settimeout(_SEND_SECONDS)
        self._socket.sendall(data)

    def _is_closed(self) -> bool:
        """Whether the receiver has hung up: it never says anything else."""
        assert self._socket is not None  # noqa: S101
        # Reading with MSG_DONTWAIT would wait all the same: Python waits first, for the time-out.
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        try:
            return bool(poll.poll(0)) and not self._socket.recv(1)
        except OSError:
            return True

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
