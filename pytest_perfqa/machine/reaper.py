"""Ends what pytest started when pytest is gone, even by ``kill -9``.

Run by path with ``python -I -S``, so it imports nothing but the standard library. It reads lines
from pytest's pipe on its standard input:

    spawning TOKEN          a process is about to start, with TOKEN in its environment
    spawned TOKEN           it has been told by its number, or there is none
    group PGID STARTTIME    a process group (and session) that must not outlive pytest
    done PGID               it has ended
    directory PATH          a folder to remove at the end
    command JSON            a program to run at the end, once the processes are gone: a list of
                            words, such as ["docker", "compose", "-p", "perfqa-1", "down"]
    settled JSON            that command isn't needed any more

The end of the pipe is the end of pytest. So is its death while a forked child keeps the pipe open.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_SECONDS = 2.0
#: The variable that marks a process from its first moment on.
MARK = "PERFQA_SPAWNED"
_POLL_SECONDS = 0.02
_COMMAND_SECONDS = 60.0


@dataclass(frozen=True)
class Status:
    """What /proc/PID/stat says; ``start_time`` is in clock ticks since the machine booted."""

    state: str
    group: int
    session: int
    start_time: int

    @property
    def is_live(self) -> bool:
        """Tell a process from a dead one that nobody has waited for."""
        return self.state not in "ZX"


def status(pid: int) -> Status | None:
    """Look at a process; None if there is none."""
    try:
        # A third of what Path takes, and every process of the machine is looked at.
        file = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except (FileNotFoundError, ProcessLookupError):  # the latter where it dies meanwhile
        return None
    try:
        text = os.read(file, 4096).decode(errors="replace")
    except ProcessLookupError:
        return None
    finally:
        os.close(file)
    # The second field is the program's name in parentheses, which may hold anything.
    fields = text.rpartition(")")[2].split()
    return Status(fields[0], int(fields[2]), int(fields[3]), int(fields[19]))


def live_members(leader: int) -> set[int]:
    """Give the processes alive in the group or the session that ``leader`` leads."""
    found = set()
    for pid in _everyone():
        process = status(pid)
        if process and process.is_live and leader in (process.group, process.session):
            found.add(pid)
    return found


def _everyone() -> Iterator[int]:
    for entry in os.listdir("/proc"):  # noqa: PTH208  (a thousand Paths cost milliseconds)
        if entry.isdecimal():
            yield int(entry)


def _mark(pid: int) -> str | None:
    """Give the mark that a process was started with."""
    start = f"{MARK}=".encode()
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # it has gone, or is another user's
        return None
    found = (one.removeprefix(start) for one in variables if one.startswith(start))
    return next(map(os.fsdecode, found), None)


def signal_all(pids: set[int], number: signal.Signals) -> None:
    """Send a signal to each process that still exists."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


@dataclass
class _Ledger:
    """What pytest has told and not taken back."""

    expected: set[str] = field(default_factory=set)
    groups: dict[int, int] = field(default_factory=dict)
    directories: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)

    def note(self, line: str) -> None:
        verb, _, rest = line.partition(" ")
        if verb == "spawning":
            self.expected.add(rest)
        elif verb == "spawned":
            self.expected.discard(rest)
        elif verb == "group":
            leader, start_time = rest.split()
            self.groups[int(leader)] = int(start_time)
        elif verb == "done":
            self.groups.pop(int(rest), None)
        elif verb == "directory":
            self.directories.append(rest)
        elif verb == "command":
            self.commands.append(rest)
        elif verb == "settled" and rest in self.commands:
            self.commands.remove(rest)

    def find(self) -> None:
        """Look for those that pytest was starting when it ended, and could not tell by number."""
        marks = {pid: _mark(pid) for pid in _everyone()} if self.expected else {}
        for pid, mark in marks.items():
            process = status(pid) if mark in self.expected else None
            if process is not None:
                leader = status(process.session)
                self.groups[process.session] = 0 if leader is None else leader.start_time
        self.expected.difference_update(marks.values())

    def live(self) -> set[int]:
        """Give all processes alive that pytest left behind."""
        members: set[int] = set()
        for leader, start_time in self.groups.items():
            process = status(leader)
            # A leader born at another time is a stranger with a reused number. The kernel doesn't
            # reuse it while a group has members, so without a leader they are still ours.
            if process is None or process.start_time == start_time:
                members |= live_members(leader)
        return members


def _follow(ledger: _Ledger) -> None:
    """Read lines until pytest is gone."""
    watched: list[int] = [0]
    with contextlib.suppress(OSError, AttributeError):  # needs Linux 5.3
        watched.append(os.pidfd_open(os.getppid()))
    rest = b""
    while True:
        ready, _, _ = select.select(watched, [], [])
        chunk = os.read(0, 65536) if 0 in ready else b""
        if not chunk:
            return
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            ledger.note(os.fsdecode(line))


def _end(ledger: _Ledger) -> None:
    # One that has been forked has its mark once its program is there, a moment later.
    deadline = time.monotonic() + PATIENCE_SECONDS
    ledger.find()
    while ledger.expected and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        ledger.find()
    members = ledger.live()
    signal_all(members, signal.SIGTERM)
    signal_all(members, signal.SIGCONT)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while members and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        members = ledger.live()
    # Again until none is left: a dying process may have started another meanwhile.
    deadline = time.monotonic() + PATIENCE_SECONDS
    while members and time.monotonic() < deadline:
        signal_all(members, signal.SIGKILL)
        time.sleep(_POLL_SECONDS)
        members = ledger.live()
    for command in ledger.commands:
        _run(json.loads(command))
    for directory in ledger.directories:
        shutil.rmtree(directory, ignore_errors=True)


def _run(argv: list[str]) -> None:
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_COMMAND_SECONDS,
            check=False,
        )


def main() -> None:
    """Wait for pytest's end, then clean up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    ledger = _Ledger()
    _follow(ledger)
    _end(ledger)


if __name__ == "__main__":
    main()
