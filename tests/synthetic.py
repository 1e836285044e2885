"""Runs made of numbers, for tests of what is concluded from a run: no service, no load, no clock.

    run(samples(np.arange(60) / 3, response=0.5, status=200))

gives the result of 60 arrivals, three a second, that were answered in half a second each.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_perfqa.load.wire.outcome import WITH_ANSWER, Outcome
from pytest_perfqa.load.wire.plan import Summary
from pytest_perfqa.load.wire.record import NO_REPLICA, RecordKind
from pytest_perfqa.monitor.readings import Metric, Readings, ReadingSeries
from pytest_perfqa.queues.fifo import departures
from pytest_perfqa.result.context import Context
from pytest_perfqa.result.run_result import RunResult
from pytest_perfqa.result.samples import ROW, Samples
from pytest_perfqa.result.validity import causes, examine
from pytest_perfqa.scenario.records import Flow, Phase, Scenario
from pytest_perfqa.scenario.spans import place
from pytest_perfqa.service.config import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from pytest_perfqa.load.wire.watch import Aborted


def samples(
    intended: ArrayLike,
    response: ArrayLike = 0.1,
    *,
    lag: ArrayLike = 0.0,
    status: ArrayLike = 200,
    outcome: ArrayLike = Outcome.ANSWERED,
    endpoint: ArrayLike = 0,
    replica: ArrayLike = NO_REPLICA,
    kind: ArrayLike = RecordKind.SINGLE,
    size: ArrayLike = 2,
    weight: ArrayLike = 1,
) -> Samples:
    """Give one row per intended start; every other field is one value, or one for each row.

    A request without an answer has the status 0, whatever ``status`` says.
    """
    given = {"response": response, "lag": lag, "status": status, "outcome": outcome}
    given |= {"endpoint": endpoint, "replica": replica, "kind": kind, "size": size}
    given |= {"weight": weight, "intended": intended}
    rows = np.zeros(len(np.asarray(intended)), ROW)
    for name, values in given.items():
        rows[name] = values
    rows["status"][~np.isin(rows["outcome"], WITH_ANSWER)] = 0
    return Samples(rows[np.argsort(rows["intended"], kind="stable")])


def run(
    recorded: Samples,
    *,
    phases: Sequence[tuple[str, float]] | Sequence[Phase] | None = None,
    warmup: Sequence[str] = (),
    time_scale: float = 1.0,
    endpoints: Sequence[str] = ("GET /",),
    replicas: Mapping[str, str] | None = None,
    service: str = "toy",
    scenario: str = "steady",
    summary: Summary | None = None,
    readings: Readings | None = None,
    limits: Limits | None = None,
    aborted: Aborted | None = None,
    **definition: Any,
) -> RunResult:
    """Give the result of a run in which all that was recorded.

    Args:
        recorded: its rows are given their phases by when they were due.
        phases: names and durations in seconds as they ran, in order; without it one phase,
            "steady", from 0 to the end of the second in which the last arrival was due. What is due
            at the moment between two of them is of the first. Or phases as they are; then rows
            keep what they have.
        warmup: names of the phases that are left out of the statistics.
        summary: the generator's account; without it, of one that worked well.
        readings: what the parts of the service used, see ``readings``; unknown without it.
        limits: the budget of the service.
        aborted: why and when the run was ended before its time.
        definition: further fields of the scenario.
    """
    due = recorded.rows["intended"]
    if phases is None:
        phases = [("steady", float(np.floor(due.max(initial=0.0)) + 1))]
    if not isinstance(phases[0], Phase):
        starts = np.cumsum([0.0, *(duration for _, duration in phases)])
        recorded.rows["phase"] = np.clip(place(due, starts), 0, len(phases) - 1)
        phases = list(_phases(phases, recorded))
    launched = recorded.arrivals.count
    if summary is None:
        end = sum(one.duration for one in phases) if aborted is None else aborted.at
        wall = float(recorded.ends.max(initial=end))
        summary = Summary(launched, launched, 0, 0, (), cpu=0.1 * wall, wall=wall)
    definition = {"warmup": frozenset(warmup), "flows": (Flow("f", 1.0, ()),)} | definition
    generator = examine((summary,), recorded)
    context = Context(
        service=service,
        scenario=Scenario(scenario, tuple(phases), **definition),
        time_scale=time_scale,
        endpoints=tuple(endpoints),
        everything=recorded,
        replica_values=tuple(replicas or ()),
        replica_names=replicas,
        readings=readings or Readings(),
        limits=limits or Limits(),
        until=None if aborted is None else aborted.at,
    )
    return RunResult(
        context,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        wall=summary.wall,
        generator=generator,
        invalid=tuple(causes(generator, launched)),
        aborted=aborted,
    )


def _phases(phases: Sequence[tuple[str, float]], recorded: Samples) -> list[Phase]:
    arrivals = recorded.arrivals.rows
    counts = np.bincount(arrivals["phase"], arrivals["weight"], minlength=len(phases))
    return [
        Phase(name, duration, count=int(count))
        for (name, duration), count in zip(phases, counts, strict=True)
    ]


def readings(times: ArrayLike, **parts: Mapping[Metric, ArrayLike]) -> Readings:
    """Give what a monitor may have seen of some parts at these times; all else is missing.

    CPU, context switches and bytes are totals, which rise from 0.
    """
    moments = np.asarray(times, dtype=float)
    series = {
        part: {
            metric: ReadingSeries(
                moments, np.broadcast_to(np.asarray(values, float), moments.shape)
            )
            for metric, values in metrics.items()
        }
        for part, metrics in parts.items()
    }
    missing = dict.fromkeys(Metric, "nobody looked")
    return Readings(series, dict.fromkeys(parts, missing))


def queue(
    intended: NDArray[np.float64], service: ArrayLike, workers: int = 1
) -> NDArray[np.float64]:
    """Give the response times of a first-come first-served queue with so many workers.

    Args:
        intended: when requests arrive, in order.
        service: how long each of them, or any, takes once its turn has come.
    """
    services = np.broadcast_to(np.asarray(service, dtype=float), len(intended))
    return departures(intended, services, workers) - intended
