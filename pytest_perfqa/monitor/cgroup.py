"""A container's cgroup, version 1 or 2, as files of this machine."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .members import Members
from .proc import read_kernel_file
from .readings import Metric
from .source import Census, Counter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .source import Reading

_PROC = Path("/proc")


class Layout(Protocol):
    """The accounts of one cgroup and of those within; each raises ``OSError`` where it has none."""

    @property
    def folder(self) -> Path:
        """Where the numbers of its processes are."""

    def cpu_seconds(self) -> float:
        """CPU time of all its processes, ended ones too."""

    def memory(self) -> int:
        """Bytes it is charged for, without file pages that it hasn't used for a while.

        That is what ``docker stats`` shows.
        """

    def threads(self) -> int:
        """Threads in it."""

    def throttled(self) -> float:
        """Seconds that its limit of CPU, or one above it, held it up."""


@dataclass(frozen=True)
class Version1:
    """One folder per controller; ``folder`` is that of cpuacct."""

    folder: Path
    memory_folder: Path | None
    pids_folder: Path | None
    cpu_folder: Path | None = None

    def cpu_seconds(self) -> float:
        """CPU time, from nanoseconds."""
        return int(read_kernel_file(f"{self.folder}/cpuacct.usage")) / 1e9

    def memory(self) -> int:
        """Usage without inactive file pages."""
        folder = _present(self.memory_folder, "memory")
        usage = int(read_kernel_file(f"{folder}/memory.usage_in_bytes"))
        return max(0, usage - _field(f"{folder}/memory.stat", b"total_inactive_file"))

    def threads(self) -> int:
        """Threads, as the kernel counts them for its limit."""
        return int(read_kernel_file(f"{_present(self.pids_folder, 'pids')}/pids.current"))

    def throttled(self) -> float:
        """From nanoseconds."""
        return _throttled(self.cpu_folder, b"throttled_time", 1e9)


@dataclass(frozen=True)
class Version2:
    """One folder for everything."""

    folder: Path

    def cpu_seconds(self) -> float:
        """CPU time, from microseconds."""
        return _field(f"{self.folder}/cpu.stat", b"usage_usec") / 1e6

    def memory(self) -> int:
        """Usage without inactive file pages."""
        usage = int(read_kernel_file(f"{self.folder}/memory.current"))
        return max(0, usage - _field(f"{self.folder}/memory.stat", b"inactive_file"))

    def threads(self) -> int:
        """Threads, as the kernel counts them for its limit."""
        return int(read_kernel_file(f"{self.folder}/pids.current"))

    def throttled(self) -> float:
        """From microseconds."""
        return _throttled(self.folder, b"throttled_usec", 1e6)


def _throttled(folder: Path | None, name: bytes, per_second: float) -> float:
    """Sum a cgroup and those above it: each may have a limit. 0 where none can."""
    total = 0.0
    while folder is not None and os.path.exists(f"{folder}/cpu.stat"):  # noqa: PTH110
        # The root has no such line in version 2, and who has no controller of CPU.
        with contextlib.suppress(_NoControllerError):
            total += _field(f"{folder}/cpu.stat", name) / per_second
        folder = folder.parent
    return total


class _NoControllerError(OSError):
    """A controller that isn't mounted here."""


def _present(folder: Path | None, controller: str) -> Path:
    if folder is None:
        raise _NoControllerError(f"this machine has no cgroup controller '{controller}'")
    return folder


def _field(path: str, name: bytes) -> int:
    for line in read_kernel_file(path).splitlines():
        key, _, value = line.partition(b" ")
        if key == name:
            return int(value)
    raise _NoControllerError(f"{path} has no {name.decode()}")


