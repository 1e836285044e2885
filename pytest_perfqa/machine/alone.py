"""The machine that load runs on: only one load at a time.

Who has a socket by a certain name holds the machine. It is no file but one of Linux's abstract
names (unix(7)): the same for all users, whatever their ``TMPDIR`` and umask; nobody can put a
symlink in its place; and when its holder dies, in whatever way, it is free.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import select
import socket
import struct
import time
from typing import TYPE_CHECKING

from ..errors import GeneratorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NAME = "pytest-perfqa-load"
_POLL_SECONDS = 0.2
_LIMIT_SECONDS = 1800.0
# So many may wait and still learn whom they wait for.
_WAITING = 128
# Linux, unix(7): the process, user and group at the other end.
_CREDENTIALS = struct.Struct("3i")


@contextlib.contextmanager
def alone(on_wait: Callable[[str], None], limit: float = _LIMIT_SECONDS) -> Iterator[None]:
    """Hold the machine for a load; another session's load is waited for, and said once.

    All sessions of a machine exclude each other that are in one network namespace: containers with
    networks of their own don't know of each other.

    Raises:
        GeneratorError: another session still holds it after ``limit`` seconds, or the kernel won't
            give it to anybody.
    """
    with contextlib.closing(_reserve(on_wait, limit)):
        yield


def _reserve(on_wait: Callable[[str], None], limit: float) -> socket.socket:
    deadline = time.monotonic() + limit
    is_told = False
    while (held := _bound()) is None:
        with _asked() as (known, freed):
            who = f"another perfqa session on this machine{known}"
            if time.monotonic() > deadline:
                raise GeneratorError(
                    f"{who} has put load on it for {limit:.0f} s; wait for it, or end it"
                )
            if not is_told:
                on_wait(f"waiting for the load of {who}")
                is_told = True
            freed(_POLL_SECONDS)
    return held


def _bound() -> socket.socket | None:
    """Take the name; None if somebody has it.

    Raises:
        GeneratorError: nobody has it, but it can't be taken.
    """
    held = None
    try:
        held = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        held.bind(f"\0{_NAME}")
        held.listen(_WAITING)
    except OSError as error:
        if held is not None:
            held.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise GeneratorError(
            f"can't reserve this machine for a load, by the abstract unix socket @{_NAME}: "
            f"{error.strerror}; whatever confines this process must let it have one"
        ) from error
    return held


@contextlib.contextmanager
def _asked() -> Iterator[tuple[str, Callable[[float], object]]]:
    """Ask who has the name; give who it is, and how to wait until it is free, so long at most."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.setblocking(False)
        try:
            asking.connect(f"\0{_NAME}")
            found = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        except OSError:  # it has just become free, or too many are waiting
            yield "", time.sleep
            return
        # Nobody ever answers: it is the holder's end that is heard of.
        ending = select.poll()
        ending.register(asking, select.POLLIN)
        yield _who(*_CREDENTIALS.unpack(found)), lambda most: ending.poll(most * 1e3)


def _who(pid: int, user: int, _group: int) -> str:
    if not pid:  # of another namespace
        return ""
    if user == os.getuid():
        return f" (pid {pid})"
    try:
        name = pwd.getpwuid(user).pw_name
    except KeyError:
        name = str(user)
    return f" (pid {pid} of user {name})"
