"""Pairs of counts, such as the failed ones of all requests of a slice: there may be none at all.

That head has more is shown by slices, not by requests: failures come in bursts, and twenty in one
slice are one occurrence, not twenty. That it has no more is shown by all slices together, whose
counts vary as they are seen to, and at least as those of requests that fail by chance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..base.evidence import Evidence
from ..base.units import Estimate, Unit
from . import signed_rank
from .boundaries import at_look, deviations, first_look

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..base.intervals import Ends
    from .check import Share, ShareCheck

    Counts = NDArray[np.float64]

# Differences of shares that are equal but for their rounding.
_DIGITS = 12


@dataclass(frozen=True)
class _Side:
    """Base's slices, or head's: how many requests of a kind, and how many in all."""

    counts: Counts
    totals: Counts

    @property
    def count(self) -> float:
        return float(self.counts.sum())

    @property
    def total(self) -> float:
        return float(self.totals.sum())

    @property
    def share(self) -> float:
        return self.count / self.total if self.total else 0.0

    @property
    def shares(self) -> Counts:
        return self.counts / np.maximum(self.totals, 1)

    def others(self) -> _Side:
        """Count those of the other kind."""
        return _Side(self.totals - self.counts, self.totals)


@dataclass(frozen=True)
class _Margin:
    """How far head lies below what would be worse.

    Attributes:
        deviations: in standard errors, if counts vary by chance.
        dispersion: how many times that variance is seen.
        pairs: in which it was.
    """

    deviations: float
    dispersion: float
    pairs: int

    def is_enough(self, error: float, pairs: int) -> bool:
        """Tell whether it is, or would be if there were so many pairs like these.

        A deviation that is itself estimated must be larger to be as rare (the first term of
        Fisher's expansion of Student's t).
        """
        wanted = deviations(error, pairs)
        freedom = 2 * pairs - 2
        seen = (wanted + (wanted**3 + wanted) / (4 * freedom)) * math.sqrt(self.dispersion)
        return self.deviations * math.sqrt(pairs / self.pairs) > max(wanted, seen)


class SharePairs:
    """What pairs say of the share of head's requests that are of a kind, and base's."""

    def __init__(self, check: ShareCheck) -> None:
        self._check = check
        self._sign = 1.0 if check.worse == "higher" else -1.0
        self._rows: list[tuple[int, int, int, int]] = []

    @property
    def pairs(self) -> int:
        """How many there are."""
        return len(self._rows)

    def add(self, base: Share, head: Share) -> None:
        """Take in a pair."""
        self._rows.append((base.count, base.of, head.count, head.of))

    def is_worse(self, error: float) -> bool:
        """Tell whether head is shown to be worse, and by more than ``within`` as far as can be
        told.

        Args:
            error: the probability to say so of two that are alike, of all looks together.
        """
        return self._seems_worse() and self._is_shown(self._differences(), error)

    def is_not_worse(self, error: float) -> bool:
        """Tell whether head is shown not to be worse by twice ``within``, or by what is negligible.

        Args:
            error: the probability to say so of one that is, of all looks together.
        """
        return self._margin().is_enough(error, self.pairs)

    def is_better(self, error: float) -> bool:
        """Tell whether head is shown to be better, by however little."""
        return self._is_shown(-self._differences(), error)

    def ratio(self, error: float) -> Estimate:
        """Give head's share / base's; 1 if both are 0.

        Of all requests of the kind a part is head's: the interval is that part's (Wilson, Probable
        inference, the law of succession, and statistical inference, 1927).

        Args:
            error: the probability that it is beyond an end of its interval, at any look.
        """
        base, head = self._sides()
        low, high = self._interval(base, head, error)
        evidence = Evidence(
            f"head / base of {self._check}", samples=self.pairs, interval=(low, high)
        )
        middle = 1.0 if base.count == head.count == 0 else _quotient(head.share, base.share)
        estimate = Estimate(middle, Unit.RATIO, gather=lambda: evidence)
        return estimate.with_interval(low, high, self.pairs)

    def change(self, _error: float) -> str:
        """Say what has changed: ``+1.1 percentage points (11 of 1,000, was 0 of 1,000)``."""
        base, head = self._sides()
        points = 100 * (head.share - base.share)
        was = f"was {base.count:,.0f} of {base.total:,.0f}"
        return f"{points:+.2g} percentage points ({head.count:,.0f} of {head.total:,.0f}, {was})"

    def settled_by(self, failing: float, passing: float) -> int:
        """Estimate how many pairs like these, in all, would settle it one way or the other.

        Args:
            failing, passing: the errors of the two answers.
        """
        found, seems_worse, margin = self._differences(), self._seems_worse(), self._margin()
        telling = float(np.count_nonzero(found)) / self.pairs
        mean, noise = float(found.mean()), float(found.std())

        def is_shown(pairs: int) -> bool:
            few = 0.5 ** (telling * pairs) > at_look(failing, pairs)
            return not few and mean * math.sqrt(pairs) >= deviations(failing, pairs) * noise

        def is_enough(pairs: int) -> bool:
            return (seems_worse and is_shown(pairs)) or margin.is_enough(passing, pairs)

        return first_look(is_enough)

    def _sides(self) -> tuple[_Side, _Side]:
        columns = np.array(self._rows, float).reshape(-1, 4).T
        return _Side(columns[0], columns[1]), _Side(columns[2], columns[3])

    def _differences(self) -> Counts:
        """Give by how much each head is worse than its base."""
        base, head = self._sides()
        return self._sign * np.round(head.shares - base.shares, _DIGITS)

    def _is_shown(self, differences: Counts, error: float) -> bool:
        wanted = at_look(error, max(self.pairs, 1))
        return signed_rank.chance(differences) <= wanted

    def _seems_worse(self) -> bool:
        base, head = self._sides()
        return bool(self._sign * (head.share - base.share) > self._check.within * base.share)

    def _margin(self) -> _Margin:
        """Give how far head lies below what would be worse."""
        base, head = self._sides()
        absolute = self._check.negligible
        if self._check.worse == "lower":
            # What gets more then is the rest, of which there may be none.
            absolute = max(absolute, 2 * self._check.within * base.share)
            base, head = base.others(), head.others()
        if not (base.total and head.total):
            return _Margin(0.0, 1.0, self.pairs)
        found = [_below_sum(base, head, absolute)]
        if self._check.worse == "higher":
            found.append(_below_multiple(base, head, 1 + 2 * self._check.within))
        return _Margin(max(found), _dispersion(base, head), self.pairs)

    def _interval(self, base: _Side, head: _Side, error: float) -> Ends:
        count = base.count + head.count
        if not (count and base.total and head.total):
            return 0.0, math.inf
        worth = count / max(_dispersion(base, head), _left(base, head))
        part = head.count / count
        z = deviations(error, self.pairs)
        center = part + z * z / (2 * worth)
        reach = z * math.sqrt(part * (1 - part) / worth + (z / (2 * worth)) ** 2)
        ends = [max(0.0, (center + side * reach) / (1 + z * z / worth)) for side in (-1, 1)]
        low, high = (_quotient(end, max(0.0, 1 - end)) for end in ends)
        return low * base.total / head.total, high * base.total / head.total


def _quotient(one: float, other: float) -> float:
    return one / other if other > 0 else math.inf


def _dispersion(base: _Side, head: _Side) -> float:
    """Give how many times its mean the variance of a count is, from slice to slice (Pearson).

    Of rare requests that are of the kind by chance it is 1; of bursts, more.
    """
    squares = 0.0
    for side in (base, head):
        expected = side.totals * side.share
        known = expected > 0
        squares += float(((side.counts - expected)[known] ** 2 / expected[known]).sum())
    return squares / max(len(base.counts) + len(head.counts) - 2, 1)


def _left(base: _Side, head: _Side) -> float:
    """Give the share of the other kind: so many times its mean is the variance by chance."""
    others, total = base.others().count + head.others().count, base.total + head.total
    return (others + 1) / (total + 2)


def _below_sum(base: _Side, head: _Side, more: float) -> float:
    """Give by how many standard errors head's share is below base's and so much more.

    The variance is that of two Poisson counts, of the likeliest shares with that difference
    (a score test: Farrington and Manning, Test statistics and sample size formulae, 1990).
    """
    total, events = base.total + head.total, base.count + head.count
    linear = total * more - events
    root = math.sqrt(linear * linear + 4 * total * base.count * more)
    likeliest = (root - linear) / (2 * total)
    variance = likeliest / base.total + (likeliest + more) / head.total
    return (base.share + more - head.share) / math.sqrt(variance)


def _below_multiple(base: _Side, head: _Side, times: float) -> float:
    """Give by how many standard errors head's share is below so many times base's."""
    likeliest = (base.count + head.count) / (base.total + times * head.total)
    variance = times * likeliest / head.total + times * times * likeliest / base.total
    return (times * base.share - head.share) / math.sqrt(variance) if variance else 0.0
