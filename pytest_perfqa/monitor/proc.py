"""Readers of /proc: one process, one question each.

psutil asks the same files, but knows CPU to the clock tick (10 ms: as much as a tenth of a look at
a scaled run), reads a process's memory map line by line for its PSS where one sum will do, and
counts the context switches of the first thread only.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_TICK = 1 / os.sysconf("SC_CLK_TCK")
_KIBIBYTE = 1024
# Linux: the CPU clock of process P has the number (~P << 3) | 2, see clock_getcpuclockid(3).
_PROCESS_CLOCK = 2
_ONE_READ = 1 << 16
_DEAD = (b"Z", b"X")


def read_kernel_file(path: str) -> bytes:
    """Give a small file of the kernel's; ``open`` would take three times as long.

    Raises:
        OSError: it is gone or not ours to read.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, _ONE_READ)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Stat:
    """What /proc/PID/stat says.

    Attributes:
        own: CPU seconds of all its threads, dead ones too, to the clock tick.
        threads: none of a dead process that nobody has waited for.
        waited: CPU seconds of the children that ended and that it has waited for, and of theirs.
        start_time: in clock ticks since the machine booted.
    """

    parent: int
    session: int
    own: float
    waited: float
    threads: int
    start_time: int


def stat(pid: int) -> Stat:
    """Look at a process.

    Raises:
        OSError: there is none.
    """
    # The second field is the program's name in parentheses, which may hold anything.
    fields = read_kernel_file(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return Stat(
        parent=int(fields[1]),
        session=int(fields[3]),
        own=(int(fields[11]) + int(fields[12])) * _TICK,
        waited=(int(fields[13]) + int(fields[14])) * _TICK,
        threads=int(fields[17]) if fields[0] not in _DEAD else 0,
        start_time=int(fields[19]),
    )


def cpu_seconds(pid: int) -> float:
    """Give the CPU time of all threads of a process, to the nanosecond.

    Raises:
        OSError: there is no such process, or no such clock.
    """
    return time.clock_gettime((~pid << 3) | _PROCESS_CLOCK)


def proportional_memory(pid: int) -> int:
    """Give its PSS in bytes: its own pages, and its share of those that it shares with others.

    Raises:
        OSError: it is gone or not ours to read.
    """
    text = read_kernel_file(f"/proc/{pid}/smaps_rollup")
    _, found, rest = text.partition(b"\nPss:")
    # A process that has just ended has no memory any more.
    return int(rest.split(maxsplit=1)[0]) * _KIBIBYTE if found else 0


def open_files(pid: int) -> int:
    """Count its open descriptors.

    Raises:
        OSError: it is gone or not ours to read.
    """
    folder = f"/proc/{pid}/fd"
    # Since Linux 6.2 the size of the folder is their number.
    return os.stat(folder).st_size or len(os.listdir(folder))  # noqa: PTH116, PTH208


def switches(pid: int) -> dict[int, int]:
    """Count the context switches of each thread that lives, by its number.

    Raises:
        OSError: it is gone.
    """
    found = {}
    for thread, text in of_threads(pid, "status"):
        pairs = text[text.rfind(b"\nvoluntary_ctxt_switches:") :].split()
        found[thread] = int(pairs[1]) + int(pairs[3])
    return found


def of_threads(pid: int, file: str) -> Iterator[tuple[int, bytes]]:
    """Read a file of each thread that lives; those that this kernel doesn't give have none.

    Raises:
        OSError: the process is gone.
    """
    for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
        try:
            text = read_kernel_file(f"/proc/{pid}/task/{thread}/{file}")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended, or this kernel doesn't account for that
        yield int(thread), text


def network_namespace(pid: int) -> str:
    """Name the network that a process is in.

    Raises:
        OSError: it is gone or not ours to ask.
    """
    return os.readlink(f"/proc/{pid}/ns/net")  # noqa: PTH115


def network_bytes(pid: int) -> tuple[int, int]:
    """Give the bytes that its whole network has received and sent, but for those within it.

    Raises:
        OSError: it is gone.
    """
    received = sent = 0
    for line in read_kernel_file(f"/proc/{pid}/net/dev").splitlines()[2:]:
        name, _, counts = line.partition(b":")
        if name.strip() != b"lo":
            fields = counts.split()
            received += int(fields[0])
            sent += int(fields[8])
    return received, sent
