"""What the fixture ``perf_load`` gives: runs with parameters of the test's own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..scenario.variation import Parameters, labelled, varied

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from ..measuring.runs import Cell
    from ..measuring.session import PerfSession
    from ..result.run_result import RunResult
    from .agenda import Agenda

__tracebackhide__ = True


@dataclass(repr=False)
class Loader:
    """Runs scenarios on the service of one test.

    Attributes:
        cells: the runs that the test has asked for.
    """

    session: PerfSession
    agenda: Agenda
    item: pytest.Item
    service: str
    cells: list[Cell] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"<loads of scenarios on {self.service}: {len(self.cells)} so far>"

    def __call__(
        self,
        scenario: str | None = None,
        *,
        rate: str | float | None = None,
        duration: str | float | None = None,
        variables: Mapping[str, Any] | None = None,
        environment: str | None = None,
    ) -> RunResult:
        """Give the result of a run; one with equal parameters is made once in a session.

        Args:
            scenario: a file, looked for as those of the marker are; without, that of the marker.
            rate: the highest rate of arrivals, such as ``"5/s"``; the shape of the load stays.
            duration: how long all phases take together, such as ``"30s"``.
            variables: values of the scenario's variables, or lists of which each user draws one.
            environment: one of the scenario's environments.

        Raises:
            ConfigurationError: there is no such scenario, it has mistakes, or parameters that
                can't be; nothing has been started for it.
            InvalidRun: the result can't be believed.
            PerfqaError: the run could not be made.
        """
        chosen = self.agenda.scenario(self.item, self.service, scenario, environment)
        parameters = Parameters(rate, duration, variables)
        scale = self.session.services.time_scale(self.service)
        wanted = varied(chosen, parameters, scale)
        if said := str(parameters):
            wanted = replace(wanted, name=labelled(chosen.name, said))
        try:
            return self.session.runs.run(self.service, wanted)
        finally:
            cell = self.session.runs.cell(self.service, wanted)
            if cell is not None and cell not in self.cells:
                self.cells.append(cell)
