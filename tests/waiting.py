"""For tests that wait for what comes in its own time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def wait_for(condition: Callable[[], object], limit: float = 30, pause: float = 0.05) -> None:
    """Wait until a condition holds, looked at after each pause.

    Raises:
        AssertionError: it doesn't within so many seconds.
    """
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(pause)
