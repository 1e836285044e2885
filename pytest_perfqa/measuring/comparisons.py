"""Base against head in one session: each service and scenario measured once, each question asked
once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import ConfigurationError, PerfqaError, ServiceError
from .comparison import Comparison
from .judged_pairs import Checked, judged
from .pairs import Contender, PairedRuns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..compare.check import Check
    from ..scenario.records import Scenario
    from .runs import Runs
    from .services import Services

__tracebackhide__ = True

HEAD = "head"


@dataclass(frozen=True)
class Bases:
    """What the services of a session are compared with.

    Attributes:
        label: how messages name it, such as ``base (git:origin/main)``.
        services: by the name of a service that of its base.
        budget: for how many seconds slices of one service and scenario may be made.
    """

    label: str
    services: Mapping[str, str]
    budget: float


class Comparisons:
    """Compares services with their bases when that is first asked for.

    Attributes:
        made: what was measured.
        checked: what was asked of that, and what it came to.
        bases: what services are compared with; None of nothing.
    """

    def __init__(self, runs: Runs, services: Services, bases: Bases | None) -> None:
        self.made: list[Comparison] = []
        self.checked: dict[tuple[Comparison, tuple[Check, ...]], Checked] = {}
        self.bases = bases
        self._runs = runs
        self._services = services

    def start(self, service: str) -> None:
        """Start a service and its base, which are up all the time from then on.

        Raises:
            PerfqaError: one of them can't be; says which. The same every time it is asked for.
        """
        bases = self._bases
        for name, label in ((bases.services[service], bases.label), (service, HEAD)):
            try:
                self._services.started(name)
            except PerfqaError as error:
                kind = ConfigurationError if isinstance(error, ConfigurationError) else ServiceError
                raise kind(f"{label}: {error}") from None

    def stop(self, service: str) -> None:
        """Stop the base of a service, if it was started."""
        if self.bases is not None and service in self.bases.services:
            self._services.stop(self.bases.services[service])

    def comparison(self, service: str, scenario: Scenario) -> Comparison:
        """Give that of a service under a scenario, which all who ask share.

        Raises:
            ConfigurationError: no phase of the scenario that counts brings arrivals.
        """
        for known in self.made:
            if known.service == service and known.definition == scenario:
                return known
        bases = self._bases
        base, head = Contender(bases.services[service], bases.label), Contender(service, HEAD)

        def plan(clock: Callable[[], float]) -> PairedRuns:
            return PairedRuns(
                self._runs.make,
                base,
                head,
                scenario,
                budget=bases.budget,
                say=self._services.say,
                time_scale=self._services.time_scale(service),
                clock=clock,
            )

        made = Comparison(service, scenario, base, head, plan, self._services.say)
        self.made.append(made)
        return made

    def check(
        self,
        comparison: Comparison,
        asked: tuple[Check, ...],
        error: Callable[[], float],
        test: str = "",
    ) -> Checked:
        """Check something, on the pairs that there are and as many more as it takes.

        Args:
            asked: what is asked together; the same is asked once.
            error: gives the probability of any FAILED that they may have where nothing differs.
            test: who asks.

        Raises:
            NoData: there is nothing to compare; says on which side.
            InvalidRun: the machine doesn't let it be measured.
            PerfqaError: a slice could not be made; says on which side.
        """
        key = comparison, asked
        if key not in self.checked:
            self.checked[key] = judged(comparison, asked, error())
        self.checked[key].tests.add(test)
        return self.checked[key]

    def of_test(self, test: str) -> list[Checked]:
        """Give what a test has checked."""
        return [one for one in self.checked.values() if test in one.tests]

    @property
    def _bases(self) -> Bases:
        assert self.bases is not None  # noqa: S101 - tests are skipped where there are none
        return self.bases
