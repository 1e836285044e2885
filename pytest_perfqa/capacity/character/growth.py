"""Ordered bursts, grown until they tell the number of workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import shapes
from .seen import FAIR, FIRST_BURST, SURE

if TYPE_CHECKING:
    from .seen import Seen


_GROWTH = 4
_LEAST_BURST = 12
# For what follows: of the budget, and requests for each worker and in any case.
_RESERVED_SHARE = 0.25
_RESERVED_FOR_EACH = 5
_RESERVED_REQUESTS = 20


def grow(seen: Seen, size: int = FIRST_BURST) -> None:
    """Send ordered bursts until they tell the number of workers, or can grow no more."""
    while size := _affordable(seen, size):
        if seen.cold_start is not None and size > max(
            (burst.size for burst in seen.bursts), default=0
        ):
            seen.burst(size, is_counted=False)
        if not seen.burst(size):
            break
        seen.slice = shapes.serial_slice(seen.bursts[-1], seen.service, seen.spread)
        if seen.slice is not None:
            return
        seen.weigh()
        following = _following(seen, size)
        if following is None:
            return
        size = following


def _following(seen: Seen, size: int) -> int | None:
    """Give the size of the next burst, None if these are enough."""
    if seen.is_scattered:
        return _following_scattered(seen, size)
    workers = seen.posterior.workers or 1
    if 2 * workers > seen.posterior.most:
        return min(seen.ceiling, _GROWTH * size) if size < seen.ceiling else None
    if seen.posterior.probability >= SURE:
        return None
    return min(seen.ceiling, max(_LEAST_BURST, 6 * workers))


def _following_scattered(seen: Seen, size: int) -> int | None:
    """Of several queues some may get too little: long bursts, until two have the largest wave.

    A first wave is never larger than all workers.
    """
    most = max(seen.waves)
    fair = [
        wave
        for wave, burst in zip(seen.waves, seen.bursts, strict=True)
        if burst.size >= FAIR * most
    ]
    if fair.count(most) > 1:
        seen.settled = most
        return None
    return min(seen.ceiling, max(size, FAIR * most))


def _affordable(seen: Seen, size: int) -> int:
    """Give the largest burst up to ``size`` that leaves enough for what follows; 0 if none."""
    left = seen.prober.seconds_left - _RESERVED_SHARE * seen.question.budget
    workers = max(1, seen.posterior.workers or max(seen.waves, default=1))
    waves = int(left / seen.service) - 1
    requests = seen.prober.requests_left - _RESERVED_FOR_EACH * workers - _RESERVED_REQUESTS
    size = min(size, seen.ceiling, requests, waves * workers)
    return size if size >= FIRST_BURST else 0
