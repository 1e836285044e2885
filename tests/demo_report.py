"""A report made of numbers, to look at and to test: python tests/demo_report.py DIR."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from synthetic import queue, run, samples

from pytest_perfqa.base.units import Quantity, Unit
from pytest_perfqa.base.verdicts import Verdict
from pytest_perfqa.capacity.character.kind import Character, Scalability, Staircase, Step
from pytest_perfqa.errors import ServiceError
from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.machine.environment import machine, versions
from pytest_perfqa.measuring.runs import Cell, Key
from pytest_perfqa.report.comparison import compare, compare_services
from pytest_perfqa.report.html import folder
from pytest_perfqa.report.record.characterisation import record_of_character, record_of_failure
from pytest_perfqa.report.record.recorder import record_of
from pytest_perfqa.report.record.schema import (
    Event,
    Limit,
    Line,
    PartRecord,
    ProbeRecord,
    SearchRecord,
    Series,
)
from pytest_perfqa.scenario.records import Scenario

if TYPE_CHECKING:
    from pytest_perfqa.report.comparison import Conclusion
    from pytest_perfqa.report.record.schema import CharacterRecord, Record
    from pytest_perfqa.result.run_result import RunResult

PHASES = [
    ("warm up", 60.0),
    ("plateau", 300.0),
    ("steep ramp", 60.0),
    ("peak", 120.0),
    ("down", 60.0),
]
LIMIT = 60.0


def arrivals(rate: float) -> np.ndarray:
    """Give arrivals over ten minutes, with a peak."""
    density = {"warm up": 0.3, "plateau": 0.7, "steep ramp": 1.2, "peak": 1.6, "down": 0.4}
    moments, start = [], 0.0
    for name, duration in PHASES:
        number = round(rate * density[name] * duration)
        moments.append(start + (np.arange(number) + 0.5) * duration / max(number, 1))
        start += duration
    return np.concatenate(moments)


def result(service: str, workers: int, seconds: float = 0.5, seed: int = 1) -> RunResult:
    """Give a run of ten minutes on a service with so many workers behind a proxy with a limit."""
    random = np.random.default_rng(seed)
    due = arrivals(6.0)
    times = queue(due, seconds * random.lognormal(0, 0.08, len(due)), workers)
    late = times > LIMIT
    outcome = np.where(random.random(len(due)) < 0.004 * late, Outcome.RESET, Outcome.ANSWERED)
    recorded = samples(
        due,
        np.minimum(times, LIMIT + random.normal(0, 0.05, len(due))),
        lag=random.exponential(0.0003, len(due)),
        status=np.where(late, 504, np.where(random.random(len(due)) < 0.002, 404, 200)),
        outcome=outcome,
        replica=np.arange(len(due)) % workers,
    )
    replicas = {f"10.0.0.{number}": f"app#{number + 1}" for number in range(workers)}
    return run(
        recorded,
        phases=PHASES,
        warmup=["warm up"],
        service=service,
        scenario="spike_heavy",
        replicas=replicas,
        endpoints=["GET /heavy"],
    )


def parts(number: int, busy: float, end: float = 660.0) -> tuple[PartRecord, ...]:
    """Give what replicas and a proxy used."""
    random = np.random.default_rng(number)
    times = np.arange(1, end)
    made = []
    for name, level, memory in [
        *((f"app#{one + 1}", busy / number, 62e6) for one in range(number)),
        ("proxy", 0.03, 9e6),
    ]:
        load = (
            level
            * (0.35 + 0.65 * ((times > 360) & (times < 560)))
            * random.normal(1, 0.05, len(times))
        )
        held = memory + 4e6 * np.sqrt(times / 600) + random.normal(0, 2e5, len(times))
        moments = tuple(times.tolist())
        made.append(
            PartRecord(
                name,
                cpu=Series(moments, tuple(np.round(load, 4).tolist())),
                memory=Series(moments, tuple(np.round(held).tolist())),
                cpu_mean=round(float(load.mean()), 4),
                memory_max=float(round(held.max())),
            )
        )
    return tuple(made)


def cell(
    service: str,
    scenario: str,
    found: RunResult | None = None,
    error: BaseException | None = None,
) -> Cell:
    """Give a run that was asked for, with or without a result."""
    return Cell(Key(service, scenario, Scenario(scenario, (), ())), found, error)


@cache
def records() -> list[Record]:
    """Give the records of three configurations, an INVALID run and one without a result."""
    here = (machine(), versions())
    found = []
    for service, workers, verdict in [
        ("node", 3, Verdict.FAILED),
        ("gunicorn", 2, Verdict.PASSED),
        ("node_replicated", 6, Verdict.PASSED),
    ]:
        asked = cell(service, "spike_heavy", result(service, workers, seed=workers))
        asked.judge(f"tests/perf/test_spike.py::test_recovers[{service}]", Verdict.PASSED)
        said = "" if verdict is Verdict.PASSED else "AssertionError: assert 61.2 s < '6s'"
        asked.judge(f"tests/perf/test_spike.py::test_peak[{service}]", verdict, said)
        record = record_of(asked, 1.0, *here)
        assert record.measured is not None
        faults = [Event("kill app#2", 150.0, 165.0)] if service == "node_replicated" else []
        model = Line("pending", "load", Series((60.0, 360.0, 540.0), (2.1, 2.1, 4.8)))
        found.append(
            replace(
                record,
                notes=("1 CPU (affinity to CPU 1); memory limit not enforced",),
                measured=replace(
                    record.measured,
                    parts=parts(max(workers - 3, 1), 0.92),
                    events=tuple(faults),
                    limits=(Limit("p95 < 6 s", "latency", 6.0, met=verdict is Verdict.PASSED),),
                    lines=(model,) if service == "node_replicated" else (),
                ),
            )
        )
    refused = cell("node", "endurance", error=OSError("the service did not start"))
    refused.judge("tests/perf/test_endurance.py::test_it[node]", Verdict.ERROR, "OSError: no")
    found.append(record_of(refused, 1.0, *here))
    invalid = result("gunicorn", 4, seed=9)
    invalid.scenario = "endurance"
    invalid.invalid = ("31 of 3000 arrivals were sent more than 10 ms late (worst 120 ms)",)
    doubted = cell("gunicorn", "endurance", invalid)
    doubted.judge(
        "tests/perf/test_endurance.py::test_it[gunicorn]", Verdict.INVALID, "INVALID: late"
    )
    found.append(record_of(doubted, 1.0, *here))
    return found


@cache
def conclusions() -> tuple[Conclusion, ...]:
    """Give what is concluded on the three configurations, under two scenarios."""
    found = []
    for scenario, workers in (("spike_heavy", (3, 2, 6)), ("endurance", (1, 1, 4))):
        for service, number in zip(("node", "gunicorn", "node_replicated"), workers, strict=True):
            one = result(service, number, seed=number)
            one.scenario = scenario
            found.append(one)
    return compare_services(compare(found), ())


def searches() -> list[SearchRecord]:
    """Give the records of a burst that was searched for, and of a search without a result."""
    probes, started = [], 0.0
    for size in (40, 12, 14, 13, 14):
        bad = max(size - 13, 0)
        slowest = min(size, 13) * 4.6
        probes.append(
            ProbeRecord(
                size=size,
                rate=size / 10,
                verdict="FAILED" if bad else "PASSED",
                why=f"{bad} of {size} got a 504" if bad else "all were answered in time",
                cause="5xx" if bad else "",
                counts={"200": size - bad} | ({"504": bad} if bad else {}),
                slowest=slowest,
                started=started,
                seconds=slowest + 5,
            )
        )
        started += slowest + 15
    found = SearchRecord(
        service="node",
        target="GET /heavy",
        verdict="PASSED",
        time_scale=1.0,
        capacity="burst capacity",
        window=10.0,
        rate=1.3,
        low=1.3,
        high=1.4,
        broken=True,
        confirmed=True,
        cause="5xx",
        wall=started,
        probes=tuple(probes),
        machine=machine(),
        versions=versions(),
    )
    missed = SearchRecord("gunicorn", "GET /heavy", "ERROR", 1.0, error="it did not start")
    return [found, missed]


def slo_search() -> SearchRecord:
    """Give the record of a rate that was searched for: first loads all at once, which have none."""
    probes = [
        ProbeRecord(size, None, "UNTESTED", "saturation", "", {"200": size}, size / 20, at, 2.0)
        for at, size in zip((0.0, 4.0, 8.0), (8, 32, 128), strict=True)
    ]
    for number, rate in enumerate((20.0, 12.0, 16.0, 14.2, 15.1)):
        bad = rate > 15
        probes.append(
            ProbeRecord(
                size=int(rate * 10),
                rate=rate,
                verdict="FAILED" if bad else "PASSED",
                why=f"p95 <= 500 ms: {'more' if bad else 'less'} than 5 % beyond it",
                cause="latency" if bad else "",
                counts={"200": int(rate * 10)},
                slowest=0.9 if bad else 0.45,
                started=12.0 + 14 * number,
                seconds=10.0,
            )
        )
    return SearchRecord(
        service="node",
        target="GET /heavy",
        verdict="PASSED",
        time_scale=1.0,
        capacity="SLO capacity",
        slo="p95 <= 500ms",
        rate=14.2,
        low=14.2,
        high=15.1,
        broken=True,
        confirmed=True,
        cause="latency",
        wall=82.0,
        probes=tuple(probes),
        machine=machine(),
        versions=versions(),
    )


def seconds(value: float) -> Quantity:
    """Give a time."""
    return Quantity(value, Unit.SECOND)


def per_second(value: float) -> Quantity:
    """Give a rate."""
    return Quantity(value, Unit.PER_SECOND)


@cache
def character() -> Character:
    """Give what was found out about a service with three workers."""
    random = np.random.default_rng(4)
    bursts = []
    for size in (1, 2, 4, 8, 16):
        sent = np.arange(size) * np.float64(0.002)
        ends = sent + queue(sent, 0.25 * random.lognormal(0, 0.04, size), 3)
        steps = (Step(*both, is_good=True) for both in zip(sent, ends, strict=True))
        bursts.append(Staircase(size, tuple(steps)))
    points = tuple((min(one.size, 3.0), one.size / one.steps[-1].finished) for one in bursts)
    return Character(
        service="node",
        path="/heavy",
        kind="synchronous",
        workers=3,
        workers_interval=(3, 3),
        concurrency_limit=3,
        service_time=seconds(0.25),
        service_time_interval=(seconds(0.247), seconds(0.254)),
        spread=0.04,
        saturation_rate=per_second(12.0),
        saturation_rate_interval=(per_second(11.8), per_second(12.1)),
        cold_start=seconds(0.09),
        cpu_slice=None,
        queue_limit=None,
        beyond_queue=None,
        replicas=1,
        scalability=Scalability(points, 4.0, 0.02, 0.001),
        staircases=tuple(bursts),
        evidence=("completions of bursts come in groups of 3", "no request was turned away"),
        notes=("1 CPU (affinity to CPU 1)",),
        requests=31,
        wall=9.4,
        time_scale=1.0,
    )


@cache
def characters() -> list[CharacterRecord]:
    """Give the records of a characterisation, and of one without a result."""
    here = (machine(), versions())
    missed = record_of_failure("gunicorn", "/heavy", ServiceError("it did not start"), 1.0, *here)
    return [record_of_character(character(), *here), missed]


if __name__ == "__main__":
    print(folder.write_pages(Path(sys.argv[1]), records(), searches(), characters(), conclusions()))  # noqa: T201
