"""Looks at this machine: who serves the load, who is ours, who else is there."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_perfqa.machine import children
from pytest_perfqa.machine.children import Reaper
from pytest_perfqa.monitor import kernel
from pytest_perfqa.monitor.kernel import CpuTimes
from pytest_perfqa.monitor.proc import read_kernel_file
from pytest_perfqa.monitor.sampler import Monitor, onlooking
from pytest_perfqa.monitor.surroundings import Around, Surroundings
from pytest_perfqa.monitor.tree import ProcessTable, ProcessTree

if TYPE_CHECKING:
    from collections.abc import Iterator

SPIN = "import time\nend = time.thread_time() + {0}\nwhile time.thread_time() < end: pass\n"
SLEEP = "import time; time.sleep(60)"
IDLE = ("chrt", "-i", "0")


@pytest.fixture
def reaper() -> Iterator[Reaper]:
    """A reaper."""
    with Reaper() as one:
        yield one


def program(text: str, *before: str) -> subprocess.Popen[bytes]:
    """Run a program of Python's."""
    return subprocess.Popen([*before, sys.executable, "-c", text])


def surroundings(pid: int, reaper: Reaper, **named: Any) -> Surroundings:
    """Look at a service of one process."""
    table = ProcessTable()
    return Surroundings([[ProcessTree(lambda: pid, table)]], table, reaper, **named)


def service(url: str, **leaders: Any) -> Any:
    """A service at an address."""
    return SimpleNamespace(url=url, leaders=leaders, beside={})


STAT = b"""cpu  5636 973 2882 78319 361 0 58 14 0 0
cpu0 2318 454 1230 40000 71 0 12 5 0 0
cpu1 3318 518 1652 38261 290 0 45 8 7 9
intr 251377 0
"""


def test_idle_and_steal_of_each_cpu() -> None:
    """Who waits for a disk leaves the CPU idle; the first line is the sum of all."""
    tick = kernel.TICK
    assert kernel.cpus(STAT) == {
        0: CpuTimes(pytest.approx(40071 * tick), pytest.approx(5 * tick)),
        1: CpuTimes(pytest.approx(38551 * tick), pytest.approx(8 * tick)),
    }
    assert set(kernel.cpus(read_kernel_file("/proc/stat"))) >= os.sched_getaffinity(0)


def test_memory_pressure() -> None:
    """The time in which some had to wait; a kernel without it says nothing."""
    some = b"some avg10=0.00 avg60=0.00 avg300=0.00 total=2500000\n"
    assert kernel.stalled(some + b"full avg10=0.00 total=7\n") == 2.5
    assert kernel.stalled(b"") == 0.0
    assert kernel.memory_in_use(b"MemTotal: 100 kB\nMemFree: 1 kB\nMemAvailable: 40 kB\n") == 61440


def test_threads_that_run_and_wait() -> None:
    """Each by its number, in seconds."""
    found = kernel.threads(os.getpid())
    ours = found[int(os.readlink("/proc/thread-self").rpartition("/")[2])]  # noqa: PTH115
    assert ours.ran == pytest.approx(time.thread_time(), abs=0.05)
    assert ours.waited >= 0


@pytest.mark.parametrize(
    ("before", "weight"), [((), 1024), (("nice", "-n", "19"), 1024 / 1.25**19), (IDLE, 3)]
)
def test_what_a_process_can_hold_against_others(before: tuple[str, ...], weight: float) -> None:
    """By its priority, and where it may run."""
    if os.sched_getscheduler(0) == os.SCHED_IDLE or os.getpriority(os.PRIO_PROCESS, 0):
        pytest.skip("these tests have a low priority themselves")
    found = identity([*before, sys.executable, "-c", SLEEP], "python")
    assert found.weight == pytest.approx(weight)
    assert found.cpus == os.sched_getaffinity(0)


def test_names_tell_no_secrets(tmp_path: Path) -> None:
    """Of an interpreter the script is named, of others nothing of what they were given."""
    script = tmp_path / "app.py"
    script.write_text(SLEEP)
    python = Path(sys.executable).name
    assert identity([sys.executable, str(script), "secret"], "app").name == f"{python} app.py"
    assert identity([sys.executable, "-c", SLEEP, "secret"], "python").name == python
    assert identity(["sleep", "60"], "sleep").name == "sleep"
    assert kernel.identify(2).name  # a thread of the kernel's


def identity(words: list[str], name: str) -> kernel.Identity:
    """Look at a program once it is one: it begins as a copy of this one, may be as ``nice``."""
    last = words[-1].encode()
    with subprocess.Popen(words) as running:
        line = Path(f"/proc/{running.pid}/cmdline")
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            now = line.read_bytes().rstrip(b"\0").split(b"\0")
            is_it = now[-1] == last and Path(os.fsdecode(now[0])).name not in {"nice", "chrt"}
            if is_it and name in kernel.identify(running.pid).name:
                break
            time.sleep(0.01)
        found = kernel.identify(running.pid)
        running.kill()
    return found


