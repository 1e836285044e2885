"""What became of every arrival, and what it was that the records call by number."""

from __future__ import annotations

import time
from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING, Protocol

from gevent.event import Event

from ...scenario.spans import upto
from ..wire.outcome import WITH_ANSWER, Outcome, is_as_expected, kind_of
from ..wire.plan import Example, Plan, Summary, endpoints
from ..wire.record import NAMED_ENDPOINTS, NO_REPLICA, OTHER_ENDPOINTS, Recorder, RecordKind
from .effort import Effort

if TYPE_CHECKING:
    from collections.abc import Iterator

# One of each kind at each endpoint tells enough.
_EXAMPLES_KEPT = 200
_LONGEST_DETAIL = 300


class Ended(Protocol):
    """A request, or a whole arrival, that is over; times are moments of ``time.monotonic``."""

    started: float
    ended: float
    size: int
    status: int
    outcome: Outcome
    detail: str

    def header(self, name: str) -> str | None:
        """Give a header of the answer."""

    def excerpt(self) -> str:
        """Give the beginning of the answer's body, for people."""


class Account:
    """The account of one generator process: arrivals at work, records, and their names.

    Attributes:
        start: the moment of ``time.monotonic`` from which records count.
        idle: set while no arrival is at work.
        effort: what the process spends its time on.
    """

    def __init__(self, plan: Plan, recorder: Recorder, effort: Effort | None = None) -> None:
        self.start = 0.0
        self.effort = effort or Effort(plan)
        self.launched = self.skipped = self.running = 0
        self.idle = Event()
        self.idle.set()
        self._examples: dict[tuple[int, str], tuple[float, str]] = {}
        self.notes: dict[str, None] = {}
        self._recorder = recorder
        self._replica_header = plan.replica_header
        self._replicas: dict[str, int] = {}
        self._endpoints = {label: number for number, label in enumerate(endpoints(plan.scenario))}
        durations = (phase.duration for phase in plan.scenario.phases)
        self._ends = [upto(end) for end in accumulate(durations)][:-1]

    def open(self, start: float) -> None:
        """Begin to count: records from ``start``, what the process costs from now."""
        self.start = start
        self.effort.open()

    def began(self) -> None:
        """Count one arrival more at work."""
        self.launched += 1
        self.running += 1
        self.idle.clear()

    def ended(self) -> None:
        """Count one arrival less at work."""
        self.running -= 1
        if not self.running:
            self.idle.set()

    def phase_at(self, moment: float) -> int:
        """Give the number of the phase that a moment of ``time.monotonic`` lies in."""
        return bisect_left(self._ends, moment - self.start)

    def endpoint(self, label: str) -> int:
        """Give the number of an endpoint; one that is new gets the next, as long as there are."""
        number = self._endpoints.get(label)
        if number is None:
            if len(self._endpoints) >= NAMED_ENDPOINTS:
                label = OTHER_ENDPOINTS
            number = self._endpoints.setdefault(label, len(self._endpoints))
        return number

    def number_of(self, label: str) -> int | None:
        """Give the number of an endpoint if it is known by now."""
        return self._endpoints.get(label)

    def note(self, due: float, one: Ended, phase: int, endpoint: int, kind: RecordKind) -> None:
        """Record what was due at a moment of ``time.monotonic``."""
        outcome = one.outcome
        # Of arrivals only what none of their requests tells.
        if not (kind is RecordKind.ARRIVAL or is_as_expected(outcome, one.status)) or (
            outcome is Outcome.USER_CODE
        ):
            self._keep_first(due, one, endpoint)
        self._recorder.add(
            due - self.start,
            one.started - due,
            one.ended - one.started,
            one.size,
            one.status,
            phase,
            endpoint,
            outcome,
            self._replica(one),
            kind,
        )

    def _keep_first(self, due: float, one: Ended, endpoint: int) -> None:
        key = endpoint, kind_of(one.outcome, one.status)
        full = len(self._examples) >= _EXAMPLES_KEPT
        if key in self._examples or full or one.outcome is Outcome.PENDING:
            return
        answer = one.excerpt() if one.status and one.outcome in WITH_ANSWER else ""
        said = ", ".join(filter(None, (one.detail[:_LONGEST_DETAIL], answer)))
        self._examples[key] = due - self.start, said

    def _replica(self, one: Ended) -> int:
        header = self._replica_header
        if header is None or not one.status:
            return NO_REPLICA
        value = one.header(header)
        if value is None:
            return NO_REPLICA
        # nginx lists every upstream it tried; the last one answered.
        value = value.rpartition(",")[2].strip()
        if len(self._replicas) < NO_REPLICA:
            self._replicas.setdefault(value, len(self._replicas))
        return self._replicas.get(value, NO_REPLICA)

    def summary(self, planned: int, stopped: str | None) -> Summary:
        """Give the account as it stands."""
        wall = time.monotonic() - self.start
        self.effort.close(wall)
        cpu, waited = self.effort.total()
        return Summary(
            planned=planned,
            launched=self.launched,
            skipped=self.skipped,
            missed=planned - self.launched - self.skipped,
            replicas=tuple(self._replicas),
            cpu=cpu,
            waited=waited,
            wall=wall,
            examples=tuple(self._named_examples()),
            stopped=stopped,
            endpoints=tuple(self._endpoints),
            notes=tuple(self.notes),
        )

    def _named_examples(self) -> Iterator[Example]:
        names = {number: label for label, number in self._endpoints.items()}
        for (endpoint, kind), (at, said) in self._examples.items():
            yield Example(names.get(endpoint, ""), kind, at, said)
