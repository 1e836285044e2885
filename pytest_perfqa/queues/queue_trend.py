"""Is it over capacity? A sequential test on what is pending, which ends once it is certain enough.

Page's CUSUM finds a queue that grows, Wald's sequential probability ratio test one that doesn't.
Both look at pending requests at the moments of evenly spaced arrivals, averaged over one service
time, so that workers who finish in waves are no trend. The alternatives are a rate 5 % above and
5 % below capacity, both errors 1 %: simulated, no wrong answer at 0.95 and 1.05 times capacity.
"""

from __future__ import annotations

import enum
import math
from collections import deque
from dataclasses import dataclass

from .fifo import reached_by_chance

# A trend test on a stretch this long, restarted at each new minimum, must not be fooled even once.
_RESTARTS = 50.0
_MARGIN = 3.0
_LEAST_VARIANCE = 0.01
_LEAST_OVER = 10
_LEAST_STABLE = 30
_STABLE_SERVICE_TIMES = 6.0
_WARM_UP_SERVICE_TIMES = 2.0
_PATIENCE = 4


class Trend(enum.Enum):
    """What the test says of the queue."""

    UNDECIDED = "undecided"
    STABLE = "stable"
    OVER = "over"


@dataclass(frozen=True)
class TrendTest:
    """The parameters of the test at one rate.

    Attributes:
        rate: of the arrivals, per second.
        service_time: in seconds, unloaded.
        variation: the coefficient of variation of service times.
        epsilon: by how much of the capacity the rates to be told apart lie above and below it.
        poisson: whether arrivals are random; they add their own variance.
        error: the probability of a wrong answer that is accepted, either way.
    """

    rate: float
    service_time: float
    variation: float = 0.0
    epsilon: float = 0.05
    poisson: bool = False
    error: float = 0.01

    @property
    def variance(self) -> float:
        """The variance of the queue's steps, per arrival."""
        return max(self.variation**2, _LEAST_VARIANCE) + (1.0 if self.poisson else 0.0)

    @property
    def at_work(self) -> float:
        """How many are in service at this rate (Little)."""
        return self.rate * self.service_time

    @property
    def averaged(self) -> int:
        """Over how many arrivals pending is averaged."""
        return max(1, round(self.at_work))

    @property
    def skipped(self) -> int:
        """How many arrivals come before the first that counts."""
        return math.ceil(_WARM_UP_SERVICE_TIMES * self.at_work) + self.averaged

    @property
    def threshold(self) -> float:
        """The growth of the queue that is too much for chance."""
        chance = reached_by_chance(self.variance, self.epsilon, self.error / _RESTARTS)
        return chance + _MARGIN

    @property
    def least_stable(self) -> int:
        """The least arrivals, after the skipped ones, for the verdict that it is stable."""
        return max(_LEAST_STABLE, math.ceil(_STABLE_SERVICE_TIMES * self.at_work))

    @property
    def likely_stable(self) -> int:
        """How many arrivals are likely to be enough, ``epsilon`` below capacity."""
        enough = 2 * self.variance * math.log(1 / self.error) / self.epsilon**2
        return self.skipped + math.ceil(max(enough, self.least_stable))

    @property
    def likely_over(self) -> int:
        """How many arrivals are likely to be enough, ``epsilon`` above capacity."""
        return self.skipped + math.ceil(max(self.threshold / self.epsilon, _LEAST_OVER))

    @property
    def arrivals(self) -> int:
        """How many arrivals there are before the test gives up."""
        return _PATIENCE * max(self.likely_stable, self.likely_over)


class QueueWatch:
    """Runs the test on one stream of arrivals."""

    def __init__(self, test: TrendTest) -> None:
        self._test = test
        self._window: deque[int] = deque(maxlen=test.averaged)
        self._sum = 0
        self._seen = 0
        self._first: float | None = None
        self._lowest = math.inf
        self.trend = Trend.UNDECIDED

    @property
    def counted(self) -> int:
        """How many arrivals have counted so far."""
        return max(0, self._seen - self._test.skipped)

    def add(self, pending: int) -> Trend:
        """Take in how many are pending at the next arrival; the first verdict stays."""
        if len(self._window) == self._window.maxlen:
            self._sum -= self._window[0]
        self._window.append(pending)
        self._sum += pending
        self._seen += 1
        if self.trend is Trend.UNDECIDED and self.counted > 0:
            self.trend = self._decide(self._sum / len(self._window))
        return self.trend

    def _decide(self, queue: float) -> Trend:
        test, number = self._test, self.counted
        if self._first is None:
            self._first = queue
        self._lowest = min(self._lowest, queue)
        if number >= _LEAST_OVER and queue - self._lowest > test.threshold:
            return Trend.OVER
        growth = queue - self._first - number * test.epsilon / 2
        ratio = test.epsilon / test.variance * growth
        if number >= test.least_stable and ratio < -math.log(1 / test.error):
            return Trend.STABLE
        return Trend.UNDECIDED
