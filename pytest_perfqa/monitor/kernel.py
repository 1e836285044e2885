"""Readers of what the kernel says of the whole machine, and of who may run where.

``/proc/stat`` tells how long each CPU was idle in clock ticks (10 ms) of an exact clock: what is
rounded doesn't add up. How long it was busy for whom is sampled, tick by tick, so that is taken
from the processes' own clocks instead, which are exact to the nanosecond.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from .proc import of_threads, read_kernel_file

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Of a process at niceness 0.
USUAL_WEIGHT = 1024.0
#: Seconds by which a reading of /proc/stat may be short.
TICK = 1 / os.sysconf("SC_CLK_TCK")

_IDLE_WEIGHT = 3.0
# Linux, sched(7): one step of niceness is a quarter more or less of the CPU.
_NICE_STEP = 1.25
_SHARING = {os.SCHED_OTHER, os.SCHED_BATCH}
_INTERPRETERS = ("python", "node", "ruby", "perl", "php", "bash", "sh")
_MICROSECOND = 1e-6
_NANOSECOND = 1e-9
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class CpuTimes:
    """What became of one CPU's time since the machine booted, in seconds.

    Attributes:
        idle: nobody wanted it, or who did waited for a disk.
        steal: it was wanted, but its host ran something else.
    """

    idle: float
    steal: float


def cpus(text: bytes) -> dict[int, CpuTimes]:
    """Read /proc/stat, see proc(5)."""
    found = {}
    for line in text.splitlines():
        name, *counts = line.split()
        if name.startswith(b"cpu") and name != b"cpu":
            # user, nice, system, idle, iowait, irq, softirq, steal
            ticks = [int(count) * TICK for count in counts[:8]]
            found[int(name[3:])] = CpuTimes(ticks[3] + ticks[4], ticks[7])
    return found


def stalled(text: bytes) -> float:
    """Read the total of the line ``some`` of a pressure file, in seconds; 0 without one."""
    for line in text.splitlines():
        if line.startswith(b"some "):
            return int(line.rpartition(b"total=")[2]) * _MICROSECOND
    return 0.0


@dataclass(frozen=True)
class ThreadTimes:
    """Seconds for which a thread ran, and waited for a CPU while it could run."""

    ran: float
    waited: float


def threads(pid: int) -> dict[int, ThreadTimes]:
    """Look at the threads of a process that live, by their numbers.

    Raises:
        OSError: it is gone.
    """
    found = {}
    for thread, text in of_threads(pid, "schedstat"):
        ran, waited, _ = text.split()
        found[thread] = ThreadTimes(int(ran) * _NANOSECOND, int(waited) * _NANOSECOND)
    return found


def major_faults(pid: int) -> int:
    """Count how often a process had to wait for a page of its own to be read from a disk.

    Raises:
        OSError: it is gone.
    """
    return int(read_kernel_file(f"/proc/{pid}/stat").rpartition(b")")[2].split()[9])


@dataclass(frozen=True)
class Identity:
    """Who a process is, and what it may take.

    Attributes:
        name: its program; for an interpreter with the script.
        cpus: where it may run.
        weight: its share where it competes, 1024 at niceness 0; infinite if it needn't share.
    """

    name: str
    cpus: frozenset[int]
    weight: float = USUAL_WEIGHT


def identify(pid: int) -> Identity:
    """Look at a process.

    Raises:
        OSError: it is gone.
    """
    return Identity(_name(pid), frozenset(os.sched_getaffinity(pid)), weight(pid))


def weight(pid: int) -> float:
    """Give the share of the CPU that a process has where it competes with others.

    Raises:
        OSError: it is gone.
    """
    policy = os.sched_getscheduler(pid) & ~os.SCHED_RESET_ON_FORK
    if policy == os.SCHED_IDLE:
        return _IDLE_WEIGHT
    if policy not in _SHARING:
        return float("inf")
    return float(USUAL_WEIGHT / _NICE_STEP ** os.getpriority(os.PRIO_PROCESS, pid))


def resident(pid: int) -> int:
    """Give the bytes of memory that a process has, with those that it shares.

    Raises:
        OSError: it is gone.
    """
    return int(read_kernel_file(f"/proc/{pid}/statm").split()[1]) * _PAGE


def _name(pid: int) -> str:
    words = [os.fsdecode(word) for word in read_kernel_file(f"/proc/{pid}/cmdline").split(b"\0")]
    # A program may have written a title there: "nginx: worker process".
    program = PurePath(words[0].partition(" ")[0]).name.rstrip(":")
    if not program:
        return os.fsdecode(read_kernel_file(f"/proc/{pid}/comm").strip())
    # Other programs' arguments are nobody's business: they may hold a password.
    if program.startswith(_INTERPRETERS) and len(words) > 1 and not words[1].startswith("-"):
        return f"{program} {PurePath(words[1]).name}"
    return program


def memory_in_use(text: bytes) -> float:
    """Read /proc/meminfo: bytes that can't be had without taking them from somebody."""
    fields: Mapping[bytes, int] = {
        name: int(rest.split()[0])
        for name, _, rest in (line.partition(b":") for line in text.splitlines())
    }
    return (fields.get(b"MemTotal", 0) - fields.get(b"MemAvailable", 0)) * 1024.0
