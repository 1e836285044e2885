"""Burst capacity: the largest burst within a window that is served without breaking the SLO.

A burst that breaks shows two things: that so many are too many, and how many of its first requests
were served although others came behind them, and sooner than in a burst of their own. Where the
next larger burst breaks, that is the load just below it as well: one time-out to wait for, not two.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ...errors import DisturbedRun, InvalidRun
from .burst_search import BurstSearch
from .confirm import beyond_generator
from .found import Bracket
from .read_off import foreseen, largest_burst, may_still_come, offsets, witnessed
from .series import Ruling
from .slo import Sample, SampleJudgement

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..probing.probe import Until
    from ..probing.target import Declared
    from ..probing.volley import Volley
    from .series import ProbeSeries
    from .slo import Slo

__tracebackhide__ = True

_SINGLES = 2
# A look goes over all requests: not at each answer, lest the sends are late.
_LOOK_SECONDS = 0.02


def find_burst(
    series: ProbeSeries, slo: Slo, window: float, ceiling: int, declared: Declared | None = None
) -> Bracket:
    """Look for the largest burst.

    Args:
        slo: with its times as they are on this machine.
        window: seconds over which a burst is spread evenly.
        ceiling: no larger burst is sent.
        declared: what the service is said to be: the search begins there, and believes none of it.

    Raises:
        InvalidRun, ServiceError: see ``Series``.
    """
    series.unloaded(_SINGLES)
    guess = None
    if declared is not None:
        guess = foreseen(declared, series.service_time, window, slo, ceiling)
    search = BurstSearch(ceiling, guess)
    witness: Volley | None = None
    while not search.is_done and series.has_time:
        size = search.next_size
        until = _until(slo, series.service_time)
        try:
            volley, ruling = series.probe(
                offsets(size, window), size / window, _rule(slo), until=until
            )
        except DisturbedRun:
            raise
        except InvalidRun as error:
            if guess is not None and search.passed == 0 and search.failed is None:
                search, guess = BurstSearch(ceiling), None  # grow as far as the generator can
                continue
            if search.passed == 0 or search.failed is not None:
                raise
            return beyond_generator(search.passed / window, error)
        if ruling.met is None:
            break  # the budget has run out
        if ruling.met:
            search.tell(size, passed=True)
            continue
        first = witnessed(volley, slo)
        if first >= max(1, search.passed):
            witness = volley
        estimate = largest_burst(volley, window, slo, series.service_time)
        search.tell(size, passed=False, witnessed=first, estimate=estimate)
    if witness is not None and not any(
        probe.passed and probe.size == search.passed for probe in series.probes
    ):
        series.keep_first(search.passed, witness, search.passed / window, slo.text)
    return Bracket(
        rate=search.passed / window,
        low=search.passed / window,
        high=math.inf if search.failed is None else search.failed / window,
        broken=search.failed is not None,
        confirmed=search.is_done,
        notes=tuple(_notes(search)),
    )


def _notes(search: BurstSearch) -> list[str]:
    if search.is_done:
        return []
    if search.failed is None:
        return [f"the budget ran out before a burst of {search.next_size} was tried"]
    note = (
        f"the budget ran out with a bracket from {search.passed} to {search.failed} requests; "
        f"{search.next_size} was to be tried next"
    )
    return [note]


def _judge(slo: Slo, volley: Volley, now: float) -> SampleJudgement:
    return slo.judge(Sample.of(volley.exchanges, volley.planned, now))


def _rule(slo: Slo) -> Callable[[Volley, float], Ruling]:
    def rule(volley: Volley, now: float) -> Ruling:
        found = _judge(slo, volley, now)
        if found.met is None:
            return Ruling(None, f"ended by {volley.ended_by} before the verdict was certain")
        return Ruling(found.met, found.why or slo.text)

    return rule


def _until(slo: Slo, service_time: float) -> Until:
    """End a burst once its verdict is certain and nothing more can be read off it."""
    looked = -math.inf

    def until(volley: Volley, now: float) -> bool:
        nonlocal looked
        if now - looked < _LOOK_SECONDS:
            return False
        looked = now
        met = _judge(slo, volley, now).met
        return met is True or (met is False and not may_still_come(volley, service_time))

    return until
