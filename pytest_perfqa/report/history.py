"""What was kept over time: key figures of each run, and from which run on they are others.

Where they change is told by Apache Otava: E-divisive means with a t-test (Matteson and James, A
nonparametric approach for multiple change point analysis, 2014; Fleming et al., Hunter, 2023). It
is an extra. A report, not a gate: docs/baselines.md has how often it is wrong.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from ..base.metrics import RunMetric, find
from ..errors import ConfigurationError, Inconclusive, InvalidRun, NoData, PrerequisiteMissing
from ..machine.environment import machine_name
from ..result.fingerprint import fingerprint
from ..result.kept import RUN
from .kept import SESSION, read_session
from .result_pairs import MEMORY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from ..result.run_result import RunResult
    from .kept import KeptSession

_NAMES = ("latency.p50", "latency.p95", "error_rate", "throughput", "cpu_per_request")
METRICS = (*filter(None, map(find, _NAMES)), MEMORY)
# As simulated: how many runs are looked at, how rare it is by chance, how large it is at least.
_WINDOW = 30
_CHANCE = 0.001
_MAGNITUDE = 0.03


@dataclass(frozen=True)
class Entry:
    """A run of some time.

    Attributes:
        name: of the folder that it was kept in, that of a session or of itself.
        commit: of which it was, in words.
        doubt: why its figures count for nothing; else empty.
        figures: by the names of metrics, in base units; None where there is none.
    """

    started_at: datetime
    name: str
    commit: str
    doubt: str
    figures: dict[str, float | None]


@dataclass(frozen=True)
class Change:
    """From one run on, a figure is another.

    Attributes:
        entry: the number of that run, from 0 on.
        before, after: means of the runs before it and from it on, as far as they are alike.
        chance: how probable such a difference is where there is none.
    """

    metric: str
    entry: int
    before: float
    after: float
    chance: float


@dataclass(frozen=True)
class History:
    """Runs of one scenario on one service, on machines that are alike, in the order of time.

    Attributes:
        changes: None where nobody has looked for any.
    """

    service: str
    scenario: str
    machine: str
    fingerprint: str
    entries: tuple[Entry, ...]
    changes: tuple[Change, ...] | None = None


def read_histories(folders: Iterable[Path], last: int) -> list[History]:
    """Read what was kept in these folders or up to two below, each run once.

    Args:
        last: how many runs of each history are of interest, the youngest.

    Raises:
        ConfigurationError: there is nothing, or something is damaged or of another version.
    """
    runs: dict[tuple[str, str, str, str], dict[datetime, Entry]] = {}
    for folder in folders:
        for each in _kept_below(folder):
            session = read_session(each)
            for result in session.findings.results:
                made = fingerprint(result).scenario
                machine = machine_name(result.provenance.machine)
                history = runs.setdefault((result.service, result.scenario, machine, made), {})
                history.setdefault(result.started_at, _entry(each.name, result, session))
    return [
        History(*names, tuple(entries[moment] for moment in sorted(entries)[-last:]))
        for names, entries in runs.items()
    ]


def _kept_below(folder: Path) -> list[Path]:
    """Give all that was kept in a folder and up to two below it, but for parts."""
    found = {
        path.parent
        for name in (SESSION, RUN)
        for pattern in (name, f"*/{name}", f"*/*/{name}")
        for path in folder.glob(pattern)
    }
    whole = sorted(one for one in found if found.isdisjoint(one.parents))
    if not whole:
        raise ConfigurationError(
            f"{folder}: nothing was kept there; accepted: the DIR of --perfqa-keep, or what "
            "--perfqa-save has written: .perfqa/baselines"
        )
    return whole


def _entry(name: str, result: RunResult, session: KeptSession) -> Entry:
    doubt = "INVALID" if result.invalid else "ended early" if result.aborted else ""
    return Entry(
        result.started_at,
        name,
        session.provenance.commit,
        doubt,
        {metric.name: _figure(metric, result) for metric in METRICS},
    )


def _figure(metric: RunMetric, result: RunResult) -> float | None:
    try:
        found = float(metric.take(result))
    except (Inconclusive, InvalidRun, NoData):
        return None
    return found if math.isfinite(found) else None


def with_changes(histories: Iterable[History]) -> list[History]:
    """Look for changes in all of them.

    Raises:
        PrerequisiteMissing: what looks for them is not installed.
    """
    try:
        import otava.series  # noqa: F401, PLC0415 - an extra
    except ImportError:
        raise PrerequisiteMissing(
            "changes aren't looked for: that needs Apache Otava; "
            "pip install 'pytest-perfqa[history]'"
        ) from None
    return [replace(history, changes=tuple(_changes(history))) for history in histories]


def _changes(history: History) -> Iterator[Change]:
    """Look in each metric at the runs that have it and can be believed."""
    for metric in METRICS:
        known = [
            (number, value)
            for number, entry in enumerate(history.entries)
            if not entry.doubt and (value := entry.figures[metric.name]) is not None
        ]
        numbers = [number for number, _ in known]
        for change in _found(metric.name, [value for _, value in known]):
            yield replace(change, entry=numbers[change.entry])


def _found(metric: str, values: Sequence[float]) -> Iterator[Change]:
    from otava.series import AnalysisOptions, Metric, Series  # noqa: PLC0415 - an extra

    options = AnalysisOptions()
    options.window_len, options.max_pvalue, options.min_magnitude = _WINDOW, _CHANCE, _MAGNITUDE
    # Lists: of an array it raises ValueError.
    times, data = list(range(len(values))), {metric: list(values)}
    series = Series("perfqa", None, times, {metric: Metric()}, data, {})
    for found in series.analyze(options).change_points[metric]:
        means = float(found.mean_before()), float(found.mean_after())
        yield Change(metric, int(found.index), *means, float(found.pvalue()))


def history_document(histories: Iterable[History]) -> str:
    """Give all of it as JSON, in base units."""
    return json.dumps([asdict(one) for one in histories], indent=1, default=str)
