"""The engine's own stream of a container's figures, where its cgroup isn't to be seen here."""

from __future__ import annotations

import http.client
import json
import os
import socket
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import NoData
from ..machine import children
from .readings import Metric
from .source import Counter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..machine.children import Reaper
    from .source import Reading

_PATIENCE_SECONDS = 1.0
# Docker Compose v2 and its engines speak this version of the interface and later ones.
_PATH = "/v1.40/containers/{}/stats?stream=1"


class EngineStream:
    """A container, by what its engine says once a second; see ``source.Source``.

    The docker command carries the bytes (``docker system dial-stdio``), so any engine that it can
    talk to will do: on this machine, over ssh or over TLS.
    """

    def __init__(self, container: str, reaper: Reaper) -> None:
        self._reaper = reaper
        self._cpu, self._received, self._sent = Counter(), Counter(), Counter()
        self._missing = dict.fromkeys(Metric, "the engine doesn't tell it")
        self._lock = threading.Lock()
        self._unread: list[Reading] = []
        self._failure: Exception | None = None
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = children.spawn(
                ["docker", "system", "dial-stdio"],
                log=Path(os.devnull),
                cwd=Path(tempfile.gettempdir()),
                env=os.environ,
                reaper=reaper,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
            )
        self._connection = http.client.HTTPConnection("docker")
        self._connection.sock = ours
        self._thread = threading.Thread(
            target=self._follow, args=(container,), name="perfqa docker stats", daemon=True
        )
        self._thread.start()

    @property
    def missing(self) -> Mapping[Metric, str]:
        """What can't be known, and why."""
        return self._missing

    @property
    def note(self) -> str | None:
        """How often it speaks."""
        return "resources: the engine's own figures, one a second"

    def quick(self, _moment: float) -> Iterator[Reading]:
        """Give what it has said since the last look.

        Raises:
            Exception: whatever ended the stream, once all that was said before has been given.
        """
        with self._lock:
            said, self._unread = self._unread, []
        yield from said
        if self._failure is not None and not said:
            raise self._failure

    def thorough(self, _moment: float) -> Iterator[Reading]:
        """Give nothing: all comes at once."""
        return iter(())

    def census(self, _moment: float) -> NoReturn:
        """Refuse: its processes are on another machine, or hidden from us."""
        raise NoData("the processes of its containers can't be seen from here")

    def close(self) -> None:
        """End the stream."""
        children.terminate(self._process, _PATIENCE_SECONDS, reaper=self._reaper)
        self._thread.join()
        self._connection.close()

    def _follow(self, container: str) -> None:
        try:
            self._connection.request("GET", _PATH.format(container))
            answer = self._connection.getresponse()
            if answer.status != http.HTTPStatus.OK:
                self._failure = OSError(f"the engine answers {answer.status} to docker stats")
            for line in answer if self._failure is None else ():
                self._take_in(time.monotonic(), json.loads(line))
        except Exception as error:  # noqa: BLE001  (told by the next look, whatever it is)
            self._failure = error
        else:
            self._failure = self._failure or OSError("the engine has ended docker stats")

    def _take_in(self, moment: float, said: dict[str, Any]) -> None:
        """Take in one object of the engine's interface, ``ContainerStats``."""
        memory, networks = said.get("memory_stats", {}), said.get("networks") or {}
        details = memory.get("stats", {})
        idle = details.get("total_inactive_file", details.get("inactive_file", 0))
        values = {
            Metric.CPU: self._cpu.update(said["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9),
            Metric.MEMORY: max(0, memory.get("usage", 0) - idle),
            Metric.THREADS: said.get("pids_stats", {}).get("current", 0),
        }
        if networks:
            received = sum(each["rx_bytes"] for each in networks.values())
            sent = sum(each["tx_bytes"] for each in networks.values())
            values[Metric.RECEIVED] = self._received.update(received)
            values[Metric.SENT] = self._sent.update(sent)
        with self._lock:
            self._unread += [(moment, metric, value) for metric, value in values.items()]
