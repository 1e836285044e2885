"""What can be known of a part from the processes it is made of, whoever names them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from . import proc
from .readings import Metric
from .source import Counter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

_GONE = (FileNotFoundError, ProcessLookupError)


class Members:
    """The processes of one part: their memory, open files, context switches and network.

    Attributes:
        missing: what can't be known, and why.
    """

    def __init__(self) -> None:
        self.missing: dict[Metric, str] = {}
        self._switches = 0
        self._threads: dict[int, int] | None = None
        self._received = Counter()
        self._sent = Counter()
        self._own_network = proc.network_namespace(os.getpid())

    def memory(self, pids: Collection[int]) -> Iterator[tuple[Metric, float]]:
        """Sum their proportional memory."""
        yield from self._sum(Metric.MEMORY, proc.proportional_memory, pids)

    def open_files(self, pids: Collection[int]) -> Iterator[tuple[Metric, float]]:
        """Count their open descriptors; one that several have inherited counts for each."""
        yield from self._sum(Metric.OPEN_FILES, proc.open_files, pids)

    def _sum(
        self, metric: Metric, read: Callable[[int], int], pids: Collection[int]
    ) -> Iterator[tuple[Metric, float]]:
        if metric in self.missing:
            return
        total = 0
        for pid in pids:
            try:
                total += read(pid)
            except _GONE:
                continue
            except OSError as error:
                self.missing[metric] = f"process {pid} can't be read: {error.strerror}"
                return
        yield metric, total

    def switches(self, pids: Collection[int]) -> Iterator[tuple[Metric, float]]:
        """Count context switches since the first look, of threads while they could be seen."""
        threads: dict[int, int] = {}
        for pid in pids:
            try:
                threads |= proc.switches(pid)
            except _GONE:
                continue
        if self._threads is not None:
            # A thread that is seen for the first time has been born since.
            self._switches += sum(
                max(0, count - self._threads.get(thread, 0)) for thread, count in threads.items()
            )
        self._threads = threads
        yield Metric.SWITCHES, self._switches

    def network(self, pids: Collection[int]) -> Iterator[tuple[Metric, float]]:
        """Count the bytes of the network that they have for themselves, if they have one."""
        if Metric.RECEIVED in self.missing:
            return
        for pid in pids:
            try:
                name = proc.network_namespace(pid)
                received, sent = proc.network_bytes(pid)
            except _GONE:
                continue
            except OSError as error:
                self._lack_network(f"process {pid} can't be asked: {error.strerror}")
                return
            if name == self._own_network:
                self._lack_network("it shares the network of this machine with everyone")
                return
            self._received.update(received, name)
            self._sent.update(sent, name)
            break
        yield Metric.RECEIVED, self._received.total
        yield Metric.SENT, self._sent.total

    def _lack_network(self, reason: str) -> None:
        self.missing |= {Metric.RECEIVED: reason, Metric.SENT: reason}