def test_another_program_is_named_with_what_it_used(reaper: Reaper) -> None:
    """By its own clock, whatever the ticks say."""
    served = program(SLEEP)
    other = program(SPIN.format(0.2))
    try:
        seen = surroundings(served.pid, reaper)
        seen.look(time.monotonic())
        other.wait(60)
        again = program(SPIN.format(0.2))
        time.sleep(0.1)
        seen.look(time.monotonic())
        again.wait(60)
    finally:
        served.kill()
        served.wait()
    names = {name: cpu for pid, name, cpu in seen.windows[0].takers if pid is not None}
    assert any(name.startswith("python") for name in names)


def test_the_generator_is_ours_and_what_ran_before_is_not(tmp_path: Path, reaper: Reaper) -> None:
    """The parts of another service of this session take CPU as strangers do."""

    def start() -> subprocess.Popen[bytes]:
        return children.spawn(
            [sys.executable, "-c", "import os, time; os.fork(); time.sleep(60)"],
            log=tmp_path / "log",
            cwd=tmp_path,
            env=os.environ,
            reaper=reaper,
        )

    earlier = start()
    seen = surroundings(os.getpid(), reaper)
    generator = start()
    try:
        deadline = time.monotonic() + 20
        ours: set[int] = set()
        while len(ours) < 3 and time.monotonic() < deadline:
            seen.look(time.monotonic())
            ours = set(seen._looks[-1].ours)
            time.sleep(0.05)
        assert {os.getpid(), generator.pid} < ours
        assert len(ours) == 3
        assert earlier.pid not in ours
    finally:
        children.terminate_all([earlier, generator], 1.0, reaper=reaper)


def test_a_generator_that_was_seen_as_it_was_born_is_ours() -> None:
    """Between its fork and its own session it looks like a child of this process like others."""
    sessions = [frozenset[int](), frozenset({50})]
    reaper: Any = SimpleNamespace(sessions=sessions[0], helpers=frozenset())
    stats = {
        pid: SimpleNamespace(parent=parent, session=session)
        for pid, parent, session in ((40, 1, 40), (50, 9, 9), (51, 50, 9), (52, 51, 9), (60, 9, 9))
    }
    table: Any = SimpleNamespace(everyone=stats)
    seen = Surroundings([], table, reaper)
    reaper.sessions = sessions[1]
    assert seen._ours() == {os.getpid(), 50, 51, 52}


def test_a_look_soon_after_another_prolongs_its_window(reaper: Reaper) -> None:
    """So the last one of a run is never so short that clock ticks decide."""
    seen = surroundings(os.getpid(), reaper, shortest=0.05)
    moments = []
    for pause in (0.0, 0.06, 0.06, 0.0):
        time.sleep(pause)
        seen.look(time.monotonic())
        moments.append(time.monotonic())
    assert len(seen.windows) == 2
    assert seen.windows[0].end == seen.windows[1].start
    assert seen.windows[1].end == pytest.approx(moments[-1], abs=0.02)


def test_a_service_at_an_address_of_this_machine(reaper: Reaper) -> None:
    """Whoever listens there is looked at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        with onlooking(service(url), reaper) as around:
            around.since()
            end = time.thread_time() + 0.05
            while time.thread_time() < end:
                pass
            around.since()
            assert around.can_see
    assert around.windows[0].own >= 0.05


def test_where_nothing_can_be_known_that_is_said(reaper: Reaper) -> None:
    """Of another machine, or of a port that nobody listens on: no claim, and no failure."""
    for url in ("http://192.0.2.1:80", "http://127.0.0.1:1"):
        with Monitor(service(url), reaper=reaper, interval=0.05) as monitor:
            time.sleep(0.1)
        found = monitor.readings(0.0)
        assert found.disturbances == ()
        assert any("whether others took CPU or memory" in note for note in found.notes)


def test_what_fails_in_a_look_leaves_the_figures(
    reaper: Reaper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And is said, once."""

    def broken(*_: object) -> Any:
        raise RuntimeError("no luck")

    monkeypatch.setattr(kernel, "cpus", broken)
    leader = SimpleNamespace(pid=os.getpid(), alive=True, container=None)
    with Monitor(service("http://127.0.0.1:1", app=leader), reaper=reaper, interval=0.05) as one:
        deadline = time.monotonic() + 20
        while one.looks < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
    found = one.readings(0.0)
    assert found.parts["app"]
    assert sum("no luck" in note for note in found.notes) == 1


def test_it_never_fails(reaper: Reaper) -> None:
    """Before anything can be seen, either."""
    around = Around(service("ftp://nowhere"), {}, ProcessTable(), reaper)
    assert around.since() == ()
    assert not around.can_see
