"""How sure a figure of one run is: intervals whose ends are each passed with 5 % probability.

Requests that follow each other depend on each other: a queue makes all of them late together. Their
number then says more than they do, so intervals are widened by how much more the means of 20
successive batches differ than those of independent requests would (batch means: Schmeiser, Batch
size effects in the analysis of simulation output, Operations Research 30, 1982).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BATCHES = 20
#: An inflation beyond which one run is not enough to tell.
NEAR_SATURATION = 5.0
_ALPHA = 0.05
# The standard normal's and Student's t's 95 % points, t by degrees of freedom from 1 on.
_Z = 1.6449
_T = (
    *(6.3138, 2.9200, 2.3534, 2.1318, 2.0150, 1.9432, 1.8946, 1.8595, 1.8331, 1.8125),
    *(1.7959, 1.7823, 1.7709, 1.7613, 1.7531, 1.7459, 1.7396, 1.7341, 1.7291),
)
# Beyond so many standard deviations, a binomial distribution has nothing that matters.
_TAIL = 12
# Ranks are whole numbers, but for what binary fractions make of them.
_FUZZ = 1e-6


@dataclass(frozen=True)
class Interval:
    """Where a figure lies: below ``low`` or above ``high`` with a probability of 5 % each.

    Attributes:
        inflation: how many times the variance of independent samples is exceeded; at least 1.
    """

    low: float
    high: float
    inflation: float = 1.0


@dataclass(frozen=True)
class Weighted:
    """Values in the order of their times; each stands for ``weights`` samples."""

    values: NDArray[np.float64]
    weights: NDArray[Any]
    times: NDArray[np.float64]

    @property
    def count(self) -> int:
        """How many samples there are."""
        return int(self.weights.sum(dtype=np.int64))

    @property
    def mean(self) -> float | None:
        """Their average, None of none."""
        return float(np.average(self.values, weights=self.weights)) if len(self.values) else None

    @cached_property
    def ranked(self) -> Ranked:
        """The values in order; sorted once."""
        return Ranked(self.values, self.weights)


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


def ranks(count: int, p: float) -> tuple[int, int]:
    """Give the ranks, from 1 on, of the samples that bound the p-quantile with 95 % at each end.

    How many of n samples lie below the p-quantile is binomial, whatever the distribution (Hahn and
    Meeker, section 5.2). The lower rank is 0 or the upper n + 1 where there are too few samples.
    """
    numbers, cumulated = _binomial(count, p)
    below = numbers[np.searchsorted(cumulated, _ALPHA, "right")]
    above = numbers[np.searchsorted(cumulated, 1 - _ALPHA, "left")]
    return int(below), int(above) + 1


def _binomial(count: int, p: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Give the numbers that may occur, and the probability of at most each of them."""
    reach = _TAIL * math.sqrt(count * p * (1 - p)) + _TAIL
    first = max(0, math.floor(count * p - reach))
    numbers = np.arange(first, min(count, math.ceil(count * p + reach)) + 1)
    steps = (count - numbers[:-1]) / numbers[1:] * (p / (1 - p))
    logs = np.concatenate([[0.0], np.cumsum(np.log(steps))])
    weights = np.exp(logs - logs.max())
    return numbers, np.cumsum(weights) / weights.sum()


def of_percentile(sample: Weighted, percent: float, beyond: NDArray[np.bool_]) -> Interval:
    """Bound a percentile by order statistics, their ranks moved apart by the inflation.

    Where the widened rank lies outside the sample, the straight line from the percentile to the
    outermost sample is followed beyond it.

    Args:
        beyond: which values are known to be at least that large only; above those there is no end.
    """
    p, count = percent / 100, sample.count
    lower, upper = ranks(count, p)
    ranked = sample.ranked
    value = ranked.at(p * count)
    # Seen where at least one sample per batch lies beyond; further out there is nothing to count.
    level = ranked.at(min(max(p * count, BATCHES), max(count - BATCHES, BATCHES)))
    inflation = _inflation(sample, (sample.values > level).astype(float))
    spread = math.sqrt(inflation)
    low = ranked.below(value, p * count, (p * count - lower) * spread)
    if beyond.any():
        ranked = Ranked(np.where(beyond, np.inf, sample.values), sample.weights)
    high = ranked.above(value, p * count, (upper - p * count) * spread)
    return Interval(max(0.0, low), high, inflation)


