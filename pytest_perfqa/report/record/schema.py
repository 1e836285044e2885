"""The record of a run: all that is written about it, as plain data with a versioned schema.

``result.json`` is this record, and the HTML pages are drawn from it. Times are seconds from the
start of the run, as it ran (scaled); sizes are bytes. ``null`` stands for a figure of nothing.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pydantic import TypeAdapter

FORMAT: Literal["pytest-perfqa result"] = "pytest-perfqa result"
#: Raised whenever a reader of the version before could misunderstand a file.
VERSION: Literal[2] = 2

Counts = tuple[int, ...]
Figures = tuple[float | None, ...]


@dataclass(frozen=True)
class Times:
    """How long requests took; seconds."""

    count: int
    mean: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None


@dataclass(frozen=True)
class Totals:
    """A run, a phase or an endpoint as a whole.

    Attributes:
        pending_max: the most arrivals that were in the system at once.
        pending_at_end: arrivals that never came to an end.
        status: answers by code.
        errors: requests without a whole, expected answer, by kind.
        offered, throughput: requests sent and good answers, per second.
        availability: requests answered as expected, as a share of those that ended.
        error_rate: requests that were not, as a share of those that ended.
    """

    launched: int
    completed: int
    failed: int
    pending_max: int | None
    pending_at_end: int
    status: dict[str, int]
    errors: dict[str, int]
    latency: Times
    response: Times
    offered: float | None
    throughput: float | None
    availability: float | None
    error_rate: float | None = None


@dataclass(frozen=True)
class PhaseRecord:
    """A phase: when it was to be, and what arrived in it; no totals of a pause, or after an end."""

    name: str
    start: float
    end: float
    warmup: bool
    totals: Totals | None


@dataclass(frozen=True)
class EndpointRecord:
    """What was sent to one endpoint."""

    name: str
    totals: Totals


@dataclass(frozen=True)
class Percentiles:
    """One value per window: seconds, null where no request ended."""

    p50: Figures
    p95: Figures
    p99: Figures
    max: Figures


@dataclass(frozen=True)
class Windows:
    """The course of the run: window ``i`` is from ``i * width`` to ``(i + 1) * width``.

    Attributes:
        launched: arrivals that came in the window.
        completed, failed: arrivals that ended in it.
        pending: arrivals in the system at its end.
        status, errors: requests that ended in it, by code and by kind.
        bad: those that were not answered as expected: the errors, and answers with a status that
            was not expected.
    """

    width: float
    launched: Counts
    completed: Counts
    failed: Counts
    pending: Counts
    status: dict[str, Counts]
    errors: dict[str, Counts]
    latency: Percentiles
    response: Percentiles
    bad: Counts = ()


@dataclass(frozen=True)
class Histogram:
    """How many requests took how long: bin ``i`` is from ``edges[i]`` to ``edges[i + 1]``."""

    edges: tuple[float, ...]
    latency: Counts
    response: Counts


@dataclass(frozen=True)
class Series:
    """A figure over time."""

    times: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class PartRecord:
    """What one part of the service used: CPU seconds per second, and bytes of memory."""

    name: str
    cpu: Series | None = None
    memory: Series | None = None
    cpu_mean: float | None = None
    memory_max: float | None = None


@dataclass(frozen=True)
class Line:
    """A line that a model predicts for one of the charts, to be drawn beside what was found."""

    name: str
    chart: Literal["load", "latency", "status", "cpu", "memory"]
    series: Series


@dataclass(frozen=True)
class Event:
    """Something that happened at a moment, or lasted until another: a fault, a disturbance."""

    name: str
    at: float
    until: float | None = None
    kind: Literal["fault", "abort", "threshold", "disturbance"] = "fault"


@dataclass(frozen=True)
class DisturbanceRecord:
    """A stretch in which others took what the service was entitled to: nothing is judged on it.

    Attributes:
        who: the processes that took it, the greatest first.
        how: of what they took it.
        taken: how much of that, in seconds; ``waited`` is how long the service waited for it.
        text: a sentence with all that.
    """

    start: float
    end: float
    who: tuple[str, ...]
    how: Literal["CPU", "steal", "memory"]
    taken: float
    waited: float
    text: str


@dataclass(frozen=True)
class Limit:
    """A line that a figure was held to."""

    name: str
    chart: Literal["load", "latency", "cpu", "memory"]
    value: float
    met: bool | None = None


@dataclass(frozen=True)
class OutcomeRecord:
    """A test that asked for the run: its verdict, and why it is not PASSED."""

    name: str
    verdict: str
    said: str


@dataclass(frozen=True)
class RequirementRecord:
    """A requirement of the scenario file; ``met`` is null if the data can't tell."""

    text: str
    met: bool | None
    found: str
    strict: bool


