"""How names, times and counts are put into lines of text."""

from __future__ import annotations

from ...base.units import Unit, show
from ...errors import PerfqaError


def printable(text: str, width: int | None = None) -> str:
    """Give a text as one line without control characters, cut to ``width`` characters."""
    line = "".join(one if one.isprintable() else _escaped(one) for one in text)
    if width is not None and len(line) > width:
        return line[: max(width - 3, 0)] + "..."[:width]
    return line


def _escaped(character: str) -> str:
    return " " if character.isspace() else character.encode("unicode_escape").decode()


def duration(seconds: float) -> str:
    """Print how long something takes, as people say it."""
    if seconds < 60:
        return show(round(seconds), Unit.SECOND)
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def clock(seconds: float) -> str:
    """Print a stretch of time as on a stop watch: 0:07, 12:30, 1:05:00."""
    minutes, rest = divmod(max(round(seconds), 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def plural(count: int, noun: str) -> str:
    """Print a count and a noun that agrees with it: 1 run, 2 runs."""
    return f"{count} {noun}{'s' * (count != 1)}"


def said(error: BaseException) -> str:
    """Print an error that there is no result for; with its kind where it isn't one of ours."""
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    text = str(error)
    if isinstance(error, PerfqaError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
