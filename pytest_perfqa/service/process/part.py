"""One replica or proxy of the process backend: how to run it, and the process that does."""

from __future__ import annotations

import shlex
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...base.address import Address
from ...errors import ServiceError
from ...machine import children
from ..shared import logs

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ...machine.children import Reaper

__tracebackhide__ = True

HOST = "127.0.0.1"
_PATIENCE_SECONDS = 3.0


@dataclass(frozen=True)
class Launch:
    """How a part is run: its words, folder, whole environment, and the only CPUs it may use."""

    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    cpus: frozenset[int] | None


class ProcessPart:
    """A part that can be started again and again on one port, with one log.

    Attributes:
        container: None: it is a plain process.
        log_start: where in the log the present process began, in bytes.
        was_killed: it was ended by ``kill`` and not started since.
    """

    container: str | None = None

    def __init__(self, name: str, port: int, log: Path, launch: Launch, reaper: Reaper) -> None:
        self.name = name
        self.port = port
        self.log = log
        self.log_start = 0
        self.was_killed = False
        self._launch = launch
        self._reaper = reaper
        self._process: subprocess.Popen[bytes] | None = None
        self._is_closed = False
        # A fault may restart a part just while the session ends.
        self._lock = threading.RLock()

    @property
    def address(self) -> Address:
        """Where it listens."""
        return Address(HOST, self.port)

    @property
    def pid(self) -> int:
        """The process that leads it, or did so last."""
        return self._started.pid

    @property
    def alive(self) -> bool:
        """Whether that process runs (or is paused)."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Run it.

        Raises:
            ServiceError: it can't be run, or the service has been stopped.
        """
        with self._lock:
            if self._is_closed:
                raise ServiceError(f"{self.name} can't start: the service has been stopped")
            self.log_start = self.log.stat().st_size if self.log.exists() else 0
            launch = self._launch
            self._process = children.spawn(
                launch.argv,
                log=self.log,
                cwd=launch.cwd,
                env=launch.env,
                cpus=launch.cpus,
                reaper=self._reaper,
            )
            self.was_killed = False

    def restart(self) -> None:
        """End it and run it again."""
        with self._lock:
            terminate_parts([self], self._reaper)
            self.start()

    def kill(self) -> None:
        """End it with SIGKILL."""
        with self._lock:
            self.was_killed = True
            children.kill_all([self._started], reaper=self._reaper)

    def pause(self) -> None:
        """Freeze it."""
        children.pause(self._started)

    def resume(self) -> None:
        """Let it go on."""
        children.resume(self._started)

    def close(self) -> None:
        """Never start again."""
        with self._lock:
            self._is_closed = True

    @property
    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ServiceError(f"{self.name} has not been started")
        return self._process

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The process that leads it, or did so last; None before the first start."""
        return self._process

    def obituary(self) -> str:
        """Write how it ended, with its command line and the end of its log."""
        return (
            f"{self.name} {children.ending(self._started)}\n"
            f"  command: {shlex.join(self._launch.argv)}\n"
            f"  folder: {self._launch.cwd}\n"
            f"{self.last_words(logs.OF_A_CRASH)}"
        )

    def last_words(self, lines: int = logs.USUAL) -> str:
        """Write the last ``lines`` of its log, with a heading."""
        return f"  log of {self.name} ({self.log}):\n{logs.tail(self.log, lines)}"


def terminate_parts(parts: Sequence[ProcessPart], reaper: Reaper) -> None:
    """End parts, in the order given, those that don't end within 3 seconds with SIGKILL."""
    processes = [part.process for part in parts if part.process is not None]
    children.terminate_all(processes, _PATIENCE_SECONDS, reaper=reaper)
