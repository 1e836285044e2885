"""Pairs of figures, such as a percentile of base and of head, measured one after the other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..base.evidence import Evidence
from ..base.units import Estimate, Unit
from . import signed_rank
from .boundaries import at_look, deviations, first_look

if TYPE_CHECKING:
    from ..base.intervals import Ends
    from .check import Check

_NO_CHANGE = 0.0
# Of the interval that the noise is read off.
_SHOWN = 0.05


class FigurePairs:
    """What pairs say of the ratio of head to base.

    Each pair gives a difference, the logarithm of head / base, with the sign that makes more of it
    worse. What was the same for both of a pair, as a slow drift, is not in it.
    """

    def __init__(self, check: Check) -> None:
        self._check = check
        self._sign = 1.0 if check.worse == "higher" else -1.0
        self._within, self._twice = math.log1p(check.within), math.log1p(2 * check.within)
        if check.worse == "lower":
            # Of 5 % less, twice that is 9.75 %: nothing falls by more than all of it.
            self._within = -math.log1p(-check.within)
            self._twice = 2 * self._within
        self._differences: list[float] = []

    @property
    def pairs(self) -> int:
        """How many there are."""
        return len(self._differences)

    def add(self, base: float, head: float) -> None:
        """Take in a pair.

        From 0 to some is infinitely more: it counts as the greatest difference of all, and no 0
        hides it.

        Raises:
            ValueError: a figure is negative, infinite or not a number.
        """
        for figure in (base, head):
            if not (math.isfinite(figure) and figure >= 0):
                raise ValueError(f"found {figure!r}; accepted: a finite figure of at least 0")
        self._differences.append(self._sign * _log_ratio(base, head))

    def is_worse(self, error: float) -> bool:
        """Tell whether head is shown to be worse, and by more than ``within`` as far as can be
        told.

        Args:
            error: the probability to say so of two that are alike, of all looks together.
        """
        return self._interval(error)[0] > _NO_CHANGE and self._middle() > self._within

    def is_not_worse(self, error: float) -> bool:
        """Tell whether head is shown not to be worse by twice ``within``.

        Args:
            error: the probability to say so of one that is, of all looks together.
        """
        return self._interval(error)[1] < self._twice

    def is_better(self, error: float) -> bool:
        """Tell whether head is shown to be better, by however little."""
        return self._interval(error)[1] < _NO_CHANGE

    def ratio(self, error: float) -> Estimate:
        """Give head / base.

        Args:
            error: the probability that it is beyond an end of its interval, at any look.
        """
        low, high = sorted(_ratio(self._sign * end) for end in self._interval(error))
        evidence = Evidence(
            f"head / base of {self._check}", samples=self.pairs, interval=(low, high)
        )
        middle = _ratio(self._sign * self._middle())
        estimate = Estimate(middle, Unit.RATIO, gather=lambda: evidence)
        return estimate.with_interval(low, high, self.pairs)

    def change(self, error: float) -> str:
        """Say what has changed, and between what it lies: ``+12.8 % (+9.1 to +16.7 %)``."""
        ratio = self.ratio(error)
        middle, low, high = (f"{100 * (end - 1):+.1f}" for end in (float(ratio), *ratio.ends))
        return f"{middle} % ({low} to {high} %)"

    def settled_by(self, failing: float, passing: float) -> int:
        """Estimate how many pairs like these, in all, would settle it one way or the other.

        Args:
            failing, passing: the errors of the two answers.
        """
        middle, noise = self._middle(), self._noise()

        def is_enough(pairs: int) -> bool:
            worse = middle > self._within and _shows(middle, noise, failing, pairs)
            return worse or _shows(self._twice - middle, noise, passing, pairs)

        return first_look(is_enough)

    def _middle(self) -> float:
        return signed_rank.middle(np.array(self._differences))

    def _interval(self, error: float) -> Ends:
        pairs = max(self.pairs, 1)
        return signed_rank.interval(np.array(self._differences), at_look(error, pairs))

    def _noise(self) -> float:
        """Give the standard deviation that a normal difference with this interval would have."""
        low, high = self._interval(_SHOWN)
        return (high - low) / 2 / deviations(_SHOWN, self.pairs) * math.sqrt(self.pairs)


def _shows(difference: float, noise: float, error: float, pairs: int) -> bool:
    """Whether so many pairs would show such a difference, as far as can be told."""
    found = deviations(error, pairs) * noise / math.sqrt(pairs) < difference
    return found and 0.5**pairs <= at_look(error, pairs)


def _log_ratio(base: float, head: float) -> float:
    if base == head:
        return 0.0
    if base == 0:
        return math.inf
    return math.log(head / base) if head else -math.inf


def _ratio(logarithm: float) -> float:
    try:
        return math.exp(logarithm)
    except OverflowError:
        return math.inf
