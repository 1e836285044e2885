"""Generators that are forks: as new as processes of their own, and none is left behind."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from generators import NAME, WARM, generators
from test_generator import answer, scenario, serve
from waiting import wait_for

from pytest_perfqa.errors import GeneratorError
from pytest_perfqa.load.driver import warm as module
from pytest_perfqa.load.driver.generator import Progress, Recording, generate
from pytest_perfqa.load.driver.warm import Warm
from pytest_perfqa.load.wire.plan import Plan
from pytest_perfqa.machine.children import Reaper, kill_all, spawn
from pytest_perfqa.scenario.records import Phase, Scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOWHERE = "http://127.0.0.1:1"
LOWEST = 19
SHORT = scenario(count=4, seconds=0.2)


@pytest.fixture
def warm(reaper: Reaper) -> Iterator[Warm]:
    """One of this test's own."""
    with Warm(reaper) as one:
        yield one


@pytest.fixture
def put(warm: Warm, reaper: Reaper, tmp_path: Path) -> Callable[..., Recording]:
    """Give the function that puts a load on an address, each time in the same folder."""

    def put(one: Scenario, url: str, **options: Any) -> Recording:
        out = tmp_path / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        return generate(one, url, out, reaper=reaper, warm=warm, **options)

    return put


def users(code: str, folder: Path, seconds: float = 0.2) -> Scenario:
    """Give a scenario that runs the user's code, ten arrivals a second."""
    file = folder / "users.py"
    code = code if "(User)" in code else f"{code}\nclass A(User): pass"
    file.write_text(f"import os\nfrom locust import *\n{code}")
    return Scenario("s", (Phase("p", seconds, 10, 10),), (), timeout=1.0, locustfile=file)


OTHERS: set[int] = set()


@pytest.fixture(autouse=True)
def _others() -> None:
    """Leave out what other modules fork from, in this process."""
    OTHERS.clear()
    OTHERS.update(warm_ones())


def warm_ones() -> set[int]:
    """Give the processes that generators are forked from."""
    return {one.pid for one in generators(WARM)} - OTHERS


# ---- as new as a process of its own ---------------------------------------------------------


