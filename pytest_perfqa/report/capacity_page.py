"""What a search found, as files: one page that needs nothing else, and the record behind it."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
from html import escape
from typing import TYPE_CHECKING, Any

from ..capacity.found import BreakingPoint
from . import breaking_points, character, probe_line

if TYPE_CHECKING:
    from pathlib import Path

    from ..capacity.character import Character

#: Of the record; a number that a reader doesn't know is a record that it can't read.
SCHEMA = 1
_STYLE = (
    ":root{color-scheme:light dark}body{font-family:sans-serif;max-width:60rem;margin:2rem auto;"
    "padding:0 1rem}pre{overflow-x:auto}"
)


def write(directory: Path, found: BreakingPoint | Character) -> Path:
    """Write ``index.html`` and ``result.json`` to a folder; the page is given back.

    Raises:
        OSError: they can't be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "result.json").write_text(record(found) + "\n", encoding="utf-8")
    path = directory / "index.html"
    path.write_text(page(found), encoding="utf-8")
    return path


def record(found: BreakingPoint | Character) -> str:
    """Give all that was found as JSON: numbers in base units, null for what has no end."""
    kind = "breaking point" if isinstance(found, BreakingPoint) else "character"
    return json.dumps(
        {"schema": SCHEMA, "kind": kind, **_plain(found)}, indent=1, ensure_ascii=False
    )


def page(found: BreakingPoint | Character) -> str:
    """Give the page."""
    title, *lines = described(found)
    chart = probe_line.svg(found) if isinstance(found, BreakingPoint) else ""
    text = escape("\n".join(lines))
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}'
        f"</title><style>{_STYLE}</style></head>\n<body><h1>{escape(title)}</h1>\n{chart}\n"
        f"<pre>{text}</pre>\n</body></html>\n"
    )


def described(found: BreakingPoint | Character) -> list[str]:
    """Give it as lines of text."""
    if isinstance(found, BreakingPoint):
        return breaking_points.described(found)
    return character.described(found).splitlines()


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: _plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.name if isinstance(value, int) else value.value
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value
