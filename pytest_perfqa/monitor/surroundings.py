"""Looks at the machine around a service while the load is on: who had its CPUs, and who waited."""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from typing import TYPE_CHECKING

from ..base.address import Address
from ..errors import NoData
from ..service.shared.beside import ForeignProcess, holder, listener
from . import kernel, proc
from .disturbance import told
from .neighbours import Group, Look, window
from .source import failure
from .tree import ProcessTree

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from ..machine.children import Reaper
    from ..service.backend import Service
    from .kernel import Identity, ThreadTimes
    from .neighbours import CpuWindow
    from .source import Census, Source
    from .tree import ProcessTable

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Around:
    """Who is beside a service, as far as that is to be seen; it never fails."""

    def __init__(
        self,
        service: Service,
        sources: Mapping[str, Source],
        table: ProcessTable,
        reaper: Reaper,
        *,
        beside: Collection[str] = (),
        shortest: float = 0.0,
    ) -> None:
        """Prepare to look, at the service by its sources but for those ``beside`` it.

        Args:
            shortest: seconds; a shorter window goes with the one before it.
        """
        self._blind = ""  # why it isn't known what others took
        self._found: Surroundings | None = None
        parts = [source for name, source in sources.items() if name not in beside]
        if not parts and (pid := serving(service.url)) is not None:
            leader = ForeignProcess(pid)
            parts = [ProcessTree(lambda: leader.pid if leader.alive else None, table)]
        if not parts:
            self._blind = "its processes aren't to be found on this machine"
            return
        table.refresh(time.monotonic())
        groups = [group for group in (parts, [sources[name] for name in beside]) if group]
        self._found = Surroundings(groups, table, reaper, carriers(service, table), shortest)

    @property
    def can_see(self) -> bool:
        """Whether looks tell anything."""
        return not self._blind

    @property
    def notes(self) -> Iterator[str]:
        """Say if it can't be told what others took."""
        if self._blind:
            yield f"whether others took CPU or memory from the service is not known: {self._blind}"

    @property
    def windows(self) -> Sequence[CpuWindow]:
        """What happened between looks, as far as it is known."""
        return self._found.windows if self._found is not None else ()

    def since(self) -> tuple[str, ...]:
        """Look, and say how others have disturbed the service since the last look."""
        known = len(self.windows)
        self.look()
        return tuple(told([one]).text for one in self.windows[known:] if one.is_disturbed)

    def look(self) -> None:
        """Look, if that tells anything."""
        if self._found is None or self._blind:
            return
        try:
            self._found.look(time.monotonic())
        except NoData as error:
            self._blind = str(error)
        except Exception as error:  # noqa: BLE001  (the parts can still be looked at)
            self._blind = failure(error)


class Surroundings:
    """All processes of the machine, as they stand to those that serve the load.

    Attributes:
        windows: what happened between looks.
    """

    def __init__(
        self,
        groups: Sequence[Sequence[Source]],
        table: ProcessTable,
        reaper: Reaper,
        carriers: frozenset[int] = frozenset(),
        shortest: float = 0.0,
    ) -> None:
        """Prepare to look.

        Args:
            groups: those who serve the load, by what they share CPUs for: first the parts of the
                service.
            reaper: it knows what we have started; what it knows already is no generator of ours,
                unless it helps to make loads.
            carriers: who carries the load to the service, such as the engine's proxy.
            shortest: seconds; a shorter window goes with the one before it.
        """
        self.windows: list[CpuWindow] = []
        self._groups = groups
        self._table = table
        self._reaper = reaper
        self._carriers = carriers
        self._known_sessions = reaper.sessions - reaper.helpers
        self._shortest = shortest
        self._looks: deque[Look] = deque(maxlen=2)

    def look(self, moment: float) -> None:
        """Look, and judge the time since the last look.

        Raises:
            NoData: some of those who serve the load can't be seen from here.
        """
        found = self._look(moment)
        if len(self._looks) > 1 and found.moment - self._looks[-1].moment < self._shortest:
            # In so short a time clock ticks are all that there is: it goes with the one before.
            self._looks.pop()
            self.windows.pop()
        if self._looks:
            self.windows.append(window(self._looks[-1], found, identity))
        self._looks.append(found)

    def _look(self, moment: float) -> Look:
        self._table.refresh(moment)
        groups = [
            as_group([source.census(moment) for source in sources]) for sources in self._groups
        ]
        exactly = time.monotonic()
        return Look(
            moment=exactly,
            cpus=kernel.cpus(proc.read_kernel_file("/proc/stat")),
            clocks=dict(clocks(self._table)),
            groups=tuple(groups),
            ours=frozenset(self._ours()),
            stalled=stalled_seconds(),
            memory=kernel.memory_in_use(proc.read_kernel_file("/proc/meminfo")),
        )

    def _ours(self) -> set[int]:
        """Give this process, the generator's, and who carries the load to the service."""
        generators = belonging(self._table, self._reaper.sessions - self._known_sessions)
        return {os.getpid(), *self._carriers} | generators


