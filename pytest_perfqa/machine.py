"""The machine that load runs on: only one load at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import GeneratorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_POLL_SECONDS = 0.2
_LIMIT_SECONDS = 1800.0


@contextlib.contextmanager
def alone(on_wait: Callable[[str], None], limit: float = _LIMIT_SECONDS) -> Iterator[None]:
    """Hold the machine for a load; another session's load is waited for, and said once.

    Raises:
        GeneratorError: the other session still holds it after ``limit`` seconds.
    """
    path = Path(tempfile.gettempdir()) / "perfqa.lock"
    # Any user may have made the file, so reading must do: flock asks for no more.
    descriptor = os.open(path, os.O_RDONLY | os.O_CREAT, 0o644)
    try:
        _lock(descriptor, path, on_wait, limit)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path, on_wait: Callable[[str], None], limit: float) -> None:
    deadline = time.monotonic() + limit
    waiting = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise GeneratorError(
                    f"another perfqa session has held {path} for {limit:.0f} s"
                ) from None
            if not waiting:
                on_wait("waiting for the load of another perfqa session on this machine")
                waiting = True
            time.sleep(_POLL_SECONDS)
        else:
            return