@dataclass(frozen=True)
class MetricRecord:
    """A figure of the run, warm-up left out, that has no place of its own here.

    Attributes:
        unit: s, /s, B, B/s, ratio; empty of a number of something.
        worse: whether more of it is worse, or less.
        why: why there is no value.
    """

    name: str
    unit: str
    text: str
    worse: Literal["more", "less"] | None = None
    value: float | None = None
    why: str | None = None


@dataclass(frozen=True)
class GeneratorRecord:
    """How the load generator did; seconds, and shares of one CPU."""

    planned: int
    launched: int
    skipped: int
    missed: int
    lag_p99: float
    lag_max: float
    late: int
    cpu: float
    waited: float


@dataclass(frozen=True)
class RecoveryRecord:
    """Whether pending came down to what it was before a peak, and how long after it.

    Attributes:
        phase: the peak.
        recovered: null if that can't be told.
        seconds: null where it did not.
    """

    phase: str
    recovered: bool | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Measured:
    """What a run came to.

    Attributes:
        duration: the time over which arrivals came; shorter than planned if the run was ended.
        wall: until the last answer.
        totals: without the warm-up.
        windows: with it.
        replicas: answers by the replica that gave them.
        queue_grows: whether pending grows; null if that can't be told.
        recoveries: one for each phase after which the rate falls to half or less.
        disturbances: when others took what the service was entitled to.
        metrics: figures that have no other place here.
    """

    started_at: str
    duration: float
    wall: float
    totals: Totals
    phases: tuple[PhaseRecord, ...]
    endpoints: tuple[EndpointRecord, ...]
    windows: Windows
    histogram: Histogram | None
    replicas: dict[str, int]
    generator: GeneratorRecord
    requirements: tuple[RequirementRecord, ...] = ()
    parts: tuple[PartRecord, ...] = ()
    resources_unknown: str | None = None
    lines: tuple[Line, ...] = ()
    events: tuple[Event, ...] = ()
    limits: tuple[Limit, ...] = ()
    queue_grows: bool | None = None
    recoveries: tuple[RecoveryRecord, ...] = ()
    disturbances: tuple[DisturbanceRecord, ...] = ()
    metrics: tuple[MetricRecord, ...] = ()


@dataclass(frozen=True)
class Record:
    """A run that was asked for, and what became of it.

    Attributes:
        model: whether arrivals came at their times, or when users were done waiting.
        verdict: PASSED, FAILED, INVALID, INCONCLUSIVE, ERROR, or UNTESTED where no test came to an
            end.
        error: why there is no result.
        invalid: why the result can't be believed.
        measured: null if the run came to no result.
        machine, versions: where and with what it was made.
    """

    service: str
    scenario: str
    time_scale: float
    verdict: str
    model: Literal["open", "closed"] | None = None
    error: str | None = None
    invalid: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    tests: tuple[OutcomeRecord, ...] = ()
    measured: Measured | None = None
    machine: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    format: Literal["pytest-perfqa result"] = FORMAT
    version: Literal[2] = VERSION


@dataclass(frozen=True)
class ProbeRecord:
    """One load of a search; rates per second at full scale, times in seconds.

    Attributes:
        rate: null where all came at once.
        counts: requests by status or kind of error.
        started: from the beginning of the search.
    """

    size: int
    rate: float | None
    verdict: str
    why: str
    cause: str
    counts: dict[str, int]
    slowest: float | None
    started: float
    seconds: float


