"""Waiting until nobody else does much on the CPUs that a measurement needs."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import PerfqaError
from . import cgroup, kernel, proc
from .cgroup import ContainerCgroup
from .disturbance import takers
from .neighbours import Group, Look, window
from .surroundings import belonging, carriers, clocks, identity, serving
from .tree import ProcessTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ..machine.children import Reaper
    from ..service.backend import Service

LIMIT_SECONDS = 30.0
#: After a wait in vain: enough to see that they have gone.
AGAIN_SECONDS = 5.0
_LOOK_SECONDS = 0.5
# So many looks in a row that show nobody: two seconds.
_LOOKS = 4
# Of the CPUs that a measurement needs, others may have this share: a machine is never still.
_SHARE = 0.1


def wait_for_quiet(
    services: Iterable[Service],
    cpus: Iterable[frozenset[int]],
    reaper: Reaper,
    say: Callable[[str], None],
    limit: float = LIMIT_SECONDS,
) -> bool:
    """Wait until others have hardly used these CPUs for two seconds; tell whether they have not.

    Args:
        services: that run, at rest: they are no others.
        cpus: sets of CPUs, each of which is needed.
        reaper: it knows what else is ours.
        say: is told whom it waits for, once.
        limit: seconds; after that it gives up.
    """
    try:
        others = Others(services, cpus, reaper)
        return _wait(others.look, say, limit)
    except (OSError, PerfqaError) as error:
        say(f"whether the machine is quiet is not known: {error}")
        return False


def _wait(look: Callable[[], Sequence[str]], say: Callable[[str], None], limit: float) -> bool:
    deadline = time.monotonic() + limit
    quiet = 0
    is_told = False
    look()
    while quiet < _LOOKS:
        if time.monotonic() > deadline:
            say(f"the machine has not been quiet for {limit:g} s; measuring all the same")
            return False
        time.sleep(_LOOK_SECONDS)
        found = look()
        quiet = 0 if found else quiet + 1
        if found and not is_told:
            say(f"waiting for a quiet machine, for {limit:g} s at most: {', '.join(found)}")
            is_told = True
    return True


class Others:
    """Whoever is neither this process, nor one that it has started, nor of a service."""

    def __init__(
        self, services: Iterable[Service], cpus: Iterable[frozenset[int]], reaper: Reaper
    ) -> None:
        self._cpus = list(dict.fromkeys(cpus))
        self._reaper = reaper
        self._table = ProcessTable()
        self._table.refresh(time.monotonic())
        self._carriers: set[int] = set()
        self._leaders: set[int] = set()
        self._containers: list[ContainerCgroup] = []
        for service in services:
            self._add(service)
        self._before: Look | None = None

    def _add(self, service: Service) -> None:
        self._carriers |= carriers(service, self._table)
        self._leaders |= {pid for pid in [serving(service.url)] if pid is not None}
        for leader in (*service.leaders.values(), *service.beside.values()):
            if leader.pid is None:
                continue
            if leader.container is None:
                self._leaders.add(leader.pid)
            elif layout := cgroup.find_layout(leader.pid, leader.container):
                self._containers.append(ContainerCgroup(layout))

    def look(self) -> tuple[str, ...]:
        """Say who has used more than a share of some of the CPUs since the last look."""
        before, self._before = self._before, self._look()
        if before is None:
            return ()
        said = (_busy(before, self._before, cpus) for cpus in self._cpus)
        return tuple(dict.fromkeys(one for each in said for one in each))

    def _look(self) -> Look:
        moment = time.monotonic()
        self._table.refresh(moment)
        ours = belonging(self._table, self._reaper.sessions | self._leaders)
        for container in self._containers:
            ours |= container.census(moment).pids
        exactly = time.monotonic()
        return Look(
            moment=exactly,
            cpus=kernel.cpus(proc.read_kernel_file("/proc/stat")),
            clocks=dict(clocks(self._table)),
            groups=(),
            ours=frozenset({os.getpid()} | self._carriers | ours),
        )


def _busy(before: Look, after: Look, cpus: frozenset[int]) -> Iterator[str]:
    """Say who has had some CPUs, if that is more than a share of them."""
    # Of a service that has just these CPUs, and does nothing.
    empty = (Group(frozenset(), 0.0, cpus),)
    found = window(replace(before, groups=empty), replace(after, groups=empty), identity)
    enough = _SHARE * found.capacity
    each = f"CPU {min(cpus)}" if len(cpus) == 1 else "a CPU"
    stolen = sum(after.cpus[cpu].steal - before.cpus[cpu].steal for cpu in cpus & after.cpus.keys())
    if stolen > enough:
        yield f"the host of this machine uses {stolen / found.length:.0%} of {each}"
    named, total = takers([found])
    if total > enough:
        for who, taken in named:
            yield f"{who} uses {taken / found.length:.0%} of {each}"
