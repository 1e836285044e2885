"""May this run be believed? Only if the service, not the generator, decided what came out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .load.record import Kind, Outcome
from .samples import quantile
from .units import Unit, show

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .load.plan import Summary
    from .load.watch import Aborted
    from .samples import Samples
    from .scenario import Model

# An arrival is late when its send was behind schedule by more than this, or by more than this
# share of the run's median latency: then the lag shows in the figures.
_LATE_SECONDS = 0.010
_LATE_SHARE = 0.05
# One hiccup of a shared machine doesn't make a run worthless, a hundredth of the arrivals does.
_LATE_ARRIVALS = 0.01
# From these shares of the run on, the lack of a CPU, or the generator's own work, explains it.
_PRESSED = 0.1
_BUSY = 0.8


@dataclass(frozen=True)
class Generator:
    """How the load generator did.

    Attributes:
        planned: arrivals of the schedule; ``launched + skipped + missed`` adds up to it.
        skipped: arrivals left out because ``maxVusers`` virtual users were at work.
        missed: arrivals it did not get to.
        lag_p99, lag_max: how far behind schedule arrivals were sent, in seconds.
        late, late_limit: how many arrivals were behind by more than ``late_limit`` seconds.
        cpu: CPU seconds of its busiest process per second of the run.
        waited: seconds per second of the run that the worst of its processes had to wait for a CPU.
        failures: requests that failed for want of something on the generator's side, by kind.
        stopped: why it ended early, if it did and was not told to.
        was_told: whether it was told to end early; then arrivals are missing rightly.
    """

    planned: int
    launched: int
    skipped: int
    missed: int
    lag_p99: float
    lag_max: float
    late: int
    late_limit: float
    cpu: float
    waited: float
    failures: dict[str, int]
    stopped: str | None
    was_told: bool = False


def examine(
    summaries: tuple[Summary, ...],
    samples: Samples,
    model: Model = "open",
    aborted: Aborted | None = None,
) -> Generator:
    """Look at how the generator did; in a closed model nothing can be late."""
    told = None if aborted is None else aborted.reason
    sent = samples.where(samples.rows["kind"] != Kind.STEP)
    lag = sent.rows["lag"].astype(float)
    weights = sent.rows["weight"]
    limit = _late_limit(samples)
    launched = sum(summary.launched for summary in summaries)
    reasons = [summary.stopped for summary in summaries]
    return Generator(
        planned=sum(summary.planned for summary in summaries),
        launched=launched,
        skipped=sum(summary.skipped for summary in summaries),
        missed=sum(summary.missed for summary in summaries),
        lag_p99=quantile(lag, weights, 0.99) if len(lag) else 0.0,
        lag_max=float(lag.max(initial=0.0)),
        late=int(weights[lag > limit].sum()) if model == "open" else 0,
        late_limit=limit,
        cpu=max(summary.cpu / max(summary.wall, 1e-9) for summary in summaries),
        waited=max(summary.waited / max(summary.wall, 1e-9) for summary in summaries),
        failures=_own_failures(samples),
        stopped=next((why for why in reasons if why and why != told), None),
        was_told=told is not None,
    )


def causes(generator: Generator, recorded: int) -> Iterator[str]:
    """Give every reason not to believe the run, with what would help; none if it may be."""
    if generator.stopped:
        yield f"the load generator stopped early: {generator.stopped}"
    if generator.missed and not generator.was_told:
        yield (
            f"{generator.missed} of {generator.planned} arrivals were never sent; "
            "use more generator processes (--perfqa-processes) or a lower rate"
        )
    if generator.late > 1 + _LATE_ARRIVALS * generator.launched:
        yield (
            f"{generator.late} of {generator.launched} arrivals were sent more than "
            f"{generator.late_limit * 1e3:.0f} ms late (worst {generator.lag_max * 1e3:.0f} ms): "
            f"{_why_late(generator)}"
        )
    for kind, count in generator.failures.items():
        yield f"{count} requests failed on the generator's side: {kind}; {_HELP[kind]}"
    if recorded != generator.launched:
        yield (
            f"{generator.launched} arrivals were sent but {recorded} recorded: "
            "the account does not add up"
        )


def state(generator: Generator) -> str:
    """Say in a few words whether the generator kept its schedule."""
    kept = "on schedule" if not any(causes(generator, generator.launched)) else "NOT to be believed"
    return (
        f"{kept}: lag p99 {show(generator.lag_p99, Unit.SECOND)}, {generator.late} of "
        f"{generator.launched} late, {generator.cpu:.0%} of a CPU used"
    )


def _why_late(generator: Generator) -> str:
    if generator.waited > _PRESSED:
        return (
            f"the generator waited for a CPU {generator.waited:.0%} of the time, others were using "
            "it; use a quieter machine, or limits that leave the generator a CPU"
        )
    if generator.cpu > _BUSY:
        return (
            f"the generator used {generator.cpu:.0%} of a CPU, all it can; use more generator "
            "processes (--perfqa-processes), a lower rate, or kept connections (http.pool)"
        )
    return (
        f"the generator used {generator.cpu:.0%} of a CPU and was held up by something else; "
        "use a quieter machine"
    )


_HELP = {
    Outcome.NO_DESCRIPTORS.label: "raise the limit of open files (ulimit -n)",
    Outcome.NO_PORTS.label: "keep connections (http.pool) or widen net.ipv4.ip_local_port_range",
}


def _late_limit(samples: Samples) -> float:
    answered = samples.requests.with_status
    if not answered.count:
        return _LATE_SECONDS
    median = quantile(answered.latency, answered.rows["weight"], 0.5)
    return max(_LATE_SECONDS, _LATE_SHARE * median)


def _own_failures(samples: Samples) -> dict[str, int]:
    requests = samples.requests
    return {
        outcome.label: count
        for outcome in Outcome
        if outcome.is_generators
        and (count := requests.where(requests.rows["outcome"] == np.uint8(outcome)).count)
    }
