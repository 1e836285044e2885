"""How much does a service take? The three questions, and what answers each.

Everything here is at full scale, arguments and answers: under a time scale k, windows and limits
on latency are multiplied by k before a load is made, and rates found are multiplied by k. Only the
budget is real time: it is what somebody is willing to wait.
"""

from __future__ import annotations

import contextlib
import math
import resource
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from ...base.units import Quantity, Unit, parse
from ...errors import ConfigurationError, UnitError
from ..probing.probe import Bounds, Prober
from .burst import find_burst
from .found import BreakingPoint, Capacity, per_second
from .series import ProbeSeries, Rest
from .slo import Slo, parse_slo
from .slo_capacity import find_slo_capacity
from .sustained import find_sustained

if TYPE_CHECKING:
    from ..probing.probe import Watch
    from ..probing.target import Target
    from .found import Bracket, Probe
    from .series import Sender

__tracebackhide__ = True

Arrivals = Literal["uniform", "poisson"]

NO_ERRORS = "error_rate == 0%"
DEFAULT_BUDGET_SECONDS = 600.0
DEFAULT_TIMEOUT_SECONDS = 120.0
# What one dispatcher sends on time with some to spare; a ceiling may be higher.
_DEFAULT_RATE = 1000.0
_MOST_AT_ONCE = 1024
_SPARE_DESCRIPTORS = 128
_MOST_REQUESTS = 100_000
_SATURATING_BURST = 256
_LEAST_AT_ONCE = 16


@dataclass(frozen=True)
class Inquiry:
    """What is asked, at full scale; see ``inquiry``."""

    capacity: Capacity
    slo: Slo
    slo_text: str | None
    window: float | None
    ceiling: float | None
    arrivals: Arrivals
    timeout: float
    budget: float


def inquiry(
    *,
    burst_within: str | float | None = None,
    slo: str | None = None,
    ceiling: str | float | None = None,
    arrivals: str | None = None,
    timeout: str | float = DEFAULT_TIMEOUT_SECONDS,
    budget: str | float = DEFAULT_BUDGET_SECONDS,
) -> Inquiry:
    """Make out what is asked: with a window, of bursts; with an SLO alone, of a rate under it.

    Args:
        burst_within: the window that bursts are spread over: a text or seconds, at full scale.
        slo: what must hold; that no request fails, where only a window is given.
        ceiling: the highest rate to try: a text or requests per second, at full scale.
        arrivals: ``poisson`` or ``uniform``, where an SLO is asked for; else they are uniform.
        timeout: after this a request counts as failed: a text or seconds, at full scale.
        budget: how long it may take: a text or seconds, in real time.

    Raises:
        ConfigurationError: with every argument that can't be, and what is accepted.
    """
    mistakes: list[str] = []
    window = (
        None
        if burst_within is None
        else _positive("burst_within", burst_within, Unit.SECOND, mistakes)
    )
    highest = None if ceiling is None else _positive("ceiling", ceiling, Unit.PER_SECOND, mistakes)
    asked = _capacity(burst_within, slo)
    objective: Slo | None = None
    try:
        objective = parse_slo(slo if slo is not None else NO_ERRORS)
    except ConfigurationError as error:
        mistakes.append(str(error))
    if objective is not None and asked is Capacity.SLO:
        mistakes += (
            f"slo={slo!r}: '{one}': of a rate that lasts, a share is accepted, such as '1%'; "
            "a number of requests with burst_within="
            for one in objective.conditions
            if one.unit is Unit.COUNT and one.limit
        )
    if arrivals is not None and arrivals not in ("uniform", "poisson"):
        mistakes.append(f"arrivals={arrivals!r}: accepted: 'uniform', 'poisson'")
    elif arrivals == "poisson" and asked is not Capacity.SLO:
        mistakes.append(
            f"arrivals={arrivals!r}: {asked.value} is measured with evenly spaced arrivals; "
            "random ones are accepted with slo= and without burst_within="
        )
    patience = _positive("timeout", timeout, Unit.SECOND, mistakes)
    seconds = _positive("budget", budget, Unit.SECOND, mistakes)
    if mistakes or objective is None:
        raise ConfigurationError("\n".join(mistakes))
    return Inquiry(
        capacity=asked,
        slo=objective,
        slo_text=slo if asked is Capacity.SUSTAINED else objective.text,
        window=window,
        ceiling=highest,
        arrivals="uniform" if arrivals == "uniform" else "poisson",
        timeout=patience,
        budget=seconds,
    )