def note_of_a_process_of_its_own(plan: Plan, reaper: Reaper) -> None:
    """Have the plan begun by a process that is started for it."""
    plan.directory.mkdir()
    plan.write()
    ours = subprocess.PIPE
    process = spawn(
        [sys.executable, "-m", "pytest_perfqa.load.engine.locustfile", str(plan.path)],
        log=plan.directory / "generator-0.log",
        cwd=plan.directory,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        reaper=reaper,
        stdin=ours,
        stdout=ours,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        assert process.stdout.readline() == b"ready\n"
        kill_all([process], reaper=reaper)


def test_nothing_of_a_run_is_found_by_the_next(put: Any, tmp_path: Path, reaper: Reaper) -> None:
    """Whatever a user's module does to its process, that of the next run finds what is found in
    one that was started for it."""
    file = Path(shutil.copy(Path(__file__).with_name("leaky_users.py"), tmp_path))
    one = Scenario("s", (Phase("p", 0.1, 10, 10),), (), timeout=1.0, locustfile=file)
    note_of_a_process_of_its_own(Plan(one, NOWHERE, tmp_path / "out"), reaper)
    for _ in range(2):
        put(one, NOWHERE)
    notes = [json.loads(note.read_text()) for note in sorted(tmp_path.glob("note-*"))]
    own, first, second = (note["before"] for note in notes)
    unnoticed = [key for key, value in first.items() if value == notes[1]["after"][key]]
    lowest = ["priority"] if os.nice(0) == LOWEST else []  # then it can't have been lowered
    assert unnoticed == lowest, "such a leak would not be seen"
    assert second == first
    # The only differences: what is frozen, an idle thread of numpy's, what its import cost.
    others = {key for key, value in first.items() if value != own[key]}
    assert others <= {"frozen", "kernel's threads", "CPU time", "modules"}
    assert set(first["modules"]) ^ set(own["modules"]) == {"pytest_perfqa.load.engine.locustfile"}
    drawn = [number for note in notes for number in note["drawn"]]
    assert len(set(drawn)) == len(drawn)


@pytest.mark.timed
def test_cookies_and_connections_are_those_of_one_run(put: Any, tmp_path: Path) -> None:
    """Kept where only the process forgets them, they are there for the next request, and not for
    the next run. What generators are forked from does not grow."""
    one = users(
        "import requests\n"
        "if not hasattr(requests, 'kept'): requests.kept = requests.Session()\n"
        "class Visitor(User):\n"
        "    @task\n"
        "    def go(self): requests.kept.get(self.host)",
        tmp_path,
        seconds=0.4,
    )
    sizes = []
    with serve(answer(b"ok", "Set-Cookie: run=1")) as server:
        for number in range(1, 5):
            put(one, server.url)
            first, *others = server.received[4 * (number - 1) :]
            assert (len(others), server.connections) == (3, number)
            assert "cookie" not in first.headers
            assert {later.headers["cookie"] for later in others} == {"run=1"}
            wait_for(lambda: server.closed_by_client == server.connections)
            process = psutil.Process(*warm_ones())
            sizes.append((process.num_fds(), process.memory_info().rss))
    assert {descriptors for descriptors, _ in sizes} == {sizes[0][0]}
    assert sizes[-1][1] < sizes[0][1] + 2_000_000


@pytest.mark.timed
def test_generators_of_one_load_are_forks_of_one_process(put: Any) -> None:
    """Each sends its part; they end before the load does."""
    seen: list[psutil.Process] = []
    with serve(answer()) as server:
        recording = put(
            scenario(count=60, seconds=1.2),
            server.url,
            processes=3,
            on_progress=lambda _: seen.extend(generators()),
        )
        assert len(server.received) == 60
    assert [one.launched for one in recording.summaries] == [20, 20, 20]
    assert len(set(seen)) == 3
    assert not any(one.is_running() for one in seen)


def test_a_generator_finds_the_environment_of_its_moment(
    put: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also limits; only the name of the test at work needs no other process to fork from."""
    one = users(
        "import resource, pathlib\n"
        "line = [os.environ.get('GIVEN'), os.environ.get('PYTEST_CURRENT_TEST'),\n"
        "        resource.getrlimit(resource.RLIMIT_CORE)[0], os.environ.get('TAKEN')]\n"
        "pathlib.Path(__file__).with_name('seen').open('a').write(f'{line}\\n')",
        tmp_path,
    )
    monkeypatch.setenv("TAKEN", "1")
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "first")
    put(one, NOWHERE)
    parents = [warm_ones()]
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "second")
    put(one, NOWHERE)
    parents.append(warm_ones())
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    monkeypatch.delenv("TAKEN")
    monkeypatch.setenv("GIVEN", "1")
    put(one, NOWHERE)
    parents.append(warm_ones())
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (4096 if soft != 4096 else 0, hard))
        put(one, NOWHERE)
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
    parents.append(warm_ones())
    seen = (tmp_path / "seen").read_text().splitlines()
    assert seen == [
        str([None, "first", soft, "1"]),
        str([None, "second", soft, "1"]),
        str(["1", None, soft, None]),
        str(["1", None, 4096 if soft != 4096 else 0, None]),
    ]
    assert parents[0] == parents[1]
    assert len(set().union(*parents)) == 3
    assert all(len(pids) == 1 for pids in parents)


# ---- whatever dies ---------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
def test_a_run_does_without_the_process_that_died(
    put: Any, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is at work goes on to its end; the next is forked from another, as is one that
    asks a process that has been stopped."""
    monkeypatch.setattr(module, "_FORK_SECONDS", 1.0)
    monkeypatch.setattr(module, "_BURIAL_SECONDS", 0.5)
    pids: list[int] = []

    def end(_: Progress) -> None:
        if not pids:
            pids.extend(warm_ones())
            os.kill(pids[0], number)

    with serve(answer()) as server:
        recording = put(scenario(count=60, seconds=2.2), server.url, on_progress=end)
        assert recording.summaries[0].launched == 60
        assert put(SHORT, server.url).summaries[0].launched == 4
    (other,) = warm_ones()
    assert pids
    assert other not in pids
    assert not psutil.pid_exists(pids[0])


def test_a_death_that_nobody_saw_is_told_as_that(put: Any) -> None:
    """The generator's end is noticed even if the process that would be told of it is gone."""

    def kill_both(_: Progress) -> None:
        for one in (*map(psutil.Process, warm_ones()), *generators(NAME)):
            one.kill()

    with serve(answer()) as server, pytest.raises(GeneratorError, match="ended, and so had the"):
        put(scenario(count=1200, seconds=30), server.url, on_progress=kill_both)
    assert not generators(NAME)


def test_a_generator_that_ignores_sigterm_is_killed_with_all_it_started(
    put: Any, tmp_path: Path
) -> None:
    """Also what it has started in a group of its own."""
    one = users(
        "import signal, subprocess\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "import atexit, time; from gevent import monkey\n"
        "atexit.register(monkey.get_original('time', 'sleep'), 60)\n"
        "subprocess.Popen(['sleep', '1003'], process_group=0)",
        tmp_path,
    )
    started = time.monotonic()
    put(one, NOWHERE)
    assert time.monotonic() - started < 15
    assert not generators(NAME)
    lines = [" ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"])]
    assert "sleep 1003" not in lines


