"""Records as an OpenMetrics text: every window of every run, with its time.

``promtool tsdb create-blocks-from openmetrics FILE`` brings it into Prometheus.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import TYPE_CHECKING

from ...base import files
from ...scenario.records import numbered
from ..record.metrics import flat
from ..text.words import printable
from .exporter import Exporter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ..record.schema import Measured, Percentiles, Record

_STATISTICS = ("p50", "p95", "p99", "max")


@dataclass(frozen=True)
class MetricPoint:
    """One value of one series."""

    labels: tuple[tuple[str, str], ...]
    moment: float
    value: float


@dataclass(frozen=True)
class Family:
    """A metric: its kind, unit and meaning."""

    name: str
    kind: str
    unit: str
    meaning: str


FAMILIES = (
    Family("perfqa_launched", "counter", "", "Arrivals that came."),
    Family("perfqa_completed", "counter", "", "Arrivals that ended with an answer."),
    Family("perfqa_failed", "counter", "", "Arrivals that ended without the expected answer."),
    Family("perfqa_pending", "gauge", "", "Arrivals in the system."),
    Family("perfqa_answers", "counter", "", "Answers by status code."),
    Family("perfqa_errors", "counter", "", "Requests without a whole, expected answer, by kind."),
    Family("perfqa_unexpected", "counter", "", "Requests that were not answered as expected."),
    Family("perfqa_latency_seconds", "gauge", "seconds", "From the moment requests were due."),
    Family("perfqa_response_seconds", "gauge", "seconds", "From the actual send of requests."),
    Family("perfqa_cpu_ratio", "gauge", "ratio", "CPU seconds used per second, by part."),
    Family("perfqa_memory_bytes", "gauge", "bytes", "Memory in use, by part."),
)


class OpenMetricsExport(Exporter):
    """Writes a file at the end of the session; one that can't be written is told."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def finish(self, records: Sequence[Record]) -> Iterator[str]:
        """Write it."""
        try:
            files.write(self.path, exposition(records))
        except OSError as error:
            yield f"OpenMetrics: not written: {error}"
        else:
            yield f"OpenMetrics: {self.path}"


def exposition(records: Iterable[Record]) -> str:
    """Give the whole document."""
    records = list(records)
    families = {family.name: family for family in FAMILIES}
    for family in _listed(records):
        families.setdefault(family.name, family)
    points: dict[str, list[MetricPoint]] = {name: [] for name in families}
    taken: dict[str, set[str]] = {}
    for record in records:
        if record.measured is not None:
            service, scenario = printable(record.service), printable(record.scenario)
            # Two samples of one series at one time are none: no two runs have the same labels.
            scenario = numbered(scenario, taken.setdefault(service, set()))
            taken[service].add(scenario)
            run = (("scenario", scenario), ("service", service))
            for name, point in _points(run, record.measured):
                points[name].append(point)
    lines: list[str] = []
    for name, family in families.items():
        lines += _family(family, points[name])
    return "\n".join([*lines, "# EOF", ""])


def _listed(records: Iterable[Record]) -> Iterator[Family]:
    """Give the families of metrics that have no other place."""
    units = {"s": "seconds", "B": "bytes", "ratio": "ratio"}
    for one in (record.measured for record in records if record.measured):
        for metric in one.metrics:
            if metric.value is not None:
                unit, meaning = units.get(metric.unit, ""), f"{printable(metric.text)}, of the run."
                yield Family(f"perfqa_{flat(metric)}", "gauge", unit, meaning)


def _family(family: Family, points: list[MetricPoint]) -> Iterator[str]:
    yield f"# TYPE {family.name} {family.kind}"
    if family.unit:
        yield f"# UNIT {family.name} {family.unit}"
    yield f"# HELP {family.name} {family.meaning}"
    suffix = "_total" if family.kind == "counter" else ""
    # A series stands together, in the order of time; of two at one time, the later one counts.
    values: dict[tuple[str, str], float] = {}
    for point in sorted(points, key=lambda one: (one.labels, one.moment)):
        labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in point.labels)
        values[labels, f"{point.moment:.3f}"] = point.value
    for (labels, moment), value in values.items():
        yield f"{family.name}{suffix}{{{labels}}} {value:.10g} {moment}"


def _points(
    run: tuple[tuple[str, str], ...], measured: Measured
) -> Iterator[tuple[str, MetricPoint]]:
    start = datetime.fromisoformat(measured.started_at).timestamp()
    windows = measured.windows
    moments = [start + (number + 1) * windows.width for number in range(len(windows.launched))]

    def series(
        name: str, values: Iterable[float | None], at: Iterable[float] = moments, **labels: str
    ) -> Iterator[tuple[str, MetricPoint]]:
        for moment, value in zip(at, values, strict=True):
            if value is not None:
                yield name, MetricPoint((*labels.items(), *run), moment, value)

    yield from series("perfqa_launched", accumulate(windows.launched))
    yield from series("perfqa_completed", accumulate(windows.completed))
    yield from series("perfqa_failed", accumulate(windows.failed))
    yield from series("perfqa_pending", windows.pending)
    for code, counts in windows.status.items():
        yield from series("perfqa_answers", accumulate(counts), code=code)
    for kind, counts in windows.errors.items():
        yield from series("perfqa_errors", accumulate(counts), kind=kind)
    yield from series("perfqa_unexpected", accumulate(windows.bad))
    for name, times in (("latency", windows.latency), ("response", windows.response)):
        for statistic, values in _statistics(times).items():
            yield from series(f"perfqa_{name}_seconds", values, statistic=statistic)
    for part in measured.parts:
        for name, figure in (("perfqa_cpu_ratio", part.cpu), ("perfqa_memory_bytes", part.memory)):
            if figure is not None:
                at = [start + time for time in figure.times]
                yield from series(name, figure.values, at, part=part.name)
    for metric in measured.metrics:
        if metric.value is not None:
            yield f"perfqa_{flat(metric)}", MetricPoint(run, start + measured.wall, metric.value)


def _statistics(times: Percentiles) -> Mapping[str, tuple[float | None, ...]]:
    return {name: getattr(times, name) for name in _STATISTICS}


def _escaped(value: str) -> str:
    return printable(value).replace("\\", "\\\\").replace('"', '\\"')
