"""Stretches of time, and what lies in them: one rule for phases, slices, windows and figures.

The k-th arrival of a phase comes where the integral of its rate reaches k (``schedule``): none at
the start of the phase, and one at its very end wherever rate times duration is whole. So a stretch
of time is open at its start and closed at its end: whatever happens at the moment between two of
them, an arrival, an answer or a look, belongs to the first. What happens at 0 belongs to the
stretch that begins there.

Edges are sums of durations and multiples of widths, and the times of a run differences of a clock:
neither is exact in the last digits. So what is at most ``EDGE`` later than an edge stands on it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ..errors import NoData

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from .records import Phase

    Floats = NDArray[np.float64]
    Moments = TypeVar("Moments", float, Floats)

#: In seconds: more than a clock is off after a year, and less than lies between two arrivals.
EDGE = 1e-6


def upto(edge: Moments) -> Moments:
    """Give the last moment that belongs to what ends at an edge, or at each of several."""
    return edge + EDGE


def place(moments: Floats, edges: Floats) -> NDArray[np.int64]:
    """Tell between which of the ascending ``edges`` each moment lies.

    0 is between the first and the second; -1 before the first, ``len(edges) - 1`` after the last.
    """
    limits = np.where(edges > 0, upto(edges), edges - EDGE)
    places: NDArray[np.int64] = np.searchsorted(limits, moments, side="left") - 1
    return places


def window_number(moments: Floats, width: float) -> NDArray[np.int64]:
    """Give the number of the window that each moment lies in, of windows side by side from 0 on."""
    numbers = np.ceil((moments - EDGE) / width).astype(np.int64) - 1
    return np.maximum(numbers, 0)


def edges(start: float, end: float, width: float) -> Floats:
    """Give the edges of windows side by side from ``start`` until ``end`` is in one of them.

    Raises:
        ValueError: windows have no width.
    """
    if not 0 < width < math.inf:
        raise ValueError(f"a window is longer than 0 s, not {width:g}")
    number = max(1, math.ceil((end - start) / width))
    while number > 1 and upto(start + width * (number - 1)) >= end:
        number -= 1
    while upto(start + width * number) < end:
        number += 1
    found: Floats = start + width * np.arange(number + 1, dtype=np.float64)
    return found


def bounds(phases: Sequence[Phase]) -> list[tuple[float, float]]:
    """Give from when to when each phase lasts."""
    return list(pairwise(accumulate((phase.duration for phase in phases), initial=0.0)))


@dataclass(frozen=True)
class Spans:
    """Stretches of time, in order and apart from each other, in seconds from the start of a run."""

    stretches: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, stretches: Iterable[tuple[float, float]]) -> Spans:
        """Put stretches together, in the order of their starts; those that touch become one.

        What is no longer than clocks are exact is nothing.
        """
        found: list[tuple[float, float]] = []
        for start, end in stretches:
            if found and start <= upto(found[-1][1]):
                found[-1] = found[-1][0], max(found[-1][1], end)
            elif end > upto(start):
                found.append((start, end))
        return cls(tuple(found))

    def __iter__(self) -> Iterator[tuple[float, float]]:
        return iter(self.stretches)

    def __len__(self) -> int:
        return len(self.stretches)

    def __str__(self) -> str:
        return " and ".join(f"{start:g} s to {end:g} s" for start, end in self)

    @property
    def start(self) -> float:
        """When the first begins."""
        return self.stretches[0][0]

    @property
    def end(self) -> float:
        """When the last ends."""
        return self.stretches[-1][1]

    @property
    def length(self) -> float:
        """How long they are together."""
        return math.fsum(end - start for start, end in self)

    def contain(self, moments: Floats) -> NDArray[np.bool_]:
        """Tell which moments lie in one of them."""
        places = place(moments, np.array(self.stretches).reshape(-1))
        inside: NDArray[np.bool_] = places % 2 == 0
        return inside

    def which(self, moments: Floats) -> NDArray[np.int64]:
        """Give the number of the stretch that has begun last at each moment, or else the first."""
        return np.maximum(place(moments, np.array([start for start, _ in self])), 0)

    def within(self, others: Spans) -> Spans:
        """Give what lies in others as well."""
        pairs = ((one, other) for one in self for other in others)
        common = ((max(one[0], other[0]), min(one[1], other[1])) for one, other in pairs)
        return Spans.of(common)

    def ending(self, end: float) -> Spans:
        """Give the same with another end of the last."""
        return Spans((*self.stretches[:-1], (self.stretches[-1][0], end)))

    def cover(self, start: float, end: float) -> bool:
        """Whether one of them holds all from ``start`` to ``end``."""
        return any(first <= upto(start) and end <= upto(last) for first, last in self)

    def windows(self, width: float) -> Iterator[tuple[float, float]]:
        """Cut each of them into windows; the last of each may be shorter."""
        for start, end in self:
            for first, last in pairwise(edges(start, end, width).tolist()):
                yield first, min(last, end)


def only_stretch(what: str, spans: Spans, name: str) -> tuple[float, float]:
    """Give when a slice begins and ends, for what makes sense in one piece of time only.

    Raises:
        NoData: it is several pieces.
    """
    if len(spans) > 1:
        raise NoData(
            f"{what} can't be told of {name}, which is {len(spans)} stretches of time ({spans}): "
            "ask for one of them with between(), or give phases names of their own"
        )
    return spans.stretches[0]
