"""How services did under the same scenario: who queues, who recovers, and at what cost."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from .errors import Inconclusive, NoData

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import TypeVar

    from .attributes.recovery import Recovery
    from .result import RunResult
    from .scenario import Phase
    from .units import Quantity

    T = TypeVar("T")

# A peak is a phase after which the rate falls to half or less.
_FALL = 0.5


@dataclass(frozen=True)
class Row:
    """One service under a scenario; None stands for what can't be told.

    Attributes:
        served: the share of requests that were answered, and not with a 5xx.
        server_errors: answers with a 5xx.
        failures: requests without a whole answer.
        p95: of this sample's latency.
        throughput: good answers per second, on average.
        queues: whether pending grows.
        recoveries: after each peak of the scenario, by the name of its phase.
        cpu: CPU seconds per second of all parts together, on average.
        memory: the most that all parts together used.
    """

    service: str
    served: Quantity | None
    server_errors: int
    failures: int
    p95: Quantity | None
    throughput: Quantity | None
    queues: bool | None
    recoveries: Mapping[str, Recovery | None]
    cpu: Quantity | None
    memory: Quantity | None


def compare(results: Iterable[RunResult]) -> dict[str, tuple[Row, ...]]:
    """Give the rows of each scenario that more than one service ran under."""
    together: dict[str, list[RunResult]] = {}
    for result in results:
        together.setdefault(result.scenario, []).append(result)
    return {
        scenario: tuple(map(_row, each)) for scenario, each in together.items() if len(each) > 1
    }


def _row(result: RunResult) -> Row:
    return Row(
        service=result.service,
        served=_known(lambda: result.availability.ratio),
        server_errors=int(_known(lambda: result.status["5xx"]) or 0),
        failures=int(_known(lambda: result.errors.total) or 0),
        p95=_known(lambda: result.latency.sample_percentile(95)),
        throughput=_known(lambda: result.throughput.mean),
        queues=_known(lambda: bool(result.pending.grows)),
        recoveries={name: _recovery(result, name) for name in _peaks(result.definition.phases)},
        cpu=_known(lambda: result.resources.total.cpu.mean),
        memory=_known(lambda: result.resources.total.memory.max),
    )


def _recovery(result: RunResult, peak: str) -> Recovery | None:
    return _known(lambda: result.recovery_after(peak))


def _known(figure: Callable[[], T]) -> T | None:
    """Give a figure, None where the data don't hold it: this is a description, no verdict."""
    try:
        return figure()
    except (NoData, Inconclusive):
        return None


def _peaks(phases: tuple[Phase, ...]) -> Iterator[str]:
    bring = [phase for phase in phases if phase.expected]
    for phase, after in pairwise(bring):
        if _ends_at(phase) > 0 and _begins_at(after) <= _FALL * _ends_at(phase):
            yield phase.name


def _begins_at(phase: Phase) -> float:
    return phase.rate if phase.count is None else phase.count / phase.duration


def _ends_at(phase: Phase) -> float:
    return phase.rate_end if phase.count is None else phase.count / phase.duration
