"""Everything that a session came to, as records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .characterisation import record_of_character, record_of_failure
from .recorder import record_of, record_of_search

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..findings import Findings
    from .schema import CharacterRecord, Record, SearchRecord


@dataclass(frozen=True)
class Records:
    """The records of runs, of breaking points and of characterisations."""

    runs: tuple[Record, ...] = ()
    searches: tuple[SearchRecord, ...] = ()
    characters: tuple[CharacterRecord, ...] = ()

    def __iter__(self) -> Iterator[Record | SearchRecord | CharacterRecord]:
        yield from self.runs
        yield from self.searches
        yield from self.characters

    def __add__(self, others: Records) -> Records:
        return Records(
            self.runs + others.runs,
            self.searches + others.searches,
            self.characters + others.characters,
        )


def gather(found: Findings, machine: Mapping[str, str], versions: Mapping[str, str]) -> Records:
    """Write down all that a session came to."""
    scale, here = found.time_scale, (machine, versions)
    return Records(
        tuple(record_of(one, scale(one.key.service), *here) for one in found.cells),
        tuple(record_of_search(one, scale(one.service), *here) for one in found.searches),
        tuple(_characters(found, machine, versions)),
    )


def _characters(
    found: Findings, machine: Mapping[str, str], versions: Mapping[str, str]
) -> Iterator[CharacterRecord]:
    for asked, one in found.characters.items():
        if isinstance(one, BaseException):
            scale = found.time_scale(asked.service)
            yield record_of_failure(asked.service, asked.path, one, scale, machine, versions)
        else:
            yield record_of_character(one, machine, versions)
