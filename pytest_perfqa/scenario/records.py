"""What a load is: phases of arrivals, and the flow that each arrival runs. Frozen records.

All times are seconds, all rates per second. A scenario read from a file is at full scale;
``Scenario.scaled`` gives the one to run.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any, Literal

from ..base.conditions import Condition

#: The share of requests that may be other than expected where a scenario doesn't say.
MAX_ERROR_RATE = 0.01

Arrivals = Literal["uniform", "poisson"]
Model = Literal["open", "closed"]


@dataclass(frozen=True)
class Phase:
    """A stretch of time with its arrivals.

    Either a rate that goes linearly from ``rate`` to ``rate_end``, or ``count`` arrivals spread
    evenly. A pause has neither: its rate is 0.
    """

    name: str
    duration: float
    rate: float = 0.0
    rate_end: float = 0.0
    count: int | None = None
    max_vusers: int | None = None

    @property
    def rates(self) -> tuple[float, float]:
        """The rates of arrivals at which it begins and ends; of a count, that of its spreading."""
        if self.count is not None:
            return self.count / self.duration, self.count / self.duration
        return self.rate, self.rate_end

    @property
    def highest_rate(self) -> float:
        """The highest rate of arrivals in it."""
        return max(self.rates)

    @property
    def expected(self) -> float:
        """How many arrivals the phase brings on average: the integral of its rate."""
        if self.count is not None:
            return float(self.count)
        return (self.rate + self.rate_end) / 2 * self.duration

    def scaled(self, factor: float) -> Phase:
        """Give the phase with its time multiplied and its rates divided by ``factor``."""
        return replace(
            self,
            duration=self.duration * factor,
            rate=self.rate / factor,
            rate_end=self.rate_end / factor,
        )


@dataclass(frozen=True)
class Capture:
    """A value taken from an answer into the variable ``name``.

    ``source`` says how: a JSONPath (``json``), a header's name (``header``) or a regular
    expression (``regexp``, whose ``group``, a number or a name, is taken). ``strict`` makes a
    miss an error.
    """

    name: str
    source: Literal["json", "header", "regexp"]
    expression: str
    group: int | str = 0
    strict: bool = True


@dataclass(frozen=True)
class Expectation:
    """A condition on an answer: Artillery's ``expect``; a miss makes the request an error."""

    kind: Literal["statusCode", "contentType", "hasProperty", "notHasProperty", "equals"]
    value: Any


@dataclass(frozen=True)
class Request:
    """One HTTP request; texts may hold ``{{ templates }}``, expanded at every arrival.

    ``label`` is the endpoint's name in results, with templates not expanded. At most one of
    ``json``, ``body`` and ``form`` is set; ``has_json`` tells a JSON null from no JSON.
    """

    method: str
    url: str
    label: str
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    json: Any = None
    has_json: bool = False
    body: str | None = None
    form: Mapping[str, Any] | None = None
    follow_redirects: bool = True
    captures: tuple[Capture, ...] = ()
    expectations: tuple[Expectation, ...] = ()


@dataclass(frozen=True)
class Think:
    """A pause of the virtual user."""

    seconds: float


@dataclass(frozen=True)
class Loop:
    """Steps repeated ``count`` times, or once for each of the values in the variable ``over``.

    Within, ``{{ $loopCount }}`` counts from 0, as Artillery does it (its documentation says from
    1), and ``{{ $loopElement }}`` is the value, or the same number where ``count`` is given.
    """

    steps: tuple[Request | Think | Loop, ...]
    count: int | None = None
    over: str | tuple[Any, ...] | None = None

    def most(self, variables: Mapping[str, tuple[Any, ...]]) -> int | None:
        """How often it is done at most; None where that is known only when it runs.

        Args:
            variables: those of the scenario, alternatives by name.
        """
        if self.count is not None:
            return self.count
        if isinstance(self.over, tuple):
            return len(self.over)
        if self.over is None or self.over not in variables:  # taken from an answer or a payload
            return None
        alternatives = variables[self.over]
        # What is no list is one value.
        return max(len(one) if isinstance(one, list | tuple) else 1 for one in alternatives)


Step = Request | Think | Loop


@dataclass(frozen=True)
class Flow:
    """What one virtual user does, and how often it is drawn among its siblings."""

    name: str
    weight: float
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Payload:
    """The rows of a CSV file, one given to each virtual user, in turn or at random."""

    fields: tuple[str, ...]
    rows: tuple[tuple[str | int | float | bool, ...], ...]
    order: Literal["random", "sequence"] = "random"


@dataclass(frozen=True)
class Ensure:
    """A requirement from Artillery's ``ensure``, not yet judged.

    ``text`` is such as ``http.response_time.p95 < 200 and vusers.failed == 0``, with times in
    milliseconds as Artillery has them. A miss of one that is not ``strict`` is only told.
    """

    text: str
    line: int
    strict: bool = True