def _capacity(burst_within: object, slo: object) -> Capacity:
    if burst_within is not None:
        return Capacity.BURST
    return Capacity.SUSTAINED if slo is None else Capacity.SLO


def _positive(name: str, given: str | float, unit: Unit, mistakes: list[str]) -> float:
    example = {Unit.SECOND: "'10s' or 10", Unit.PER_SECOND: "'50/s' or 50"}[unit]
    value = math.nan
    if isinstance(given, str):
        with contextlib.suppress(UnitError):
            value = float(parse(given, unit))
    elif isinstance(given, int | float) and not isinstance(given, bool):
        value = float(given)
    if not (math.isfinite(value) and value > 0):
        mistakes.append(f"{name}={given!r}: accepted: such as {example}, above 0")
        return 1.0
    return value


def find_breaking_point(target: Target, asked: Inquiry, watch: Watch = tuple) -> BreakingPoint:
    """Look for how much a service takes.

    Args:
        watch: says how others have disturbed the service since it was asked last.

    Raises:
        ConfigurationError: the address is none.
        ServiceError: it fails a single request, or doesn't come to rest between loads.
        InvalidRun: the generator could not make the load.
        DisturbedRun: others disturbed the service.
        Inconclusive: the budget ran out before anything could be told.
    """
    bounds = Bounds(_MOST_REQUESTS, _at_once(), asked.budget)
    with Prober(
        target.url,
        target.request.path,
        method=target.request.method,
        headers=dict(target.request.headers),
        body=target.request.body,
        verify=target.request.verify,
        timeout=asked.timeout * target.time_scale,
        bounds=bounds,
        replica_header=target.replica_header,
        watch=watch,
    ) as prober:
        return search(prober, target, asked, bounds.concurrency)


def search(sender: Sender, target: Target, asked: Inquiry, at_once: int) -> BreakingPoint:
    """Look for it with a prober that is there.

    Args:
        at_once: requests that may be open at one time.
    """
    series = ProbeSeries(sender, Rest(target.canary, target.replicas), time_scale=target.time_scale)
    bracket = _bracket(series, asked, target, at_once)
    probes = tuple(series.probes)
    scale = target.time_scale
    return BreakingPoint(
        capacity=asked.capacity,
        rate=per_second(bracket.rate, scale),
        low=per_second(bracket.low, scale),
        high=per_second(bracket.high, scale),
        broken=bracket.broken,
        cause=_cause(probes),
        confirmed=bracket.confirmed,
        probes=probes,
        wall=Quantity(series.wall, Unit.SECOND, scale),
        service=target.service,
        target=target.name,
        window=asked.window,
        slo=asked.slo_text,
        notes=bracket.notes,
        time_scale=scale,
    )


def _bracket(series: ProbeSeries, asked: Inquiry, target: Target, at_once: int) -> Bracket:
    scale = target.time_scale
    slo = asked.slo.scaled(scale)
    if asked.window is not None:
        most = at_once if asked.ceiling is None else math.floor(asked.ceiling * asked.window + 1e-9)
        declared = replace(target.declared, patience=target.declared.patience * scale)
        most = max(1, min(at_once, most))
        return find_burst(series, slo, asked.window * scale, most, declared)
    ceiling = _DEFAULT_RATE if asked.ceiling is None else asked.ceiling / scale
    largest = min(_SATURATING_BURST, at_once)
    if asked.capacity is Capacity.SUSTAINED:
        return find_sustained(series, ceiling, largest)
    poisson = asked.arrivals == "poisson"
    return find_slo_capacity(series, slo, ceiling, largest, poisson=poisson)


def _cause(probes: tuple[Probe, ...]) -> str:
    """Give the cause of the failure at the lowest rate."""
    failed = [probe for probe in probes if probe.failed]
    return min(failed, key=lambda probe: float(probe.rate)).cause if failed else ""


def _at_once() -> int:
    """Give how many requests may be open at one time: each takes a descriptor."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return _MOST_AT_ONCE
    return max(_LEAST_AT_ONCE, min(_MOST_AT_ONCE, soft - _SPARE_DESCRIPTORS))
