"""What a generator process spends its time on, look by look: so that it can say why it was late."""

from __future__ import annotations

import time
from array import array
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..wire.plan import FULL, LATE_SECONDS, Lateness
from ..wire.record import RecordKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ..wire.plan import Plan

#: Seconds between two looks.
EVERY = 0.1
_ROOM = 1024
_ROUNDING = 1e-9
# Time on a CPU, time runnable but waiting for one (both in ns), and number of turns.
_SCHEDULER = Path("/proc/self/schedstat")


def spent() -> tuple[float, float]:
    """Give the CPU seconds of this thread, the loop's, and for how long it waited for a CPU."""
    try:
        waited = int(_SCHEDULER.read_text().split()[1]) * 1e-9
    except (OSError, IndexError, ValueError):  # not every kernel keeps that account
        waited = 0.0
    return time.thread_time(), waited


class Effort:
    """The time of one generator process, in seconds from the start of the run.

    Between two looks it computed, waited for a CPU, was blocked in a call that lets nobody else
    run, or had nothing to do; what it was while arrivals were late explains why.
    """

    def __init__(
        self,
        plan: Plan,
        every: float = EVERY,
        *,
        cost: Callable[[], tuple[float, float]] = spent,
        idle: Callable[[], float] | None = None,
    ) -> None:
        """Begin an account.

        Args:
            every: seconds between two looks.
            cost: gives CPU seconds, and seconds waited for a CPU, so far.
            idle: gives for how long the loop has waited for events so far; None if nobody knows.
        """
        self._scenario = plan.scenario
        self._every = every
        self._cost = cost
        self._idle = idle
        self._looks = 0
        self._closed = False
        # A moment for every look, the first when it opened, and three sums up to then.
        self._moments, self._sums = array("d"), array("d")
        # For the interval after each look: how many late stretches begin in it, how many end, how
        # many do either, and for how much of it the longest of these lasts.
        self._begun, self._over, self._edges = (np.zeros(0, int) for _ in range(3))
        self._part = np.zeros(0)
        self._late = self._of = 0
        self._worst = 0.0

    def open(self) -> None:
        """Begin to count."""
        self._moments, self._sums = array("d"), array("d")
        self._sample(0.0)

    def look(self, now: float) -> None:
        """Note what has been spent up to a moment."""
        if self._closed:
            return
        self._sample(now)
        last = int(now / self._every + _ROUNDING)
        due = self._every * np.arange(self._looks + 1, last + 1, dtype=np.float64)
        self._looks += len(due)
        if self._scenario.model == "closed":  # nothing else has a time to keep
            self._note(due, now - due)

    def close(self, now: float) -> None:
        """Note what has been spent up to the end; looks after it don't count."""
        self.look(now)
        self._closed = True

    def sent(self, records: NDArray[np.void]) -> None:
        """Take note of what was late among records."""
        if self._scenario.model == "open":
            arrivals = records[records["kind"] != RecordKind.STEP]
            self._note(arrivals["intended"], arrivals["lag"].astype(np.float64))

    def _sample(self, now: float) -> None:
        self._moments.append(now)
        self._sums.extend((*self._cost(), 0.0 if self._idle is None else self._idle()))
        if len(self._moments) > len(self._part):
            more = np.zeros(max(_ROOM, len(self._part)))
            self._part = np.append(self._part, more)
            self._begun = np.append(self._begun, more.astype(int))
            self._over = np.append(self._over, more.astype(int))
            self._edges = np.append(self._edges, more.astype(int))

    def _note(self, due: NDArray[np.float64], lag: NDArray[np.float64]) -> None:
        self._of += len(due)
        late = lag > LATE_SECONDS
        if not late.any():
            return
        self._late += int(late.sum())
        self._worst = max(self._worst, float(lag.max()))
        begin, end = due[late], due[late] + lag[late]
        looks = np.append(self._moments, np.inf)
        first = np.clip(np.searchsorted(looks, begin, "right") - 1, 0, len(looks) - 2)
        last = np.clip(np.searchsorted(looks, end, "left") - 1, first, None)
        np.add.at(self._begun, first, 1)
        np.add.at(self._over, last, 1)
        np.add.at(self._edges, np.append(first, last[last > first]), 1)
        np.maximum.at(self._part, first, np.minimum(end, looks[first + 1]) - begin)
        np.maximum.at(self._part, last, end - np.maximum(begin, looks[last]))

    def total(self) -> tuple[float, float]:
        """Give the CPU seconds, and those waited for a CPU, from the opening to the last look."""
        sums = np.asarray(self._sums).reshape(-1, 3)
        cpu, waited, _ = (sums[-1] - sums[0]).tolist()
        return cpu, waited

    def lateness(self) -> Lateness:
        """Give how many were late, and what the process did between the looks around them."""
        seconds = np.diff(self._moments)
        looks = len(seconds)  # after the last look, nothing has been seen
        over = self._over[:looks]
        lasting = np.cumsum(self._begun[:looks]) - np.cumsum(over) + over
        is_late = lasting > 0
        total = float(seconds[is_late].sum())
        if not total:
            return Lateness(self._late, self._of, self._worst)
        # One that neither begins nor ends in an interval lasts for all of it.
        behind = np.where(lasting > self._edges[:looks], seconds, self._part[:looks])
        steps = np.diff(np.asarray(self._sums).reshape(-1, 3), axis=0)
        computed, waited, idle = (steps[is_late].sum(axis=0) / total).tolist()
        return Lateness(
            self._late,
            self._of,
            self._worst,
            behind=float(behind[is_late].sum()) / total,
            computed=computed,
            waited=waited,
            blocked=0.0 if self._idle is None else max(0.0, 1 - idle - computed - waited),
        )

    def full(self) -> tuple[int, int]:
        """Give in how many seconds it used ``FULL`` of a CPU or more, and of how many.

        Only whole seconds count that have nothing of a warm-up phase.
        """
        edges = np.arange(int(self._moments[-1] + _ROUNDING) + 1, dtype=float)
        computed = np.asarray(self._sums).reshape(-1, 3)[:, 0]
        shares = np.diff(np.interp(edges, self._moments, computed))
        counts = np.ones(len(shares), dtype=bool)
        end = 0.0
        for phase in self._scenario.phases:
            start, end = end, end + phase.duration
            if phase.name in self._scenario.warmup:
                counts &= (edges[1:] <= start) | (edges[:-1] >= end)
        return int((shares[counts] >= FULL).sum()), int(counts.sum())
