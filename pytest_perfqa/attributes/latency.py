"""Latency and response: how long requests took."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..errors import Inconclusive, NoData
from ..load.record import Outcome
from ..samples import Samples, quantile
from ..units import Quantity, Unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__tracebackhide__ = True

# A request that ran into the time-out, or had no end, took at least that long. To leave it out
# would make a service that answers only its fast requests look fast.
_TIMED = (Outcome.ANSWERED, Outcome.TIMEOUT, Outcome.PENDING)
_ALPHA = 0.05


class Distribution:
    """The times of the requests of a slice, in seconds.

    Covers every request that was answered, with whatever status, or that timed out (with the time
    it waited). Requests that failed otherwise, such as a refused connection, have no time.

    Raises:
        NoData: on every figure, if no request has a time.
        Inconclusive: on a percentile that so few samples can't bound.
    """

    def __init__(self, name: str, samples: Samples, *, from_intended: bool, scale: float) -> None:
        self._name = name
        self._samples = samples.where(np.isin(samples.rows["outcome"], _TIMED))
        self._from_intended = from_intended
        self._scale = scale

    @cached_property
    def _values(self) -> NDArray[np.float64]:
        samples = self._samples
        values = samples.latency if self._from_intended else samples.rows["response"].astype(float)
        if not len(values):
            raise self._no_data()
        return values

    def _no_data(self) -> NoData:
        return NoData(f"{self._name}: no request of this slice was answered")

    def _seconds(self, value: float) -> Quantity:
        return Quantity(value, Unit.SECOND, self._scale)

    @property
    def count(self) -> int:
        """How many requests have a time."""
        return self._samples.count

    @property
    def mean(self) -> Quantity:
        """The arithmetic mean."""
        return self._seconds(float(np.average(self._values, weights=self._samples.rows["weight"])))

    @property
    def min(self) -> Quantity:
        """The shortest."""
        return self._seconds(float(self._values.min()))

    @property
    def max(self) -> Quantity:
        """The longest."""
        return self._seconds(float(self._values.max()))

    @property
    def median(self) -> Quantity:
        """The 50th percentile."""
        return self.percentile(50)

    p50 = median

    @property
    def p90(self) -> Quantity:
        """The 90th percentile; needs 29 samples."""
        return self.percentile(90)

    @property
    def p95(self) -> Quantity:
        """The 95th percentile; needs 59 samples."""
        return self.percentile(95)

    @property
    def p99(self) -> Quantity:
        """The 99th percentile; needs 299 samples."""
        return self.percentile(99)

    @property
    def p999(self) -> Quantity:
        """The 99.9th percentile; needs 2,995 samples."""
        return self.percentile(99.9)

    def percentile(self, percent: float) -> Quantity:
        """Give the smallest time that at least ``percent`` of the requests stayed within.

        Raises:
            Inconclusive: fewer samples than ``samples_needed(percent)``.
            ValueError: not between 0 and 100.
        """
        needed = samples_needed(percent)
        if self.count == 0:
            raise self._no_data()
        if self.count < needed:
            raise Inconclusive(
                f"p{percent:g} of {self._name} needs at least {needed} samples, "
                f"this slice has {self.count}"
            )
        return self.sample_percentile(percent)

    def sample_percentile(self, percent: float) -> Quantity:
        """Give the percentile of this very sample: a description, no evidence for a verdict."""
        return self._seconds(quantile(self._values, self._samples.rows["weight"], percent / 100))

    def share_below(self, limit: str | float) -> Quantity:
        """Give the share of requests that took at most ``limit``."""
        seconds = self._seconds(0).required(limit) if isinstance(limit, str) else limit
        weights = self._samples.rows["weight"].astype(float)
        met = float(weights[self._values <= seconds].sum())
        return Quantity(met / weights.sum(), Unit.RATIO)

    def __repr__(self) -> str:
        if not self.count:
            return f"<{self._name}: no samples>"
        figures = ", ".join(f"p{p} {self.sample_percentile(p)}" for p in (50, 95))
        return f"<{self._name}: {self.count} samples, {figures}, max {self.max}>"


def samples_needed(percent: float) -> int:
    """How many samples a percentile needs to be bounded from above with 95 % confidence.

    The largest of n samples lies above the p-quantile with probability 1 - p^n (the order-statistic
    interval of Hahn and Meeker, Statistical Intervals, 1991), so n >= ln 0.05 / ln p. The lower
    half is the mirror image.

    Raises:
        ValueError: not between 0 and 100.
    """
    if not 0 < percent < 100:
        raise ValueError(f"a percentile lies between 0 and 100, not at {percent!r}")
    p = max(percent, 100 - percent) / 100
    return math.ceil(math.log(_ALPHA) / math.log(p))