def test_what_can_not_be_imported_is_an_error_with_its_log(
    put: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first run and before any other; then all is well again."""
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "locust.py").write_text("raise RuntimeError('no such luck')")
    with serve(answer()) as server:
        with monkeypatch.context() as patch:
            path = os.pathsep.join([str(broken), os.environ.get("PYTHONPATH", "")])
            patch.setenv("PYTHONPATH", path)
            with pytest.raises(GeneratorError, match=r"exited with code 1(?s:.*)no such luck"):
                put(SHORT, server.url)
        assert put(SHORT, server.url).summaries[0].launched == 4


@pytest.mark.parametrize("is_forked", [False, True])
def test_an_interrupt_at_any_moment_leaves_no_process(
    put: Any, is_forked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While Locust is imported, or when a generator has just been forked."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Warm, "_hear_ready" if not is_forked else "_ask", interrupt)
        if is_forked:
            real = module.socket.send_fds
            patch.setattr(Warm, "_ask", lambda self, fds: [
                real(self._control, [b"fork"], fds), time.sleep(0.3), interrupt()])  # fmt: skip
        with pytest.raises(KeyboardInterrupt):
            put(SHORT, NOWHERE)
    assert not generators(NAME)
    assert not warm_ones()
    assert put(SHORT, NOWHERE).summaries[0].launched == 4


def test_it_ends_when_pytest_is_gone(reaper: Reaper, tmp_path: Path) -> None:
    """And so does a generator that has not been told what to do, even without the reaper."""
    warm = Warm(reaper)
    warm.start()
    warm.settle()
    control, process = warm._control, warm._process
    assert control is not None
    assert process is not None
    inward, ours = os.pipe()
    with (tmp_path / "log").open("wb") as log:
        generator = psutil.Process(warm._ask([inward, log.fileno(), log.fileno(), log.fileno()]))
    os.close(inward)
    assert generator.is_running()
    control.close()
    assert process.wait(10) == 0
    os.close(ours)
    wait_for(lambda: not generator.is_running() or generator.status() == psutil.STATUS_ZOMBIE)
    warm.close()
