"""One run, step by step: settle, load, read, examine."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import PerfqaError
from ..load.driver.generator import generate
from ..monitor.sampler import Monitor
from ..result.context import Context
from ..result.run_result import RunResult
from ..result.samples import read_samples
from ..result.undisturbed import MOST_TOLD
from ..result.validity import causes, examine
from ..scenario.records import MAX_ERROR_RATE
from ..service.shared.affinity import are_apart
from .faults import Faults, check_fault_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from ..load.driver.generator import Progress, Recording
    from ..load.driver.warm import Warm
    from ..machine.children import Reaper
    from ..monitor.readings import Readings
    from ..result.fault_record import FaultRecord
    from ..scenario.records import Scenario
    from ..service.backend import Service

__tracebackhide__ = True


@dataclass(frozen=True)
class Bench:
    """Where and how runs are made.

    Attributes:
        processes: generator processes among which arrivals are split.
        warm: what they are forked from; made anew for each run by default.
        cpus: where they may run.
        max_error_rate: the share of requests that may be other than expected if a scenario doesn't
            say.
        on_progress: called about once a second during a run.
        on_end: called when the load has ended, before its records are read.
    """

    reaper: Reaper
    time_scale: float = 1.0
    processes: int = 1
    cpus: frozenset[int] | None = None
    max_error_rate: float = MAX_ERROR_RATE
    on_progress: Callable[[Progress], None] | None = None
    warm: Warm | None = None
    on_end: Callable[[], None] | None = None


def run(
    bench: Bench,
    service: Service,
    scenario: Scenario,
    directory: Path,
    *,
    replica_header: str | None = None,
    workers: Mapping[str, float] | None = None,
    notes: tuple[str, ...] = (),
) -> RunResult:
    """Put a scenario, given at full scale, on a started service and wait for its end.

    Args:
        directory: a folder for what the generators write; removed when it has been read.
        workers: how many requests the service does at once, by path, where that is known.
        notes: what is to be said about the run.

    Raises:
        GeneratorError: the load generator failed.
        ServiceError: a part of the service died while the load was on, or a fault failed.
        ConfigurationError: a fault is for a part that the service doesn't have.
        KeyboardInterrupt: it came while the load was on, and no result could be made of that.
    """
    check_fault_parts(scenario, service)
    beside = service.beside
    scaled = scenario.scaled(bench.time_scale)
    directory.mkdir(parents=True)
    recording: Recording | None = None
    try:
        with (
            Faults(service, scaled.faults, bench.time_scale) as faults,
            Monitor(
                service,
                reaper=bench.reaper,
                interval=bench.time_scale,
                cpus=bench.cpus,
                beside=beside,
            ) as monitor,
        ):
            recording = generate(
                scaled,
                service.url,
                directory,
                reaper=bench.reaper,
                warm=bench.warm,
                processes=bench.processes,
                cpus=bench.cpus,
                prefer=is_apart(service, bench.cpus),
                replica_header=replica_header,
                on_progress=bench.on_progress,
                on_start=faults.start,
            )
        if bench.on_end is not None:
            bench.on_end()
        service.check()
        readings = monitor.readings(recording.start)
        result = _result(
            bench, service, scaled, recording, readings, workers or {}, faults.records, notes
        )
    except PerfqaError as error:
        if recording is not None and recording.aborted and recording.aborted.interrupted:
            raise KeyboardInterrupt(recording.aborted.reason) from error
        raise
    shutil.rmtree(directory)
    return result


def is_apart(service: Service, cpus: frozenset[int] | None) -> bool:
    """Whether what runs before others on some CPUs takes nothing from a service."""
    pids = [each.pid for each in service.leaders.values()]
    known = [pid for pid in pids if pid is not None]
    return cpus is not None and len(known) == len(pids) and are_apart(known, cpus)


def _result(
    bench: Bench,
    service: Service,
    scaled: Scenario,
    recording: Recording,
    readings: Readings,
    workers: Mapping[str, float],
    faults: tuple[FaultRecord, ...],
    notes: tuple[str, ...],
) -> RunResult:
    samples, replica_values, endpoints = read_samples(recording)
    generator = examine(recording.summaries, samples, scaled.model, recording.aborted)
    context = Context(
        service=service.name,
        scenario=scaled,
        time_scale=bench.time_scale,
        endpoints=endpoints,
        everything=samples,
        replica_values=replica_values,
        replica_names=service.replicas,
        readings=readings,
        limits=service.limits,
        workers=workers,
        until=recording.aborted.at if recording.aborted else None,
        examples=tuple(one for summary in recording.summaries for one in summary.examples),
    )
    return RunResult(
        context,
        started_at=recording.started_at,
        wall=max(summary.wall for summary in recording.summaries),
        generator=generator,
        invalid=tuple(causes(generator, samples.arrivals.count)),
        notes=(
            service.limits_note,
            *notes,
            *_notes(scaled, bench.time_scale, recording),
            *readings.notes,
            *_disturbed(service.name, scaled, readings),
        ),
        aborted=recording.aborted,
        faults=faults,
        max_error_rate=bench.max_error_rate,
    )


def _disturbed(service: str, scenario: Scenario, readings: Readings) -> Iterator[str]:
    for one in readings.disturbances[:MOST_TOLD]:
        yield f"{service}, {scenario.name}: {one.text}"
    more = len(readings.disturbances) - MOST_TOLD
    if more > 0:
        yield f"{service}, {scenario.name}: and {more} times more"


def _notes(scenario: Scenario, time_scale: float, recording: Recording) -> Iterator[str]:
    """Say what a reader of the figures must know about how they came about."""
    if scenario.model == "closed":
        yield (
            f"{scenario.name}: a closed model, up to {scenario.users} users who each wait for "
            "their answers: the load slows down with the service"
        )
    skipped = sum(summary.skipped for summary in recording.summaries)
    if skipped:
        yield f"{scenario.name}: {skipped} arrivals were skipped, maxVusers were at work"
    if scenario.locustfile is not None and time_scale != 1:
        yield f"{scenario.locustfile.name}: its own times are not scaled by {time_scale:g}"
    nice = max(summary.nice for summary in recording.summaries)
    if nice < 0:
        yield f"load generator at nice {nice}: it goes before others on its CPUs"
    yield from dict.fromkeys(note for summary in recording.summaries for note in summary.notes)