@dataclass(frozen=True)
class Fault:
    """Something done to a service during a run; times are seconds from its start.

    Attributes:
        text: such as ``kill app#2 at plateau + 60s``.
        action: the name of its kind, as ``fault_kinds`` has them.
        part: ``app#2``, or ``app`` for all its replicas; empty if it isn't done to one.
        lasting: how long until a killed part is restarted or a paused one goes on; None leaves it
            until the run is over.
        argument: what it is told, if that is not the name of a part.
    """

    text: str
    line: int
    at: float
    action: str
    part: str
    lasting: float | None = None
    argument: Any = None

    def scaled(self, factor: float) -> Fault:
        """Give the fault with its times multiplied by ``factor``."""
        lasting = None if self.lasting is None else self.lasting * factor
        argument = self.argument
        if hasattr(argument, "scaled"):
            argument = argument.scaled(factor)
        return replace(self, at=self.at * factor, lasting=lasting, argument=argument)


@dataclass(frozen=True)
class Excerpt:
    """Which piece of another scenario a scenario is: of its arrivals those that come in that time.

    Attributes:
        phases: all phases of the other one.
        start, end: in seconds from its start.
    """

    phases: tuple[Phase, ...]
    start: float
    end: float

    def scaled(self, factor: float) -> Excerpt:
        """Give the same piece of the other one, scaled."""
        phases = tuple(phase.scaled(factor) for phase in self.phases)
        return Excerpt(phases, self.start * factor, self.end * factor)


@dataclass(frozen=True)
class Scenario:
    """A whole load: what a scenario file says, in base units.

    Attributes:
        timeout: how long a request may take from its send, in seconds; beyond it is a failure.
        keep_connections: reuse connections between virtual users (Artillery's ``http.pool``)
            instead of a new one for each.
        verify_certificates: refuse a TLS certificate that the system doesn't trust.
        warmup: names of phases that are recorded but left out of the statistics.
        variables: alternatives by name, one of which each virtual user draws.
        seed: of everything random: Poisson arrivals, the choice among flows, payload rows.
        errors_expected: whether answers that are not as expected are what it is about; else it
            states how many there may be, or every run is held to ``MAX_ERROR_RATE``.
        max_error_rate: the share of virtual users, from 0 to 1, that may not get what they ask for.
        thresholds: conditions under which the run has failed, or is stopped.
        window: the width in seconds of the windows in which thresholds that must last are judged.
        locustfile: the user's own Locust classes, which arrivals run instead of ``flows``.
        users: so many users that wait for their answers, where the rates of the phases are highest;
            None stands for arrivals at the rates of the phases.
        excerpt: which piece of another scenario it is, see ``pieces``; None if it is a whole.
    """

    name: str
    phases: tuple[Phase, ...]
    flows: tuple[Flow, ...]
    timeout: float = 10.0
    keep_connections: bool = False
    verify_certificates: bool = True
    variables: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    payloads: tuple[Payload, ...] = ()
    arrivals: Arrivals = "uniform"
    seed: int = 0
    errors_expected: bool = False
    warmup: frozenset[str] = frozenset()
    ensure: tuple[Ensure, ...] = ()
    max_error_rate: float | None = None
    thresholds: tuple[Condition, ...] = ()
    window: float = 1.0
    faults: tuple[Fault, ...] = ()
    locustfile: Path | None = None
    users: int | None = None
    excerpt: Excerpt | None = None

    @property
    def model(self) -> Model:
        """Whether arrivals come at their times (open) or when users are done waiting (closed)."""
        return "open" if self.users is None else "closed"

    @property
    def states_error_rate(self) -> bool:
        """Whether it says itself what share of errors is too much."""
        return self.max_error_rate is not None or any(
            one.metric == "error_rate" for one in self.thresholds
        )

    @property
    def duration(self) -> float:
        """The time over which arrivals come, in seconds."""
        return sum(phase.duration for phase in self.phases)

    @property
    def sends_requests(self) -> bool:
        """Whether an arrival can send a request at all, of the user's own classes if there are."""
        if self.locustfile is not None:
            return True
        shadowed = {name for payload in self.payloads for name in payload.fields}
        fixed = {name: each for name, each in self.variables.items() if name not in shadowed}
        return any(_sends(flow.steps, fixed) for flow in self.flows)

    def scaled(self, factor: float) -> Scenario:
        """Give the scenario with times multiplied and rates divided by ``factor``."""
        if factor == 1:
            return self
        flows = tuple(
            replace(flow, steps=tuple(_scaled_step(step, factor) for step in flow.steps))
            for flow in self.flows
        )
        return replace(
            self,
            phases=tuple(phase.scaled(factor) for phase in self.phases),
            flows=flows,
            timeout=self.timeout * factor,
            thresholds=tuple(threshold.scaled(factor) for threshold in self.thresholds),
            window=self.window * factor,
            faults=tuple(fault.scaled(factor) for fault in self.faults),
            excerpt=None if self.excerpt is None else self.excerpt.scaled(factor),
        )


def _sends(steps: tuple[Step, ...], variables: Mapping[str, tuple[Any, ...]]) -> bool:
    return any(
        isinstance(step, Request)
        or (isinstance(step, Loop) and step.most(variables) != 0 and _sends(step.steps, variables))
        for step in steps
    )


def numbered(name: str, taken: Container[str]) -> str:
    """Give a name that is not taken: itself, or with ``#2``, ``#3``... behind it."""
    names = (name if number == 1 else f"{name} #{number}" for number in count(1))
    return next(one for one in names if one not in taken)


def _scaled_step(step: Step, factor: float) -> Step:
    match step:
        case Think(seconds):
            return Think(seconds * factor)
        case Loop(steps):
            return replace(step, steps=tuple(_scaled_step(inner, factor) for inner in steps))
        case Request():
            return step
