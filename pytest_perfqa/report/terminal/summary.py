"""The perfqa section of the terminal summary: records in, lines out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import PerfqaError
from ...result.requirements import is_told
from ...service.shared.logs import tail
from ..text.table import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ...measuring.runs import Cell
    from ...result.run_result import RunResult
    from ...service.backend import Service

_HEADINGS = ("service", "scenario", "launched", "completed", "5xx", "p95", "verdict")
_NUMBERS = {2, 3, 4, 5}
_MISSING = "-"


def runs_summary(cells: Iterable[Cell]) -> list[str]:
    """Give one line per cell, under a line of headings, and notes below."""
    cells = list(cells)
    return table([_HEADINGS, *map(_row, cells)], _NUMBERS) + list(_notes(cells))


def evidence(cells: list[Cell], service: Service | None) -> Iterator[tuple[str, str]]:
    """Give what helps to understand a failure, as titles and texts."""
    if cells:
        yield "perfqa run", "\n".join(runs_summary(cells))
    for part in service.parts.values() if service else ():
        yield f"perfqa log of {part.name}, its end", tail(part.log)


def _row(cell: Cell) -> tuple[str, ...]:
    key = (cell.key.service, cell.key.scenario)
    if cell.result is None:
        return (*key, _MISSING, _MISSING, _MISSING, _MISSING, cell.verdict.name)
    return (*key, *_figures(cell.result), cell.verdict.name)


def _figures(result: RunResult) -> tuple[str, ...]:
    # Descriptions of what happened, whatever the sample size: no verdict is taken from them.
    server_errors = str(result.status["5xx"]) if result.status else _MISSING
    p95 = str(result.latency.sample_percentile(95)) if result.latency.count else _MISSING
    return (str(result.launched), str(result.completed), server_errors, p95)


def _notes(cells: list[Cell]) -> Iterable[str]:
    for cell in cells:
        reasons = cell.result.invalid if cell.result else ()
        if isinstance(cell.error, PerfqaError):
            reasons = (str(cell.error).partition("\n")[0],)
        if cell.result is not None and (aborted := cell.result.aborted):
            reasons = (f"ended after {aborted.at}: {aborted.reason}", *reasons)
        for reason in reasons:
            yield f"{cell.key.service}, {cell.key.scenario}: {reason}"
    yield from dict.fromkeys(note for cell in cells for note in _untold_notes(cell))


def _untold_notes(cell: Cell) -> Iterator[str]:
    """Give the notes of a run, but what a test has failed of already."""
    result = cell.result
    if result is None:
        return
    known = any(is_told(result, test.said) for test in cell.tests.values())
    yield from (one for one in result.notes if not (known and one in result.answer_notes))
