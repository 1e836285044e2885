"""Watches thresholds that stop a run while it goes, on what all generator processes tell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .tally import Spell, Tally, Watch, is_level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...base.conditions import Condition
    from ...scenario.records import Scenario


@dataclass(frozen=True)
class Aborted:
    """Why and when a run was ended before its time.

    Attributes:
        at: seconds from the start of the run; arrivals that were sent before the generator heard of
            it may be a little later.
        threshold: the condition that was met, as it stands in the file; None for Ctrl-C and the
            like.
        reason: a sentence.
        spell: the stretch of time in which the condition held until then.
    """

    at: float
    reason: str
    threshold: str | None = None
    spell: Spell | None = None

    @property
    def interrupted(self) -> bool:
        """Whether it was the user, not a threshold, who ended it."""
        return self.threshold is None


@dataclass(frozen=True)
class Crossing:
    """A threshold was crossed, after its condition had held for a spell."""

    threshold: str
    spell: Spell

    @property
    def reason(self) -> str:
        """A sentence for people."""
        return f"{self.threshold}: so it was {self.spell}"


class AbortWatch:
    """The thresholds of a scenario with ``abort``, over the counts of several processes."""

    def __init__(self, scenario: Scenario, processes: int) -> None:
        self._thresholds = aborting(scenario)
        self._watches = [Watch(threshold, scenario) for threshold in self._thresholds]
        self._width = scenario.window
        self._told = [0.0] * processes
        self._counted: dict[int, list[Tally]] = {}
        self._next = 0

    def hear(self, process: int, windows: Sequence[Sequence[Sequence[float]]]) -> Crossing | None:
        """Take in the windows that come next from a process; tell if that is reason to stop."""
        for window in windows:
            number = int(self._told[process])
            before = self._counted.get(number, [Tally(0, 0)] * len(self._thresholds))
            self._counted[number] = [
                sum_ + Tally(total, part)
                for sum_, (total, part) in zip(before, window, strict=True)
            ]
            self._told[process] += 1
        return self._judge()

    def ended(self, process: int) -> None:
        """Note that a process has nothing more to tell."""
        self._told[process] = math.inf

    def _judge(self) -> Crossing | None:
        # What only some processes have told of a window is not all that happened in it.
        while self._next in self._counted and self._next < min(self._told):
            tallies = self._counted.pop(self._next)
            start = self._next * self._width
            self._next += 1
            alive = sum(not math.isinf(told) for told in self._told)
            for threshold, watch, tally in zip(
                self._thresholds, self._watches, tallies, strict=True
            ):
                if is_level(threshold) and tally.total < alive:
                    continue  # one of them did not look at that moment
                spell = watch.see(start, tally)
                if spell is not None:
                    return Crossing(threshold.text, spell)
        return None


def aborting(scenario: Scenario) -> tuple[Condition, ...]:
    """Give the thresholds that stop a run."""
    return tuple(threshold for threshold in scenario.thresholds if threshold.abort)
