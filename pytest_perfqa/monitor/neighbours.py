"""Did others take the CPU that the service was entitled to? Judged by counters, never by answers.

Two looks at the machine bound a window of time. For the service, and for what is declared to stand
beside it, three things are known of it: how long its threads waited for a CPU while they could run,
what was busy on the CPUs they may use, and whose work that was. A wait tells nothing alone: its
siblings, the limit of its cgroup and the load generator on the same CPU make threads wait, too. Nor
does the work of others: what runs at idle priority gives way. So each thread's wait is laid to
those who ran meanwhile, in the proportions in which they ran, and no more of it than the CPU that
others had counts (see docs/verdicts.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from .kernel import TICK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from .kernel import CpuTimes, Identity, ThreadTimes

# The service was disturbed where it was denied this share of the CPU that it used ...
_SHARE = 0.15
# ... if that is so much of the window: what starts and ends beside a service that does little is
# hardly felt. But beside who has so much of its CPUs it waits whenever it wakes up, and anything
# that shows at all counts.
_FLOOR = 0.02
_TAKEN = 0.5
_LEAST = 0.001
# A shorter window, as that of a burst, is held to what would be felt in one of this length.
_WINDOW_SECONDS = 0.5
# Waits of threads that ended between two looks are not known: counted where they used this share.
_UNSEEN = 0.1
# Memory: stalls of this share of the window, by processes that can be told from the service.
_STALLED = 0.1
_OWN_MEMORY = 0.5
# Whoever used less in a window is not asked who he is.
_SMALL_SECONDS = 0.001


@dataclass(frozen=True)
class Group:
    """Processes that serve the load, and share CPUs.

    Attributes:
        pids: who they are.
        cpu: seconds of CPU that they used since the monitor began, ended ones too.
        cpus: where they may run.
        weight: their share where they compete with others; see ``kernel.Identity``.
        threads: what became of the time of each thread.
        throttled: seconds that a cgroup's limit held them up.
        faults: how often they waited for pages of their own.
        memory: bytes in use, 0 if that isn't known.
    """

    pids: frozenset[int]
    cpu: float
    cpus: frozenset[int]
    weight: float = 1024.0
    threads: Mapping[int, ThreadTimes] = field(default_factory=dict)
    throttled: float = 0.0
    faults: int = 0
    memory: float = 0.0


@dataclass(frozen=True)
class Look:
    """What was seen of the machine at one moment.

    Attributes:
        moment: on ``time.monotonic``.
        cpus: of every CPU.
        clocks: seconds of CPU of every process that lives, since it was born.
        groups: who serves the load.
        ours: processes of the load generator and of the monitor.
        stalled: seconds in which anybody waited for memory.
        memory: bytes in use on the machine.
    """

    moment: float
    cpus: Mapping[int, CpuTimes]
    clocks: Mapping[int, float]
    groups: tuple[Group, ...]
    ours: frozenset[int] = frozenset()
    stalled: float = 0.0
    memory: float = 0.0


@dataclass(frozen=True)
class CpuWindow:
    """What happened between two looks.

    Attributes:
        start, end: as the looks have them.
        own: seconds of CPU that the service used.
        denied: seconds that its threads waited while others had its CPUs.
        steal: seconds that the machine's host took of what it used.
        spare: seconds that its CPUs would have had for more.
        capacity: seconds that its CPUs had at all.
        takers: who took its CPUs and how much, the greatest first; None is who isn't known.
        stalled: seconds in which it waited for memory that others had taken.
    """

    start: float
    end: float
    own: float
    denied: float
    steal: float
    spare: float
    capacity: float
    takers: tuple[tuple[int | None, str, float], ...] = ()
    stalled: float = 0.0

    @property
    def length(self) -> float:
        """Its seconds."""
        return self.end - self.start

    @property
    def lost(self) -> float:
        """What the service would have got on a machine of its own."""
        return self.denied + self.steal

    @property
    def is_disturbed(self) -> bool:
        """Whether what was measured in it can be laid to the service."""
        taken = sum(cpu for *_, cpu in self.takers)
        times = max(1.0, _WINDOW_SECONDS / self.length)
        least = _LEAST if taken > _TAKEN * self.capacity * times else _FLOOR
        is_felt = self.lost > max(least * self.length * times, _SHARE * self.own)
        return is_felt or self.stalled > _STALLED * self.length


def window(before: Look, after: Look, who: Callable[[int], Identity | None]) -> CpuWindow:
    """Judge the time between two looks.

    Args:
        who: tells who a process is, None if it has gone.
    """
    used = dict(_used(before.clocks, after.clocks))
    known = {pid: who(pid) for pid, cpu in used.items() if cpu >= _SMALL_SECONDS}
    machine = _Machine(before, after, used, known)
    parts = [
        _Part(machine, *pair).window() for pair in zip(before.groups, after.groups, strict=True)
    ]
    # What stands beside the service holds it up as much as the service itself.
    return max(parts, key=lambda one: (one.is_disturbed, one.lost))


def _used(before: Mapping[int, float], after: Mapping[int, float]) -> Iterator[tuple[int, float]]:
    for pid, clock in after.items():
        spent = clock - before.get(pid, 0.0)
        # A clock that has gone back is that of another process with the same number.
        yield pid, spent if spent >= 0 else clock


class _Machine:
    """What all CPUs did in a window, and for whom."""

    def __init__(
        self,
        before: Look,
        after: Look,
        used: Mapping[int, float],
        known: Mapping[int, Identity | None],
    ) -> None:
        self.before, self.after = before, after
        self.length = after.moment - before.moment
        self.used = used
        self.known = {pid: one for pid, one in known.items() if one is not None}
        self.cpus = frozenset(before.cpus.keys() & after.cpus.keys())
        self.lost_ours = before.ours - after.clocks.keys()

    def idle(self, cpus: Iterable[int]) -> float:
        """Sum what CPUs had nothing to do."""
        return sum(
            min(self.length, max(0.0, self.after.cpus[cpu].idle - self.before.cpus[cpu].idle))
            for cpu in cpus
        )

    def steal(self, cpus: Iterable[int]) -> float:
        """Sum what the host took."""
        return sum(
            max(0.0, self.after.cpus[cpu].steal - self.before.cpus[cpu].steal) for cpu in cpus
        )

    def busy(self, cpus: frozenset[int]) -> float:
        """Sum what anybody on this machine had of some CPUs."""
        return max(0.0, self.length * len(cpus) - self.idle(cpus) - self.steal(cpus))


class _Part:
    """A window as it was for one group."""

    def __init__(self, machine: _Machine, before: Group, after: Group) -> None:
        self._machine = machine
        self._before, self._after = before, after
        self._cpus = (after.cpus or before.cpus) & machine.cpus
        self._own = max(0.0, after.cpu - before.cpu)
        look = machine.after
        serving = frozenset(chain.from_iterable(group.pids for group in look.groups))
        self._friends = (serving | look.ours) - after.pids
        self._split()

    def _split(self) -> None:
        """Say who had how much of the group's CPUs.

        A process that may run elsewhere as well is thought to have been here in proportion to how
        much of the work of such processes was done here.
        """
        machine = self._machine
        inside: dict[int, float] = {}
        roaming: dict[int, float] = {}
        outside = 0.0
        for pid, cpu in machine.used.items():
            known = machine.known.get(pid)
            if pid in self._after.pids or known is None:
                continue
            if known.cpus <= self._cpus:
                inside[pid] = cpu
            elif known.cpus & self._cpus:
                roaming[pid] = cpu
            else:
                outside += cpu
        here = max(0.0, machine.busy(self._cpus) - self._own - sum(inside.values()))
        there = max(0.0, machine.busy(machine.cpus - self._cpus) - outside)
        wandering = sum(roaming.values())
        share = here / max(wandering, here + there) if here else 0.0
        inside |= {pid: cpu * share for pid, cpu in roaming.items()}
        self._unknown = max(0.0, here - wandering * share - TICK * len(self._cpus))
        if machine.lost_ours:
            self._unknown = 0.0  # it may be what they did before they ended
        self._friendly = sum(cpu for pid, cpu in inside.items() if pid in self._friends)
        self._taken = {
            pid: cpu * self._pull(pid) for pid, cpu in inside.items() if pid not in self._friends
        }
        gave_way = sum(inside.values()) - self._friendly - sum(self._taken.values())
        self._spare = machine.idle(self._cpus) + gave_way

    def _pull(self, pid: int) -> float:
        """Give how much of its CPU a process can hold against the group."""
        return min(1.0, self._machine.known[pid].weight / self._after.weight)

    def window(self) -> CpuWindow:
        """Sum it up."""
        machine = self._machine
        others = sum(self._taken.values()) + self._unknown
        lost = self._lost_to_host()
        takers = [
            *((pid, machine.known[pid].name, cpu) for pid, cpu in self._taken.items()),
            (None, "", self._unknown),
        ]
        return CpuWindow(
            machine.before.moment,
            machine.after.moment,
            own=self._own,
            denied=min(others, self._waited_for(others)),
            steal=lost,
            spare=self._spare,
            capacity=machine.length * len(self._cpus),
            takers=tuple(sorted((one for one in takers if one[2] > 0), key=lambda one: -one[2])),
            stalled=self._stalled(),
        )

    def _waited_for(self, others: float) -> float:
        """Sum what its threads waited while others ran."""
        if others <= 0:
            return 0.0
        throttled = max(0.0, self._after.throttled - self._before.throttled)
        waited = seen = 0.0
        for ran, wait in self._runs():
            seen += ran
            siblings = max(0.0, self._own - ran) + self._friendly
            waited += max(0.0, wait - throttled) * others / (others + siblings)
        unseen = self._own - seen
        if unseen > _UNSEEN * self._own:
            free = self._machine.length * len(self._cpus) - others
            waited += unseen * others / max(free, TICK)
        return waited

    def _runs(self) -> Iterator[tuple[float, float]]:
        before = self._before.threads
        for thread, run in self._after.threads.items():
            known = before.get(thread)
            # A thread that has run for less than before is another one of the same number.
            if known is None or run.ran < known.ran or run.waited < known.waited:
                yield run.ran, run.waited
            else:
                yield run.ran - known.ran, run.waited - known.waited

    def _lost_to_host(self) -> float:
        """Give what the host took of the group's time: of all that was taken, its share."""
        stolen = self._machine.steal(self._cpus) - TICK * len(self._cpus)
        busy = self._machine.busy(self._cpus)
        return max(0.0, stolen) * min(1.0, self._own / busy) if busy else 0.0

    def _stalled(self) -> float:
        """Give how long it waited for memory, if it was others who had taken that."""
        look = self._machine.after
        waited = self._after.faults > self._before.faults
        is_own = not look.memory or self._after.memory > _OWN_MEMORY * look.memory
        return look.stalled - self._machine.before.stalled if waited and not is_own else 0.0
