"""What was checked of services and their bases, as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .table import table
from .words import duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ...measuring.judged_pairs import Checked, CheckFinding

_HEADINGS = ("service", "scenario", "check", "head", "base", "change", "pairs", "verdict")
_NUMBERS = {3, 4, 6}
_MISSING = "-"


def compared_summary(compared: Iterable[Checked]) -> list[str]:
    """Give a line per check under a line of headings, and what there is to know below.

    Endpoints that were checked besides are told where they say something.
    """
    compared = list(compared)
    rows = [
        _row(one, finding)
        for one in compared
        for finding in one.findings
        if finding.check in one.asked or finding.verdict is not None or finding.found.better
    ]
    return [*table([_HEADINGS, *rows], _NUMBERS), *dict.fromkeys(_notes(compared))]


def _row(one: Checked, finding: CheckFinding) -> tuple[str, ...]:
    head, base = finding.levels or (_MISSING, _MISSING)
    verdict = finding.verdict.name if finding.verdict is not None else _MISSING
    return (
        one.comparison.service,
        one.comparison.scenario,
        str(finding.check),
        head,
        base,
        finding.change,
        str(finding.found.pairs),
        f"{verdict}, better" if finding.found.better else verdict,
    )


def _notes(compared: Iterable[Checked]) -> Iterator[str]:
    for one in compared:
        made = one.comparison
        took = duration(made.seconds(len(made.made)))
        yield (
            f"{made.service}, {made.scenario}: head against {made.base.label}, "
            f"{len(made.made)} pairs in {took}"
        )
        yield from made.notes
