"""For tests that look for all that a program has started, whoever its parent is by now."""

from __future__ import annotations

from pathlib import Path

import psutil


def carrying(name: str, value: object) -> list[psutil.Process]:
    """Give the processes alive that were started with a variable of that value."""
    variable = f"{name}={value}".encode()
    return [one for one in psutil.process_iter() if variable in _environment(one.pid)]


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:  # it has gone
        return []