@dataclass(frozen=True)
class SearchRecord:
    """A breaking point that was asked for; rates per second at full scale.

    Attributes:
        capacity: which kind of it was asked for.
        rate: the answer; a lower bound where it is not ``broken``.
        low, high: the highest rate that passed and the lowest that failed; null where none did.
        confirmed: whether loads just below and above the answer went as it says.
        wall: how long the search took, in real seconds.
    """

    service: str
    target: str
    verdict: str
    time_scale: float
    error: str | None = None
    capacity: str | None = None
    window: float | None = None
    slo: str | None = None
    rate: float | None = None
    low: float | None = None
    high: float | None = None
    broken: bool = False
    confirmed: bool = False
    cause: str = ""
    wall: float | None = None
    probes: tuple[ProbeRecord, ...] = ()
    notes: tuple[str, ...] = ()
    machine: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    format: Literal["pytest-perfqa breaking point"] = "pytest-perfqa breaking point"
    version: Literal[2] = VERSION


@dataclass(frozen=True)
class StaircaseRecord:
    """One burst of a characterisation; seconds from its begin, in the order of sending.

    Attributes:
        good: whether the request was answered with neither 4xx nor 5xx.
        predicted: when good answers end where so many are served at one time, each in the mean
            service time, in the order of sending; null where either was not told.
    """

    size: int
    sent: tuple[float, ...]
    finished: tuple[float, ...]
    good: tuple[bool, ...]
    predicted: tuple[float, ...] | None = None


@dataclass(frozen=True)
class ScalabilityRecord:
    """Throughput (per second) against mean concurrency, and the law fitted to it.

    Attributes:
        points: mean concurrency and throughput of each burst.
        law: the same of the Universal Scalability Law, for a curve.
        rate: throughput of one at a time, per second.
        contention, coherency: the law's coefficients.
    """

    points: tuple[tuple[float, float], ...]
    law: tuple[tuple[float, float], ...]
    rate: float
    contention: float
    coherency: float


@dataclass(frozen=True)
class CharacterRecord:
    """What kind of service it is; as it ran (scaled). What could not be told is null.

    Attributes:
        path: what was asked for.
        error: why there is no result.
        workers_interval: the lowest and highest number (95 %); the highest is null where no bound
            was found.
        spread: the coefficient of variation of the service time.
        evidence: one sentence for each finding and each thing that could not be told.
        wall: how long it took, in seconds.
    """

    service: str
    path: str
    time_scale: float
    error: str | None = None
    kind: Literal["synchronous", "asynchronous"] | None = None
    workers: int | None = None
    workers_interval: tuple[int, int | None] | None = None
    concurrency_limit: int | None = None
    service_time: float | None = None
    service_time_interval: tuple[float | None, float | None] | None = None
    spread: float | None = None
    saturation_rate: float | None = None
    saturation_rate_interval: tuple[float | None, float | None] | None = None
    cold_start: float | None = None
    cpu_slice: float | None = None
    queue_limit: int | None = None
    beyond_queue: str | None = None
    replicas: int | None = None
    requests: int | None = None
    wall: float | None = None
    scalability: ScalabilityRecord | None = None
    staircases: tuple[StaircaseRecord, ...] = ()
    evidence: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    machine: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    format: Literal["pytest-perfqa characterisation"] = "pytest-perfqa characterisation"
    version: Literal[2] = VERSION


def to_json(record: Record | SearchRecord | CharacterRecord) -> bytes:
    """Give the record as a JSON document in ASCII, so that any text can be in it."""
    kind: Any = type(record)
    plain = _adapter(kind).dump_python(record, mode="json")
    return json.dumps(plain, separators=(",", ":"), allow_nan=False).encode()


def from_json(document: bytes) -> Record:
    """Read a document that ``to_json`` gave.

    Raises:
        ValueError: it is none.
    """
    found: Record = _adapter(Record).validate_python(json.loads(document))
    return found


def schema() -> dict[str, Any]:
    """Give the JSON schema (draft 2020-12) that every document of ``to_json`` fulfils."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"pytest-perfqa, version {VERSION}",
        **_adapter(Record | SearchRecord | CharacterRecord).json_schema(mode="serialization"),
    }


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter  # noqa: PLC0415 - only where a report is written

    return TypeAdapter(kind)


def finite(value: float | None, digits: int = 6) -> float | None:
    """Give a figure rounded to so many decimals; None of what is no finite number."""
    return None if value is None or not math.isfinite(value) else round(float(value), digits)
