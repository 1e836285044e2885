"""What parts have printed, as far as a message can show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# Of a log, at the end of a message.
USUAL = 20
# A worker's traceback stands before that of the server that gave up because of it.
OF_A_CRASH = 60
_BYTES = 16_384


def read_log(log: Path, start: int = 0) -> str:
    """Give a log from byte ``start`` on; empty if nothing has been printed."""
    try:
        with log.open("rb") as file:
            file.seek(start)
            return file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def tail(log: Path, lines: int = USUAL) -> str:
    """Give the last ``lines`` of a log, indented, for the end of a message."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _BYTES))
            printed = file.read().decode("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        printed = []
    return "\n".join(f"    {line}" for line in printed[-lines:]) or "    (nothing printed)"