class Ranked:
    """Values by their ranks, from 1 to the sum of the weights."""

    def __init__(self, values: NDArray[np.float64], weights: NDArray[Any]) -> None:
        order = np.argsort(values, kind="stable")
        self._values = values[order]
        self._upto = np.cumsum(weights[order], dtype=np.int64)

    def at(self, rank: float) -> float:
        """Give the value of a rank, a fraction of one rounded up."""
        place = int(np.searchsorted(self._upto, rank - _FUZZ))
        return float(self._values[min(place, len(self._values) - 1)])

    def above(self, value: float, rank: float, offset: float) -> float:
        """Give the value ``offset`` ranks above ``rank``, where ``value`` is."""
        last = float(self._upto[-1])
        if rank + offset <= last + _FUZZ:
            return self.at(rank + offset)
        return value + (float(self._values[-1]) - value) * offset / (last - rank)

    def below(self, value: float, rank: float, offset: float) -> float:
        """Give the value ``offset`` ranks below ``rank``, where ``value`` is."""
        if rank - offset >= 1 - _FUZZ:
            return self.at(math.floor(rank - offset + _FUZZ))
        return value - (value - float(self._values[0])) * offset / max(rank - 1, 1.0)


def of_mean(sample: Weighted) -> Interval:
    """Bound a mean by Student's t over batch means."""
    means, weights = _batch_means(sample, sample.values)
    mean = float(np.average(means, weights=weights))
    if len(means) < 2:
        return Interval(0.0, math.inf)
    deviation = math.sqrt(_variance(means, weights) / float(weights.sum()))
    reach = _T[len(means) - 2] * deviation
    independent = float(np.average((sample.values - mean) ** 2, weights=sample.weights))
    inflation = max(1.0, _variance(means, weights) / independent) if independent > 0 else 1.0
    return Interval(mean - reach, mean + reach, inflation)


def of_share(sample: Weighted) -> Interval:
    """Bound the share of the samples whose value is 1, of values 0 and 1 (Wilson, 1927)."""
    share = float(np.average(sample.values, weights=sample.weights))
    inflation = _inflation(sample, sample.values)
    count = sample.count / inflation
    centre = (share + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    reach = _Z * math.sqrt(share * (1 - share) / count + (_Z / (2 * count)) ** 2)
    reach /= 1 + _Z**2 / count
    return Interval(max(0.0, centre - reach), min(1.0, centre + reach), inflation)


def _inflation(sample: Weighted, happened: NDArray[np.float64]) -> float:
    """How many times more the batches' shares vary than if the samples were independent."""
    share = float(np.average(happened, weights=sample.weights))
    if sample.count < 2 * BATCHES or not 0 < share < 1:
        return 1.0
    means, weights = _batch_means(sample, happened)
    return max(1.0, _variance(means, weights) / (share * (1 - share)))


def _batch_means(
    sample: Weighted, values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give the means of up to 20 successive batches, and how many samples each has.

    What came at one time is not divided: rows that stand for many samples have an order of time
    between them, not within.
    """
    weights = sample.weights.astype(float)
    upto = np.cumsum(weights)
    first = np.concatenate([[True], sample.times[1:] != sample.times[:-1]])
    begins = (upto - weights)[first][np.cumsum(first) - 1]
    batch = np.minimum(begins * BATCHES // upto[-1], BATCHES - 1).astype(int)
    totals = np.bincount(batch, weights, minlength=BATCHES)
    sums = np.bincount(batch, weights * values, minlength=BATCHES)
    used = totals > 0
    means: NDArray[np.float64] = sums[used] / totals[used]
    return means, totals[used].astype(float)


def _variance(means: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Estimate the variance of one sample from the means of batches of so many."""
    if len(means) < 2:
        return 0.0
    centre = float(np.average(means, weights=weights))
    return float(weights @ (means - centre) ** 2) / (len(means) - 1)
