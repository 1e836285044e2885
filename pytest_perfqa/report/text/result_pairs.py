"""Two runs of another time each as text: metric by metric, and what they were not alike in."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ...base.units import show
from ..result_pairs import STATEMENT
from .table import table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...base.intervals import Ends
    from ...base.units import Unit
    from ..result_pairs import MetricPair, Paired, ResultPair, Told

_HEADINGS = ("metric", "first", "", "second", "", "second / first", "")
_NUMBERS = frozenset({1, 3, 5})
_MISSING = "-"


def pairs_text(paired: Paired) -> Iterator[str]:
    """Give the lines of all pairs, what has no counterpart, and what all that is worth."""
    for one in paired.pairs:
        yield from _pair(one)
    for which, names in (("first", paired.only_one), ("second", paired.only_other)):
        for name in names:
            yield f"only in the {which}: {name}"
    yield STATEMENT


def _pair(pair: ResultPair) -> Iterator[str]:
    yield f"{pair.name}:"
    for difference in pair.unlike:
        yield f"  not alike: {difference}"
    rows = table([_HEADINGS, *map(_row, pair.metrics)], _NUMBERS)
    yield from (f"  {line}" for line in rows)


def _row(pair: MetricPair) -> tuple[str, ...]:
    return (
        pair.name,
        *_told(pair.one, pair.unit),
        *_told(pair.other, pair.unit),
        _MISSING if pair.ratio is None else times(pair.ratio),
        "" if pair.ratio_ends is None else _between(*map(times, pair.ratio_ends)),
    )


def _told(found: Told, unit: Unit) -> tuple[str, str]:
    if found.value is None:
        return _MISSING, ""
    return show(found.value, unit), _interval(found.ends, unit)


def _interval(ends: Ends | None, unit: Unit) -> str:
    if ends is None:
        return ""
    low, high = ends
    if math.isinf(high):
        return f"({show(low, unit)} or more)"
    return _between(show(low, unit), show(high, unit))


def _between(low: str, high: str) -> str:
    return f"({low} to {high})"


def times(ratio: float) -> str:
    """Print how many times as much something is."""
    return "any" if math.isinf(ratio) else f"{ratio:.3g}"
