"""Process trees, on real processes: who belongs, and whose CPU and memory is counted."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_perfqa.machine import reaper
from pytest_perfqa.monitor import proc, tree
from pytest_perfqa.monitor.readings import Metric

if TYPE_CHECKING:
    from collections.abc import Iterator

# Does what it is told on its standard input, and says what came of it.
PRELUDE = """
import os, resource, signal, subprocess, sys, time

def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass

def used():
    return sum(sum(resource.getrusage(who)[:2]) for who in
               (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))

def say(*words):
    print(*words, flush=True)

say("ready", used())
for line in sys.stdin:
"""


class Program:
    """A program of Python's in a session of its own, led by lines on its standard input."""

    def __init__(self, body: str) -> None:
        code = PRELUDE + textwrap.indent(textwrap.dedent(body), "    ")
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.hear()

    @property
    def pid(self) -> int | None:
        """Its number; None when it has ended."""
        return self.process.pid if self.process.poll() is None else None

    def hear(self) -> list[str]:
        """Give the words it says next."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().split()

    def tell(self, line: str = "go") -> list[str]:
        """Have it do something, and give what it says."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        return self.hear()


@pytest.fixture
def programs() -> Iterator[list[Program]]:
    """Programs to be ended after the test, with their children."""
    started: list[Program] = []
    yield started
    for program in started:
        members = {
            int(entry)
            for entry in os.listdir("/proc")  # noqa: PTH208
            if entry.isdecimal() and _session(int(entry)) == program.process.pid
        }
        for pid in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        program.process.wait()
        for pipe in (program.process.stdin, program.process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def _session(pid: int) -> int | None:
    try:
        return proc.stat(pid).session
    except OSError:
        return None


def watch(program: Program) -> tree.ProcessTree:
    """Look at a tree for the first time."""
    watched = tree.ProcessTree(lambda: program.pid, tree.ProcessTable())
    look(watched)
    return watched


def look(watched: tree.ProcessTree) -> dict[Metric, float]:
    """Give all that a look finds."""
    moment = time.monotonic()
    found = {metric: value for _, metric, value in watched.quick(moment)}
    return found | {metric: value for _, metric, value in watched.thorough(moment)}


def wait_until_dead(pid: int) -> None:
    """Wait until a process has ended; whoever is to wait for it may take its time."""
    deadline = time.monotonic() + 10
    while (status := reaper.status(pid)) is not None and status.is_live:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_cpu_agrees_with_the_programs_own_account(programs: list[Program]) -> None:
    """To the millisecond: a clock tick would be 10 of them."""
    programs.append(Program("burn(0.05); say(used())"))
    watched = tree.ProcessTree(lambda: programs[0].pid, tree.ProcessTable())
    before = float(programs[0].tell()[0])
    look(watched)
    after = float(programs[0].tell()[0])
    assert look(watched)[Metric.CPU] == pytest.approx(after - before, abs=0.003)


def test_the_cpu_of_children_that_came_and_went_between_two_looks_is_counted(
    programs: list[Program],
) -> None:
    """Ten of them, never seen, 20 ms each: more than nothing, and what getrusage says."""
    children = "[sys.executable, '-Sc', 'import time\\nwhile time.process_time() < .02: pass']"
    programs.append(Program(f"[subprocess.run({children}) for _ in range(10)]; say(used())"))
    watched = tree.ProcessTree(lambda: programs[0].pid, tree.ProcessTable())
    look(watched)
    used = float(programs[0].tell()[0])
    found = look(watched)
    assert used > 0.2
    # The program itself had used some before the first look.
    assert found[Metric.CPU] == pytest.approx(used, abs=0.1)
    assert found[Metric.CPU] > 0.19
    assert found[Metric.THREADS] == 1


FORKS = """
if line.startswith("fork"):
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        burn(0.1)
        os.write(writing, b"x")
        time.sleep(60)
    os.read(reading, 1)
    say(pid)
elif line.startswith("reap"):
    pid = int(line.split()[1])
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    say("reaped")
elif line.startswith("orphan"):
    reading, writing = os.pipe()
    middle = os.fork()
    if not middle:
        pid = os.fork()
        if not pid:
            burn(0.1)
            os.write(writing, str(os.getpid()).encode())
            time.sleep(60)
        time.sleep(60)
    say(middle, int(os.read(reading, 20)))
elif line.startswith("ignore"):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    say("ignoring")
else:
    burn(0.05)
    say("burnt")
"""


def test_cpu_moves_to_the_parent_when_a_child_ends(programs: list[Program]) -> None:
    """It is counted once: before as the child's, after as the parent's."""
    programs.append(Program(FORKS))
    watched = watch(programs[0])
    child = programs[0].tell("fork")[0]
    before = look(watched)
    assert before[Metric.CPU] > 0.1
    assert before[Metric.THREADS] == 2
    programs[0].tell(f"reap {child}")
    after = look(watched)
    assert before[Metric.CPU] <= after[Metric.CPU] <= before[Metric.CPU] + 0.04
    assert after[Metric.THREADS] == 1


def test_cpu_of_a_child_that_nobody_waits_for_stays(programs: list[Program]) -> None:
    """A parent that ignores SIGCHLD gets no account of its children from the kernel."""
    programs.append(Program(FORKS))
    watched = watch(programs[0])
    programs[0].tell("ignore")
    child = int(programs[0].tell("fork")[0])
    before = look(watched)[Metric.CPU]
    os.kill(child, 9)
    wait_until_dead(child)
    programs[0].tell("burn")
    after = look(watched)[Metric.CPU]
    assert before + 0.05 <= after < before + 0.09


def test_a_grandchild_stays_when_its_parent_has_gone(programs: list[Program]) -> None:
    """It has become init's child, and its CPU is lost to the tree's own account."""
    programs.append(Program(FORKS))
    watched = watch(programs[0])
    middle, orphan = map(int, programs[0].tell("orphan"))
    before = look(watched)
    assert before[Metric.THREADS] == 3
    programs[0].tell(f"reap {middle}")
    between = look(watched)
    assert between[Metric.THREADS] == 2
    assert before[Metric.CPU] <= between[Metric.CPU] <= before[Metric.CPU] + 0.04
    os.kill(orphan, 9)
    wait_until_dead(orphan)
    after = look(watched)
    assert after[Metric.THREADS] == 1
    assert between[Metric.CPU] <= after[Metric.CPU] <= between[Metric.CPU] + 0.02


def test_a_child_in_a_session_of_its_own_belongs_to_the_tree(programs: list[Program]) -> None:
    """As gunicorn's or nginx's do when they are told to be daemons."""
    programs.append(
        Program("child = subprocess.Popen(['sleep', '60'], start_new_session=True); say(child.pid)")
    )
    watched = watch(programs[0])
    child = int(programs[0].tell()[0])
    try:
        assert look(watched)[Metric.THREADS] == 2
    finally:
        os.kill(child, 9)


def test_memory_that_forked_workers_share_is_counted_once(programs: list[Program]) -> None:
    """64 MiB, seen by the parent and four workers: the sum of their RSS says five times as much."""
    body = """
    hoard = bytearray(b"x") * (64 << 20)
    children = []
    for _ in range(4):
        reading, writing = os.pipe()
        children.append(os.fork())
        if not children[-1]:
            total = sum(hoard[::4096])  # mapped by the worker too
            os.write(writing, b"x")
            time.sleep(60)
        os.read(reading, 1)
    say(*children)
    """
    programs.append(Program(body))
    watched = watch(programs[0])
    pids = [programs[0].process.pid, *map(int, programs[0].tell())]
    found = look(watched)[Metric.MEMORY]
    resident = sum(
        int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        for pid in pids
    )
    hoard = 64 << 20
    assert resident > 5 * hoard
    assert hoard < found < 1.7 * hoard


def test_open_files_and_context_switches(programs: list[Program]) -> None:
    """Ten more files; fifty naps are at least fifty switches."""
    programs.append(
        Program(
            "files = [open('/dev/null') for _ in range(10)]\n"
            "for _ in range(50): time.sleep(1e-4)\n"
            "say('ok')"
        )
    )
    watched = tree.ProcessTree(lambda: programs[0].pid, tree.ProcessTable())
    before = look(watched)
    programs[0].tell()
    after = look(watched)
    assert after[Metric.OPEN_FILES] == before[Metric.OPEN_FILES] + 10
    assert before[Metric.SWITCHES] == 0
    assert after[Metric.SWITCHES] >= 50


def test_a_plain_process_has_no_network_of_its_own(programs: list[Program]) -> None:
    """Its bytes can't be told from everyone else's: they are missing, not 0."""
    programs.append(Program("say('ok')"))
    watched = watch(programs[0])
    assert Metric.RECEIVED not in look(watched)
    assert "shares the network" in watched.missing[Metric.RECEIVED]
    assert "shares the network" in watched.missing[Metric.SENT]


def test_a_part_that_dies_and_is_started_again(programs: list[Program]) -> None:
    """Its CPU goes on from where it was, its memory is nothing in between."""
    programs.append(Program(FORKS))
    watched = tree.ProcessTree(lambda: programs[-1].pid, tree.ProcessTable())
    look(watched)
    programs[0].tell("burn")
    before = look(watched)
    programs[0].process.kill()
    programs[0].process.wait()
    gone = look(watched)
    assert gone[Metric.CPU] == before[Metric.CPU] > 0.05
    assert gone[Metric.MEMORY] == gone[Metric.THREADS] == gone[Metric.OPEN_FILES] == 0
    programs.append(Program(FORKS))
    programs[1].tell("burn")
    after = look(watched)
    assert after[Metric.CPU] > before[Metric.CPU] + 0.05
    assert after[Metric.MEMORY] > 1 << 20
    assert after[Metric.SWITCHES] >= gone[Metric.SWITCHES]


def test_a_new_leader_that_was_seen_before_it_was_known(programs: list[Program]) -> None:
    """A look may fall between a restart and the moment when its number is told."""
    programs.append(Program(FORKS))
    told: list[int | None] = [None]
    watched = tree.ProcessTree(lambda: told[0], tree.ProcessTable())
    programs[0].tell("fork")
    assert look(watched)[Metric.THREADS] == 0
    assert look(watched)[Metric.THREADS] == 0
    told[0] = programs[0].pid
    assert look(watched)[Metric.THREADS] == 2


def test_what_is_not_ours_to_read_is_missing(
    programs: list[Program], monkeypatch: pytest.MonkeyPatch
) -> None:
    """CPU and threads are everyone's to know, memory and files only the owner's."""

    def refuse(pid: int) -> int:
        raise PermissionError(13, "Permission denied", str(pid))

    monkeypatch.setattr(proc, "proportional_memory", refuse)
    programs.append(Program("say('ok')"))
    watched = watch(programs[0])
    found = look(watched)
    assert Metric.MEMORY not in found
    assert found[Metric.THREADS] == 1
    assert "Permission denied" in watched.missing[Metric.MEMORY]


def test_the_number_of_processes_that_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strangers are read once, however often the table is refreshed."""
    table = tree.ProcessTable()
    table.refresh(0.0)
    assert table.newborn == table.everyone
    assert os.getpid() in table.everyone
    read: list[int] = []

    def counted(pid: int) -> proc.Stat:
        read.append(pid)
        raise FileNotFoundError

    monkeypatch.setattr(proc, "stat", counted)
    known = set(table.everyone)
    table.refresh(1.0)
    assert not known & set(read)
    table.refresh(1.0)
    assert len(read) == len(set(read))
