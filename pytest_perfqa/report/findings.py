"""What a session came to: what all outputs are made from, be it just over or kept long ago."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..capacity.character.kind import Character
    from ..capacity.character.question import Question
    from ..capacity.limits.found import BreakingPoint
    from ..measuring.judged_pairs import Checked
    from ..measuring.runs import Cell
    from ..measuring.searches import Search
    from ..measuring.session import PerfSession
    from ..result.run_result import RunResult


@dataclass(frozen=True)
class Findings:
    """What a session came to.

    Attributes:
        time_scale: gives the factor on times that everything about a service has.
        cells: the runs that were asked for.
        searches: the breaking points that were.
        characters: the characterisations that were, or why there is none.
        compared: what was checked of services and their bases.
    """

    time_scale: Callable[[str], float]
    cells: list[Cell] = field(default_factory=list)
    searches: list[Search] = field(default_factory=list)
    characters: dict[Question, Character | BaseException] = field(default_factory=dict)
    compared: list[Checked] = field(default_factory=list)

    @property
    def results(self) -> list[RunResult]:
        """The results of all runs that came to one."""
        return [one.result for one in self.cells if one.result is not None]

    @property
    def breaking_points(self) -> list[BreakingPoint]:
        """All that were found."""
        return [one.found for one in self.searches if one.found is not None]

    @property
    def known_characters(self) -> list[Character]:
        """What was found out about services."""
        return [one for one in self.characters.values() if not isinstance(one, BaseException)]


def findings_of(session: PerfSession) -> Findings:
    """Give what a session came to until now."""
    return Findings(
        session.services.time_scale,
        list(session.runs.cells.values()),
        list(session.searches.made.values()),
        dict(session.characters.made),
        list(session.comparisons.checked.values()),
    )


def together(sessions: Iterable[Findings]) -> Findings:
    """Give what several sessions came to as of one; no two have a service of one name."""
    everything = list(sessions)
    scales = {
        name: one.time_scale(name)
        for one in everything
        for name in (
            *(cell.key.service for cell in one.cells),
            *(search.service for search in one.searches),
            *(asked.service for asked in one.characters),
        )
    }
    return Findings(
        scales.__getitem__,
        [cell for one in everything for cell in one.cells],
        [search for one in everything for search in one.searches],
        {asked: found for one in everything for asked, found in one.characters.items()},
    )
