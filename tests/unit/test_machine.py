"""One load at a time on a machine, whoever asks for it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from pytest_perfqa.errors import GeneratorError
from pytest_perfqa.machine import alone as machine
from pytest_perfqa.machine.alone import alone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NOBODY = 65534
# Imports come first: another user may not read where they are from.
SESSION = """
import os, sys
from pytest_perfqa.machine import alone as machine
from pytest_perfqa.errors import GeneratorError
machine._NAME = sys.argv[1]
os.umask(0o077)
if sys.argv[2]: os.setuid(int(sys.argv[2]))
try:
    with machine.alone(lambda line: print(line, flush=True), float(sys.argv[3])):
        print("held", flush=True)
        sys.stdin.read()
except GeneratorError as error:
    print("GeneratorError:", error, flush=True)
"""
Session = subprocess.Popen[str]


@pytest.fixture(autouse=True)
def name(monkeypatch: pytest.MonkeyPatch) -> str:
    """Have a name of these tests' own: the machine is for those who put load on it."""
    chosen = f"perfqa-test-{uuid.uuid4()}"
    monkeypatch.setattr(machine, "_NAME", chosen)
    return chosen


@pytest.fixture
def session(name: str, tmp_path: Path) -> Iterator[Callable[..., Session]]:
    """Give the function that starts another session: it holds the machine until its input ends."""
    started = []

    def start(user: str = "", limit: float = 10) -> Session:
        process = subprocess.Popen(
            [sys.executable, "-c", SESSION, name, user, str(limit)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"TMPDIR": str(tmp_path)},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        with process:  # close its pipes
            pass


def line(process: Session) -> str:
    """Give the next line that a session prints."""
    assert process.stdout is not None
    return process.stdout.readline().rstrip()


def end(process: Session) -> None:
    """Let a session end."""
    assert process.stdin is not None
    process.stdin.close()


def test_a_second_session_waits_and_says_for_whom(session: Callable[..., Session]) -> None:
    """Once, however long that takes; then it is its turn."""
    first = session()
    assert line(first) == "held"
    second = session()
    who = f"another perfqa session on this machine (pid {first.pid})"
    assert line(second) == f"waiting for the load of {who}"
    said: list[str] = []
    with (
        pytest.raises(GeneratorError, match=rf"\(pid {first.pid}\) has put load on it for 0 s"),
        alone(said.append, limit=0.3),
    ):
        pass
    assert said == [f"waiting for the load of {who}"]
    end(first)
    assert line(second) == "held"
    third = session(limit=0.1)
    assert line(third).endswith(f"(pid {second.pid})")
    assert line(third).startswith("GeneratorError: another perfqa session on this machine (pid")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize("users", [("", str(NOBODY)), (str(NOBODY), "")])
def test_users_exclude_each_other(session: Callable[..., Session], users: tuple[str, str]) -> None:
    """Each with a umask of 077, root or not; and the other one's name is told."""
    first, second = session(users[0]), None
    assert line(first) == "held"
    second = session(users[1])
    assert f"(pid {first.pid} of user {'nobody' if users[0] else 'root'})" in line(second)
    end(first)
    assert line(second) == "held"


def test_whoever_is_killed_holds_it_no_longer(session: Callable[..., Session]) -> None:
    """And nobody waits until the next look at the clock."""
    first = session()
    assert line(first) == "held"
    waiting = session()
    assert "waiting" in line(waiting)
    first.send_signal(signal.SIGKILL)
    assert line(waiting) == "held"


def test_it_is_held_once_in_a_process_too() -> None:
    """Sessions of one process, such as pytest started by a test, are sessions."""
    with alone(pytest.fail), pytest.raises(GeneratorError, match=rf"\(pid {os.getpid()}\)"):
        alone(lambda _: None, limit=0).__enter__()
    with alone(pytest.fail):
        pass


def test_no_file_is_made_or_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So nobody can own it, or make it a link to something else."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "perfqa.lock").symlink_to(tmp_path / "elsewhere")
    with alone(pytest.fail):
        assert [one.name for one in tmp_path.iterdir()] == ["perfqa.lock"]
        assert not (tmp_path / "elsewhere").exists()


def test_what_the_kernel_refuses_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what could not be had, and why."""

    class Confined(socket.socket):
        def bind(self, _: Any) -> None:
            raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(machine.socket, "socket", Confined)
    said = r"can't reserve this machine .* unix socket @perfqa-test-.*: Operation not permitted"
    with pytest.raises(GeneratorError, match=said), alone(pytest.fail):
        pass


def test_who_waits_learns_of_the_end_at_once(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """It doesn't sleep meanwhile: the holder's end wakes it."""
    monkeypatch.setattr(machine, "_POLL_SECONDS", 30.0)
    code = (
        "import sys, time; from pytest_perfqa.machine import alone as machine\n"
        f"machine._NAME = {name!r}\n"
        "with machine.alone(print): print('held', flush=True); time.sleep(0.5)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert line(holder) == "held"
        begun = time.monotonic()
        with alone(lambda _: None):
            assert time.monotonic() - begun < 20
