"""Process trees: who belongs to a part, and the CPU of all who ever did."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import proc
from .members import Members
from .readings import Metric
from .source import Census

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .proc import Stat
    from .source import Reading

# Clock ticks in which the kernel gives the CPU of ended children: user and system, rounded each.
_ROUNDING = 2.5 / os.sysconf("SC_CLK_TCK")


class ProcessTable:
    """All processes of the machine, each read once: at its birth, when its parent is known.

    To read 150 of them takes 3 ms, to list them 0.1 ms.

    Attributes:
        everyone: as they were when first seen, by number.
        newborn: those of them that the last refresh found.
        refreshes: how often it was brought up to date.
    """

    def __init__(self) -> None:
        self.everyone: dict[int, Stat] = {}
        self.newborn: dict[int, Stat] = {}
        self.refreshes = 0
        self._moment: float | None = None

    def refresh(self, moment: float) -> None:
        """List processes, once for all who ask at one moment."""
        if moment == self._moment:
            return
        listed = {int(name) for name in os.listdir("/proc") if name.isdecimal()}  # noqa: PTH208
        read = ((pid, _stat(pid)) for pid in sorted(listed - self.everyone.keys()))
        self.newborn = {pid: stat for pid, stat in read if stat is not None}
        for pid in self.everyone.keys() - listed:
            del self.everyone[pid]
        self.everyone |= self.newborn
        self.refreshes += 1
        self._moment = moment


def _stat(pid: int) -> Stat | None:
    try:
        return proc.stat(pid)
    except OSError:
        return None


@dataclass
class _Member:
    """A process of the tree: its parent, its CPU, and that of ended children it has waited for."""

    parent: int
    own: float
    waited: float

    @property
    def total(self) -> float:
        return self.own + self.waited


class ProcessTree:
    """A process, its session and all their descendants; see ``source.Source``.

    CPU is the sum over those that live of their own time and that of the children they have waited
    for: an ended child's moves to its parent, so nothing is lost however short it lived. What a
    parent doesn't account for (it has ended too, or ignores SIGCHLD) stays with the tree from the
    last look at the child.
    """

    note = None

    def __init__(self, leader: Callable[[], int | None], table: ProcessTable) -> None:
        """Watch the tree of the process that ``leader`` gives: another one after a restart.

        It gives None while there is none, so that nobody is watched who was given its number.
        """
        self._leader = leader
        self._table = table
        self._alive: dict[int, _Member] = {}
        self._left = 0.0  # CPU seconds of members that are gone and in nobody's account
        self._before: float | None = None
        self._total = 0.0
        self._members = Members()
        self._asked = 0

    @property
    def missing(self) -> Mapping[Metric, str]:
        """What can't be known, and why."""
        return self._members.missing

    def quick(self, moment: float) -> Iterator[Reading]:
        """Read CPU and threads."""
        self._table.refresh(moment)
        pids = self._find()
        exactly = time.monotonic()
        threads = self._account(pids)
        yield exactly, Metric.CPU, self._total
        yield moment, Metric.THREADS, threads

    def thorough(self, moment: float) -> Iterator[Reading]:
        """Read memory, open files, context switches and network."""
        pids = tuple(self._alive)
        for look in (
            self._members.memory,
            self._members.open_files,
            self._members.switches,
            self._members.network,
        ):
            for metric, value in look(pids):
                yield moment, metric, value

    def census(self, moment: float) -> Census:
        """Count its members."""
        self._table.refresh(moment)
        self._account(self._find())
        return Census(frozenset(self._alive), self._total)

    def close(self) -> None:
        """Hold nothing."""

    def _find(self) -> list[int]:
        """List the members, parents first."""
        leader, everyone = self._leader(), self._table.everyone
        found = dict.fromkeys(pid for pid in self._alive if pid in everyone)
        # A child is found when it is new; with a new leader, some may have been seen before it, and
        # some while nobody asked.
        known = leader is None or leader in found
        known = known and self._table.refreshes <= self._asked + 1
        self._asked = self._table.refreshes
        candidates = self._table.newborn if known else everyone
        # A parent that has gone since the last look still tells whose its children are.
        family: set[int | None] = {leader, *self._alive}
        grown = True
        while grown:
            grown = False
            for pid, stat in candidates.items():
                belongs = leader in {pid, stat.session} or stat.parent in family
                if belongs and pid not in found:
                    found[pid] = None
                    family.add(pid)
                    grown = True
        return list(found)

    def _account(self, pids: list[int]) -> int:
        """Bring the CPU up to date; give the number of threads."""
        alive: dict[int, _Member] = {}
        threads = 0
        # Parents are read first: a child that is read after has not been waited for then, so it
        # is not counted twice.
        for pid in pids:
            stat = _stat(pid)
            if stat is not None and self._is_same(pid, stat):
                alive[pid] = _Member(stat.parent, _own(pid, stat), stat.waited)
                threads += stat.threads
            elif stat is None and pid in self._alive:
                alive[pid] = self._alive[pid]  # ended just now: the next look settles it
        self._left += _unaccounted(self._alive, alive)
        self._alive = alive
        total = self._left + sum(member.total for member in alive.values())
        if self._before is None:
            self._before = total
        self._total = max(self._total, total - self._before)
        return threads

    def _is_same(self, pid: int, stat: Stat) -> bool:
        """Tell a process from another one that was given its number."""
        return stat.start_time == self._table.everyone[pid].start_time


def _own(pid: int, stat: Stat) -> float:
    try:
        return proc.cpu_seconds(pid)
    except OSError:
        return stat.own


def _unaccounted(before: Mapping[int, _Member], after: Mapping[int, _Member]) -> float:
    """Sum the CPU of members that are gone, as far as no living ancestor accounts for it."""
    lost = 0.0
    owed: dict[int, float] = {}
    for gone in before.keys() - after.keys():
        heir = _heir(before[gone], before, after)
        if heir is None:
            lost += before[gone].total
        else:
            owed[heir] = owed.get(heir, 0.0) + before[gone].total
    for heir, debt in owed.items():
        rest = debt - (after[heir].waited - before[heir].waited)
        lost += rest if rest > _ROUNDING else 0.0
    return lost


def _heir(
    member: _Member, before: Mapping[int, _Member], after: Mapping[int, _Member]
) -> int | None:
    """Find the nearest ancestor in the tree that still lives."""
    parent = member.parent
    while parent in before and parent not in after:
        parent = before[parent].parent
    return parent if parent in before else None
