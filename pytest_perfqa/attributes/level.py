"""A number over time that changes by steps, such as how many are pending: exact averages of it.

Looks at some moments would not do: looks at equal distances beat with arrivals at equal distances,
and see always the same part of what happens between two of them.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray

    from ..spans import Spans

    Floats = NDArray[np.float64]


class Level:
    """A number that is 0 at first, and changes by steps at some moments."""

    def __init__(self, moments: Floats, changes: Floats) -> None:
        """Take the steps in any order; those at an infinite moment never come."""
        order = np.argsort(moments, kind="stable")
        order = order[np.isfinite(moments[order])]
        self._moments = moments[order]
        self._values: Floats = np.cumsum(changes[order], dtype=np.float64)

    @classmethod
    def of_stays(cls, begins: Floats, ends: Floats, weights: NDArray[np.uint32]) -> Self:
        """Give how many are there at a time, each from when it begins to when it ends."""
        counts = weights.astype(np.float64)
        return cls(np.concatenate([begins, ends]), np.concatenate([counts, -counts]))

    def distance(self, other: Level) -> Level:
        """Give how far this number is from another, up or down."""
        moments = np.concatenate([self._moments, other._moments])
        between = Level(moments, np.concatenate([self._changes, -other._changes]))
        return Level(between._moments, np.diff(np.abs(between._values), prepend=0.0))

    @property
    def _changes(self) -> Floats:
        return np.diff(self._values, prepend=0.0)

    @cached_property
    def _areas(self) -> Floats:
        """The integral up to each moment at which the number changes."""
        areas: Floats = np.cumsum(self._values[:-1] * np.diff(self._moments))
        return np.concatenate([[0.0], areas])

    def area(self, moments: Floats) -> Floats:
        """Give the integral over time from the beginning up to each of these moments.

        Of how many are pending that is the time that all of them together have been so: by
        Little's law their number, times what each of them takes.
        """
        if not len(self._moments):
            return np.zeros(len(moments))
        last = np.maximum(np.searchsorted(self._moments, moments, "right") - 1, 0)
        since = np.maximum(moments - self._moments[last], 0.0)
        areas: Floats = self._areas[last] + self._values[last] * since
        return areas

    def mean(self, spans: Spans) -> float:
        """Give the average over some stretches of time together."""
        edges = np.array(spans.stretches)
        return float((self.area(edges[:, 1]) - self.area(edges[:, 0])).sum()) / spans.length

    def means(self, edges: Floats) -> Floats:
        """Give the average over time between each of these moments and the next."""
        means: Floats = np.diff(self.area(edges)) / np.diff(edges)
        return means
