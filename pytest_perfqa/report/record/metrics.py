"""The metrics of a run that have no place of their own in records, pages and exports."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from ...base.metrics import find, names
from ...base.units import Unit
from ...errors import PerfqaError
from .schema import MetricRecord, finite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...result.run_result import RunResult

_PLACED = {
    *("error_rate", "errors", "throughput", "throughput.offered", "pending", "latency.min"),
    *("requests", "answers", "launched", "completed", "failed", "skipped", "memory"),
}
_SUFFIXES = {
    Unit.SECOND: "_seconds",
    Unit.PER_SECOND: "_per_second",
    Unit.BYTE: "_bytes",
    Unit.BYTE_PER_SECOND: "_bytes_per_second",
    Unit.RATIO: "_ratio",
}


def metrics(result: RunResult) -> Iterator[MetricRecord]:
    """Write down each of them, or why there is none.

    Whatever the code of others raises is told in its place: a report is of all that there is.
    """
    for name in names():
        if name in _PLACED:
            continue
        unit = text = ""
        worse = None
        try:
            metric = find(name)
            if metric is None:
                continue
            unit, text, worse = metric.unit.value, metric.text, metric.worse
            value = float(metric.take(result))
        except PerfqaError as error:
            yield MetricRecord(name, unit, text, worse, why=str(error))
        except Exception as error:  # noqa: BLE001
            yield MetricRecord(name, unit, text, worse, why=f"{type(error).__name__}: {error}")
        else:
            why = None if math.isfinite(value) else f"found {value}"
            yield MetricRecord(name, unit, text, worse, finite(value, 9), why)


def flat(metric: MetricRecord) -> str:
    """Give a name of letters, digits and underscores that ends with the unit."""
    return re.sub(r"\W", "_", metric.name, flags=re.ASCII) + _SUFFIXES.get(Unit(metric.unit), "")
