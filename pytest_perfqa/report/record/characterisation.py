"""From a characterisation to its record: nothing is judged here, only written down."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...queues.fifo import departures
from ..text.words import said
from .schema import CharacterRecord, ScalabilityRecord, StaircaseRecord, finite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...capacity.character.kind import Character, Scalability, Staircase

_LAW_POINTS = 60


def record_of_character(
    found: Character, machine: Mapping[str, str], versions: Mapping[str, str]
) -> CharacterRecord:
    """Write down what a characterisation found."""
    served = found.concurrency_limit or found.workers
    time = finite(found.service_time)
    return CharacterRecord(
        service=found.service,
        path=found.path,
        time_scale=found.time_scale,
        kind=found.kind,
        workers=found.workers,
        workers_interval=found.workers_interval,
        concurrency_limit=found.concurrency_limit,
        service_time=time,
        service_time_interval=_interval(found.service_time_interval),
        spread=finite(found.spread),
        saturation_rate=finite(found.saturation_rate),
        saturation_rate_interval=_interval(found.saturation_rate_interval),
        cold_start=finite(found.cold_start),
        cpu_slice=finite(found.cpu_slice),
        queue_limit=found.queue_limit,
        beyond_queue=found.beyond_queue,
        replicas=found.replicas,
        requests=found.requests,
        wall=finite(found.wall),
        scalability=None if found.scalability is None else _scalability(found.scalability),
        staircases=tuple(_staircase(one, served, time) for one in found.staircases),
        evidence=found.evidence,
        notes=found.notes,
        machine=dict(machine),
        versions=dict(versions),
    )


def record_of_failure(
    service: str,
    path: str,
    error: BaseException,
    time_scale: float,
    machine: Mapping[str, str],
    versions: Mapping[str, str],
) -> CharacterRecord:
    """Write down a characterisation that came to no result."""
    return CharacterRecord(
        service=service,
        path=path,
        time_scale=time_scale,
        error=said(error),
        machine=dict(machine),
        versions=dict(versions),
    )


def _interval(ends: tuple[float, float] | None) -> tuple[float | None, float | None] | None:
    return None if ends is None else (finite(ends[0]), finite(ends[1]))


def _staircase(burst: Staircase, served: int | None, time: float | None) -> StaircaseRecord:
    # A request that never ended has no place on a staircase.
    steps = [one for one in burst.steps if np.isfinite((one.sent, one.finished)).all()]
    predicted = None
    if served and time:
        sent = np.sort([one.sent for one in steps if one.is_good])
        ends = departures(sent, np.full(len(sent), time), served)
        predicted = tuple(np.round(np.sort(ends), 6).tolist())
    return StaircaseRecord(
        size=burst.size,
        sent=tuple(round(float(one.sent), 6) for one in steps),
        finished=tuple(round(float(one.finished), 6) for one in steps),
        good=tuple(bool(one.is_good) for one in steps),
        predicted=predicted,
    )


def _scalability(found: Scalability) -> ScalabilityRecord:
    most = max((concurrency for concurrency, _ in found.points), default=1.0)
    along = np.linspace(1.0, max(most, 2.0), _LAW_POINTS)
    return ScalabilityRecord(
        points=tuple((round(float(x), 6), round(float(y), 6)) for x, y in found.points),
        law=tuple((round(float(x), 6), round(float(found.throughput(x)), 6)) for x in along),
        rate=float(found.rate),
        contention=float(found.contention),
        coherency=float(found.coherency),
    )