def clocks(table: ProcessTable) -> Iterator[tuple[int, float]]:
    """Give the seconds of CPU of every process that lives, by their numbers."""
    for pid in table.everyone:
        with contextlib.suppress(OSError):
            yield pid, proc.cpu_seconds(pid)


def belonging(table: ProcessTable, leaders: frozenset[int]) -> set[int]:
    """Give some processes, those of the sessions that they lead, and all their descendants."""
    found: set[int] = set()
    for pid, stat in table.everyone.items():
        # One that was seen just before it began its session is known by its number.
        if stat.session in leaders or pid in leaders or stat.parent in found:
            found.add(pid)
    return found


def as_group(parts: Iterable[Census]) -> Group:
    """Look at all processes of some parts."""
    parts = list(parts)
    pids = frozenset[int]().union(*(part.pids for part in parts))
    threads: dict[int, ThreadTimes] = {}
    cpus: set[int] = set()
    weight, faults, memory = 0.0, 0, 0
    for pid in pids:
        with contextlib.suppress(OSError):
            threads |= kernel.threads(pid)
            cpus |= os.sched_getaffinity(pid)
            weight = max(weight, kernel.weight(pid))
            faults += kernel.major_faults(pid)
            memory += kernel.resident(pid)
    return Group(
        pids=pids,
        cpu=sum(part.cpu for part in parts),
        cpus=frozenset(cpus),
        weight=weight or kernel.USUAL_WEIGHT,
        threads=threads,
        throttled=max((part.throttled for part in parts), default=0.0),
        faults=faults,
        memory=memory,
    )


def stalled_seconds() -> float:
    """Give for how long somebody has waited for memory, in seconds; 0 where nobody counts that."""
    try:
        return kernel.stalled(proc.read_kernel_file("/proc/pressure/memory"))
    except OSError:
        return 0.0  # this kernel doesn't account for that


def identity(pid: int) -> Identity | None:
    """Look at who a process is; None if it has gone."""
    try:
        return kernel.identify(pid)
    except OSError:
        return None


def carriers(service: Service, table: ProcessTable) -> frozenset[int]:
    """Give who carries the load to containers: their engine's proxy, and who holds them.

    They run where they like, as much as the service needs them to.
    """
    held = [leader for leader in service.leaders.values() if leader.container is not None]
    if not held:
        return frozenset()
    found = set()
    relay = _at(service.url, holder)
    if relay is not None:
        found |= {relay, table.everyone[relay].parent} if relay in table.everyone else {relay}
    for leader in held:
        pid = leader.pid or 0
        while (known := table.everyone.get(pid)) is not None and known.parent > 1:
            pid = known.parent
            found.add(pid)
    return frozenset(found)


def serving(url: str) -> int | None:
    """Give the process that serves an address; None if that isn't to be seen here."""
    return _at(url, listener)


def _at(url: str, find: Callable[[int], int | None]) -> int | None:
    try:
        address = Address.read(url)
    except ValueError:
        return None
    return find(address.port) if address.host in _LOOPBACK else None
