"""What JUnit files and other plugins are told of a test: names and texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..result import RunResult
    from ..session import Cell
    from ..verdicts import Verdict


def properties(verdict: Verdict, cells: Sequence[Cell]) -> list[tuple[str, str]]:
    """Give the properties of a test with this verdict, about these runs; no name comes twice.

    Of several runs each has its number in its names, in the order in which they were asked for:
    no figure is there that could be of one or another.
    """
    told = [("perfqa_verdict", verdict.name)]
    if cells:
        told.append(("perfqa_service", cells[0].key.service))
    if len(cells) == 1:
        return told + [(f"perfqa_{name}", value) for name, value in _of_run(cells[0])]
    for number, cell in enumerate(cells, 1):
        told += [(f"perfqa_run{number}_{name}", value) for name, value in _of_run(cell)]
    return told


def _of_run(cell: Cell) -> Iterator[tuple[str, str]]:
    yield "scenario", cell.key.scenario
    if cell.result is not None:
        for name, value in _figures(cell.result).items():
            yield name, f"{value:.6g}"


def _figures(result: RunResult) -> dict[str, float]:
    """Give figures in base units; what there is none of is left out."""
    figures: dict[str, float] = {
        "launched": result.launched,
        "completed": result.completed,
        "failed": result.failed,
        "time_scale": result.time_scale,
    }
    if result.status:
        figures["5xx"] = result.status["5xx"]
    if result.latency.count:
        for percent in (50, 95, 99):
            figures[f"latency_p{percent}_seconds"] = result.latency.sample_percentile(percent)
        figures["throughput_per_second"] = result.throughput.mean
    return figures
