"""Breaking points of services: each looked for once."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..base.verdicts import Verdict
from ..capacity.limits.breaking_point import find_breaking_point
from ..capacity.probing.target import Declared, Target
from .repeating import Attempts

if TYPE_CHECKING:
    from ..capacity.limits.breaking_point import Inquiry
    from ..capacity.limits.found import BreakingPoint
    from ..capacity.probing.target import ProbeRequest
    from .probing import Probing

__tracebackhide__ = True


@dataclass
class Search:
    """A breaking point that was looked for, and what became of it.

    Attributes:
        target: the request, such as ``GET /heavy``.
        tests: those that asked.
        notes: what is to be said about the service.
    """

    service: str
    target: str
    tests: set[str] = field(default_factory=set)
    notes: tuple[str, ...] = ()
    found: BreakingPoint | None = None
    error: BaseException | None = None
    verdict: Verdict = Verdict.UNTESTED

    def judge(self, verdict: Verdict) -> None:
        """Count in the verdict of the test."""
        self.verdict = max(self.verdict, verdict)


class Searches:
    """Looks for breaking points when they are first asked for.

    Attributes:
        made: what was asked for, and what became of it.
    """

    def __init__(self, probing: Probing) -> None:
        self.made: dict[tuple[Target, Inquiry], Search] = {}
        self._probing = probing

    def breaking_point(
        self, service: str, request: ProbeRequest, asked: Inquiry, test: str = ""
    ) -> BreakingPoint:
        """Look for how much a service takes; the same question is asked once.

        Args:
            service: its name.
            request: what is sent.
            asked: see ``capacity.limits.breaking_point.inquiry``.
            test: who asks.

        Raises:
            Inconclusive: the budget ran out before anything could be told.
            InvalidRun: the generator could not make the load.
            ServiceError: the service fails at rest, dies, or doesn't come to rest.
        """
        services = self._probing.services
        started, config = services.started(service), services.configs[service]
        target = Target(
            started.url,
            request,
            service,
            canary=config.ready.path,
            replica_header=config.replica_header,
            # Without the header, no answer tells which replica gave it.
            replicas=tuple(started.replicas) if config.replica_header else (),
            time_scale=services.time_scale(service),
            declared=Declared(
                config.workers_of(request.path),
                math.inf if config.patience is None else config.patience,
            ),
        )
        search = self.made.get((target, asked))
        if search is not None:
            search.tests.add(test)
            if search.error is not None:
                raise search.error
        else:
            search = self.made[target, asked] = Search(service, target.name, {test})
            services.say(
                f"{asked.capacity.value} of {service}, {target.name}: {asked.budget:g} s at most"
            )
            attempts = Attempts(f"{asked.capacity.value} of {service}, {target.name}")

            def measure() -> BreakingPoint:
                with self._probing.undisturbed(service, attempts) as (around, notes):
                    search.notes = notes
                    found = find_breaking_point(target, asked, around.since)
                    search.notes = (*notes, *around.notes)
                    return found

            try:
                search.found = self._probing.until_believed(attempts, measure)
            except BaseException as error:
                search.error = error
                raise
        assert search.found is not None  # noqa: S101 - where there is no error
        return search.found

    def found(self) -> list[BreakingPoint]:
        """Give all that were found."""
        return [one.found for one in self.made.values() if one.found is not None]

    def of_test(self, test: str) -> list[Search]:
        """Give the breaking points that a test looked for."""
        return [search for search in self.made.values() if test in search.tests]
