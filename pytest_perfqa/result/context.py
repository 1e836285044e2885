"""What all slices of a run have in common: the scenario, the service, all samples, all readings."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..base.units import Reach, Unit, show
from ..monitor.readings import Readings
from ..scenario.spans import bounds
from ..service.config import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..load.wire.plan import Example
    from ..scenario.records import Scenario
    from .samples import Samples
    from .validity import Generator


@dataclass(frozen=True)
class Context:
    """What all slices of a run have in common.

    Attributes:
        scenario: as it ran, scaled.
        everything: the samples of the whole run, warm-up and all.
        replica_values, replica_names: values of the replica header in the order of the numbers in
            samples, and the names of the replicas they belong to.
        readings: what the parts of the service used.
        limits: the budget of the service.
        workers: how many requests the service does at once, by path or ``ANY_PATH``, where known.
        generator: how the load generator did, for the evidence behind figures.
        until: when the last arrival came, where the run was ended before its time, or users began
            something when it was over.
        is_guarded: whether figures of stretches that others disturbed are refused.
        examples: the first of each kind of what was not as expected.
        is_of_endpoint: whether the samples are those of one endpoint only.
    """

    service: str
    scenario: Scenario
    time_scale: float
    endpoints: tuple[str, ...]
    everything: Samples
    replica_values: tuple[str, ...] = ()
    replica_names: Mapping[str, str] | None = None
    readings: Readings = field(default_factory=Readings)
    limits: Limits = field(default_factory=Limits)
    workers: Mapping[str, float] = field(default_factory=dict)
    generator: Generator | None = None
    until: float | None = None
    is_guarded: bool = False
    examples: tuple[Example, ...] = ()
    is_of_endpoint: bool = False

    @property
    def duration(self) -> float:
        """Over how many seconds arrivals came."""
        return self.scenario.duration if self.until is None else self.until

    @property
    def reach(self) -> Reach | None:
        """How long a request can take: until the time-out. Of the user's own classes, which may
        record anything, nobody knows."""
        if self.scenario.locustfile is not None:
            return None
        seconds = self.scenario.timeout
        full = f", {show(seconds / self.time_scale, Unit.SECOND)} at full scale"
        key = f"http.timeout{full if self.time_scale != 1 else ''}"
        return Reach(seconds, f"the run's time-out is {show(seconds, Unit.SECOND)} ({key})")

    def bounds(self) -> list[tuple[float, float]]:
        """Give from when to when each phase lasted; one that was never reached took no time."""
        *planned, (start, _) = bounds(self.scenario.phases)
        planned.append((start, math.inf))
        return [(min(start, self.duration), min(end, self.duration)) for start, end in planned]

    @property
    def named(self) -> tuple[tuple[str, float, float], ...]:
        """Give the name of each phase, and from when to when it lasted."""
        phases = zip(self.scenario.phases, self.bounds(), strict=True)
        return tuple((phase.name, *bound) for phase, bound in phases)
