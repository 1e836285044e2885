"""How services did under the same scenarios: who queues, who recovers, what breaks them, at what
cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import TYPE_CHECKING

from ..base.units import Quantity, Unit
from ..errors import Inconclusive, NoData
from ..scenario.records import numbered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import TypeVar

    from ..capacity.limits.found import BreakingPoint
    from ..result.attributes.recovery import Recovery
    from ..result.run_result import RunResult
    from ..scenario.records import Phase

    T = TypeVar("T")

# A peak is a phase after which the rate falls to half or less.
_FALL = 0.5


@dataclass(frozen=True)
class Row:
    """One service under a scenario; None stands for what can't be told.

    Attributes:
        served: the share of requests that were answered as expected.
        server_errors: answers with a 5xx.
        failures: requests without a whole, expected answer.
        p95: of this sample's latency.
        throughput: good answers per second, on average.
        queues: whether pending grows.
        recoveries: after each peak of the scenario, by the name of its phase.
        cpu: CPU seconds per second of all parts together, on average.
        cpu_seconds: CPU seconds of all parts together.
        memory: the most that all parts together used.
        ended_early: whether the run was stopped before its time.
    """

    service: str
    served: Quantity | None
    server_errors: int
    failures: int
    p95: Quantity | None
    throughput: Quantity | None
    queues: bool | None
    recoveries: Mapping[str, Recovery | None]
    cpu: Quantity | None
    cpu_seconds: Quantity | None
    memory: Quantity | None
    ended_early: bool


@dataclass(frozen=True)
class RankedBreakingPoint:
    """Where a service breaks.

    Attributes:
        found: the breaking point.
        factor: how many times the lowest of all services that were asked the same it is; None where
            it is that one, or either was not reached.
    """

    found: BreakingPoint
    factor: float | None


@dataclass(frozen=True)
class Conclusion:
    """One service over all scenarios that more than one service ran under.

    Attributes:
        queues: whether pending grows, under each scenario that it ran under; None where that can't
            be told.
        recoveries: after each of their peaks; None where that can't be told.
        limits: its breaking points, by what was asked of more than one service; None where it was
            not.
        cpu_seconds: CPU seconds of all parts under all scenarios; None unless it ran under each, to
            its end.
        memory: the most that all parts together used under any of them.
    """

    service: str
    queues: Mapping[str, bool | None]
    recoveries: tuple[Recovery | None, ...]
    limits: Mapping[str, RankedBreakingPoint | None]
    cpu_seconds: Quantity | None
    memory: Quantity | None


def compare(results: Iterable[RunResult]) -> dict[str, tuple[Row, ...]]:
    """Give the rows of each scenario that more than one service ran under.

    INVALID runs are left out, and those that others disturbed: they say nothing of the service.
    """
    together: list[list[RunResult]] = []
    for result in results:
        if result.invalid or result.disturbances:
            continue
        alike = (each for each in together if _same_scenario(each[0], result))
        if (group := next(alike, None)) is not None:
            group.append(result)
        else:
            together.append([result])
    found: dict[str, tuple[Row, ...]] = {}
    for group in together:
        if len({result.service for result in group}) > 1:
            found[numbered(group[0].scenario, found)] = tuple(map(row, group))
    return found


def _same_scenario(one: RunResult, other: RunResult) -> bool:
    return one.scenario == other.scenario and one.definition == other.definition


def compare_services(
    compared: Mapping[str, tuple[Row, ...]], found: Iterable[BreakingPoint]
) -> tuple[Conclusion, ...]:
    """Give a line per service over all that was compared; nothing where one table says it all.

    Args:
        compared: what ``compare`` gave.
        found: the breaking points.
    """
    limits = dict(_limits(found))
    if not compared or len(compared) + len(limits) == 1:
        return ()
    services: dict[str, dict[str, Row]] = {}
    for scenario, rows in compared.items():
        for each in rows:
            services.setdefault(each.service, {})[scenario] = each
    for answers in limits.values():
        for service in answers:
            services.setdefault(service, {})
    return tuple(
        _conclusion(
            service,
            mine,
            limits={question: answers.get(service) for question, answers in limits.items()},
            ran_under_all=len(mine) == len(compared),
        )
        for service, mine in services.items()
    )


def _conclusion(
    service: str,
    rows: Mapping[str, Row],
    *,
    limits: Mapping[str, RankedBreakingPoint | None],
    ran_under_all: bool,
) -> Conclusion:
    return Conclusion(
        service=service,
        queues={scenario: each.queues for scenario, each in rows.items()},
        recoveries=tuple(one for each in rows.values() for one in each.recoveries.values()),
        limits=limits,
        cpu_seconds=_cpu_seconds(rows.values()) if ran_under_all else None,
        memory=max((each.memory for each in rows.values() if each.memory), default=None),
    )


def _cpu_seconds(rows: Iterable[Row]) -> Quantity | None:
    spent = [None if each.ended_early else each.cpu_seconds for each in rows]
    known = [seconds for seconds in spent if seconds is not None]
    return Quantity(sum(known), Unit.SECOND) if len(known) == len(spent) else None


def _limits(
    found: Iterable[BreakingPoint],
) -> Iterator[tuple[str, Mapping[str, RankedBreakingPoint]]]:
    """Give what more than one service was asked, and each one's answer by its name."""
    asked: dict[str, dict[str, BreakingPoint]] = {}
    for one in found:
        asked.setdefault(one.question, {})[one.service] = one
    for question, answers in asked.items():
        if len(answers) > 1:
            lowest = min(answers.values(), key=lambda one: float(one.rate))
            limits = {
                name: RankedBreakingPoint(one, _factor(one, lowest))
                for name, one in answers.items()
            }
            yield question, limits


def _factor(found: BreakingPoint, lowest: BreakingPoint) -> float | None:
    known = found.broken and lowest.broken and isfinite(found.rate) and lowest.rate > 0
    return float(found.rate) / float(lowest.rate) if known and found.rate > lowest.rate else None


def row(result: RunResult) -> Row:
    """Say how a service did under a scenario."""
    return Row(
        service=result.service,
        served=_known(lambda: result.availability.ratio),
        server_errors=int(_known(lambda: result.status["5xx"]) or 0),
        failures=int(_known(lambda: result.errors.total) or 0),
        p95=_known(lambda: result.latency.sample_percentile(95)),
        throughput=_known(lambda: result.throughput.mean),
        queues=_known(lambda: bool(result.pending.grows)),
        recoveries={name: _recovery(result, name) for name in _peaks(result.definition.phases)},
        cpu=_known(lambda: result.resources.total.cpu.mean),
        cpu_seconds=_known(lambda: result.resources.total.cpu_seconds),
        memory=_known(lambda: result.resources.total.memory.max),
        ended_early=result.aborted is not None,
    )


def _recovery(result: RunResult, peak: str) -> Recovery | None:
    return _known(lambda: result.recovery_after(peak))


def _known(figure: Callable[[], T]) -> T | None:
    """Give a figure, None where the data don't hold it: this is a description, no verdict."""
    try:
        return figure()
    except (NoData, Inconclusive):
        return None


def _peaks(phases: tuple[Phase, ...]) -> Iterator[str]:
    bring = [phase for phase in phases if phase.expected]
    for phase, after in pairwise(bring):
        if phase.rates[1] > 0 and after.rates[0] <= _FALL * phase.rates[1]:
            yield phase.name
