"""Numbers over time: how many have come so far, how many are pending, and exact averages of that.

Looks at some moments would not do: looks at equal distances beat with arrivals at equal distances,
and see always the same part of what happens between two of them.

Rows of samples that were folded stand for arrivals within a stretch of time, their ``spread``:
these are taken to come, and so to end, evenly over it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from ...errors import NoData
from ...scenario.spans import EDGE, upto

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...scenario.spans import Spans

    Floats = NDArray[np.float64]
    Counts = NDArray[np.uint32]


class Level:
    """A number that is 0 at first, and jumps, or begins to rise or to fall, at some moments."""

    def __init__(self, moments: Floats, jumps: Floats, bends: Floats | None = None) -> None:
        """Take the moments in any order; what is at an infinite one never comes.

        Args:
            jumps: by how much the number changes at each moment.
            bends: by how much its slope does, per second; by default it has none.
        """
        order = np.argsort(moments, kind="stable")
        order = order[np.isfinite(moments[order])]
        self._moments, self._jumps = moments[order], jumps[order]
        apart = np.diff(self._moments)
        self._slopes: Floats = np.zeros(len(order)) if bends is None else np.cumsum(bends[order])
        self._values: Floats = np.cumsum(self._jumps, dtype=np.float64)
        self._values[1:] += np.cumsum(self._slopes[:-1] * apart)
        areas = self._values[:-1] * apart + self._slopes[:-1] * apart**2 / 2
        self._areas: Floats = np.concatenate([[0.0], np.cumsum(areas)])

    @classmethod
    def of_stays(
        cls, begins: Floats, ends: Floats, weights: Counts, spreads: Floats | None = None
    ) -> Level:
        """Give how many are there at a time, each from when it begins to when it ends."""
        counts = weights.astype(np.float64)
        moments, changes = np.concatenate([begins, ends]), np.concatenate([counts, -counts])
        if spreads is None or not spreads.any():
            return cls(moments, changes)
        half = np.tile(spreads.astype(np.float64), 2) / 2
        at_once = half == 0
        bends = np.divide(changes, 2 * half, out=np.zeros_like(changes), where=~at_once)
        nothing = np.zeros_like(changes)
        return cls(
            np.concatenate([moments - half, moments + half]),
            np.concatenate([np.where(at_once, changes, 0.0), nothing]),
            np.concatenate([bends, -bends]),
        )

    def distance(self, other: Level) -> Level:
        """Give how far this number is from another, up or down; neither may have slopes."""
        moments = np.concatenate([self._moments, other._moments])
        between = Level(moments, np.concatenate([self._jumps, -other._jumps]))
        return Level(between._moments, np.diff(np.abs(between._values), prepend=0.0))

    def area(self, moments: Floats) -> Floats:
        """Give the integral over time from the beginning up to each of these moments.

        Of how many are pending that is the time that all of them together have been so: by
        Little's law their number, times what each of them takes.
        """
        if not len(self._moments):
            return np.zeros(len(moments))
        last = np.maximum(np.searchsorted(self._moments, moments, "right") - 1, 0)
        since = np.maximum(moments - self._moments[last], 0.0)
        risen = self._values[last] * since + self._slopes[last] * since**2 / 2
        areas: Floats = self._areas[last] + risen
        return areas

    def mean(self, spans: Spans) -> float:
        """Give the average over some stretches of time together.

        Raises:
            NoData: no time passes in them: a run that was stopped in its warm-up.
        """
        if not spans.length:
            raise NoData(f"no time passes between {spans.start:g} s and {spans.end:g} s")
        edges = np.array(spans.stretches)
        return float((self.area(edges[:, 1]) - self.area(edges[:, 0])).sum()) / spans.length

    def means(self, edges: Floats) -> Floats:
        """Give the average over time between each of these moments and the next."""
        means: Floats = np.diff(self.area(edges)) / np.diff(edges)
        return means


class Steps:
    """How much weight lies at or before a moment."""

    def __init__(self, moments: Floats, weights: Counts, spreads: Floats | None = None) -> None:
        """Take moments in any order; of a weight with a spread a part lies before, a part after."""
        self._spread = None
        if spreads is not None and spreads.any():
            wide = (spreads > 0) & np.isfinite(moments)
            self._spread = _evenly(moments[wide], weights[wide], spreads[wide].astype(np.float64))
            moments, weights = moments[spreads == 0], weights[spreads == 0]
        order = np.argsort(moments, kind="stable")
        self._moments = moments[order]
        self._upto = np.concatenate([[0.0], np.cumsum(weights[order], dtype=np.float64)])

    def __call__(self, moments: Floats, side: Literal["left", "right"] = "right") -> Floats:
        """Count up to each of the moments; with ``left`` without what lies at the moment itself."""
        limits = moments - EDGE if side == "left" else upto(moments)
        counts: Floats = self._upto[np.searchsorted(self._moments, limits, side)]
        return counts if self._spread is None else counts + self._spread.area(moments)


def _evenly(middles: Floats, weights: Counts, spreads: Floats) -> Level:
    """Give how fast weights come, each evenly over its spread; the area is how many have."""
    rates = weights / spreads
    edges = np.concatenate([middles - spreads / 2, middles + spreads / 2])
    return Level(edges, np.concatenate([rates, -rates]))
