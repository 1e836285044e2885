"""Child processes that can't be left behind: started in a session of their own, ended as one."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol, Self

from ..errors import ServiceError
from . import reaper as reaper_program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__tracebackhide__ = True

_POLL_SECONDS = 0.01
# A killed process is gone at once, unless the kernel is busy for it (memory to free, a slow disk).
_KILL_SECONDS = 10.0
# What is interrupted may tidy up.
_PATIENCE_SECONDS = 3.0
#: The exit code of a process that ended when nobody was left to be told of it; none is that high.
UNKNOWN_END = 256


class Child(Protocol):
    """What ``subprocess.Popen`` has of a process that leads a session."""

    pid: int

    def poll(self) -> int | None:
        """Give its exit code, None while it is alive."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""

    def send_signal(self, sig: int) -> None:
        """Send a signal, if it is alive."""


class Reaper:
    """A process that ends our children when we are gone; it starts with the first of them.

    Use it as a context manager, or ``close`` it at the end of the session.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._watched: set[int] = set()
        self._helpers: set[int] = set()

    @property
    def sessions(self) -> frozenset[int]:
        """The leaders of all sessions under watch, and of its own."""
        with self._lock:
            own = () if self._process is None else (self._process.pid,)
            return frozenset((*self._watched, *own))

    @property
    def helpers(self) -> frozenset[int]:
        """The leaders of those sessions that help to make loads."""
        with self._lock:
            return frozenset(self._helpers)

    def helps(self, process: Child) -> None:
        """Note that a session under watch helps to make loads."""
        with self._lock:
            self._helpers.add(process.pid)

    def watch(self, process: Child) -> None:
        """Put the session that ``process`` leads under watch."""
        status = reaper_program.status(process.pid)
        if status is not None:
            self._watched.add(process.pid)
            self._tell(f"group {process.pid} {status.start_time}")

    def forget(self, process: Child) -> None:
        """Take back ``watch``: the session has ended."""
        self._watched.discard(process.pid)
        self._helpers.discard(process.pid)
        self._tell(f"done {process.pid}")

    def expect(self) -> str:
        """Announce a process; give the mark that it must have in its environment.

        If we end before it is watched, it is found by that, so there is no moment at which it would
        be left behind.
        """
        token = secrets.token_hex(8)
        self._tell(f"spawning {token}")
        return token

    def arrived(self, token: str) -> None:
        """Take back ``expect``: it is watched by now, or could not be started."""
        self._tell(f"spawned {token}")

    def folder(self) -> Path:
        """Make a temporary folder, to be removed with all it holds when we end in whatever way."""
        folder = Path(tempfile.gettempdir(), f"perfqa-{secrets.token_hex(8)}").absolute()
        self._tell(f"directory {folder}")  # before it is there, so that it is never left behind
        folder.mkdir(mode=0o700)
        return folder

    def run_at_end(self, argv: Sequence[str]) -> None:
        """Have a command run when we end in whatever way, until ``settled``."""
        self._tell(f"command {json.dumps(list(argv))}")

    def settled(self, argv: Sequence[str]) -> None:
        """Take back ``run_at_end``: there is nothing left for the command to do."""
        self._tell(f"settled {json.dumps(list(argv))}")

    def close(self) -> None:
        """End it, with all that is still under watch, and wait until that is done."""
        with self._lock:
            if self._process is not None:
                _pipe(self._process).close()
                self._process.wait()
                self._process = None

    def _tell(self, line: str) -> None:
        # If it was killed there is nobody to tell; the children are still ended by us.
        with self._lock, contextlib.suppress(BrokenPipeError):
            _pipe(self._started()).write(os.fsencode(line) + b"\n")

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(Path(reaper_program.__file__))],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
                bufsize=0,
            )
        return self._process

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _pipe(process: subprocess.Popen[bytes]) -> IO[bytes]:
    if process.stdin is None:
        raise RuntimeError("the reaper was started without a pipe")
    return process.stdin


def spawn(
    argv: Sequence[str],
    *,
    log: Path,
    cwd: Path,
    env: Mapping[str, str],
    reaper: Reaper,
    cpus: frozenset[int] | None = None,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, under the reaper's watch.

    Args:
        log: where its errors are appended, and what it prints unless ``stdout`` says otherwise.
        env: the whole environment.
        cpus: the only CPUs it and its children may run on.
        stdin: nothing by default.

    Raises:
        ServiceError: it can't be started.
    """
    token = reaper.expect()
    with log.open("ab") as printed, _running_on(cpus):
        try:
            process = subprocess.Popen(
                list(argv),
                cwd=cwd,
                env={**env, reaper_program.MARK: token},
                stdin=stdin,
                stdout=printed if stdout is None else stdout,
                stderr=printed,
                start_new_session=True,
            )
        except OSError as error:
            reaper.arrived(token)
            raise ServiceError(f"can't start {argv[0]}: {error}") from error
    reaper.watch(process)
    reaper.arrived(token)
    return process


