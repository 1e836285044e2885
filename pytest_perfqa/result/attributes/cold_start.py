"""Cold start: whether the first requests took longer than the rest."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ...base.evidence import Evidence
from ...base.units import Quantity, Unit, show
from ...errors import Inconclusive, NoData
from ..samples import quantile
from .names import KnowsItsNames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...base.units import Reach
    from ..samples import Samples

__tracebackhide__ = True

_ALPHA = 0.05
# A difference must matter, too: beside what is typical, and beside its spread.
_LEAST_SHARE = 0.2
_LEAST_DEVIATIONS = 6


class ColdStart(KnowsItsNames):
    """The first requests that were sent, against all later ones.

    True if every one of the first took longer than nearly all of the rest: by a precedence test
    at 5 % (of so many requests in any order, all of the first would be that far up with no more
    than this probability), and by more than 20 % of the rest's median and 6 of its median absolute
    deviations.

    Attributes:
        first, rest: how many there are.
        p_value: of the precedence test, one-sided.

    Raises:
        NoData: there are no answers.
        Inconclusive: on truth, if there are too few requests to tell.
    """

    def __init__(
        self, samples: Samples, first: int, *, scale: float, reach: Reach | None = None
    ) -> None:
        """Compare the first answers, by when they were sent, with the rest."""
        answered = samples.with_status
        sent = answered.rows["intended"] + answered.rows["lag"]
        rows = answered.rows[np.argsort(sent, kind="stable")]
        if first < 1:
            raise ValueError(f"the first requests are one or more, not {first!r}")
        if not len(rows):
            raise NoData("cold start: no request was answered")
        # Rows that stand for many requests are no first ones; they have no order among them.
        early = int(np.searchsorted(np.cumsum(rows["weight"], dtype=np.int64), first, "right"))
        self._early = rows["response"][:early].astype(float)
        self._late = rows["response"][early:].astype(float)
        self._weights: NDArray[np.uint32] = rows["weight"][early:]
        self._wanted = first
        self._scale = scale
        self._reach = reach
        self.first = len(self._early)
        self.rest = int(self._weights.sum(dtype=np.int64))

    @property
    def extra(self) -> Quantity:
        """How much longer the median of the first took than that of the rest; may be negative.

        Raises:
            Inconclusive: there are too few requests to compare.
        """
        if not self.first or not self.rest:
            raise Inconclusive(self._too_few())
        value = float(np.median(self._early)) - self._typical()
        return Quantity(value, Unit.SECOND, self._scale, self.evidence, self._reach)

    @property
    def p_value(self) -> float:
        """The probability that chance puts the first requests so far up."""
        if not self.first:
            return 1.0
        slower = int(self._weights[self._late >= self._early.min()].sum(dtype=np.int64))
        return _all_in_front(self.first, slower, self.rest)

    def _typical(self) -> float:
        return quantile(self._late, self._weights, 0.5)

    def __bool__(self) -> bool:
        if self.first < self._wanted or _all_in_front(self.first, 0, self.rest) > _ALPHA:
            raise Inconclusive(self._too_few())
        return self.extra > self._least() and self.p_value <= _ALPHA

    def _too_few(self) -> str:
        needed = 0
        while _all_in_front(self._wanted, 0, needed) > _ALPHA:
            needed += 1
        return (
            f"whether there is a cold start needs the first {self._wanted} and at least {needed} "
            f"more answers, there are {self.first + self.rest}"
        )

    def evidence(self) -> Evidence:
        """Say what the verdict rests on."""
        if not self.first or not self.rest:
            return Evidence("cold start", statements=(self._too_few(),))
        medians = (
            f"medians: {self._first_median()} of the first {self.first}, "
            f"{show(self._typical(), Unit.SECOND)} of the other {self.rest}"
        )
        effect = (
            f"more by {self.extra}, which matters beyond {show(self._least(), Unit.SECOND)}; "
            f"p = {self.p_value:.2g}, which is no chance up to {_ALPHA:g}"
        )
        return Evidence("cold start", statements=(medians, effect))

    def _first_median(self) -> str:
        return show(float(np.median(self._early)), Unit.SECOND)

    def _least(self) -> float:
        """How much more time matters."""
        typical = self._typical()
        deviation = quantile(np.abs(self._late - typical), self._weights, 0.5)
        return max(_LEAST_SHARE * typical, _LEAST_DEVIATIONS * deviation)

    def __repr__(self) -> str:
        if not self.first or not self.rest:
            return "<cold start: too few answers>"
        return (
            f"<cold start: first {self.first} took {self._first_median()}, the other {self.rest} "
            f"{show(self._typical(), Unit.SECOND)}, p = {self.p_value:.2g}>"
        )


def _all_in_front(first: int, slower: int, rest: int) -> float:
    """The probability that, in a random order, at most ``slower`` of ``rest`` stand above any of
    ``first``: (slower + first over first) / (rest + first over first)."""
    return math.comb(slower + first, first) / math.comb(rest + first, first)
