"""The reaper's ledger: what is ours to end, and what only has a number that was ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from waiting import wait_for

from pytest_perfqa.machine import reaper

if TYPE_CHECKING:
    from collections.abc import Iterator

# Starts a child in its own session, tells its number, and ends if asked to on a line.
LEADER = """
import subprocess, sys
sleep = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]
child = subprocess.Popen(sleep, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
print(child.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def group() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process that leads a session, and the number of its child there."""
    leader = subprocess.Popen(
        [sys.executable, "-S", "-c", LEADER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert leader.stdout is not None
    child = int(leader.stdout.readline())
    yield leader, child
    reaper.signal_all({child}, signal.SIGKILL)
    leader.communicate()


def start_time(pid: int) -> int:
    """Give when a process was born, in clock ticks since the machine booted."""
    status = reaper.status(pid)
    assert status is not None
    return status.start_time


def ledger(*lines: str) -> reaper._Ledger:
    """Give what the reaper knows after these lines."""
    told = reaper._Ledger()
    for line in lines:
        told.note(line)
    return told


def test_a_group_is_ours_with_all_its_members(group: tuple[subprocess.Popen[str], int]) -> None:
    """Told with the number and the birth of its leader."""
    leader, child = group
    line = f"group {leader.pid} {start_time(leader.pid)}"
    assert ledger(line).live() == {leader.pid, child}
    assert ledger(line, f"done {leader.pid}").live() == set()


@pytest.mark.parametrize("ticks", [-1_000_000, -1, 1])
def test_a_stranger_with_a_number_that_was_ours_is_let_live(
    group: tuple[subprocess.Popen[str], int], ticks: int
) -> None:
    """Numbers are used again: whoever was born at another time is somebody else."""
    leader, child = group
    told = ledger(f"group {leader.pid} {start_time(leader.pid) + ticks}")
    assert told.live() == set()
    reaper._end(told)
    assert leader.poll() is None
    assert reaper.status(child) is not None


def test_without_its_leader_a_group_is_still_ours(
    group: tuple[subprocess.Popen[str], int],
) -> None:
    """While it has members nobody else gets its number."""
    leader, child = group
    told = ledger(f"group {leader.pid} {start_time(leader.pid)}")
    leader.communicate()
    assert told.live() == {child}
    reaper._end(told)
    assert told.live() == set()


def test_a_stranger_beside_a_group_of_ours_stays(group: tuple[subprocess.Popen[str], int]) -> None:
    """Each line is judged by itself."""
    leader, child = group
    own = os.getpid()
    ours, theirs = start_time(leader.pid), start_time(own) - 7
    told = ledger(f"group {own} {theirs}", f"group {leader.pid} {ours}")
    assert told.live() == {leader.pid, child}


def test_a_dead_one_that_nobody_has_waited_for_is_not_alive() -> None:
    """It stays in the table until its parent looks: waiting for it to go would take for ever."""
    with subprocess.Popen([sys.executable, "-S", "-c", ""], start_new_session=True) as process:
        wait_for(lambda: not reaper.live_members(process.pid))
        status = reaper.status(process.pid)
        assert status is not None
        assert (status.state, status.is_live) == ("Z", False)
        assert ledger(f"group {process.pid} {status.start_time}").live() == set()


@pytest.mark.parametrize("error", [FileNotFoundError, ProcessLookupError])
def test_one_that_dies_before_it_is_looked_at_is_none(
    monkeypatch: pytest.MonkeyPatch, error: type[OSError]
) -> None:
    """Linux says either, by whether the name or what is behind it goes first."""

    def die(*_: object) -> int:
        raise error

    monkeypatch.setattr(reaper.os, "open", die)
    assert reaper.status(os.getpid()) is None
