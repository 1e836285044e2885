"""The comparison of services in the terminal summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .table import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..attributes.recovery import Recovery
    from ..comparison import Row
    from ..units import Quantity

_MISSING = "-"
_QUEUES = {None: "?", True: "grows", False: "steady"}


def summary(scenarios: Mapping[str, Sequence[Row]]) -> Iterator[str]:
    """Give the services under each scenario, a line each, under a line of headings."""
    for scenario, rows in scenarios.items():
        lines = [_texts(row) for row in rows]
        # A column in which no service has anything is left out.
        used = [name for name in lines[0] if any(line[name] != _MISSING for line in lines)]
        cells = [tuple(used), *(tuple(line[name] for name in used) for line in lines)]
        yield f"{scenario}, side by side:"
        yield from table(cells, set(range(1, len(used))))


def _texts(row: Row) -> dict[str, str]:
    recovers = [_recovered(each) for each in row.recoveries.values()]
    return {
        "service": row.service,
        "served": _or_missing(row.served),
        "5xx": str(row.server_errors),
        "no answer": str(row.failures or _MISSING),
        "p95": _or_missing(row.p95),
        "throughput": _or_missing(row.throughput),
        "queue": _QUEUES[row.queues],
        "recovers after": ", ".join(recovers) or _MISSING,
        "CPU": _or_missing(row.cpu),
        "memory": _or_missing(row.memory),
    }


def _recovered(recovery: Recovery | None) -> str:
    if recovery is None:
        return "?"
    return str(recovery) if recovery.recovered else "never"


def _or_missing(value: Quantity | None) -> str:
    return _MISSING if value is None else str(value)
