"""Generators that need not wait for Locust: forks of one process that has imported it."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from ...errors import GeneratorError
from ...machine.children import UNKNOWN_END, await_end, ending, spawn, terminate
from ...machine.reaper import status
from ..wire.plan import Order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...machine.children import Reaper

__tracebackhide__ = True

_PROGRAM = "pytest_perfqa.load.engine.zygote"
_READY_SECONDS = 60.0
# A fork takes milliseconds: a process that doesn't answer for so long has been stopped.
_FORK_SECONDS = 10.0
_PATIENCE_SECONDS = 2.0
# For so long after its end, a generator's exit code is waited for: who tells it may have to wait
# for a CPU. Where nobody is to tell it, that is known at once.
_BURIAL_SECONDS = 5.0
_POLL_SECONDS = 0.002
_LOG = "generators.log"
_LOG_LINES = 20
# Here pytest writes which test is at work: each generator is told.
_CHANGING = ("PYTEST_CURRENT_TEST",)


class _Gone(Exception):
    """The process that should fork does not answer."""


@dataclass(frozen=True)
class _Heritage:
    """What a process takes over from the one that starts it, and what imports may depend on."""

    environment: Mapping[str, str]
    limits: tuple[tuple[int, int], ...]
    umask: str
    nice: int

    @staticmethod
    def now() -> _Heritage:
        names = sorted(name for name in dir(resource) if name.startswith("RLIMIT_"))
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return _Heritage(
            {name: value for name, value in os.environ.items() if name not in _CHANGING},
            tuple(resource.getrlimit(getattr(resource, name)) for name in names),
            # To ask for it in another way is to set it.
            next((line for line in lines if line.startswith("Umask:")), ""),
            os.getpriority(os.PRIO_PROCESS, 0),
        )


class Forked:
    """A generator process, with what ``subprocess.Popen`` has of it."""

    def __init__(self, pid: int, end: int, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self.pid = pid
        self.stdin = stdin
        self.stdout = stdout
        self._end: int | None = end
        self._code: int | None = None
        self._died: float | None = None
        self._born = status(pid)

    def poll(self) -> int | None:
        """Give its exit code, or the negative number of the signal that ended it; None until then.

        It is told by the process that forked this one. Where that has ended before, or stands
        still, nobody can: the code is ``UNKNOWN_END``.
        """
        if self._code is None and self._end is not None and _has_news(self._end):
            told = os.read(self._end, 16)
            self._stop_listening()
            self._code = int(told) if told else None
        if self._code is None and not self._is_live():
            now = time.monotonic()
            self._died = self._died or now
            if self._end is None or now > self._died + _BURIAL_SECONDS:
                self._stop_listening()
                self._code = UNKNOWN_END
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and give the exit code, as ``poll`` does.

        Raises:
            subprocess.TimeoutExpired: it is alive after so many seconds.
        """
        began = time.monotonic()
        while (code := self.poll()) is None:
            if timeout is not None and time.monotonic() > began + timeout:
                raise subprocess.TimeoutExpired(_PROGRAM, timeout)
            time.sleep(_POLL_SECONDS)
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, if it is alive."""
        if self.poll() is None and self._is_live():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _stop_listening(self) -> None:
        if self._end is not None:
            os.close(self._end)
            self._end = None

    def _is_live(self) -> bool:
        """Whether there is a process of its number that is neither dead nor a stranger."""
        now = status(self.pid)
        if now is None or self._born is None:
            return False
        return now.is_live and now.start_time == self._born.start_time


class Warm:
    """A process that imports Locust and forks generators, and is replaced when it can't.

    Use it as a context manager, or ``close`` it at the end of the session.

    Attributes:
        reaper: ends it, and the generators, when we are gone.
    """

    def __init__(self, reaper: Reaper) -> None:
        self.reaper = reaper
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._heritage: _Heritage | None = None
        self._is_ready = False

    def start(self, cpus: frozenset[int] | None = None) -> None:
        """Begin to import, if that has not been done, and wait for nothing.

        Args:
            cpus: where to do it.

        Raises:
            ServiceError: the process can't be started.
        """
        if self._process is not None:
            return
        self._heritage, self._is_ready = _Heritage.now(), False
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if self._folder is None:
            self._folder = self.reaper.folder()
        with theirs:
            self._process = spawn(
                # No folder but those that libraries are in is looked into.
                [sys.executable, "-P", "-m", _PROGRAM],
                log=self._folder / _LOG,
                cwd=self._folder,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
                reaper=self.reaper,
                cpus=cpus,
                stdin=theirs.fileno(),
            )
        self.reaper.helps(self._process)

    def settle(self) -> None:
        """Wait for the end of the import, if it has begun: it takes CPU from what is measured."""
        with contextlib.suppress(_Gone):  # as will be found when it is needed
            if self._process is not None:
                self._hear_ready()

    def fork(self, plan: Path, *, log: Path, cpus: frozenset[int] | None = None) -> Forked:
        """Start a generator, as new as if its process had been started for it.

        What it finds in its environment is what there is now: where that isn't what Locust was
        imported with, it is imported anew.

        Args:
            plan: the file that says what to do.
            log: where its errors and all that it prints is appended.
            cpus: the only CPUs it may run on; those of this process by default.

        Raises:
            GeneratorError: Locust can't be imported.
        """
        order = Order(
            plan,
            cpus or frozenset(os.sched_getaffinity(0)),
            {name: os.environ.get(name) for name in _CHANGING},
        )
        if self._heritage != _Heritage.now():
            self._stop()
        is_new = self._process is None
        while True:
            self.start(order.cpus)
            try:
                return self._fork(order, log)
            except _Gone:
                end = self._end() if is_new else ""
                self._stop()
                if is_new:
                    raise GeneratorError(f"the load generator {end}") from None
                is_new = True
            except BaseException:
                self._stop()  # an answer may be under way that nobody will read
                raise

    def end(self, process: Forked) -> None:
        """End a generator, and all that it has started."""
        process.stdin.close()
        process.stdout.close()
        terminate(process, _PATIENCE_SECONDS, reaper=self.reaper)

    def _fork(self, order: Order, log: Path) -> Forked:
        self._hear_ready()
        with contextlib.ExitStack() as ours, contextlib.ExitStack() as theirs:
            inward, stdin = os.pipe()
            stdout, outward = os.pipe()
            end, told = os.pipe()
            for descriptor in (stdin, stdout, end):
                ours.callback(os.close, descriptor)
            for descriptor in (inward, outward, told):
                theirs.callback(os.close, descriptor)
            errors = theirs.enter_context(log.open("ab"))
            pid = self._ask([inward, outward, errors.fileno(), told])
            ours.pop_all()
        process = Forked(
            pid, end, os.fdopen(stdin, "wb", buffering=0), os.fdopen(stdout, "rb", buffering=0)
        )
        self.reaper.watch(process)
        # From its first line on, it is in a session of its own.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(order.line())
        return process

    def _hear_ready(self) -> None:
        if not self._is_ready:
            self._hear(_READY_SECONDS)
            self._is_ready = True

    def _ask(self, descriptors: list[int]) -> int:
        control = self._connection()
        try:
            socket.send_fds(control, [b"fork"], descriptors)
        except OSError as error:
            raise _Gone from error
        return int(self._hear(_FORK_SECONDS))

    def _hear(self, patience: float) -> bytes:
        control = self._connection()
        control.settimeout(patience)
        try:
            message = control.recv(64)
        except OSError as error:  # it was killed, or the time is up
            raise _Gone from error
        if not message:
            raise _Gone
        return message

    def _connection(self) -> socket.socket:
        if self._control is None:
            raise _Gone
        return self._control

    def _end(self) -> str:
        if self._process is None or self._folder is None:
            return "was never started"
        await_end(self._process, _PATIENCE_SECONDS)
        return f"{ending(self._process)}; the end of its log:\n{last_lines(self._folder / _LOG)}"

    def close(self) -> None:
        """End it, and remove its log."""
        self._stop()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _stop(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            process, self._process = self._process, None
            terminate(process, _PATIENCE_SECONDS, reaper=self.reaper)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _has_news(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def last_lines(log: Path) -> str:
    """Give the end of a log."""
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(lines[-_LOG_LINES:]) or "(empty)"
