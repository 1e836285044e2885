"""A rate that was read off is confirmed by one probe below and one above it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ...errors import DisturbedRun, InvalidRun
from .found import Bracket
from .rate_search import RateSearch

if TYPE_CHECKING:
    from collections.abc import Callable

    # Tells whether a rate, per second, is taken; None where that could not be told.
    Takes = Callable[[float], bool | None]

_STEP = 1.1
_MOST_STEPS = 8


def confirm(
    rate: float,
    margins: tuple[float, float],
    takes: Takes,
    ceiling: float,
    *,
    may_rise: bool = True,
    is_measured: bool = False,
) -> Bracket:
    """Probe a rate's neighbours, so many times (such as 0.95 and 1.05) the rate.

    Where a probe refutes the rate, go on that way in steps of 10 % until the bracket closes; the
    answer is its geometric middle then. A probe that can't tell ends it, unconfirmed.

    Args:
        takes: makes a probe.
        ceiling: no higher rate is probed.
        may_rise: False where a probe that passes is weaker evidence than what gave the rate.
        is_measured: where two measurements contradict each other, a third decides: a probe that
            refutes the rate is made again, and the second one counts.
    """
    below, above = rate * margins[0], min(ceiling, rate * margins[1])

    expected = {below: True, above: False} if is_measured and above < ceiling else {}

    def probe(rate: float) -> bool | None:
        taken = takes(rate)
        is_refuted = taken is not None and taken != expected.get(rate, taken)
        return takes(rate) if is_refuted else taken

    taken = probe(below)
    if taken is False:
        low, high = _walk_down(below, probe)
    elif taken is True:
        steps = _MOST_STEPS if may_rise else 1
        low, high = _walk_up(below, above, probe, ceiling, steps)
        low = low if may_rise or low >= ceiling else below
    else:
        low, high = 0.0, math.inf
    return _bracket(rate, low, high, ceiling)


def _walk_down(rate: float, takes: Takes) -> tuple[float, float]:
    for _ in range(_MOST_STEPS):
        lower = rate / _STEP
        taken = takes(lower)
        if taken is not False:
            return (lower if taken else 0.0), rate
        rate = lower
    return 0.0, rate


def _walk_up(
    passed: float, rate: float, takes: Takes, ceiling: float, steps: int
) -> tuple[float, float]:
    for _ in range(steps):
        taken = takes(rate)
        if taken is not True:
            return passed, (math.inf if taken is None else rate)
        if rate >= ceiling:
            return rate, math.inf
        passed, rate = rate, min(ceiling, rate * _STEP)
    return passed, math.inf


def _bracket(rate: float, low: float, high: float, ceiling: float) -> Bracket:
    at_ceiling = low >= ceiling
    confirmed = at_ceiling or (low > 0 and math.isfinite(high))
    if not low <= rate <= high:
        rate = math.sqrt(low * high) if low > 0 and math.isfinite(high) else low or high
    notes = () if confirmed else (_unconfirmed(low, high),)
    answer = ceiling if at_ceiling else rate
    return Bracket(answer, low, high, broken=not at_ceiling, confirmed=confirmed, notes=notes)


def _unconfirmed(low: float, high: float) -> str:
    if low > 0:
        return "no probe above it failed for certain"
    if math.isfinite(high):
        return "no probe below it passed for certain"
    return "no probe gave a certain answer"


def beyond_generator(passed: float, error: InvalidRun) -> Bracket:
    """Give the answer where nothing failed as far as the generator could go."""
    note = f"a higher load is more than the generator can do: {'; '.join(error.causes)}"
    return Bracket(passed, passed, math.inf, broken=False, confirmed=True, notes=(note,))


def bisect(start: float, takes: Takes, ceiling: float) -> Bracket:
    """Look for the highest rate without an estimate: double, then halve the bracket.

    It ends where a rate can't be decided: that near the limit, nothing can.

    Raises:
        DisturbedRun: others disturbed the service.
        InvalidRun: the generator could not make a load, and nothing has passed before.
    """
    search = RateSearch(start, ceiling)
    while not search.is_done:
        rate = search.next_rate
        try:
            taken = takes(rate)
        except DisturbedRun:
            raise
        except InvalidRun as error:
            if search.passed == 0 or math.isfinite(search.failed):
                raise
            return beyond_generator(search.passed, error)
        if taken is None:
            break
        search.tell(rate, passed=taken)
    broken = math.isfinite(search.failed)
    confirmed = search.is_done or (broken and search.passed > 0)
    notes = () if confirmed else (_unconfirmed(search.passed, search.failed),)
    return Bracket(search.passed, search.passed, search.failed, broken, confirmed, notes)
