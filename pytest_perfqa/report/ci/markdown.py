"""Runs, breaking points and characterisations as Markdown tables, for pages of a CI."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ...base.units import Unit, show
from ..text import side_by_side
from ..text.words import plural, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..comparison import Conclusion
    from ..record.schema import CharacterRecord, Record, SearchRecord

_HEADINGS = ("verdict", "service", "scenario", "launched", "failed", "5xx", "p50", "p95", "p99")
_SEARCH = ("verdict", "service", "breaking point of", "rate", "passed", "failed", "cause")
_CHARACTER = ("service", "path", "kind", "workers", "service time", "saturation")
_NUMBERS = 3
# What a page of GitHub takes is a mebibyte for all steps together.
_MOST_ROWS = 200
_MOST_REASONS = 50
_LONGEST = 200
_NOTHING = "-"


def markdown_summary(
    records: Sequence[Record],
    searches: Sequence[SearchRecord] = (),
    characters: Sequence[CharacterRecord] = (),
    conclusions: Sequence[Conclusion] = (),
    *,
    interrupted: bool = False,
) -> str:
    """Give a heading, a line for each, services over all, and why what isn't PASSED is not."""
    lines = [_heading(records, searches, characters, interrupted=interrupted)]
    lines += _table(_HEADINGS, [_cells(record) for record in records])
    lines += _table(_SEARCH, [_search_cells(search) for search in searches])
    lines += _table(_CHARACTER, [_character_cells(character) for character in characters])
    if conclusions:
        headings, *rows = side_by_side.cells(conclusions)
        lines += _table(headings, [[literal(text) for text in row] for row in rows])
    reasons = [reason for record in records for reason in _reasons(record)]
    reasons += _unanswered(searches, characters)
    lines += ["", *(f"- {reason}" for reason in reasons[:_MOST_REASONS])]
    return "\n".join(lines).rstrip() + "\n"


def _heading(
    records: Sequence[Record],
    searches: Sequence[SearchRecord],
    characters: Sequence[CharacterRecord],
    *,
    interrupted: bool,
) -> str:
    """Say how many of each there are, and how many passed."""
    counts = [
        plural(len(found), what)
        for found, what in (
            (records, "run"),
            (searches, "breaking point"),
            (characters, "characterisation"),
        )
        if found
    ]
    verdicts = [*(one.verdict for one in records), *(one.verdict for one in searches)]
    passed = f"{verdicts.count('PASSED')} passed"
    ended = ", interrupted" if interrupted else ""
    return f"### perfqa: {', '.join(counts or ['no runs'])}, {passed}{ended}"


def _unanswered(
    searches: Sequence[SearchRecord], characters: Sequence[CharacterRecord]
) -> Iterator[str]:
    """Say why there is no breaking point, or no characterisation."""
    for search in searches:
        if search.error:
            yield (
                f"**{search.verdict}** {literal(search.target)} on {literal(search.service)}: "
                f"{literal(search.error)}"
            )
    for one in characters:
        if one.error:
            yield f"{literal(one.path)} on {literal(one.service)}: {literal(one.error)}"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    aligned = [":--" if number < _NUMBERS else "--:" for number in range(len(headings))]
    lines = ["", _row(headings), _row(aligned), *map(_row, rows[:_MOST_ROWS])]
    if len(rows) > _MOST_ROWS:
        lines += ["", f"{len(rows) - _MOST_ROWS} more are not shown."]
    return lines


def _search_cells(search: SearchRecord) -> list[str]:
    what = search.target
    if search.window is not None:
        what += f" within {show(search.window, Unit.SECOND)}"
    if search.slo:
        what += f", {search.slo}"
    least = "" if search.broken or search.rate is None else "at least "
    rates = [_rate(search.rate), _rate(search.low), _rate(search.high)]
    names = [search.verdict, literal(search.service), literal(what)]
    return [*names, least + rates[0], *rates[1:], literal(search.cause) or _NOTHING]


def _character_cells(character: CharacterRecord) -> list[str]:
    time = character.service_time
    return [
        literal(character.service),
        literal(character.path),
        character.kind or _NOTHING,
        _NOTHING if character.workers is None else str(character.workers),
        _NOTHING if time is None else show(time, Unit.SECOND),
        _rate(character.saturation_rate),
    ]


def _rate(rate: float | None) -> str:
    return _NOTHING if rate is None else show(rate, Unit.PER_SECOND)


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
