"""May this run be believed? Only if the service, not the generator, decided what came out.

How the service did is never looked at: neither its answers nor its times. So a run can't be made
again, which is what becomes of one that can't be believed, because of what came out of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..base.units import Unit, show
from ..errors import Lasting
from ..load.wire.outcome import Outcome
from ..load.wire.plan import FELL_BEHIND, FULL, LATE_SECONDS, Lateness
from ..load.wire.record import RecordKind
from ..scenario.records import Model
from .samples import quantile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..load.wire.plan import Summary
    from ..load.wire.watch import Aborted
    from .samples import Samples

# One hiccup of a shared machine doesn't make a run worthless, a hundredth of the arrivals does.
_LATE_ARRIVALS = 0.01
# From this share of the time that it was late on, its own work explains all of it.
_BUSY = 0.8
# What took this share of the time that it was behind explains it; of the whole run, less does.
_EXPLAINS = 0.5
_PRESSED = 0.1
_NONE_LATE = Lateness(0, 0, 0.0)
_LATE = f"{LATE_SECONDS * 1e3:.0f} ms"


@dataclass(frozen=True)
class Generator:
    """How the load generator did.

    Attributes:
        planned: arrivals of the schedule; ``launched + skipped + missed`` adds up to it.
        skipped: arrivals left out because ``maxVusers`` virtual users were at work.
        missed: arrivals it did not get to.
        lag_p99, lag_max: how far behind schedule arrivals were sent, in seconds.
        late: how many arrivals were behind by more than ``LATE_SECONDS``.
        cpu: CPU seconds of its busiest process per second of the run.
        waited: seconds per second of the run that the worst of its processes had to wait for a CPU.
        failures: requests that failed for want of something on the generator's side, by kind.
        stopped: why it ended early, if it did and was not told to.
        was_told: whether it was told to end early; then arrivals are missing rightly.
        model: in a closed one nothing can be late but the generator's own looks at its clock.
        worst: the lateness of the process that was late most often, and what it did meanwhile.
        full, seconds: in how many whole seconds its busiest process did all it could, and of how
            many, warm-up left out.
        nice: the niceness of its processes.
    """

    planned: int
    launched: int
    skipped: int
    missed: int
    lag_p99: float
    lag_max: float
    late: int
    cpu: float
    waited: float
    failures: dict[str, int]
    stopped: str | None
    was_told: bool = False
    model: Model = "open"
    worst: Lateness = _NONE_LATE
    full: int = 0
    seconds: int = 0
    nice: int = 0


def examine(
    summaries: tuple[Summary, ...],
    samples: Samples,
    model: Model = "open",
    aborted: Aborted | None = None,
) -> Generator:
    """Look at how the generator did; in a closed model no arrival can be late."""
    told = None if aborted is None else aborted.reason
    sent = samples.where(samples.rows["kind"] != RecordKind.STEP)
    lag = sent.rows["lag"].astype(float)
    weights = sent.rows["weight"]
    reasons = [summary.stopped for summary in summaries]
    busiest = max(summaries, key=lambda summary: summary.full)
    lateness = [summary.late for summary in summaries if summary.late is not None]
    return Generator(
        planned=sum(summary.planned for summary in summaries),
        launched=sum(summary.launched for summary in summaries),
        skipped=sum(summary.skipped for summary in summaries),
        missed=sum(summary.missed for summary in summaries),
        lag_p99=quantile(lag, weights, 0.99) if len(lag) else 0.0,
        lag_max=float(lag.max(initial=0.0)),
        late=int(weights[lag > LATE_SECONDS].sum()) if model == "open" else 0,
        cpu=max(summary.cpu / max(summary.wall, 1e-9) for summary in summaries),
        waited=max(summary.waited / max(summary.wall, 1e-9) for summary in summaries),
        failures=_own_failures(samples),
        stopped=next((why for why in reasons if why and why != told), None),
        was_told=told is not None,
        model=model,
        worst=max(lateness, key=lambda one: one.count, default=_NONE_LATE),
        full=busiest.full,
        seconds=busiest.seconds,
        nice=max(summary.nice for summary in summaries),
    )


def causes(generator: Generator, recorded: int) -> Iterator[str]:
    """Give every reason not to believe the run, with what would help; none if it may be.

    Those that another run of the same would have as well are ``Lasting``.
    """
    if generator.stopped:
        said = f"the load generator stopped early: {generator.stopped}"
        # For any other reason, it was the user's own code that stopped it.
        yield said if generator.stopped == FELL_BEHIND else Lasting(said)
    is_late = _is_too_many(generator.late, generator.launched)
    if generator.missed and not generator.was_told:
        said = f"{generator.missed} of {generator.planned} arrivals were never sent"
        yield said if is_late or generator.stopped else _explained(generator, said)
    if is_late:
        yield _explained(
            generator,
            f"{generator.late} of {generator.launched} arrivals were sent more than "
            f"{_LATE} late (worst {generator.lag_max * 1e3:.0f} ms)",
        )
    if generator.model == "closed":
        yield from _distortions(generator)
    for kind, count in generator.failures.items():
        yield Lasting(f"{count} requests failed on the generator's side: {kind}; {_HELP[kind]}")
    if recorded != generator.launched:
        yield Lasting(
            f"{generator.launched} arrivals were sent but {recorded} recorded: "
            "the account does not add up"
        )


def state(generator: Generator) -> str:
    """Say in a few words whether the generator kept its schedule."""
    kept = "on schedule" if not any(causes(generator, generator.launched)) else "NOT to be believed"
    return (
        f"{kept}: lag p99 {show(generator.lag_p99, Unit.SECOND)}, {generator.late} of "
        f"{generator.launched} late, {generator.cpu:.0%} of a CPU used"
        f"{f', at nice {generator.nice}' if generator.nice else ''}"
    )


def _is_too_many(count: int, of: int) -> bool:
    return count > 1 + _LATE_ARRIVALS * of


def _distortions(generator: Generator) -> Iterator[str]:
    """Say what else spoils the times of a closed model, in which nothing is due."""
    worst = generator.worst
    if _is_too_many(worst.count, worst.of):
        yield _explained(
            generator,
            f"the generator was more than {_LATE} late to see to its users at {worst.count} of "
            f"{worst.of} looks (worst {worst.worst * 1e3:.0f} ms)",
        )
    used = ""
    if generator.cpu >= FULL:
        used = f"{generator.cpu:.0%} of a CPU"
    elif _is_too_many(generator.full, generator.seconds):
        used = f"{FULL:.0%} of a CPU or more in {generator.full} of {generator.seconds} s"
    if used:
        yield Lasting(
            f"the generator used {used}: answers waited for it to read them; use more generator "
            "processes (--perfqa-processes), fewer users, less work in a locustfile, or a warm-up "
            "phase for their start"
        )


def _explained(generator: Generator, said: str) -> str:
    """Add why the generator was late, and what would help.

    What it did at the time explains it, its own work first; where only the run as a whole is known,
    that must do.
    """
    late = generator.worst
    if late.behind is None:
        computed, waited, blocked, enough = generator.cpu, generator.waited, 0.0, _PRESSED
    else:
        computed, waited, blocked = late.computed, late.waited, late.blocked
        enough = _EXPLAINS * late.behind
    if computed >= _BUSY:
        return Lasting(f"{said}: the generator used {computed:.0%} of a CPU, all it can; {_WORK}")
    did, helps = [], []
    if computed > enough and late.behind is not None:
        did.append(f"used {computed:.0%} of a CPU at the time")
        helps.append(_WORK)
    if waited > enough:
        did.append(f"waited for a CPU {waited:.0%} of the time, others were using it")
        helps.append("use a quieter machine, or limits that leave the generator a CPU")
    if blocked > enough:
        did.append(
            f"was held up {blocked:.0%} of the time by code that lets nothing else run, or by this "
            "machine's host"
        )
        helps.append("let the locustfile make no calls that wait without gevent knowing it")
    if not did:
        did = [f"used {computed:.0%} of a CPU and was held up by something else"]
        helps = ["use a quieter machine"]
    return f"{said}: the generator {', and '.join(did)}; {'; '.join(helps)}"


_WORK = (
    "use more generator processes (--perfqa-processes), a lower rate, kept connections "
    "(http.pool), or less work in a locustfile"
)
_HELP = {
    Outcome.NO_DESCRIPTORS.label: "raise the limit of open files (ulimit -n)",
    Outcome.NO_PORTS.label: "keep connections (http.pool) or widen net.ipv4.ip_local_port_range",
}


def _own_failures(samples: Samples) -> dict[str, int]:
    requests = samples.requests
    return {
        outcome.label: count
        for outcome in Outcome
        if outcome.is_generators
        and (count := requests.where(requests.rows["outcome"] == np.uint8(outcome)).count)
    }
