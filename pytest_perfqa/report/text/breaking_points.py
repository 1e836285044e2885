"""Breaking points as text: one line each, or with all probes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ...errors import PerfqaError
from .table import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ...base.units import Quantity
    from ...capacity.limits.found import BreakingPoint
    from ...measuring.searches import Search

_HEADINGS = (
    "service",
    "breaking point",
    "rate",
    "passed",
    "failed",
    "cause",
    "probes",
    "wall",
    "verdict",
)
_NUMBERS = frozenset({2, 3, 4, 6, 7})
_MISSING = "-"


def searches_summary(searches: Iterable[Search]) -> list[str]:
    """Give one line per search, under a line of headings, and notes below."""
    searches = list(searches)
    rows = [(*_cells(search), search.verdict.name) for search in searches]
    return table([_HEADINGS, *rows], _NUMBERS) + list(dict.fromkeys(_notes(searches)))


def breaking_point_details(found: BreakingPoint) -> list[str]:
    """Give the answer and the probes behind it, as lines."""
    probes = [
        (
            str(number),
            str(probe.size),
            _rate(probe.rate),
            probe.verdict.name,
            probe.cause,
            probe.why,
        )
        for number, probe in enumerate(found.probes, 1)
    ]
    head = ("probe", "requests", "rate", "verdict", "cause", "why")
    return [
        f"{found.capacity.value} of {found.service}, {found.target}: {found.summary}",
        *table([head, *probes], {0, 1, 2}),
        *found.notes,
        f"{len(found.probes)} probes in {found.wall}",
    ]


def answer(found: BreakingPoint) -> str:
    """Give the rate it breaks at; one it does not break at as such."""
    rate = _rate(found.rate)
    return rate if found.broken or rate == _MISSING else f"> {rate}"


def _cells(search: Search) -> tuple[str, ...]:
    found = search.found
    if found is None:
        return (search.service, search.target, *[_MISSING] * 6)
    return (
        search.service,
        found.question,
        answer(found),
        _rate(found.low),
        _rate(found.high),
        found.cause or _MISSING,
        str(len(found.probes)),
        f"{found.wall:.0f} s",
    )


def _rate(rate: Quantity) -> str:
    return str(rate) if math.isfinite(rate) else _MISSING


def _notes(searches: list[Search]) -> Iterator[str]:
    for search in searches:
        where = f"{search.service}, {search.target}"
        if isinstance(search.error, PerfqaError):
            yield f"{where}: {str(search.error).partition(chr(10))[0]}"
        elif search.found is not None:
            state = "" if search.found.confirmed else "not confirmed: "
            yield from (f"{where}: {state}{note}" for note in search.found.notes)
    if any(search.found and search.found.time_scale != 1 for search in searches):
        yield "rates of breaking points are at full scale"
    yield from (note for search in searches for note in search.notes)
