"""A scenario cut into pieces of a few seconds, each of which can be run apart from the others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from .records import Excerpt, Phase
from .schedule import schedule
from .spans import bounds, place, upto

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from .records import Scenario

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Piece:
    """A stretch of one phase.

    Attributes:
        phase: its name.
        start, end: in seconds from the start of the scenario.
        is_warmup: whether it is left out of the statistics.
    """

    phase: str
    start: float
    end: float
    is_warmup: bool = False

    @property
    def duration(self) -> float:
        """How long it lasts, in seconds."""
        return self.end - self.start


def pieces(scenario: Scenario, seconds: float, arrivals: int) -> tuple[Piece, ...]:
    """Cut a scenario into pieces, none of which reaches from one phase into another.

    Each is as long as said and has so many arrivals, and as little more as can be; a phase that
    has less is one piece. One without arrivals is left out. Users who wait for their answers
    (the closed model) have no arrivals to be counted: their phases are cut by time.

    Args:
        seconds: how long a piece is at least, on the scenario's own scale.
        arrivals: how many it has at least.

    Raises:
        ValueError: pieces would have no length.
    """
    if not seconds > 0:
        raise ValueError(f"seconds: found {seconds!r}; accepted: above 0")
    whole = schedule(scenario)
    is_closed = scenario.model == "closed"
    found: list[Piece] = []
    for number, (phase, (start, end)) in enumerate(
        zip(scenario.phases, bounds(scenario.phases), strict=True)
    ):
        times = whole.times[whole.phases == number]
        if not (max(phase.rate, phase.rate_end) > 0 if is_closed else len(times)):
            continue
        edges = [start, *_cuts(times, start, end, seconds, 0 if is_closed else arrivals), end]
        found += (
            Piece(phase.name, first, last, phase.name in scenario.warmup)
            for first, last in pairwise(edges)
        )
    return tuple(found)


def cut(scenario: Scenario, piece: Piece) -> Scenario:
    """Give a scenario of one piece alone: its arrivals, or its users, come as in the whole.

    Arrivals keep their numbers, so that they run the flows and send the data that they would.
    What the whole is held to is not asked of a piece, and nothing is broken in it: faults are of a
    moment in the whole, and what they do may last.
    """
    number = int(place(np.array([piece.start + piece.duration / 2]), _edges(scenario))[0])
    phase, (start, _) = scenario.phases[number], bounds(scenario.phases)[number]
    rate, end = phase.rates
    slope = (end - rate) / phase.duration
    return replace(
        scenario,
        phases=(
            Phase(
                phase.name,
                piece.duration,
                max(rate + slope * (piece.start - start), 0.0),
                max(rate + slope * (piece.end - start), 0.0),
                max_vusers=phase.max_vusers,
            ),
        ),
        warmup=frozenset(),
        ensure=(),
        thresholds=(),
        faults=(),
        excerpt=Excerpt(scenario.phases, piece.start, piece.end),
    )


def _edges(scenario: Scenario) -> Floats:
    return np.cumsum([0.0, *(phase.duration for phase in scenario.phases)])


def _cuts(times: Floats, start: float, end: float, seconds: float, least: int) -> Iterator[float]:
    """Give where to cut a phase, so that what is left after the last cut is long enough, too."""
    taken = 0
    while True:
        cut = start + seconds
        if least:
            if taken + least > len(times):
                return
            cut = max(cut, float(times[taken + least - 1]))
        taken = int(np.searchsorted(times, upto(cut), side="right"))
        if upto(end) < cut + seconds or len(times) - taken < least:
            return
        yield cut
        start = cut