def find_layout(pid: int, container: str, proc: Path = _PROC) -> Layout | None:
    """Find the cgroup of a container from one of its processes.

    None if it isn't to be seen here: the engine runs on another machine (whose process numbers mean
    nothing here), or we are in a container ourselves.
    """
    try:
        memberships = _memberships((proc / str(pid) / "cgroup").read_text(encoding="utf-8"))
        mounts = _mounts((proc / "self" / "mountinfo").read_text(encoding="utf-8"))
    except OSError:
        return None
    folders = {
        name: folder
        for name, path in memberships.items()
        if container in path and (folder := mounts.get(name, _NOWHERE).folder(path)).is_dir()
    }
    if "cpuacct" in folders:
        others = (folders.get(name) for name in ("memory", "pids", "cpu"))
        return Version1(folders["cpuacct"], *others)
    if (folders.get("") or _NOWHERE.point).joinpath("cpu.stat").is_file():
        return Version2(folders[""])
    return None


def _memberships(text: str) -> dict[str, str]:
    """Read paths by controller; that of version 2 has the name ''."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        found |= dict.fromkeys(controllers.split(","), path)
    return found


@dataclass(frozen=True)
class _Mount:
    point: Path
    root: str

    def folder(self, path: str) -> Path:
        """Give where a cgroup is seen below the mount; a mount may show a branch only."""
        within = os.path.relpath(path, self.root)
        return self.point if within == "." else self.point / within


_NOWHERE = _Mount(Path("/nonexistent"), "/")


def _mounts(text: str) -> dict[str, _Mount]:
    """Read mount points by controller from a mountinfo, see proc(5)."""
    found: dict[str, _Mount] = {}
    for line in text.splitlines():
        place, _, kind = line.partition(" - ")
        root, point = place.split()[3:5]
        system, _, options = kind.split()
        mount = _Mount(Path(point.encode().decode("unicode_escape")), root)
        if system == "cgroup2":
            found[""] = mount
        elif system == "cgroup":
            found |= dict.fromkeys(options.split(","), mount)
    return found


class ContainerCgroup:
    """A container, by its cgroup; see ``source.Source``.

    The folder has the same name after a restart, and its accounts begin again.
    """

    note = None

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._cpu = Counter()
        self._throttled = Counter()
        self._members = Members()
        self._missing: dict[Metric, str] = {}

    @property
    def missing(self) -> Mapping[Metric, str]:
        """What can't be known, and why."""
        return self._missing | self._members.missing

    def quick(self, moment: float) -> Iterator[Reading]:
        """Read CPU and threads."""
        exactly = time.monotonic()
        self._account()
        yield exactly, Metric.CPU, self._cpu.total
        yield from self._gauge(moment, Metric.THREADS)

    def _account(self) -> None:
        try:
            owner = self._layout.folder.stat().st_ino
            self._cpu.update(self._layout.cpu_seconds(), owner)
            self._throttled.update(self._layout.throttled(), owner)
        except FileNotFoundError:
            pass  # it doesn't run: nothing is added

    def census(self, _moment: float) -> Census:
        """Count its processes."""
        self._account()
        return Census(frozenset(self._pids()), self._cpu.total, self._throttled.total)

    def thorough(self, moment: float) -> Iterator[Reading]:
        """Read memory from the cgroup, and all else from its processes."""
        pids = self._pids()
        yield from self._gauge(moment, Metric.MEMORY)
        for look in (self._members.open_files, self._members.switches, self._members.network):
            for metric, value in look(pids):
                yield moment, metric, value

    def close(self) -> None:
        """Hold nothing."""

    def _gauge(self, moment: float, metric: Metric) -> Iterator[Reading]:
        if metric in self._missing:
            return
        read_it = self._layout.memory if metric is Metric.MEMORY else self._layout.threads
        try:
            value = float(read_it())
        except OSError as error:
            if self._layout.folder.is_dir():
                self._missing[metric] = str(error)
                return
            value = 0.0  # it doesn't run
        yield moment, metric, value

    def _pids(self) -> list[int]:
        """List its processes, those of cgroups within too."""
        found: list[int] = []
        for folder, _, files in os.walk(self._layout.folder):
            if "cgroup.procs" in files:
                try:
                    found += map(int, read_kernel_file(f"{folder}/cgroup.procs").split())
                except OSError:
                    continue  # it has just ended
        return found
