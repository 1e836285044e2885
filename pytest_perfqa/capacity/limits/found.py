"""What a search for a breaking point found: frozen records.

Rates are those at full scale: what was measured under a time scale k, times k. So the same numbers
are true at every scale.
"""

from __future__ import annotations

import enum
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...base.units import Quantity, Unit, show
from ...base.verdicts import Verdict
from ...load.wire.outcome import kind_of

if TYPE_CHECKING:
    from ..probing.volley import Volley

__tracebackhide__ = True


class Capacity(enum.Enum):
    """What can be asked for."""

    BURST = "burst capacity"
    SUSTAINED = "sustained capacity"
    SLO = "SLO capacity"


@dataclass(frozen=True)
class Probe:
    """One load of a search, and what became of it.

    Attributes:
        size: how many requests it was to have.
        rate: their rate, per second at full scale.
        verdict: PASSED, FAILED, INCONCLUSIVE or INVALID; UNTESTED where something was only read.
        why: what decided it.
        cause: of a failure: ``5xx``, ``4xx``, ``latency``, ``queue``, or a kind of error such as
            ``refused`` or ``timeout``; else empty.
        counts: requests by status or kind of error; ``pending`` are those given up by us.
        latencies: of the good answers in the order of sending, in seconds.
        slowest: the longest of them.
        started, seconds: when it began, from the beginning of the search, and how long it took.
    """

    size: int
    rate: Quantity
    verdict: Verdict
    why: str
    cause: str
    counts: Mapping[str, int]
    latencies: tuple[float, ...]
    slowest: Quantity
    started: Quantity
    seconds: Quantity

    @property
    def passed(self) -> bool:
        """Whether the service took it."""
        return self.verdict.name == "PASSED"

    @property
    def failed(self) -> bool:
        """Whether the service broke."""
        return self.verdict.name == "FAILED"

    def __str__(self) -> str:
        counts = ", ".join(f"{count} x {name}" for name, count in self.counts.items())
        load = str(self.rate) if math.isfinite(self.rate) else f"{self.size} at once"
        return f"{load}: {self.verdict.name} ({counts}; {self.why})"


@dataclass(frozen=True)
class Bracket:
    """An answer, per second as measured.

    Attributes:
        rate, low, high, broken, confirmed: see ``BreakingPoint``.
        notes: what a reader must know.
    """

    rate: float
    low: float
    high: float
    broken: bool
    confirmed: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class BreakingPoint:
    """How much a service takes.

    Attributes:
        capacity: which of the three was asked for.
        rate: the answer, per second at full scale; a lower bound where it is not ``broken``.
        low, high: the bracket: the highest rate that passed and the lowest that failed;
            ``high`` is infinite where nothing failed.
        broken: whether a load was found that breaks the service.
        cause: why the lowest failure failed, see ``Probe.cause``; empty where nothing failed.
        confirmed: whether loads just below and just above the answer went as it says.
        probes: all loads, in the order they were made.
        wall: how long it all took, in real seconds.
        service, target: what was asked, such as ``node`` and ``GET /heavy``.
        window: of a burst, in seconds at full scale; else None.
        slo: the objective, as written; else None.
        notes: what a reader must know about the answer.
        time_scale: the factor on times.
    """

    capacity: Capacity
    rate: Quantity
    low: Quantity
    high: Quantity
    broken: bool
    cause: str
    confirmed: bool
    probes: tuple[Probe, ...]
    wall: Quantity
    service: str
    target: str
    window: float | None = None
    slo: str | None = None
    notes: tuple[str, ...] = ()
    time_scale: float = 1.0

    @property
    def question(self) -> str:
        """What was asked, but for the service: ``GET /heavy, within 10 s, error_rate == 0%``."""
        window = None if self.window is None else f"within {show(self.window, Unit.SECOND)}"
        return ", ".join(part for part in (self.target, window, self.slo) if part)

    @property
    def measured_rate(self) -> Quantity:
        """The rate as it was on this machine, under the time scale."""
        measured = float(f"{float(self.rate) / self.time_scale:.12g}")
        return Quantity(measured, Unit.PER_SECOND, self.time_scale)

    @property
    def size(self) -> int | None:
        """The number of requests of the largest burst; None where no burst was asked for."""
        return None if self.window is None else round(float(self.rate) * self.window)

    def __str__(self) -> str:
        head = f"{self.capacity.value} of {self.service} {self.target}: {self.summary}"
        return "\n".join([head, *(f"  {probe}" for probe in self.probes), *self.notes])

    __repr__ = __str__

    @property
    def summary(self) -> str:
        """The answer in one line."""
        burst = ""
        if self.window is not None:
            burst = f" ({self.size} within {show(self.window, Unit.SECOND)})"
        if not self.broken:
            return f"not broken up to {self.rate}{burst}"
        state = "" if self.confirmed else ", not confirmed"
        bracket = f"passed {self.low}, failed {self.high}"
        return f"{self.rate}{burst}, {bracket} ({self.cause}){state}"


def per_second(measured: float, time_scale: float) -> Quantity:
    """Give a measured rate as it is at full scale."""
    # 14 within 1 s at a tenth are 1.4 per second, not 1.4000000000000001.
    return Quantity(float(f"{measured * time_scale:.12g}"), Unit.PER_SECOND)


def counts_of(volley: Volley) -> dict[str, int]:
    """Count requests by status or kind of error."""
    names = Counter(kind_of(one.outcome, one.status) for one in volley.exchanges)
    return dict(sorted(names.items()))


def cause_of(volley: Volley) -> str:
    """Name what most of the failures were; ``latency`` where nothing failed."""
    names = Counter(
        f"{one.status // 100}xx" if one.is_answered else one.outcome.label
        for one in volley.finished
        if not one.is_good
    )
    return names.most_common(1)[0][0] if names else "latency"
