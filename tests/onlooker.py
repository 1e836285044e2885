"""Looks at the machine while timed tests run: did others take the CPU that these were to have?

The product's own instruments tell (``pytest_perfqa.monitor``): the processes of the tests stand for
the service, with all that they start, and what runs in containers. A process of its own looks, so
that no test finds a thread in pytest that isn't its own, and none waits for a look.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import time
from dataclasses import asdict, replace

from pytest_perfqa.monitor import kernel, proc
from pytest_perfqa.monitor.neighbours import CpuWindow, Look, window
from pytest_perfqa.monitor.source import Census
from pytest_perfqa.monitor.surroundings import as_group, clocks, identity, stalled_seconds
from pytest_perfqa.monitor.tree import ProcessTable, ProcessTree

_LOOK_SECONDS = 1.0
_CONTAINERS = (b"docker", b"containerd", b"perfqa")


class Onlooker:
    """That process, as long as this one wants to know."""

    def __init__(self) -> None:
        self._windows: list[CpuWindow] = []
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is not for it
        )

    def windows(self) -> list[CpuWindow]:
        """Give all that was seen until now; less where it has died."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            print(file=self._process.stdin, flush=True)
            self._windows += [_read(one) for one in json.loads(self._process.stdout.readline())]
        return self._windows

    def close(self) -> None:
        """End it: the end of its input is its own."""
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate()


def _read(found: dict[str, object]) -> CpuWindow:
    takers = found.pop("takers")
    assert isinstance(takers, list)
    return CpuWindow(**found, takers=tuple(map(tuple, takers)))  # type: ignore[arg-type]


class Machine:
    """What others did to a process and its descendants, look by look."""

    def __init__(self, pid: int) -> None:
        self._table = ProcessTable()
        self._ours = ProcessTree(lambda: pid, self._table)
        self._contained = Contained(self._table)
        self._before: Look | None = None

    def look(self) -> CpuWindow | None:
        """Judge the time since the last look; None at the first one."""
        before, self._before = self._before, self._look()
        return None if before is None else window(before, self._before, identity)

    def _look(self) -> Look:
        moment = time.monotonic()
        self._table.refresh(moment)
        group = as_group([source.census(moment) for source in (self._ours, self._contained)])
        return Look(
            moment=time.monotonic(),
            cpus=kernel.cpus(proc.read_kernel_file("/proc/stat")),
            clocks=dict(clocks(self._table)),
            # Whoever disturbs a service disturbs the test, even if he gives way to its generator.
            groups=(replace(group, weight=kernel.USUAL_WEIGHT),),
            stalled=stalled_seconds(),
            memory=kernel.memory_in_use(proc.read_kernel_file("/proc/meminfo")),
        )


class Contained:
    """All processes in containers: those of tests are no descendants of theirs."""

    def __init__(self, table: ProcessTable) -> None:
        self._table = table
        self._own = _cgroups("self")
        self._alive: dict[int, float] = {}
        self._total = 0.0

    def census(self, moment: float) -> Census:
        """Count them."""
        self._table.refresh(moment)
        alive: dict[int, float] = {}
        for pid in self._alive.keys() & self._table.everyone.keys() | self._newborn():
            with contextlib.suppress(OSError):
                alive[pid] = proc.cpu_seconds(pid)
                self._total += max(0.0, alive[pid] - self._alive.get(pid, 0.0))
        self._alive = alive
        return Census(frozenset(alive), self._total)

    def _newborn(self) -> set[int]:
        found = {pid: _cgroups(pid) for pid in self._table.newborn}
        return {
            pid
            for pid, cgroups in found.items()
            if cgroups != self._own and any(word in cgroups for word in _CONTAINERS)
        }


def _cgroups(pid: int | str) -> bytes:
    try:
        return proc.read_kernel_file(f"/proc/{pid}/cgroup")
    except OSError:
        return b""


def main() -> None:
    """Look until nobody wants to know."""
    machine = Machine(int(sys.argv[1]))
    machine.look()
    seen: list[CpuWindow | None] = []
    while True:
        is_asked = bool(select.select([0], [], [], _LOOK_SECONDS)[0])
        if is_asked and not os.read(0, 1):
            return
        seen.append(machine.look())
        if is_asked:
            sys.stdout.write(json.dumps([asdict(one) for one in seen if one]) + "\n")
            sys.stdout.flush()
            seen.clear()


if __name__ == "__main__":
    main()
