"""What the pytest process hands to a generator process, and what comes back beside the records."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...scenario.records import Loop, Request, Scenario, Step, Think

if TYPE_CHECKING:
    from pydantic import TypeAdapter


#: What is sent later than this is late: so much more or less shows in the figures.
LATE_SECONDS = 0.010
#: From this share of a CPU on, a process does all it can: answers wait for it to read them.
FULL = 0.9
#: So late that the run can only be INVALID: no use to go on for as long as the backlog takes.
HOPELESS_SECONDS = 10.0
#: Why it is stopped then.
FELL_BEHIND = f"it fell {HOPELESS_SECONDS:g} s behind its schedule"
#: How many redirects of one request are followed.
REDIRECTS = 10
# No reason to give a run up: a generator that hangs is known by its silence.
_ANY_LENGTH = 1_000_000


@dataclass(frozen=True)
class Plan:
    """The work of one generator process.

    Attributes:
        url: where the load goes, such as ``http://127.0.0.1:8080``.
        replica_header: the header of an answer that tells which replica gave it.
        shard, shards: this process sends every ``shards``-th arrival, from the ``shard``-th on.
        directory: where records and summary are written.
        prefer: whether the process is to run before others, as far as that is permitted.
    """

    scenario: Scenario
    url: str
    directory: Path
    replica_header: str | None = None
    shard: int = 0
    shards: int = 1
    prefer: bool = False

    @property
    def records_path(self) -> Path:
        """The file of records that this process writes."""
        return self.directory / f"records-{self.shard}.bin"

    @property
    def summary_path(self) -> Path:
        """The file of the account that this process writes when it ends."""
        return self.directory / f"summary-{self.shard}.json"

    @property
    def path(self) -> Path:
        """The file this plan is handed over in."""
        return self.directory / f"plan-{self.shard}.json"

    def write(self) -> None:
        """Write the plan to its file."""
        self.path.write_bytes(_adapter(Plan).dump_json(self))

    @staticmethod
    def read(path: Path) -> Plan:
        """Read a plan that ``write`` wrote."""
        plan: Plan = _adapter(Plan).validate_json(path.read_bytes())
        return plan


@dataclass(frozen=True)
class Order:
    """What a forked process is told first: the plan to run, and how to be as if started for it.

    Attributes:
        plan: the file that it is in.
        cpus: the only CPUs it may run on.
        environment: variables that differ from those of the process it was forked from; None
            where there is none of that name.
    """

    plan: Path
    cpus: frozenset[int]
    environment: Mapping[str, str | None]

    def line(self) -> bytes:
        """Write it as a line."""
        fields = [str(self.plan), sorted(self.cpus), dict(self.environment)]
        return json.dumps(fields).encode() + b"\n"

    @staticmethod
    def parse(line: bytes) -> Order:
        """Read a line that ``line`` gave."""
        plan, cpus, environment = json.loads(line)
        return Order(Path(plan), frozenset(cpus), environment)


@dataclass(frozen=True)
class Lateness:
    """What was late by more than ``LATE_SECONDS``, and what the process did at the time.

    Attributes:
        count, of: arrivals; in a closed model, where none is due, looks at the clock, about ten a
            second: a process that is late for them is late for answers, too.
        worst: by how many seconds.
        behind: of the time between the looks around what was late, the share in which it was;
            None where that isn't known.
        computed, waited, blocked: the shares of the same time in which the process computed, had
            to wait for a CPU, and was held up by a call that lets nobody else run.
    """

    count: int
    of: int
    worst: float
    behind: float | None = None
    computed: float = 0.0
    waited: float = 0.0
    blocked: float = 0.0


@dataclass(frozen=True)
class Example:
    """The first of its kind that did not get what it asked for.

    Attributes:
        endpoint: where; empty where it is an arrival whose code raised an exception.
        kind: what came of it, as ``outcome.kind_of`` names it.
        at: when it was due, in seconds from the start of the run.
        said: what is known of it: an error, the beginning of the answer's body.
    """

    endpoint: str
    kind: str
    at: float
    said: str


@dataclass(frozen=True)
class Summary:
    """One generator's account of its run; times in seconds.

    Attributes:
        planned: arrivals of its shard; ``launched + skipped + missed`` adds up to it.
        skipped: arrivals left out because ``maxVusers`` virtual users were at work.
        missed: arrivals it did not get to, because the run was stopped.
        replicas: values of the replica header, in the order of the numbers in records.
        examples: for each endpoint and kind of what was not as expected, the first.
        endpoints: names of endpoints, in the order of the numbers in records.
        notes: what a reader of the run must know.
        stopped: why it ended before all arrivals were sent, if it did.
        cpu: CPU time of its loop from first to last arrival and answer.
        waited: how long it could have run in that time, but had to wait for a CPU.
        wall: the time from the start of the run to the last answer.
        late: what was late, and why.
        full, seconds: in how many whole seconds it used ``FULL`` of a CPU or more, and of how many,
            warm-up left out.
        nice: its niceness: below 0, it ran before others.
    """

    planned: int
    launched: int
    skipped: int
    missed: int
    replicas: tuple[str, ...]
    cpu: float
    wall: float
    examples: tuple[Example, ...] = ()
    stopped: str | None = None
    endpoints: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    waited: float = 0.0
    late: Lateness | None = None
    full: int = 0
    seconds: int = 0
    nice: int = 0

    def write(self, path: Path) -> None:
        """Write the account to its file."""
        path.write_bytes(_adapter(Summary).dump_json(self))

    @staticmethod
    def read(path: Path) -> Summary:
        """Read an account that ``write`` wrote."""
        summary: Summary = _adapter(Summary).validate_json(path.read_bytes())
        return summary


def build_adapters() -> None:
    """Do what reading the first plan and writing the first account would have to (0.03 s)."""
    for kind in (Plan, Summary):
        _adapter(kind)


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter  # noqa: PLC0415 - 0.1 s that only a run should pay

    return TypeAdapter(kind)


def requests(steps: tuple[Step, ...]) -> Iterator[Request]:
    """Give every request in these steps and the loops within."""
    for step in steps:
        if isinstance(step, Request):
            yield step
        elif isinstance(step, Loop):
            yield from requests(step.steps)


def endpoints(scenario: Scenario) -> tuple[str, ...]:
    """Give the names of all endpoints of the flows; a record holds the position in this list."""
    labels = [request.label for flow in scenario.flows for request in requests(flow.steps)]
    return tuple(dict.fromkeys(labels))


def longest_pass(scenario: Scenario) -> float:
    """How long one arrival can take at most, in seconds, if every answer comes at the last moment.

    A list from an answer, of a length not known before, and the user's own code are taken to be
    very long.
    """
    if scenario.locustfile is not None:
        return _ANY_LENGTH
    return max(_longest(flow.steps, scenario) for flow in scenario.flows)


def _longest(steps: tuple[Step, ...], scenario: Scenario) -> float:
    return sum(_longest_step(step, scenario) for step in steps)


def _longest_step(step: Step, scenario: Scenario) -> float:
    match step:
        case Think(seconds):
            return seconds
        case Loop(inner):
            most = step.most(scenario.variables)
            return (_ANY_LENGTH if most is None else most) * _longest(inner, scenario)
        case Request():
            return scenario.timeout * (1 + REDIRECTS * step.follow_redirects)
