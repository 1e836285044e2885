"""Whatever ends pytest, nothing is left behind: no process, no open port, no temporary file."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest
from processes import carrying
from waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from project import Project

LIMIT = 20.0


def descendants(pid: int) -> list[psutil.Process]:
    """Give all processes under one, but for it."""
    return psutil.Process(pid).children(recursive=True)


def listening(processes: list[psutil.Process]) -> set[int]:
    """Give the ports on which any of these listens."""
    return {
        connection.laddr.port
        for process in processes
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }


def alive(process: psutil.Process) -> bool:
    """Whether a process lives; one that nobody has waited for is dead."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def is_open(port: int) -> bool:
    """Whether somebody listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def started(project: Project, scratch: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Give a pytest on a project, with a place for temporary files; it is ended, come what may."""
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"],
        cwd=project.path,
        env=os.environ | {"TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, pytest.ExitCode.INTERRUPTED),
        (signal.SIGTERM, pytest.ExitCode.INTERRUPTED),
        (signal.SIGKILL, -signal.SIGKILL),
    ],
)
def test_a_signal_in_the_middle_of_a_run_leaves_nothing(
    toy: Project, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """Ctrl-C, SIGTERM and kill -9 while the load is on: services, generator and files all go."""
    toy.scenario("long.yaml", duration=300, rate=20)
    toy.test("""
        @pytest.mark.perfqa(scenario="long.yaml")
        def test_long(perf_run): pass
    """)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with started(toy, scratch) as pytest_process:
        wait_for(lambda: list(scratch.glob("perfqa-*/run-1/records-0.bin")))
        family = descendants(pytest_process.pid)
        ports = listening(family)
        pytest_process.send_signal(number)
        output = pytest_process.communicate(timeout=LIMIT)[0].decode()
    assert pytest_process.returncode == code, output
    assert len(family) >= 4, "a service, a generator, its origin and the reaper were running"
    assert len(ports) >= 1
    wait_for(lambda: not any(map(alive, family)))
    wait_for(lambda: not list(scratch.glob("perfqa-*")))
    assert [port for port in ports if is_open(port)] == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("count", [1, 2, 3, 4], ids=["reaper", "warm", "service", "generator"])
def test_a_signal_before_a_run_leaves_nothing(
    toy: Project, tmp_path: Path, number: signal.Signals, count: int
) -> None:
    """When so many processes run: while Locust is imported, the service or a generator starts."""
    toy.test("""
        @pytest.mark.perfqa(scenario="steady.yaml")
        def test_it(perf_run): pass
    """)
    with started(toy, tmp_path) as pytest_process:
        wait_for(lambda: len(descendants(pytest_process.pid)) >= count, pause=0.002)
        pytest_process.send_signal(number)
        output = pytest_process.communicate(timeout=LIMIT)[0].decode()
    assert " passed" not in output
    # Also what was just being started.
    wait_for(lambda: not any(map(alive, carrying("TMPDIR", tmp_path))))
    wait_for(lambda: not list(tmp_path.glob("perfqa-*")))


@pytest.mark.parametrize("whom", ["reaper", "zygote"])
def test_what_a_killed_helper_would_have_ended_is_ended(
    toy: Project, tmp_path: Path, whom: str
) -> None:
    """Without who sees to the end of all, or imports Locust, pytest leaves nothing either."""
    toy.test(f"""
        import psutil

        def test_it(perf_service, perf_load):
            children = psutil.Process().children()
            (one,) = [one for one in children if any("{whom}" in word for word in one.cmdline())]
            one.kill()
    """)
    with started(toy, tmp_path) as pytest_process:
        output = pytest_process.communicate(timeout=LIMIT)[0].decode()
    assert pytest_process.returncode == pytest.ExitCode.OK, output
    assert carrying("TMPDIR", tmp_path) == []
    assert list(tmp_path.glob("perfqa-*")) == []


def test_ctrl_c_keeps_what_was_recorded_until_then(toy: Project, tmp_path: Path) -> None:
    """The run so far stands in the summary, said to be interrupted."""
    toy.scenario("long.yaml", duration=300, rate=20)
    toy.test("""
        @pytest.mark.perfqa(scenario="long.yaml")
        def test_long(perf_run): pass
    """)
    with started(toy, tmp_path) as pytest_process:
        records = "perfqa-*/run-1/records-0.bin"
        wait_for(lambda: any(file.stat().st_size for file in tmp_path.glob(records)))
        sent = time.monotonic()
        pytest_process.send_signal(signal.SIGINT)
        output = pytest_process.communicate(timeout=LIMIT)[0].decode()
    assert time.monotonic() - sent < LIMIT / 2
    assert pytest_process.returncode == pytest.ExitCode.INTERRUPTED, output
    assert re.search(r"toy +long +[1-9]\d* +\d+ +0 .*UNTESTED", output)
    assert re.search(r"toy, long: ended after .*s: interrupted", output)
    wait_for(lambda: not list(tmp_path.glob("perfqa-*")))


def test_a_killed_generator_is_an_error_and_leaves_nothing(toy: Project) -> None:
    """When the load generator dies, the test errs, says so, and the service is stopped."""
    toy.scenario("long.yaml", duration=300, rate=20)
    toy.test("""
        import psutil, threading, time

        def kill_generator():
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                for process in psutil.Process().children(recursive=True):
                    if process.name() == "perfqa-load":
                        time.sleep(0.3)
                        process.kill()
                        return
                time.sleep(0.05)

        @pytest.fixture
        def killer():
            threading.Thread(target=kill_generator, daemon=True).start()

        @pytest.mark.perfqa(scenario="long.yaml")
        def test_long(killer, perf_run): pass

        def test_nothing_left():
            commands = [" ".join(p.cmdline()) for p in psutil.Process().children(recursive=True)]
            assert not [command for command in commands if "server.py" in command]
    """)
    result = toy.run()
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(["*GeneratorError: the load generator was killed by SIGKILL*"])
