"""What serves a service but was started elsewhere: found by its process, or by its port."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from ...errors import ServiceError
from ...machine import reaper

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ..backend import Leader
    from ..config import Beside

__tracebackhide__ = True

_PROC = Path("/proc")
_LISTENING = "0A"
# It passes on what comes to a port of the machine to one of a container.
_RELAY = "docker-proxy"


class ForeignProcess:
    """A process that someone else started; see ``backend.Leader``."""

    container: str | None = None

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._born = self._start_time

    @property
    def alive(self) -> bool:
        """Whether it runs, and its number hasn't been given to another one."""
        return self._born is not None and self._start_time == self._born

    @property
    def _start_time(self) -> int | None:
        status = reaper.status(self.pid)
        return status.start_time if status and status.is_live else None


def find_beside(service: str, beside: Mapping[str, Beside]) -> dict[str, Leader]:
    """Give the processes that stand beside a service, by their names.

    Raises:
        ServiceError: one of them doesn't run, or isn't to be seen.
    """
    return {name: ForeignProcess(_pid(service, name, each)) for name, each in beside.items()}


def _pid(service: str, name: str, beside: Beside) -> int:
    if beside.pid is not None:
        status = reaper.status(beside.pid)
        if status is None or not status.is_live:
            raise ServiceError(f"service {service}: {name!r} beside it: no process {beside.pid}")
        return beside.pid
    pid = listener(beside.port or 0)
    if pid is None:
        raise ServiceError(
            f"service {service}: {name!r} beside it: no process that we may look at listens on "
            f"port {beside.port} of this machine; start it, or declare its pid"
        )
    return pid


def listener(port: int, proc: Path = _PROC) -> int | None:
    """Give the process that serves a TCP port of this machine.

    Where an engine passes what comes on to a container, that is the process in there.

    Returns:
        None if there is none, or none whose descriptors we may see.
    """
    pid = holder(port, proc)
    if pid is None:
        return None
    words = _words(proc / str(pid))
    if PurePath(words[0]).name != _RELAY:
        return pid
    given = dict(zip(words[1::2], words[2::2], strict=False))
    address, inner = given.get("-container-ip", ""), given.get("-container-port", "")
    return _in_another_network(address, int(inner), proc) if address and inner.isdecimal() else None


def holder(port: int, proc: Path = _PROC) -> int | None:
    """Give the process that listens on a TCP port of this machine; the eldest of several."""
    return _holder(port, proc / "self", _pids(proc), proc)


def _in_another_network(address: str, port: int, proc: Path) -> int | None:
    """Find who listens in the network in which an address is that of the machine."""
    networks: dict[str, list[int]] = {}
    for pid in _pids(proc):
        with contextlib.suppress(OSError):
            network = os.readlink(proc / str(pid) / "ns" / "net")  # noqa: PTH115
            networks.setdefault(network, []).append(pid)
    for pids in networks.values():
        first = proc / str(pids[0])
        with contextlib.suppress(OSError):
            if f"|-- {address}\n" in (first / "net" / "fib_trie").read_text(encoding="ascii"):
                return _holder(port, first, pids, proc)
    return None


def _holder(port: int, network: Path, pids: Iterable[int], proc: Path) -> int | None:
    """Find who listens on a port of the network that a process is in."""
    sockets = {f"socket:[{inode}]" for inode in _inodes(port, network)}
    holders = [pid for pid in pids if sockets and _holds(proc / str(pid), sockets)]
    return min(holders, key=lambda pid: _birth(proc / str(pid)), default=None)


def _words(process: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return os.fsdecode((process / "cmdline").read_bytes()).split("\0")
    return [""]


def _inodes(port: int, process: Path) -> Iterator[str]:
    """List the sockets that listen on a port, see proc(5) on /proc/net/tcp."""
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            lines = (process / "net" / name).read_text(encoding="ascii").splitlines()[1:]
            for fields in map(str.split, lines):
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    yield fields[9]


def _pids(proc: Path) -> list[int]:
    return sorted(int(name) for name in os.listdir(proc) if name.isdecimal())  # noqa: PTH208


def _holds(process: Path, sockets: set[str]) -> bool:
    with contextlib.suppress(OSError):
        for descriptor in os.scandir(process / "fd"):
            with contextlib.suppress(OSError):
                if os.readlink(descriptor.path) in sockets:  # noqa: PTH115
                    return True
    return False


def _birth(process: Path) -> tuple[int, int]:
    """Give when it was born, and its number: who opened the socket is older than who inherited."""
    try:
        text = (process / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return (2**63, int(process.name))
    return int(text.rpartition(")")[2].split()[19]), int(process.name)
