"""What JUnit files and other plugins are told of a test: names and texts."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from ...errors import NoData
from ..record.metrics import flat, metrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ...base.verdicts import Verdict
    from ...capacity.character.kind import Character
    from ...measuring.judged_pairs import CheckFinding
    from ...measuring.runs import Cell
    from ...measuring.searches import Search
    from ...result.run_result import RunResult


def properties(
    verdict: Verdict,
    service: str,
    cells: Sequence[Cell],
    searches: Sequence[Search] = (),
    characters: Sequence[Character] = (),
    compared: Sequence[CheckFinding] = (),
) -> list[tuple[str, str]]:
    """Give the properties of a test: its verdict, and figures of all that it is about.

    No name comes twice. Of several runs each has its number in its names, in the order in which
    they were asked for: no figure is there that could be of one or another.
    """
    told = [("perfqa_verdict", verdict.name), ("perfqa_service", service)]
    told += _numbered("perfqa_", "perfqa_run", [dict(_of_run(cell)) for cell in cells])
    found = [dict(_of_search(search)) for search in searches]
    told += _numbered("perfqa_breaking_point_", "perfqa_breaking_point", found)
    kinds = [dict(_of_character(character)) for character in characters]
    told += _numbered("perfqa_characterization_", "perfqa_characterization", kinds)
    changes = [dict(_of_finding(finding)) for finding in compared]
    told += _numbered("perfqa_check_", "perfqa_check", changes)
    return told


def _numbered(one: str, several: str, told: list[dict[str, str]]) -> Iterable[tuple[str, str]]:
    for number, named in enumerate(told, 1):
        prefix = one if len(told) == 1 else f"{several}{number}_"
        yield from ((f"{prefix}{name}", value) for name, value in named.items())


def _of_run(cell: Cell) -> Iterator[tuple[str, str]]:
    yield "scenario", cell.key.scenario
    if cell.result is not None:
        for name, value in _figures(cell.result).items():
            yield name, f"{value:.6g}"
        if disturbances := cell.result.disturbances:
            yield "disturbed", "; ".join(one.text for one in disturbances)


def _of_search(search: Search) -> Iterator[tuple[str, str]]:
    yield "target", search.target
    found = search.found
    if found is None:
        return
    yield "capacity", found.capacity.value
    for name in ("rate", "low", "high"):
        yield f"{name}_per_second", f"{float(getattr(found, name)):.6g}"
    if found.size is not None:
        yield "size", str(found.size)
    yield "cause", found.cause or "not broken"


def _of_character(found: Character) -> Iterator[tuple[str, str]]:
    yield "path", found.path
    yield "kind", found.kind or "can't tell"
    if found.workers is not None:
        yield "workers", str(found.workers)
    yield "service_time_seconds", f"{float(found.service_time):.6g}"
    if found.saturation_rate is not None:
        yield "saturation_per_second", f"{float(found.saturation_rate):.6g}"


def _of_finding(finding: CheckFinding) -> Iterator[tuple[str, str]]:
    found = finding.found
    yield "metric", finding.check.metric
    if finding.check.endpoint is not None:
        yield "endpoint", finding.check.endpoint
    if finding.verdict is not None:
        yield "verdict", finding.verdict.name
    yield "within", f"{finding.check.within:g}"
    for name, value in zip(("low", "high"), found.ratio.ends, strict=True):
        yield f"ratio_{name}", f"{value:.6g}"
    yield "ratio", f"{float(found.ratio):.6g}"
    yield "pairs", str(found.pairs)


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
    with contextlib.suppress(NoData):
        figures["error_rate"] = result.error_rate
    if result.latency.count:
        for percent in (50, 95, 99):
            figures[f"latency_p{percent}_seconds"] = result.latency.sample_percentile(percent)
        figures["throughput_per_second"] = result.throughput.mean
    figures |= {flat(one): one.value for one in metrics(result) if one.value is not None}
    return figures
