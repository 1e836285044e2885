"""Sustained capacity: the highest rate at which the queue stays bounded."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ...base.units import Unit, show
from ...queues.queue_trend import QueueWatch, Trend, TrendTest
from .confirm import bisect, confirm
from .found import Bracket
from .saturation import Saturation, saturate
from .series import Ruling

if TYPE_CHECKING:
    from ..probing.probe import Until
    from ..probing.volley import Volley
    from .series import ProbeSeries

__tracebackhide__ = True

# How far above and below the answer it is confirmed: as near as the budget allows.
_MARGINS = (0.05, 0.1, 0.2)
# Probes may take so much longer than is likely.
_SLACK = 1.3


def find_sustained(series: ProbeSeries, ceiling: float, most: int) -> Bracket:
    """Look for the highest rate that a service keeps up with.

    Args:
        ceiling: no higher rate is sent, per second.
        most: requests of a burst, at most.

    Raises:
        InvalidRun, ServiceError: see ``Series``.
    """
    found = saturate(series, most)
    if not found.saturated or found.rate >= ceiling:
        start = min(ceiling, found.rate or 1 / found.service_time)
        return bisect(start, lambda rate: keeps_up(series, found, rate, _MARGINS[0]), ceiling)
    margin = _affordable(series, found)
    if margin is None:
        needed = show(_seconds(found, _MARGINS[-1]), Unit.SECOND)
        note = f"read off bursts; to confirm it takes {needed} more than the budget leaves"
        return Bracket(found.rate, 0.0, math.inf, broken=True, confirmed=False, notes=(note,))
    return confirm(
        found.rate,
        (1 - margin, 1 + margin),
        lambda rate: keeps_up(series, found, rate, margin),
        ceiling,
        is_measured=True,
    )


def _affordable(series: ProbeSeries, found: Saturation) -> float | None:
    """Give the smallest margin for which there is time, None if there is for none."""
    for margin in _MARGINS:
        if _SLACK * _seconds(found, margin) <= series.seconds_left:
            return margin
    return None


def _seconds(found: Saturation, margin: float) -> float:
    """Give how long the probes below and above are likely to take."""
    test = TrendTest(found.rate, found.service_time, found.variation, margin)
    below = test.likely_stable / (found.rate * (1 - margin))
    return below + test.likely_over / (found.rate * (1 + margin))


def keeps_up(series: ProbeSeries, found: Saturation, rate: float, epsilon: float) -> bool | None:
    """Tell whether the queue stays bounded at a rate; None where the budget ran out before.

    A request that fails says no, too: what is turned away doesn't queue.
    """
    if not series.has_time:
        return None
    test = TrendTest(rate, found.service_time, found.variation, epsilon)
    watch = VolleyWatch(test)

    def rule(volley: Volley, _now: float) -> Ruling:
        if volley.bad:
            return Ruling(False, f"{volley.bad} of {len(volley.exchanges)} requests failed")
        counted = f"after {len(volley.exchanges)} requests, {watch.pending} of them pending"
        if watch.trend is Trend.UNDECIDED:
            return Ruling(None, f"ended by {volley.ended_by} before the trend was certain")
        if watch.trend is Trend.OVER:
            return Ruling(False, f"the queue grows: seen {counted}", "queue")
        return Ruling(True, f"the queue is stable: seen {counted}")

    offsets = [number / rate for number in range(test.arrivals)]
    return series.probe(offsets, rate, rule, until=watch.until)[1].met


class VolleyWatch:
    """Feeds a trend test with what is pending at each arrival of a volley."""

    def __init__(self, test: TrendTest) -> None:
        self._queue = QueueWatch(test)
        self._arrived = 0
        self._ended = 0
        self._examined = 0
        self.has_failures = False

    @property
    def trend(self) -> Trend:
        """What the test says so far."""
        return self._queue.trend

    @property
    def pending(self) -> int:
        """How many were pending at the last arrival."""
        return self._arrived - self._ended

    @property
    def until(self) -> Until:
        """End a volley when the trend is certain, or a request has failed."""

        def until(volley: Volley, _now: float) -> bool:
            return self.look(volley) is not Trend.UNDECIDED or self.has_failures

        return until

    def look(self, volley: Volley) -> Trend:
        """Take in what has arrived since the last look."""
        finished = volley.finished
        while self._examined < len(finished):
            self.has_failures |= not finished[self._examined].is_good
            self._examined += 1
        for one in volley.exchanges[self._arrived :]:
            while self._ended < len(finished) and finished[self._ended].finished <= one.begun:
                self._ended += 1
            self._arrived += 1
            self._queue.add(self.pending)
        return self.trend
