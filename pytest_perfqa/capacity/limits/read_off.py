"""What a burst that broke tells of the largest that would not have.

A queue answers in order: the first requests of a burst don't notice how many come after them. So
the moments at which the service finished requests are those of a smaller burst, too, and whether
each would have been in time is a matter of arithmetic.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...queues.fifo import departures
from .slo import Sample, Slo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..probing.target import Declared
    from ..probing.volley import Volley

# A failure after so much of the longest good wait is one of patience: a time-out somewhere.
_PATIENT = 0.8
# Who is turned away doesn't wait for as long as this share of a service time.
_AT_ONCE = 0.5


def offsets(size: int, window: float) -> list[float]:
    """Spread a burst evenly over a window: one request at the start of each of its parts."""
    return [window * index / size for index in range(size)]


def largest_burst(volley: Volley, window: float, slo: Slo, service_time: float) -> int | None:
    """Give the largest burst that would have met the objective, None if that can't be read off.

    It can't where the service answered nobody in time, as one that works on all at once does.

    Args:
        volley: a burst that broke it.
        window: that bursts are spread over, in seconds.
        service_time: of a single request, in seconds.
    """
    good = sorted(one.finished - volley.begin for one in volley.finished if one.is_good)
    if not good:
        return None
    patience = _patience(volley)
    if patience is None:
        return len(good)  # the others were turned away at once
    rate = _rate(good)
    waves = min(len(good), max(1, round(rate * service_time)))
    model = _Model(good, waves, waves / rate, patience, _failed_status(volley))
    return _largest(
        lambda size: bool(slo.judge(model.sample(size, window)).met), volley.planned - 1
    )


@dataclass(frozen=True)
class _Model:
    """When the n-th request of a burst is finished, and how long requests are waited for.

    What was not seen any more goes on in waves as it went: each worker takes the next request.
    """

    finished: Sequence[float]
    workers: int
    wave: float
    patience: float
    failed_status: int

    def sample(self, size: int, window: float) -> Sample:
        latencies = [self._finish(index) - due for index, due in enumerate(offsets(size, window))]
        in_time = tuple(one for one in latencies if one <= self.patience)
        return Sample.done(in_time, size - len(in_time), self.failed_status)

    def _finish(self, index: int) -> float:
        beyond = index - len(self.finished) + 1
        waves = max(0, -(-beyond // self.workers))
        return self.finished[index - waves * self.workers] + waves * self.wave


def foreseen(
    declared: Declared, service_time: float, window: float, slo: Slo, ceiling: int
) -> int | None:
    """Give the largest burst that a queue as declared would serve.

    None where too little is said, or none below the ceiling is too large.
    """
    workers, patience = declared.workers, declared.patience
    if workers is None or math.isinf(workers) or math.isinf(min(patience, slo.latency_limit)):
        return None

    def meets(size: int) -> bool:
        moments = np.array(offsets(size, window))
        waits = departures(moments, service_time, workers) - moments
        in_time = tuple(waits[waits <= patience].tolist())
        return bool(slo.judge(Sample.done(in_time, size - len(in_time))).met)

    size = _largest(meets, ceiling)
    return None if size == ceiling else size


def witnessed(volley: Volley, slo: Slo) -> int:
    """Give how many of the first requests of a burst met the objective by themselves; 0 if none.

    Those that came behind them, and their coming at shorter intervals than in a burst of so many,
    can have made it only worse for them.
    """
    now = volley.begin + volley.seconds

    def meets(size: int) -> bool:
        return slo.judge(Sample.of(volley.exchanges[:size], size, now)).met is True

    return _largest(meets, volley.planned - 1) or 0


def _largest(meets: Callable[[int], bool], most: int) -> int | None:
    low, high = 0, most + 1
    while high - low > 1:
        middle = (low + high) // 2
        if meets(middle):
            low = middle
        else:
            high = middle
    return low or None


def may_still_come(volley: Volley, service_time: float) -> bool:
    """Whether requests that are pending may come back good although others failed.

    They may where a service turns away at once what it has no place for. Where requests fail after
    a wait, those behind them wait in vain.
    """
    waits = [one.latency for one in volley.finished if not one.is_good]
    return bool(waits) and volley.pending > 0 and min(waits) < _AT_ONCE * service_time


def _patience(volley: Volley) -> float | None:
    """Give how long requests waited before they were given up; None if they were turned away."""
    waits = [one.latency for one in volley.finished if not one.is_good]
    if not waits:
        return math.inf  # nothing failed: it was too slow
    longest_good = max((one.latency for one in volley.finished if one.is_good), default=0.0)
    shortest = min(waits)
    return shortest if shortest >= _PATIENT * longest_good else None


def _failed_status(volley: Volley) -> int:
    statuses = Counter(one.status for one in volley.finished if not one.is_good)
    return statuses.most_common(1)[0][0] if statuses else 0


def _rate(good: Sequence[float]) -> float:
    """Give the requests finished per second, from the later half: the queue is there by then."""
    first = len(good) // 2
    span = good[-1] - good[first]
    if span <= 0:
        return len(good) / max(good[-1], 1e-9)
    return (len(good) - 1 - first) / span
