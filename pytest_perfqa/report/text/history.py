"""What was kept over time as text: a line for each run, and from which on figures are others."""

from __future__ import annotations

from collections import Counter
from datetime import UTC
from typing import TYPE_CHECKING

from ...base.units import show
from ..history import METRICS
from .table import table
from .words import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from ...base.metrics import RunMetric
    from ..history import Change, Entry, History

_MARK = "*"
_MISSING = "-"
_UNITS = {metric.name: metric.unit for metric in METRICS}


def history_text(histories: Sequence[History]) -> Iterator[str]:
    """Give each history: its runs in the order of time, and its changes."""
    titles = Counter(map(_title, histories))
    for history in histories:
        title = _title(history)
        other = f", scenario {history.fingerprint}" if titles[title] > 1 else ""
        yield f"{title}{other}:"
        yield from (f"  {line}" for line in _table(history))
        yield from (f"  {line}" for line in _changes(history))


def _title(history: History) -> str:
    return f"{history.service}, {history.scenario} on {history.machine}"


def _table(history: History) -> list[str]:
    shown = [one for one in METRICS if any(each.figures[one.name] for each in history.entries)]
    marked = {(one.entry, one.metric) for one in history.changes or ()}
    rows = [
        (
            _moment(entry.started_at),
            entry.name,
            *(_figure(metric, entry, (number, metric.name) in marked) for metric in shown),
            entry.doubt,
            entry.commit,
        )
        for number, entry in enumerate(history.entries)
    ]
    headings = ("began", "name", *(f"{metric.name} " for metric in shown), "", "of")
    return table([headings, *rows], set(range(2, 2 + len(shown))))


def _figure(metric: RunMetric, entry: Entry, is_marked: bool) -> str:
    value = entry.figures[metric.name]
    text = _MISSING if value is None else show(value, metric.unit)
    return text + (_MARK if is_marked else " ")


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"


def _changes(history: History) -> Iterator[str]:
    if history.changes is None:
        return
    if not history.changes:
        yield f"no change in {plural(len(history.entries), 'run')}"
    for change in history.changes:
        entry = history.entries[change.entry]
        where = f"{_moment(entry.started_at)}, {entry.name}, {entry.commit}"
        yield f"{_MARK} {change.metric}: {_told(change)}, from {where} on"


def _told(change: Change) -> str:
    unit = _UNITS[change.metric]
    moved = f" ({change.after / change.before - 1:+.1%})" if change.before else ""
    return f"{show(change.before, unit)}, then {show(change.after, unit)}{moved}"
