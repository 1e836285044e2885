"""Two runs of another time each, metric by metric: what they came to, never judged.

What differs from run to run (the machine's other work, clock rates, where memory lies) is in
neither of two runs. So the ratio of two latencies has no interval here: that of the requests
within the runs would be far too narrow. Shares of requests, and brackets of breaking points, have
one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..base.intervals import divided
from ..base.metrics import RunMetric, find, names
from ..base.units import Estimate, Unit
from ..errors import ConfigurationError, Inconclusive, InvalidRun, NoData
from ..result.fingerprint import unlike

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..base.intervals import Ends
    from ..base.units import Quantity
    from ..capacity.limits.found import BreakingPoint
    from ..result.run_result import RunResult
    from .findings import Findings

STATEMENT = (
    "told, not judged: one run against one says nothing of a regression in latency or throughput, "
    "for what differs from run to run is in neither of them (docs/gate.md). Intervals are of the "
    "requests within a run; a ratio without one can't have one of two runs"
)
_TIMES = ("latency.p50", "latency.p95", "latency.p99", "latency.mean", "latency.max")
_MORE_TIMES = ("response.p50", "response.p95")
_STATUSES = tuple(f"{hundred}xx" for hundred in range(1, 6))
MEMORY = RunMetric(
    "memory",
    Unit.BYTE,
    "the most that all parts of the service used together",
    lambda run: run.resources.total.memory.max,
    of="service",
    is_scaled=False,
)


@dataclass(frozen=True)
class Told:
    """A figure of a run, or why there is none.

    Attributes:
        value: in base units; None if there is none.
        ends: where that of another run of the same requests lies; None where that isn't known.
        why: there is no value; else empty.
    """

    value: float | None = None
    ends: Ends | None = None
    why: str = ""


@dataclass(frozen=True)
class MetricPair:
    """A metric of two runs.

    Attributes:
        ratio: other / one; None where one has no figure.
        ratio_ends: where it lies, where one run against one tells.
    """

    name: str
    unit: Unit
    worse: str
    one: Told
    other: Told
    ratio: float | None
    ratio_ends: Ends | None = None


@dataclass(frozen=True)
class ResultPair:
    """Two runs, or two breaking points, of one name.

    Attributes:
        name: of service and scenario, or of service and what was asked; as the first has it.
        unlike: what they were not alike in, and why one of them can't be believed.
    """

    name: str
    unlike: tuple[str, ...]
    metrics: tuple[MetricPair, ...]


@dataclass(frozen=True)
class Paired:
    """Two sessions, run by run.

    Attributes:
        only_one, only_other: what has no counterpart, by name.
    """

    pairs: tuple[ResultPair, ...]
    only_one: tuple[str, ...] = ()
    only_other: tuple[str, ...] = ()


def pair_findings(one: Findings, other: Findings) -> Paired:
    """Lay what two sessions came to side by side, by service and scenario.

    Where each has a single run, those are a pair, whatever they are called.

    Raises:
        ConfigurationError: they have nothing in common.
    """
    mine, theirs = _runs(one), _runs(other)
    limits, their_limits = _limits(one), _limits(other)
    if len(mine) == len(theirs) == 1:
        theirs = dict(zip(mine, theirs.values(), strict=True))
    pairs = [_pair(name, mine[name], theirs[name]) for name in mine if name in theirs]
    pairs += [
        ResultPair(name, (), (_rates(limits[name], their_limits[name]),))
        for name in limits
        if name in their_limits
    ]
    here, there = (*mine, *limits), (*theirs, *their_limits)
    only_one = tuple(name for name in here if name not in there)
    only_other = tuple(name for name in there if name not in here)
    if not pairs:
        raise ConfigurationError(
            f"nothing to compare: the first has {_listed(only_one)}, the second "
            f"{_listed(only_other)}; accepted: two with a service and a scenario in common, or "
            "with a single run each"
        )
    return Paired(tuple(pairs), only_one, only_other)


def _listed(found: Sequence[str]) -> str:
    return "; ".join(found) or "no run that came to a result"


def _runs(found: Findings) -> dict[str, RunResult]:
    return {f"{one.service}, {one.scenario}": one for one in found.results}


def _limits(found: Findings) -> dict[str, BreakingPoint]:
    return {f"{one.service}, {one.question}": one for one in found.breaking_points}


def _pair(name: str, one: RunResult, other: RunResult) -> ResultPair:
    differing = (*unlike(one, other), *_doubts("the first", one), *_doubts("the second", other))
    return ResultPair(name, differing, tuple(metric_pairs(one, other)))


def _doubts(which: str, result: RunResult) -> Iterator[str]:
    """Say why a run can't be believed, or not all of it."""
    if result.invalid:
        yield f"{which} is INVALID: {'; '.join(map(str, result.invalid))}"
    elif result.disturbances:
        yield f"others disturbed {which}: {result.disturbances[0].text}"
    if result.aborted is not None:
        yield f"{which} was ended early: {result.aborted.reason}"


def metric_pairs(one: RunResult, other: RunResult) -> Iterator[MetricPair]:
    """Give each metric that either run has something of."""
    for metric in _metrics(one, other):
        here, there = _told(metric, one), _told(metric, other)
        if not (here.value or there.value):
            continue
        ratio = _ratio(here.value, there.value)
        ends = None if here.ends is None or there.ends is None else divided(there.ends, here.ends)
        if is_time(metric):
            ends = None
        unit = Unit.RATIO if metric.share else metric.unit
        yield MetricPair(metric.name, unit, metric.worse, here, there, ratio, ends)


def is_time(metric: RunMetric) -> bool:
    """Whether runs of one service differ in it by more than the requests within one."""
    return metric.unit in {Unit.SECOND, Unit.PER_SECOND}


def _metrics(one: RunResult, other: RunResult) -> Iterator[RunMetric]:
    """Give those that are always of interest, those of packages, and those of what occurred."""
    kinds = [f"errors.{kind}" for kind in dict.fromkeys((*one.errors, *other.errors))]
    wanted = (*_TIMES, *_MORE_TIMES, *names(), *_STATUSES, *kinds)
    yield from filter(None, map(find, dict.fromkeys(wanted)))
    if "memory" not in names():
        yield MEMORY


def _told(metric: RunMetric, result: RunResult) -> Told:
    unit = Unit.RATIO if metric.share else None
    try:
        found = metric.take(result, unit)
    except (Inconclusive, InvalidRun, NoData) as error:
        return Told(why=str(error))
    return (
        Told(float(found), _ends(metric, found)) if math.isfinite(found) else Told(why="no number")
    )


def _ends(metric: RunMetric, found: Quantity) -> Ends | None:
    """Give where the figure of other requests lies: of an estimate, and of a share of them."""
    if isinstance(found, Estimate):
        return found.ends
    if metric.unit is Unit.RATIO or metric.share:
        evidence = found.evidence()
        return evidence.interval if evidence else None
    return None


def _ratio(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return None
    if one == 0:
        return 1.0 if other == 0 else math.inf
    return other / one


def _rates(one: BreakingPoint, other: BreakingPoint) -> MetricPair:
    """Give the rates at which a service breaks, each with its bracket."""
    ends = _bracket(one), _bracket(other)
    here, there = Told(float(one.rate), ends[0]), Told(float(other.rate), ends[1])
    ratio = _ratio(here.value, there.value)
    return MetricPair(
        "breaking point", Unit.PER_SECOND, "less", here, there, ratio, divided(ends[1], ends[0])
    )


def _bracket(found: BreakingPoint) -> Ends:
    return float(found.low), float(found.high)
