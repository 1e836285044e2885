"""What JUnit files and other plugins are told of a test: names and texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..result import RunResult
    from ..session import Cell
    from ..verdicts import Verdict


def properties(verdict: Verdict, cell: Cell | None) -> list[tuple[str, str]]:
    """Give the properties of a test with this verdict, about this run if it is about one."""
    return [("perfqa_verdict", verdict.name), *(_of_run(cell) if cell else ())]


def _of_run(cell: Cell) -> Iterator[tuple[str, str]]:
    yield "perfqa_service", cell.key.service
    yield "perfqa_scenario", cell.key.scenario
    if cell.result is not None:
        for name, value in _figures(cell.result).items():
            yield f"perfqa_{name}", f"{value:.6g}"


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