def run_to_end(
    argv: Sequence[str], *, log: Path, cwd: Path, env: Mapping[str, str], reaper: Reaper
) -> subprocess.Popen[bytes]:
    """Run a program to its end; what it leaves running is ended, too, as it is if we must stop.

    Args:
        log: where what it prints is appended.
        env: the whole environment.

    Returns:
        The ended program.

    Raises:
        ServiceError: it can't be started.
    """
    process = spawn(argv, log=log, cwd=cwd, env=env, reaper=reaper)
    try:
        process.wait()
    finally:
        terminate(process, _PATIENCE_SECONDS, reaper=reaper)
    return process


@contextlib.contextmanager
def _running_on(cpus: frozenset[int] | None) -> Iterator[None]:
    """Bind this thread to ``cpus``, which children inherit: nothing need run in the forked child.

    Other threads aren't touched: to the kernel each has an affinity of its own.
    """
    if cpus is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def terminate(process: Child, patience: float, *, reaper: Reaper) -> None:
    """End a spawned program and all that it started: ``terminate_all`` of one."""
    terminate_all([process], patience, reaper=reaper)


def terminate_all(processes: Sequence[Child], patience: float, *, reaper: Reaper) -> None:
    """End spawned programs and all that they started.

    SIGTERM to the programs themselves, in the order given; when they have gone, or after
    ``patience`` seconds in all, SIGKILL to what is left of their sessions. Returns when none of
    it is alive.

    Raises:
        ServiceError: something survives SIGKILL.
    """
    for process in processes:
        # A paused one gets no signal until it goes on.
        _signal_session(process, signal.SIGCONT)
        process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + patience
    for process in processes:
        await_end(process, max(0.0, deadline - time.monotonic()))
    kill_all(processes, reaper=reaper)


def await_end(process: Child, patience: float) -> None:
    """Wait for the end of a process, so many seconds at most.

    It is noticed at once: ``subprocess`` looks every 50 ms.
    """
    if process.poll() is not None:
        return
    try:
        end = os.pidfd_open(process.pid)
    except (OSError, AttributeError):  # it has just gone, or Linux is before 5.3
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
        return
    try:
        poll = select.poll()
        poll.register(end, select.POLLIN)
        if poll.poll(patience * 1e3):
            process.wait()
    finally:
        os.close(end)


def kill_all(processes: Sequence[Child], *, reaper: Reaper) -> None:
    """End spawned programs and all that they started with SIGKILL, and wait until that is done.

    Raises:
        ServiceError: something survives that.
    """
    deadline = time.monotonic() + _KILL_SECONDS
    while left := set[int]().union(*map(_live_members, processes)):
        if time.monotonic() > deadline:
            raise ServiceError(f"processes {sorted(left)} survive SIGKILL")
        reaper_program.signal_all(left, signal.SIGKILL)
        time.sleep(_POLL_SECONDS)
    for process in processes:
        process.wait()
        reaper.forget(process)


def pause(process: Child) -> None:
    """Stop a spawned program and all that it started, until ``resume``."""
    _signal_session(process, signal.SIGSTOP)


def resume(process: Child) -> None:
    """Let a paused program go on."""
    _signal_session(process, signal.SIGCONT)


def _signal_session(process: Child, number: signal.Signals) -> None:
    reaper_program.signal_all(_live_members(process), number)


def _live_members(process: Child) -> set[int]:
    """Give what lives of the session that a child of ours leads."""
    holder = reaper_program.status(process.pid)
    if process.poll() is not None and holder is not None and holder.is_live:
        return set()  # the child has ended: whoever lives by its number now is a stranger
    return reaper_program.live_members(process.pid)


def ending(process: Child) -> str:
    """Say how a dead process ended: its exit code, or the signal that killed it."""
    code = process.poll()
    if code is None:
        return "is still running"
    if code == UNKNOWN_END:
        return "ended, and so had the process that would know how"
    if code < 0:
        names = {number.value: number.name for number in signal.Signals}
        return f"was killed by {names.get(-code, f'signal {-code}')}"
    return f"exited with code {code}"
