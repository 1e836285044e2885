"""The comparison of services: under each scenario, and over all of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ...base.units import Unit, show
from .breaking_points import answer
from .table import table
from .words import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ...base.units import Quantity
    from ...result.attributes.recovery import Recovery
    from ..comparison import Conclusion, RankedBreakingPoint, Row

_MISSING = "-"
_UNKNOWN = "?"
_QUEUES = {None: _UNKNOWN, True: "grows", False: "steady"}
_GROWS = {None: _UNKNOWN, True: ""}


def comparison_summary(scenarios: Mapping[str, Sequence[Row]]) -> Iterator[str]:
    """Give the services under each scenario, a line each, under a line of headings."""
    for scenario, rows in scenarios.items():
        lines = _columns([_texts(row) for row in rows])
        yield f"{scenario}, side by side:"
        yield from table(lines, set(range(1, len(lines[0]))))


def overall(conclusions: Sequence[Conclusion]) -> Iterator[str]:
    """Give the services over all scenarios, a line each, under a line of headings."""
    if conclusions:
        lines = cells(conclusions)
        yield "over all scenarios:"
        yield from table(lines, set(range(1, len(lines[0]) - 1)))


def cells(conclusions: Sequence[Conclusion]) -> list[tuple[str, ...]]:
    """Give headings and a row for each service. Scenarios stand last: there may be many."""
    return _columns([_concluded(one, conclusions) for one in conclusions])


def _columns(lines: Sequence[Mapping[str, str]]) -> list[tuple[str, ...]]:
    """Give headings and rows; a column in which no service has anything is left out."""
    used = [name for name in lines[0] if any(line[name] != _MISSING for line in lines)]
    return [tuple(used), *(tuple(line[name] for name in used) for line in lines)]


def _concluded(one: Conclusion, conclusions: Sequence[Conclusion]) -> dict[str, str]:
    everything = {name for each in conclusions for name in each.queues}
    limits = {
        "breaks at" if len(one.limits) == 1 else f"breaks at: {question}": _limit(limit)
        for question, limit in one.limits.items()
    }
    ran_all = all(len(each.queues) == len(everything) for each in conclusions)
    grows = [name + _GROWS[queues] for name, queues in one.queues.items() if queues is not False]
    return {
        "service": one.service,
        "scenarios": _MISSING if ran_all else f"{len(one.queues)} of {len(everything)}",
        **limits,
        "recovers": _recoveries(one.recoveries),
        "CPU time": _or_missing(one.cpu_seconds),
        "memory": _or_missing(one.memory),
        "queue grows under": ", ".join(grows) or ("none" if one.queues else _MISSING),
    }


def _recoveries(found: Sequence[Recovery | None]) -> str:
    if not found:
        return _MISSING
    known = [one for one in found if one is not None]
    unknown = len(found) - len(known)
    told = f"{sum(one.recovered for one in known)} of {plural(len(found), 'peak')}"
    return f"{told}, {unknown} unknown" if unknown else told


def _limit(limit: RankedBreakingPoint | None) -> str:
    if limit is None:
        return _MISSING
    factor = "" if limit.factor is None else f" ({limit.factor:.1f} x)"
    return answer(limit.found) + factor


def _texts(row: Row) -> dict[str, str]:
    recovers = map(recovered, row.recoveries.values())
    return {
        "service": row.service + (" (ended early)" if row.ended_early else ""),
        "served": _or_missing(row.served),
        "5xx": str(row.server_errors),
        "errors": str(row.failures or _MISSING),
        "p95": _or_missing(row.p95),
        "throughput": _or_missing(row.throughput),
        "queue": queue(row.queues),
        "recovers after": ", ".join(recovers) or _MISSING,
        "CPU": _or_missing(row.cpu),
        "memory": _or_missing(row.memory),
    }


def queue(grows: bool | None) -> str:
    """Say whether pending grows."""
    return _QUEUES[grows]


def recovered(seconds: float | None) -> str:
    """Say how long it took to recover: infinitely long if it didn't, None if it can't be told."""
    if seconds is None:
        return _UNKNOWN
    return show(seconds, Unit.SECOND) if math.isfinite(seconds) else "never"


def _or_missing(value: Quantity | None) -> str:
    return _MISSING if value is None else str(value)
