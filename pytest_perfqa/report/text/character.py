"""What characterisation found, as text: a line of a table, or all of it with its evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .table import table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...base.units import Quantity
    from ...capacity.character.kind import Character

_HEADINGS = ("service", "path", "kind", "at one time", "service time", "saturation", "wall")
_NUMBERS = frozenset({3, 4, 5, 6})
_UNKNOWN = "?"


def characters_summary(characters: Iterable[Character]) -> list[str]:
    """Give one line per service and path, under a line of headings."""
    return table([_HEADINGS, *map(_row, characters)], _NUMBERS)


def character_details(character: Character) -> str:
    """Give all that was found, and why."""
    time = _with_interval(character.service_time, character.service_time_interval)
    rate = _UNKNOWN
    if character.saturation_rate is not None:
        rate = _with_interval(character.saturation_rate, character.saturation_rate_interval)
    return "\n".join(
        [
            f"{character.service} {character.path}: {character.kind or 'kind not told'}",
            f"at one time      {_at_one_time(character)}",
            f"service time     {time}, CV {character.spread:.2f}",
            f"saturation rate  {rate}",
            *(f"- {line}" for line in (*character.evidence, *character.notes)),
            f"{character.requests} requests in {character.wall:.1f} s",
        ]
    )


def _row(character: Character) -> tuple[str, ...]:
    rate = character.saturation_rate
    return (
        character.service,
        character.path,
        character.kind or _UNKNOWN,
        _at_one_time(character),
        str(character.service_time),
        _UNKNOWN if rate is None else str(rate),
        f"{character.wall:.0f} s",
    )


def _at_one_time(character: Character) -> str:
    if character.concurrency_limit is not None:
        return str(character.concurrency_limit)
    if character.workers_interval is None:
        return _UNKNOWN
    low, high = character.workers_interval
    return f"{low} or more" if high is None else f"{low} to {high}"


def _with_interval(value: Quantity, interval: tuple[Quantity, Quantity] | None) -> str:
    return f"{value} ({interval[0]} to {interval[1]})" if interval else str(value)
