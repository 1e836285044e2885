"""Ways through raw values, whatever they hold, with the place of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...base.yaml_file.reading import Document, Loc


def each(loc: Loc, raw: object) -> Iterator[tuple[Loc, object]]:
    """Give the items of a list with their places, or the one value that stands for a list."""
    if isinstance(raw, list):
        yield from (((*loc, number), item) for number, item in enumerate(raw))
    else:
        yield loc, raw


def each_mapping(document: Document, loc: Loc) -> Iterator[tuple[Loc, dict[str, Any]]]:
    """Give those items at a place of the file that are mappings, with their places."""
    for place, raw in each(loc, document.value(loc)):
        if isinstance(raw, dict):
            yield place, raw


def texts(loc: Loc, raw: object) -> Iterator[tuple[Loc, str]]:
    """Give all texts within a value, keys too, with their places."""
    if isinstance(raw, dict):
        for key, inner in raw.items():
            yield (*loc, key), key
            yield from texts((*loc, key), inner)
    elif isinstance(raw, list):
        for number, inner in enumerate(raw):
            yield from texts((*loc, number), inner)
    elif isinstance(raw, str):
        yield loc, raw


def given(raw: dict[str, Any]) -> set[str]:
    """Give the keys that have a value."""
    return {key for key, value in raw.items() if value is not None}
