"""Waiting for a quiet machine: for whom, and for how long."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from waiting import wait_for

from pytest_perfqa.machine.children import Reaper, spawn, terminate
from pytest_perfqa.monitor import quiet
from pytest_perfqa.monitor.kernel import TICK, CpuTimes, Identity
from pytest_perfqa.monitor.neighbours import Look
from pytest_perfqa.monitor.quiet import wait_for_quiet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOBODY: tuple[str, ...] = ()
SOMEBODY = ("stress-ng (pid 1234) uses 98% of CPU 1",)


class Clock:
    """Time that passes when it is slept."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        """Give the moment."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Give the function that waits while others are seen as told, one look after the other."""

    def wait(seen: list[tuple[str, ...]], limit: float = 30) -> tuple[bool, float, list[str]]:
        clock, said, looks = Clock(), list[str](), iter(seen)
        monkeypatch.setattr(quiet, "time", clock)
        # The first look has nothing to compare with.
        found = quiet._wait(lambda: next(looks, seen[-1]), said.append, limit)
        return found, clock.now, said

    return wait


def test_two_quiet_seconds_are_enough(waited: Callable[..., Any]) -> None:
    """And nothing is said."""
    assert waited([NOBODY]) == (True, 2.0, [])


def test_it_begins_anew_with_every_noise(waited: Callable[..., Any]) -> None:
    """Whom it waits for is said once."""
    seen = [NOBODY, NOBODY, NOBODY, SOMEBODY, NOBODY, SOMEBODY, ("the kernel",), NOBODY]
    said = "waiting for a quiet machine, for 30 s at most: stress-ng (pid 1234) uses 98% of CPU 1"
    assert waited(seen) == (True, 0.5 * 6 + 2.0, [said])


def test_it_gives_up(waited: Callable[..., Any]) -> None:
    """A machine that is never quiet is used as it is."""
    is_quiet, seconds, said = waited([NOBODY, SOMEBODY], limit=10)
    assert not is_quiet
    assert 10 < seconds <= 11
    assert len(said) == 2
    assert said[1] == "the machine has not been quiet for 10 s; measuring all the same"


OURS, STRESS, IDLER, ELSEWHERE, ROAMING = 1, 2, 3, 4, 5
KNOWN = {
    OURS: Identity("python", frozenset({0, 1})),
    STRESS: Identity("stress-ng", frozenset({1})),
    IDLER: Identity("folding", frozenset({0, 1}), 3.0),
    ELSEWHERE: Identity("ffmpeg", frozenset({2})),
    ROAMING: Identity("cc1", frozenset({0, 1, 2})),
}


@pytest.mark.parametrize(
    ("used", "said"),
    [
        ({}, []),
        ({(OURS, 0): 0.4, (OURS, 1): 0.3}, []),
        ({(IDLER, 1): 0.5}, []),
        ({(ELSEWHERE, 2): 0.5}, []),
        ({(STRESS, 1): 0.04}, []),
        ({(STRESS, 1): 0.45}, ["stress-ng (pid 2) uses 90% of CPU 1"]),
        ({(STRESS, 1): 0.45, (OURS, 0): 0.5}, ["stress-ng (pid 2) uses 90% of CPU 1"]),
        ({(ROAMING, 0): 0.4}, ["cc1 (pid 5) uses 80% of CPU 0"]),
        ({(None, 1): 0.2}, ["the kernel and short-lived processes uses 38% of CPU 1"]),
    ],
)
def test_who_is_busy(
    monkeypatch: pytest.MonkeyPatch, used: dict[tuple[int | None, int], float], said: list[str]
) -> None:
    """By CPU and process, in half a second; None is whoever was gone by the second look."""
    monkeypatch.setattr(quiet, "identity", KNOWN.get)
    length = 0.5
    busy = {cpu: sum(spent for (_, on), spent in used.items() if on == cpu) for cpu in range(3)}
    clocks = {
        pid: 7.0 + sum(spent for (who, _), spent in used.items() if who == pid) for pid in KNOWN
    }
    ours = frozenset({OURS})
    before = Look(
        50.0, dict.fromkeys(range(3), CpuTimes(9.0, 0.0)), dict.fromkeys(KNOWN, 7.0), (), ours
    )
    after = Look(
        50.0 + length,
        {cpu: CpuTimes(9.0 + length - spent, 0.0) for cpu, spent in busy.items()},
        clocks,
        (),
        ours,
    )
    sets = [frozenset({0}), frozenset({1})]
    assert [one for cpus in sets for one in quiet._busy(before, after, cpus)] == said


def test_the_host_is_somebody() -> None:
    """What it takes can't be used either."""
    before = Look(0.0, {0: CpuTimes(0.0, 0.0), 1: CpuTimes(0.0, 0.0)}, {}, ())
    after = Look(1.0, {0: CpuTimes(0.7, 0.3), 1: CpuTimes(1.0, 0.0)}, {}, ())
    said = list(quiet._busy(before, after, frozenset({0, 1})))
    assert said == ["the host of this machine uses 30% of a CPU"]
    assert TICK < 0.1


# Whoever runs these tests may have made them give way to others; who does that is nobody.
LOOP = """
import os
os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
os.setpriority(os.PRIO_PROCESS, 0, 0)
os.sched_setaffinity(0, [{cpu}])
print("busy", flush=True)
while True: pass
"""
CPU = max(os.sched_getaffinity(0))


@pytest.fixture
def loop() -> list[str]:
    """Give the command of a process that is as busy as one of the usual priority can be."""
    command = [sys.executable, "-S", "-c", LOOP.format(cpu=CPU)]
    if os.getuid() and (os.sched_getscheduler(0) or os.getpriority(os.PRIO_PROCESS, 0)):
        pytest.skip("who gives way to others can't start what doesn't")
    return command


@pytest.mark.timed
def test_what_is_ours_is_nobody(tmp_path: Path, loop: list[str]) -> None:
    """A busy process is somebody unless we have started it."""
    with Reaper() as reaper:
        ours = spawn(loop, log=tmp_path / "log", cwd=tmp_path, env=os.environ, reaper=reaper)
        wait_for(lambda: "busy" in (tmp_path / "log").read_text())
        seen = [quiet.Others([], [frozenset({CPU})], each) for each in (reaper, Reaper())]
        for others in seen:
            others.look()
        quiet.time.sleep(0.5)
        found, strangers = (" ".join(others.look()) for others in seen)
        terminate(ours, 1, reaper=reaper)
    assert f"(pid {ours.pid})" not in found
    assert f"(pid {ours.pid})" in strangers


@pytest.mark.timed
def test_a_real_loop_is_waited_for(loop: list[str]) -> None:
    """It is named with what it uses."""
    said: list[str] = []
    with subprocess.Popen(loop, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert not wait_for_quiet([], [frozenset({CPU})], Reaper(), said.append, limit=1)
        process.kill()
    assert f"(pid {process.pid}) uses" in said[0]


def test_that_it_can_not_be_seen_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is made all the same."""

    def fail(_: str) -> bytes:
        raise PermissionError(13, "Permission denied", "/proc/stat")

    monkeypatch.setattr(quiet.proc, "read_kernel_file", fail)
    said: list[str] = []
    assert not wait_for_quiet([], [frozenset({0})], Reaper(), said.append)
    assert said == [
        "whether the machine is quiet is not known: [Errno 13] Permission denied: '/proc/stat'"
    ]
