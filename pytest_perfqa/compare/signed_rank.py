"""Where the middle of a symmetric distribution lies, from a few values with some far out.

The signed-rank test (Wilcoxon, Individual comparisons by ranking methods, 1945), its interval and
its estimate (Hodges and Lehmann, Estimates of location based on rank tests, 1963). Both are read
off the averages of all pairs of values, each with itself as well: as many of them as lie above a
supposed middle are the statistic for it. If which of two was measured first is left to chance, the
differences of two that are alike are symmetric about 0, whatever the noise.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from ..base.intervals import Ends

    Floats = NDArray[np.float64]


def averages(values: Floats) -> Floats:
    """Give the averages of all pairs of values, and the values themselves, in order.

    What is infinitely much more together with what is infinitely much less gives no number (NaN),
    which comes last.
    """
    first, second = np.triu_indices(len(values))
    with np.errstate(invalid="ignore"):
        return np.sort(values[first] / 2 + values[second] / 2)


def middle(values: Floats) -> float:
    """Estimate the middle (Hodges and Lehmann): the median of ``averages``.

    Of an even number of them that lies halfway between the inner two, unless one is infinite.
    """
    known = averages(values)
    known = known[~np.isnan(known)]
    if not len(known):
        return 0.0
    low, high = known[(len(known) - 1) // 2], known[len(known) // 2]
    return float(low if math.isinf(low) or math.isinf(high) else (low + high) / 2)


def interval(values: Floats, error: float) -> Ends:
    """Give the ends that the middle is beyond with a probability of ``error`` at most, each.

    Values that are equal, or infinite in both directions, make it wider than need be. Where there
    are too few values for such an error the ends are infinite.
    """
    left_out = beyond(len(values), error)
    if left_out < 0:
        return -math.inf, math.inf
    found = averages(values)
    unknown = np.isnan(found)
    low = np.sort(np.where(unknown, -math.inf, found))[left_out]
    high = np.sort(np.where(unknown, math.inf, found))[-1 - left_out]
    return float(low), float(high)


def beyond(number: int, error: float) -> int:
    """Give the highest number of averages on one side of the middle that is too low for chance.

    As low or lower it is with a probability of ``error`` at most; -1 where even none is likelier.
    """
    return int(np.searchsorted(_chances(number), error, side="right")) - 1


def chance(values: Floats) -> float:
    """Give the probability that values are as high if each may as well have the other sign.

    Those that are 0 are left out, and equal ones share their ranks: it is exact nonetheless.
    """
    signed = values[values != 0]
    _, places, numbers = np.unique(np.abs(signed), return_inverse=True, return_counts=True)
    # Twice the rank, which is whole: of equal ones it is the mean of theirs.
    ranks = (2 * np.cumsum(numbers) - numbers + 1)[places]
    below = int(ranks[signed < 0].sum())
    return float(_sums(ranks.tolist())[: below + 1].sum())


@lru_cache(maxsize=128)
def _chances(number: int) -> Floats:
    """Give the probability of each value of the statistic or less: exact, of so many values.

    It is the sum of those of the ranks 1, 2... that have the sign.
    """
    return np.cumsum(_sums(range(1, number + 1)))


def _sums(ranks: Iterable[int]) -> Floats:
    """Give the probability of each sum of ranks, of which each counts as often as not."""
    chances = np.ones(1)
    for rank in ranks:
        more = np.zeros(len(chances) + rank)
        more[: len(chances)] += chances
        more[rank:] += chances
        chances = more / 2
    return chances
