"""Phases to arrival times: pure functions, seeded, without a clock.

The k-th arrival (k = 1, 2, ...) of a phase comes where the integral of its rate reaches k, so a
phase of rate r and duration d brings exactly floor(r d) of them, the first after 1/r seconds, and
one at the very end of the phase where r d is whole. ``spans`` says to what that moment belongs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Literal

import numpy as np

from .spans import EDGE, place, upto

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from .records import Arrivals, Phase, Scenario

# A rate times a duration such as 0.3 x 200 must not lose an arrival to binary fractions.
_ROUNDING = 1e-9
# With so many expected, there are none with a probability of less than 1e-40.
_SURELY_SOME = 100.0


@dataclass(frozen=True)
class Schedule:
    """When each arrival comes.

    Attributes:
        times: seconds from the start of the run, in order.
        phases: for each arrival, the index of its phase.
        first: the number that the first arrival has, in the scenario that this one is a piece of.
    """

    times: NDArray[np.float64]
    phases: NDArray[np.uint16]
    first: int = 0

    def __len__(self) -> int:
        return len(self.times)

    def shard(self, index: int, count: int) -> Schedule:
        """Give the arrivals of one of ``count`` generators: every ``count``-th from ``index``."""
        return Schedule(self.times[index::count], self.phases[index::count], self.first)


def schedule(scenario: Scenario) -> Schedule:
    """Lay out all arrivals of a scenario."""
    excerpt = scenario.excerpt
    if excerpt is None:
        return _whole(scenario)
    whole = _whole(replace(scenario, phases=excerpt.phases))
    places = place(whole.times, np.array([excerpt.start, excerpt.end]))
    first, end = np.searchsorted(places, [0, 1]).tolist()
    times = whole.times[first:end] - excerpt.start
    return Schedule(times, np.zeros(len(times), dtype=np.uint16), first)


def _whole(scenario: Scenario) -> Schedule:
    starts = np.cumsum([0.0, *(phase.duration for phase in scenario.phases)])
    offsets = [
        _offsets(phase, scenario.arrivals, scenario.seed, index)
        for index, phase in enumerate(scenario.phases)
    ]
    times = [start + part for start, part in zip(starts, offsets, strict=False)]
    return Schedule(
        times=np.concatenate([np.empty(0), *times]),
        phases=np.repeat(np.arange(len(offsets), dtype=np.uint16), [len(part) for part in offsets]),
    )


def arrival_count(phase: Phase) -> int:
    """How many arrivals a phase brings when they are spread uniformly."""
    return int(np.floor(phase.expected * (1 + _ROUNDING) + _ROUNDING))


@dataclass(frozen=True)
class Emptiness:
    """What a scenario lacks to measure anything.

    Attributes:
        key: of the file, that should bring it.
        lacks: "arrivals", "users" or "requests".
        why: more about that; may be empty.
    """

    key: Literal["phases", "scenarios"]
    lacks: str
    why: str = ""

    def __str__(self) -> str:
        return f"{self.lacks}: {self.why}" if self.why else self.lacks


def emptiness(scenario: Scenario) -> Emptiness | None:
    """Tell whether nothing would come of a scenario, without laying it out."""
    if not any(_brings(scenario, phase, index) for index, phase in enumerate(scenario.phases)):
        if scenario.model == "closed":
            return Emptiness("phases", "users")
        return Emptiness("phases", "arrivals", _too_little(scenario))
    return None if scenario.sends_requests else Emptiness("scenarios", "requests")


def _too_little(scenario: Scenario) -> str:
    expected = max(phase.expected for phase in scenario.phases)
    if not expected:
        return ""
    if scenario.arrivals == "poisson":
        return f"with the seed {scenario.seed}, it so happens that there are none"
    return f"one comes where the rate of a phase adds up to 1, here it is {expected:g} at most"


def _brings(scenario: Scenario, phase: Phase, index: int) -> bool:
    if scenario.model == "closed":
        return phase.highest_rate > 0
    if phase.expected >= _SURELY_SOME:
        return True
    if scenario.arrivals == "poisson":
        return _poisson_count(phase, _chance(scenario.seed, index)) > 0
    return arrival_count(phase) > 0


def crowd(scenario: Scenario) -> tuple[tuple[float, int], ...]:
    """Lay out how many users there are: from each of these times on, so many, at the end none.

    Their number follows the rates of the phases; the highest rate stands for ``scenario.users``.
    """
    excerpt = scenario.excerpt
    if excerpt is None:
        return _whole_crowd(scenario)
    whole = _whole_crowd(replace(scenario, phases=excerpt.phases))
    *_, before = (users for moment, users in whole if moment <= upto(excerpt.start))
    within = [
        (moment - excerpt.start, users)
        for moment, users in whole
        if upto(excerpt.start) < moment and upto(moment) < excerpt.end
    ]
    return _changes([(0.0, before), *within, (excerpt.end - excerpt.start, 0)])


def _whole_crowd(scenario: Scenario) -> tuple[tuple[float, int], ...]:
    most = float(scenario.users or 0)
    rates = [phase.rates for phase in scenario.phases]
    highest = max((rate for pair in rates for rate in pair), default=0.0)
    steps: list[tuple[float, int]] = []
    start = 0.0
    for phase, (rate, end) in zip(scenario.phases, rates, strict=True):
        if highest > 0:
            first, last = most * rate / highest, most * end / highest
            steps += ((start + offset, users) for offset, users in _ramp(first, last, phase))
        start += phase.duration
    steps.append((start, 0))
    return _changes(steps)


def _changes(steps: list[tuple[float, int]]) -> tuple[tuple[float, int], ...]:
    """Leave out where nothing changes: a phase may begin with as many as the last one had."""
    return tuple(next(same) for _, same in groupby(steps, itemgetter(1)))


def shard_users(users: int, index: int, count: int) -> int:
    """Give how many of all users one of ``count`` generators has: every ``count``-th."""
    return (users + count - 1 - index) // count


def _ramp(first: float, last: float, phase: Phase) -> Iterator[tuple[float, int]]:
    """Give when, on the way from one level to the other, the rounded number of users changes."""
    anybody = int(max(first, last) > 0)
    users = max(_rounded(first), anybody)
    yield 0.0, users
    while users != (goal := max(_rounded(last), anybody)):
        step = 1 if goal > users else -1
        # Halfway between two numbers the rounded one changes.
        share = (users + step / 2 - first) / (last - first)
        users += step
        yield max(share, 0.0) * phase.duration, users


def _rounded(level: float) -> int:
    return int(np.floor(level + 0.5 + _ROUNDING))


def _offsets(phase: Phase, arrivals: Arrivals, seed: int, index: int) -> NDArray[np.float64]:
    if arrivals == "poisson":
        return _poisson(phase, _chance(seed, index))
    return _time_of(phase, np.arange(1.0, arrival_count(phase) + 1))


def _poisson(phase: Phase, random: np.random.Generator) -> NDArray[np.float64]:
    # A Poisson process of any rate is one of unit rate seen through the integral of that rate;
    # given its number of points, they are uniform.
    number = _poisson_count(phase, random)
    times = _time_of(phase, np.sort(random.uniform(0, phase.expected, number)))
    # None at the very start of the phase: that moment belongs to the one before.
    return np.maximum(times, min(2 * EDGE, phase.duration))


def _chance(seed: int, index: int) -> np.random.Generator:
    return np.random.default_rng([seed, index])


def _poisson_count(phase: Phase, random: np.random.Generator) -> int:
    # A count keeps its number.
    return phase.count if phase.count is not None else int(random.poisson(phase.expected))


def _time_of(phase: Phase, integral: NDArray[np.float64]) -> NDArray[np.float64]:
    """Invert the integral of the rate: when does it reach each of these values?"""
    rate, end = phase.rates
    slope = (end - rate) / phase.duration
    # The root of rate t + slope t^2 / 2 = integral that has no cancellation when slope is near 0.
    root = np.sqrt(np.maximum(rate * rate + 2 * slope * integral, 0))
    times: NDArray[np.float64] = 2 * integral / np.maximum(rate + root, np.finfo(float).tiny)
    return np.minimum(times, phase.duration)
