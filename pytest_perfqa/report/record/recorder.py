"""From what a session found to records: nothing is judged here, only written down."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...errors import Inconclusive, NoData
from ...result.requirements import judge
from ...scenario.spans import bounds
from .. import comparison
from ..text.words import said
from .metrics import metrics
from .schema import (
    DisturbanceRecord,
    EndpointRecord,
    Event,
    GeneratorRecord,
    Histogram,
    Limit,
    Line,
    Measured,
    OutcomeRecord,
    PartRecord,
    Percentiles,
    PhaseRecord,
    ProbeRecord,
    Record,
    RecoveryRecord,
    RequirementRecord,
    SearchRecord,
    Series,
    Times,
    Totals,
    Windows,
    finite,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from ...capacity.limits.found import Probe
    from ...measuring.runs import Cell
    from ...measuring.searches import Search
    from ...monitor.disturbance import Disturbance
    from ...result.attributes.latency import Distribution
    from ...result.attributes.recovery import Recovery
    from ...result.attributes.resources import Gauge, PartResources, Rate
    from ...result.run_result import RunResult
    from ...result.slice import Slice

_WINDOW = 1.0
# With more windows than a wide screen has points, they become wider by whole factors.
_MOST_WINDOWS = 7200
_MOST_ENDPOINTS = 50
_BINS = 80
# A queue is followed request by request: for so many that takes a second or two.
_MOST_MODELLED = 200_000
_MODEL_POINTS = 400


def record_of(
    cell: Cell, time_scale: float, machine: Mapping[str, str], versions: Mapping[str, str]
) -> Record:
    """Write down a run that was asked for."""
    result = cell.result
    return Record(
        service=cell.key.service,
        scenario=cell.key.scenario,
        time_scale=time_scale,
        verdict=cell.verdict.name,
        model=result.definition.model if result else None,
        error=None if cell.error is None else said(cell.error),
        invalid=result.invalid if result else (),
        notes=result.notes if result else (),
        tests=tuple(
            OutcomeRecord(name, test.verdict.name, test.said) for name, test in cell.tests.items()
        ),
        measured=None if result is None else measured(result, held=cell.held),
        machine=dict(machine),
        versions=dict(versions),
    )


def record_of_search(
    search: Search, time_scale: float, machine: Mapping[str, str], versions: Mapping[str, str]
) -> SearchRecord:
    """Write down a breaking point that was asked for."""
    known = SearchRecord(
        service=search.service,
        target=search.target,
        verdict=search.verdict.name,
        time_scale=time_scale,
        error=None if search.error is None else said(search.error),
        notes=search.notes,
        machine=dict(machine),
        versions=dict(versions),
    )
    found = search.found
    if found is None:
        return known
    return replace(
        known,
        target=found.target,
        capacity=found.capacity.value,
        window=found.window,
        slo=found.slo,
        rate=finite(found.rate),
        low=finite(found.low),
        high=finite(found.high),
        broken=found.broken,
        confirmed=found.confirmed,
        cause=found.cause,
        wall=finite(found.wall),
        probes=tuple(map(_probe, found.probes)),
        notes=tuple(dict.fromkeys((*search.notes, *found.notes))),
    )


def _probe(probe: Probe) -> ProbeRecord:
    return ProbeRecord(
        size=probe.size,
        rate=finite(probe.rate),
        verdict=probe.verdict.name,
        why=probe.why,
        cause=probe.cause,
        counts=dict(probe.counts),
        slowest=finite(probe.slowest),
        started=round(probe.started, 6),
        seconds=round(probe.seconds, 6),
    )


def measured(result: RunResult, *, held: bool = False) -> Measured:
    """Write down what a run came to.

    Args:
        result: of the run.
        held: whether it was held to the requirement that every run has.
    """
    generator = result.generator
    parts, unknown = _parts(result)
    compared = comparison.row(result)
    return Measured(
        started_at=result.started_at.isoformat(),
        duration=round(_duration(result), 6),
        wall=round(result.wall, 6),
        totals=_totals(result),
        phases=tuple(_phases(result)),
        endpoints=tuple(_endpoints(result)),
        windows=_windows(result),
        histogram=_histogram(result),
        replicas=result.replicas.counts,
        generator=GeneratorRecord(
            planned=generator.planned,
            launched=generator.launched,
            skipped=generator.skipped,
            missed=generator.missed,
            lag_p99=round(generator.lag_p99, 6),
            lag_max=round(generator.lag_max, 6),
            late=generator.late,
            cpu=round(generator.cpu, 4),
            waited=round(generator.waited, 4),
        ),
        requirements=tuple(
            RequirementRecord(one.text, one.met, one.found, one.strict)
            for one in judge(result, held=held)
        ),
        parts=parts,
        resources_unknown=unknown,
        lines=tuple(_lines(result)),
        events=tuple(_events(result)),
        limits=tuple(_limits(result)),
        queue_grows=compared.queues,
        recoveries=tuple(map(_recovery, compared.recoveries.items())),
        disturbances=tuple(map(_disturbance, result.disturbances)),
        metrics=tuple(metrics(result)),
    )


def _disturbance(found: Disturbance) -> DisturbanceRecord:
    return DisturbanceRecord(
        start=round(found.start, 3),
        end=round(found.end, 3),
        who=found.who,
        how=found.how,
        taken=round(found.taken, 4),
        waited=round(found.waited, 4),
        text=found.text,
    )


def _recovery(found: tuple[str, Recovery | None]) -> RecoveryRecord:
    phase, recovery = found
    if recovery is None:
        return RecoveryRecord(phase)
    return RecoveryRecord(phase, recovery.recovered, finite(recovery))


def _duration(result: RunResult) -> float:
    planned = result.definition.duration
    return planned if result.aborted is None else min(planned, float(result.aborted.at))


def _totals(part: Slice) -> Totals:
    known = bool(part.launched)
    requests = bool(part.requests) and part.duration > 0
    return Totals(
        launched=int(part.launched),
        completed=int(part.completed),
        failed=int(part.failed),
        pending_max=int(part.pending.max) if known else None,
        pending_at_end=int(part.launched - part.completed - part.failed),
        status={str(code): int(part.status[code]) for code in part.status},
        errors={kind: int(part.errors[kind]) for kind in part.errors},
        latency=_times(part.latency),
        response=_times(part.response),
        offered=finite(part.throughput.offered) if requests else None,
        throughput=finite(part.throughput.mean) if requests else None,
        availability=_known(lambda: part.availability.ratio),
        error_rate=_known(lambda: part.error_rate),
    )


def _times(times: Distribution) -> Times:
    if not times.count:
        return Times(0)
    # A description of what happened, whatever the sample size: no verdict is taken from it.
    p50, p95, p99 = (finite(times.sample_percentile(percent)) for percent in (50, 95, 99))
    return Times(times.count, finite(times.mean), p50, p95, p99, finite(times.max))


def _phases(result: RunResult) -> Iterator[PhaseRecord]:
    phases = result.definition.phases
    for phase, (start, end), found in zip(phases, bounds(phases), result.each_phase, strict=True):
        totals = None if found is None else _totals(found)
        warmup = phase.name in result.definition.warmup
        yield PhaseRecord(phase.name, round(start, 6), round(end, 6), warmup, totals)


def _endpoints(result: RunResult) -> Iterator[EndpointRecord]:
    for name in result.endpoints[:_MOST_ENDPOINTS]:
        yield EndpointRecord(name, _totals(result.endpoint(name)))


def _windows(result: RunResult) -> Windows:
    width = _width(result, _MOST_WINDOWS)
    course = result.timeline(width)
    return Windows(
        width=round(width, 9),
        launched=_counts(course.launched),
        completed=_counts(course.completed),
        failed=_counts(course.failed),
        pending=_counts(course.pending),
        status={str(code): _counts(counts) for code, counts in course.status.items()},
        errors={kind: _counts(counts) for kind, counts in course.errors.items()},
        bad=_counts(course.bad),
        latency=_percentiles(course.latency),
        response=_percentiles(course.response),
    )


def _width(result: RunResult, most: int) -> float:
    """Give how wide windows are, of which there are so many at most."""
    width = _WINDOW * result.time_scale
    return width * max(1, int(np.ceil(max(result.wall, _duration(result)) / width / most)))


def _counts(counts: NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(counts.tolist())


def _percentiles(found: Mapping[float, NDArray[np.float64]]) -> Percentiles:
    return Percentiles(
        *(tuple(map(finite, found[percent].tolist())) for percent in (50, 95, 99, 100))
    )


def _histogram(result: RunResult) -> Histogram | None:
    """Count times in bins of one width on a logarithmic scale."""
    if not result.latency.count:
        return None
    # The smallest of all values: the ``min`` of a latency is that of those that have ended.
    smallest = (times.sample_percentile(0) for times in (result.latency, result.response))
    low = max(min(map(float, smallest)), 1e-6)
    high = max(float(result.latency.max), low * 1.1)
    edges = np.geomspace(low * 0.999, high * 1.001, _BINS + 1)
    return Histogram(
        edges=tuple(float(f"{edge:.6g}") for edge in edges),
        latency=_counts(result.latency.histogram(edges)),
        response=_counts(result.response.histogram(edges)),
    )


def _parts(result: RunResult) -> tuple[tuple[PartRecord, ...], str | None]:
    """Give what each part used over the whole run; or none, and why nothing is known."""
    counted = result.resources
    try:
        _ = counted.total
    except NoData as error:
        return (), str(error)
    whole = result.resources_throughout
    return tuple(_part(name, whole[name], counted[name]) for name in whole), None


def _part(name: str, whole: PartResources, counted: PartResources) -> PartRecord:
    return PartRecord(
        name,
        cpu=_series(whole.cpu, 4),
        memory=_series(whole.memory, 0),
        cpu_mean=_known(lambda: counted.cpu.mean),
        memory_max=_known(lambda: counted.memory.max),
    )


def _series(figure: Rate | Gauge, digits: int) -> Series | None:
    try:
        times, values = figure.times, figure.values
    except NoData:
        return None
    return Series(tuple(np.round(times, 3).tolist()), tuple(np.round(values, digits).tolist()))


def _events(result: RunResult) -> Iterator[Event]:
    """Give what was done to the service, by others too, and the end of a run ended early."""
    for fault in result.faults:
        yield Event(fault.text, round(fault.at, 3), finite(fault.ended, 3))
    for one in result.disturbances:
        name = f"others: {one.how}{''.join(f', {who}' for who in one.who[:1])}"
        yield Event(name, round(max(0.0, one.start), 3), round(one.end, 3), kind="disturbance")
    if result.aborted is not None:
        yield Event(result.aborted.reason, round(result.aborted.at, 3), kind="abort")


def _limits(result: RunResult) -> Iterator[Limit]:
    """Give the limits from the scenario file that a line in a chart can stand for."""
    findings = {one.text: one.met for one in judge(result)}
    for threshold in result.definition.thresholds:
        name, _, _ = threshold.metric.partition(".")
        if name in {"latency", "response"}:
            yield Limit(threshold.text, "latency", threshold.limit, findings.get(threshold.text))


def _lines(result: RunResult) -> Iterator[Line]:
    """Give what a queue would have done with the same arrivals, where one can be told."""
    if not 0 < result.launched <= _MOST_MODELLED:
        return
    model = result.model
    try:
        # At the ends of windows, where what was measured is drawn: elsewhere it may be another part
        # of what happens between two arrivals.
        width = _width(result, _MODEL_POINTS)
        moments = np.arange(0.0, result.wall + width, width)
        pending = Series(_rounded(moments), _rounded(model.pending_at(moments)))
        order = np.argsort(model.times + model.latency, kind="stable")
        chosen = order[:: len(order) // _MODEL_POINTS + 1]
        ends = (model.times + model.latency)[chosen]
        latency = Series(_rounded(ends), _rounded(model.latency[chosen]))
    except (NoData, Inconclusive):
        return
    yield Line("pending", "load", pending)
    yield Line("latency", "latency", latency)


def _rounded(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(np.round(values, 6).tolist())


def _known(figure: Callable[[], float]) -> float | None:
    try:
        return finite(figure())
    except NoData:
        return None
