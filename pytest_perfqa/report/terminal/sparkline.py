"""A figure over time as one word."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_BARS = "▁▂▃▄▅▆▇█"
_PLAIN = "_.-:=+*#"


def sparkline(values: Iterable[float | None], encoding: str = "utf-8") -> str:
    """Draw values as bars from the lowest to the highest; a blank where there is none.

    Where the encoding has no bars, they are characters of ASCII that look heavier the higher.
    """
    values = list(values)
    known = [value for value in values if value is not None]
    if not known:
        return ""
    bars, low = _bars(encoding), min(known)
    step = (max(known) - low) / (len(bars) - 1)
    return "".join(
        " " if value is None else bars[round((value - low) / step) if step > 0 else 0]
        for value in values
    )


def _bars(encoding: str) -> str:
    try:
        _BARS.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return _PLAIN
    return _BARS
