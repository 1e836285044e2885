"""Has it drained? Canary requests tell: a replica may be busy with what its clients gave up."""

from __future__ import annotations

import math
import statistics
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from .readiness import ProbeResult

_SLOWER = 4.0
_FLOOR_SECONDS = 0.03
_INTERVAL_SECONDS = 0.02
# At full scale: within this, the backlog of most runs has drained.
_DRAINED_SECONDS = 100.0
# A proxy leaves a replica alone for whole seconds; and a restart takes less than so many.
_SHORTEST_SECONDS, _LONGEST_SECONDS = 2.0, 10.0
# Looking at a queue for this share of the limit tells how long it takes; only what would take much
# longer than there is is given up.
_LOOK_SHARE = 1 / 6
_MUCH_LONGER = 2.0
_LOOK_INTERVAL_SECONDS = 0.1


def canary_count(replicas: int) -> int:
    """Give how many canaries in a row must be good: whole rounds over all replicas.

    At least 3, and more than one for each replica; whole rounds leave round robin where it was.
    """
    replicas = max(1, replicas)
    return math.ceil(max(3, replicas + 2) / replicas) * replicas


def idle_seconds(canary: Callable[[float], ProbeResult], replicas: int, limit: float) -> float:
    """Measure how long a canary takes on a service at rest: the median of some.

    Args:
        canary: sends one request with the given limit in seconds.
        replicas: how many take turns in answering.
        limit: seconds for one canary.
    """
    count = max(3, replicas)
    count += -count % max(1, replicas)
    return statistics.median(canary(limit).seconds for _ in range(count))


def fast_seconds(idle: float) -> float:
    """Give within what time a quick canary is fast: 4 times that at rest, at least 30 ms."""
    return max(_SLOWER * idle, _FLOOR_SECONDS)


def limit_seconds(time_scale: float) -> float:
    """Give for how many seconds a service may drain, until restarting it is quicker."""
    return min(max(_SHORTEST_SECONDS, _DRAINED_SECONDS * time_scale), _LONGEST_SECONDS)


def is_out_of_reach(waiting: Callable[[], int], limit: float) -> bool:
    """Look at a queue for a while: is it so long that waiting until it has drained is in vain?

    Where nothing leaves it meanwhile, one is taken to have been about to: it may be refilled by
    clients who had found it full.

    Args:
        waiting: how many are in it.
        limit: seconds that there are to drain.
    """
    length = waiting()
    deadline = time.monotonic() + _LOOK_SHARE * limit
    left = length
    while left and time.monotonic() < deadline:
        time.sleep(_LOOK_INTERVAL_SECONDS)
        left = waiting()
    return max(1, length - left) * _MUCH_LONGER < _LOOK_SHARE * left


def wait_until_settled(
    canary: Callable[[float], ProbeResult], *, fast: float, replicas: Collection[str], limit: float
) -> bool:
    """Send canaries until enough in a row come back good and fast; False if time runs out.

    Where ``replicas`` are known, each of them must have answered: one that a proxy has taken out
    for a while isn't there yet.

    Args:
        canary: sends one request with the given limit in seconds.
        fast: within how many seconds a canary must be answered.
        replicas: the values of the replica header.
        limit: seconds for all of it.
    """
    deadline = time.monotonic() + limit
    needed, row, seen = canary_count(len(replicas)), 0, set[str]()
    while (left := deadline - time.monotonic()) > 0:
        answer = canary(left)
        if answer.is_good and answer.seconds <= fast:
            row += 1
            seen.add(answer.replica or "")
        else:
            row, seen = 0, set()
        if row == needed and seen.issuperset(replicas):
            return True
        if row in (0, needed):
            row, seen = 0, set()
            time.sleep(min(_INTERVAL_SECONDS, max(0.0, deadline - time.monotonic())))
    return False
