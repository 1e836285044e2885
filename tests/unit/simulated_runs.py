"""Random runs in numbers alone: schedules as scenarios have them, services that queue, refuse, time
out and die, and runs that are cut off.

Times are recorded as a generator records them, as differences of a clock that has run for long.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import synthetic
from hypothesis import strategies as st

from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.load.wire.record import WHOLE_ARRIVAL, RecordKind
from pytest_perfqa.load.wire.watch import Aborted
from pytest_perfqa.queues.fifo import departures
from pytest_perfqa.result.samples import Samples, fold
from pytest_perfqa.scenario.records import Flow, Phase, Scenario
from pytest_perfqa.scenario.schedule import schedule

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_perfqa.result.run_result import RunResult

    Floats = NDArray[np.float64]

ENDPOINTS = ("GET /", "POST /order")
_MOST_ARRIVALS = 300


@dataclass(frozen=True)
class Service:
    """What answers, first come first served.

    Attributes:
        tail: "constant", "exponential" or "heavy" (Pareto, without a variance).
        refusing: this share is turned away at once.
        dies: from then on, in seconds of the run, connections are reset and refused.
    """

    seconds: float
    workers: int
    tail: str
    refusing: float
    timeout: float
    dies: float

    def times(self, random: np.random.Generator, number: int) -> Floats:
        """Draw how long the work on each request takes."""
        if self.tail == "constant":
            return np.full(number, self.seconds)
        if self.tail == "exponential":
            return random.exponential(self.seconds, number)
        return self.seconds * (1 + random.pareto(1.5, number))


@dataclass(frozen=True)
class Drawn:
    """A run to be, at full scale.

    Attributes:
        clock: what the generator's clock shows at the start.
        steps: whether each arrival makes two requests, one after the other.
        cut: when the run is cut off, if it is.
        fold: within how many seconds rows are put together, as if there were millions; 0 if not.
    """

    phases: tuple[Phase, ...]
    service: Service
    arrivals: Any
    scale: float
    seed: int
    clock: float
    steps: bool
    cut: float | None
    warmup: tuple[str, ...] = ()
    fold: float = 0.0

    def run(self, **more: Any) -> RunResult:
        """Give what comes of it."""
        phases = tuple(phase.scaled(self.scale) for phase in self.phases)
        flow = Flow("f", 1, ())
        plan = schedule(Scenario("s", phases, (flow,), arrivals=self.arrivals, seed=self.seed))
        recorded = _recorded(self, plan.times, plan.phases)
        if self.fold:
            rows = fold(recorded.rows, self.fold)
            recorded = Samples(rows[np.argsort(rows["intended"], kind="stable")])
        aborted = None if self.cut is None else Aborted(self.cut * self.scale, "enough")
        return synthetic.run(
            recorded,
            phases=phases,
            time_scale=self.scale,
            endpoints=ENDPOINTS,
            aborted=aborted,
            warmup=self.warmup,
            **more,
        )


def _recorded(drawn: Drawn, due: Floats, phases: NDArray[np.uint16]) -> Samples:
    random = np.random.default_rng(drawn.seed)
    scale = drawn.scale
    cut = np.inf if drawn.cut is None else drawn.cut * scale
    due, phases = due[due <= cut], phases[due <= cut]
    number = len(due)
    service = drawn.service
    lag = random.exponential(1e-4, number)
    ends = departures(due + lag, service.times(random, number) * scale, service.workers)
    outcome = np.full(number, int(Outcome.ANSWERED))
    status = random.choice([200, 200, 302, 404, 500, 503], number)
    refused = random.random(number) < service.refusing
    ends[refused] = (due + lag)[refused]
    outcome[refused & (status == 200)] = Outcome.REFUSED
    late = ends - due - lag > service.timeout * scale
    ends[late] = (due + lag)[late] + service.timeout * scale
    outcome[late] = Outcome.TIMEOUT
    for moment, ending, after in (
        (service.dies * scale, Outcome.RESET, Outcome.REFUSED),
        (cut, Outcome.PENDING, Outcome.PENDING),
    ):
        hit = ends > moment
        outcome[hit] = np.where(due[hit] <= moment, ending, after)
        ends[hit] = np.maximum(due + lag, moment)[hit]
    due = (drawn.clock + due) - drawn.clock
    rows = {"lag": lag, "response": np.maximum(ends - due - lag, 0), "status": status}
    rows |= {"outcome": outcome, "endpoint": np.arange(number) % 2}
    made = _steps(due, rows) if drawn.steps else synthetic.samples(due, **rows)
    made.rows["phase"] = np.repeat(phases, 3) if drawn.steps else phases
    return Samples(made.rows[np.argsort(made.rows["intended"], kind="stable")])


def _steps(due: Floats, rows: dict[str, Floats]) -> Samples:
    """Make two requests of each arrival, the second after half of the time."""
    half = rows["response"] / 2
    number = len(due)
    answered = rows["outcome"] == Outcome.ANSWERED
    kinds = np.tile([RecordKind.ARRIVAL, RecordKind.STEP, RecordKind.STEP], number)
    whole = np.where(answered & (rows["status"] >= 400), Outcome.UNEXPECTED, rows["outcome"])
    table = synthetic.samples(np.zeros(3 * number), kind=kinds).rows
    columns = {
        "intended": (due, due, due + rows["lag"] + half),
        "lag": (rows["lag"], rows["lag"], 0 * half),
        "response": (rows["response"], half, half),
        "status": (0 * due, np.full(number, 200), rows["status"] * answered),
        "outcome": (whole, np.full(number, int(Outcome.ANSWERED)), rows["outcome"]),
        "endpoint": (np.full(number, WHOLE_ARRIVAL), 0 * due, 0 * due + 1),
    }
    for name, values in columns.items():
        table[name] = np.stack(values, axis=1).reshape(-1)
    return Samples(table)


#: Durations and rates that binary fractions miss by a little, and some that they don't.
DURATIONS = st.sampled_from([0.3, 0.5, 1.0, 2.0, 2.5, 10 / 3, 5.0, 7.0, 20.0])
RATES = st.sampled_from([0.1, 1 / 3, 0.7, 1.0, 3.0, 7.5, 10.0, 30.0, 50.0])
WIDTHS = st.sampled_from([0.1, 0.3, 1 / 3, 0.5, 0.7, 1.0, 3.0, 7.0, 1000.0])


@st.composite
def phases(draw: st.DrawFn) -> Phase:
    """A phase with an even rate, a ramp, a count, or nothing."""
    name, duration = draw(st.sampled_from(["a", "b", "c"])), draw(DURATIONS)
    kind = draw(st.sampled_from(["rate", "rate", "ramp", "count", "pause"]))
    if kind == "count":
        return Phase(name, duration, count=draw(st.integers(1, 40)))
    if kind == "pause":
        return Phase(name, duration)
    rate = draw(RATES)
    return Phase(name, duration, rate, draw(RATES) if kind == "ramp" else rate)


@st.composite
def services(draw: st.DrawFn) -> Service:
    """A service, quick or overloaded."""
    return Service(
        seconds=draw(st.sampled_from([0.001, 0.01, 0.02, 0.1, 0.5, 2.0])),
        workers=draw(st.integers(1, 4)),
        tail=draw(st.sampled_from(["constant", "exponential", "heavy"])),
        refusing=draw(st.sampled_from([0.0, 0.0, 0.2])),
        timeout=draw(st.sampled_from([0.5, 3.0, 60.0])),
        dies=draw(st.sampled_from([np.inf, np.inf, 0.4, 4.0])),
    )


@st.composite
def drawn(draw: st.DrawFn, *, most: int = 5, warmup: bool = True) -> Drawn:
    """A run with at least one arrival."""
    chosen = draw(st.lists(phases(), min_size=1, max_size=most).filter(_is_of_use))
    duration = sum(phase.duration for phase in chosen)
    names = sorted({phase.name for phase in chosen})
    cut = draw(st.none() | st.sampled_from([0.25, 0.5, 1 / 3, 0.9]))
    return Drawn(
        phases=tuple(chosen),
        service=draw(services()),
        arrivals=draw(st.sampled_from(["uniform", "uniform", "poisson"])),
        scale=draw(st.sampled_from([1.0, 1.0, 0.1, 0.125, 1 / 3])),
        seed=draw(st.integers(0, 1000)),
        clock=draw(st.sampled_from([0.0, 12_345.678, 1_234_567.89])),
        steps=draw(st.booleans()),
        cut=None if cut is None else cut * duration,
        warmup=tuple(names[:1]) if warmup and len(names) > 1 and draw(st.booleans()) else (),
        fold=draw(st.sampled_from([0.0, 0.0, 1.0, 4.0])),
    )


def _is_of_use(chosen: list[Phase]) -> bool:
    return 1 <= sum(phase.expected for phase in chosen) <= _MOST_ARRIVALS


_PIECES = 400


def stays(arrivals: Samples, spans: Any) -> float:
    """Add up how long arrivals were in the system within some stretches of time.

    Those that were folded stand for many that came evenly; here, for as many as make the sum right
    within a thousandth or so.
    """
    if arrivals.rows["spread"].any():
        offsets = (np.arange(_PIECES) + 0.5) / _PIECES - 0.5
        pieces = np.repeat(arrivals.rows, _PIECES)
        pieces["intended"] += pieces["spread"] * np.tile(offsets, len(arrivals.rows))
        pieces["spread"] = 0
        return stays(Samples(pieces), spans) / _PIECES
    never = arrivals.rows["outcome"] == Outcome.PENDING
    begins, ends = arrivals.rows["intended"], np.where(never, np.inf, arrivals.ends)
    weights = arrivals.rows["weight"]
    return sum(
        float((np.clip(np.minimum(ends, end) - np.maximum(begins, start), 0, None) * weights).sum())
        for start, end in spans
    )


def cuts(moments: list[float], end: float) -> list[tuple[float, float]]:
    """Cut the time from 0 to ``end`` at these moments."""
    return list(pairwise(sorted({0.0, *(moment for moment in moments if 0 < moment < end), end})))
