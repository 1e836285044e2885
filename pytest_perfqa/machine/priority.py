"""How urgently the kernel runs the load generator beside others.

Measured beside four busy loops, with work for 40 % of a CPU: at niceness 0 it fell half a second
behind, at -15 not one arrival was late by 10 ms. A real-time policy could take the CPU from
everybody, and for good.
"""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The niceness that a generator has where it may.
NICE = -15
# Linux, sched(7): with this, the niceness of a process counts within its session only, and that of
# the session among others.
_SESSION = Path("/proc/self/autogroup")
# Linux, getrlimit(2): the limit is on 20 - niceness, and 40 is the most.
_ZERO, _MOST = 20, 40


def prefer(nice: int = NICE, *, session: bool = False) -> int:
    """Let this thread run before others, as far as that is permitted; give its niceness then.

    One that has been told to give way to others still does.

    Args:
        session: let its whole session go before others, too: it must be one of its own.
    """
    before = os.getpriority(os.PRIO_PROCESS, 0)
    if before > 0 or os.sched_getscheduler(0) != os.SCHED_OTHER:
        return before
    for wanted in (nice, max(nice, _lowest())):
        with contextlib.suppress(PermissionError):
            if wanted < before:
                os.setpriority(os.PRIO_PROCESS, 0, wanted)
                break
    reached = os.getpriority(os.PRIO_PROCESS, 0)
    if session and reached < before:
        with contextlib.suppress(OSError):  # not every kernel groups by session
            _SESSION.write_text(str(reached), encoding="ascii")
    return reached


@contextlib.contextmanager
def preferred(nice: int = NICE) -> Iterator[int]:
    """Let this thread run before others for a while; give its niceness.

    What it starts meanwhile does so, too.
    """
    before = os.getpriority(os.PRIO_PROCESS, 0)
    try:
        yield prefer(nice)
    finally:
        # To give way again is always permitted.
        os.setpriority(os.PRIO_PROCESS, 0, before)


def _lowest() -> int:
    """Give the lowest niceness that a user without privileges may have."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NICE)
    return _ZERO - (_MOST if limit == resource.RLIM_INFINITY else limit)
