"""The runs as a Markdown table, for pages of a CI."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..units import Unit, show
from .text import plural, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .record import Record

_HEADINGS = ("verdict", "service", "scenario", "launched", "failed", "5xx", "p50", "p95", "p99")
_NUMBERS = 3
# What a page of GitHub takes is a mebibyte for all steps together.
_MOST_ROWS = 200
_MOST_REASONS = 50
_LONGEST = 200
_NOTHING = "-"


def summary(records: Sequence[Record], *, interrupted: bool = False) -> str:
    """Give a heading, a line per run, and why runs are not PASSED."""
    passed = sum(record.verdict == "PASSED" for record in records)
    ended = ", interrupted" if interrupted else ""
    lines = [
        f"### perfqa: {plural(len(records), 'run')}, {passed} passed{ended}",
        "",
        _row(_HEADINGS),
        _row([":--" if number < _NUMBERS else "--:" for number in range(len(_HEADINGS))]),
        *(_row(_cells(record)) for record in records[:_MOST_ROWS]),
    ]
    if len(records) > _MOST_ROWS:
        lines += ["", f"{len(records) - _MOST_ROWS} more are not shown."]
    reasons = [reason for record in records for reason in _reasons(record)]
    lines += ["", *(f"- {reason}" for reason in reasons[:_MOST_REASONS])]
    return "\n".join(lines).rstrip() + "\n"


def _cells(record: Record) -> list[str]:
    names = [record.verdict, literal(record.service), literal(record.scenario)]
    if record.measured is None:
        return names + [_NOTHING] * (len(_HEADINGS) - len(names))
    totals = record.measured.totals
    bad = sum(count for code, count in totals.status.items() if code.startswith("5"))
    latency = totals.latency
    times = [
        _NOTHING if time is None else show(time, Unit.SECOND)
        for time in (latency.p50, latency.p95, latency.p99)
    ]
    answers = str(bad) if totals.status else _NOTHING
    return [*names, str(totals.launched), str(totals.failed), answers, *times]


def _reasons(record: Record) -> list[str]:
    title = f"**{record.verdict}** {literal(record.scenario)} on {literal(record.service)}"
    reasons = [*record.invalid, *([record.error] if record.error else [])]
    said = [f"{title}: {literal(reason)}" for reason in dict.fromkeys(reasons)]
    tests = [
        f"**{test.verdict}** {literal(test.name)}: {literal(test.said)}"
        for test in record.tests
        if test.verdict in {"FAILED", "INCONCLUSIVE"}
    ]
    return said + tests


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def literal(text: str) -> str:
    """Give a text that Markdown and HTML show as it is, on one line."""
    line = printable(text, _LONGEST)
    escaped = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]()#+!|~@$])", r"\\\1", escaped)
