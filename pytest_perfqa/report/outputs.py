"""All that a session leaves behind: the report, exports, and what a CI shows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..machine.environment import machine, versions
from .ci import markdown
from .comparison import compare, compare_services
from .html import folder
from .record.characterisation import record_of_character, record_of_failure
from .record.recorder import record_of, record_of_search

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..measuring.session import PerfSession
    from .export.exporter import Exporter
    from .record.schema import CharacterRecord

_STEP_SUMMARY = "GITHUB_STEP_SUMMARY"


class Outputs:
    """Where a session's records go; a file that can't be written is told, and no more than that.

    Attributes:
        exports: who looks on while runs are made, to send or write figures elsewhere.
    """

    def __init__(self, report: Path | None, exports: Sequence[Exporter] = ()) -> None:
        self._report = report
        self.exports = tuple(exports)

    @property
    def wanted(self) -> bool:
        """Whether there is anything to write."""
        return bool(self._report or self.exports or _step_summary())

    def write(self, session: PerfSession, *, interrupted: bool) -> list[str]:
        """Write everything; gives what the user is to be told, a line each."""
        return list(self._write(session, interrupted=interrupted))

    def _write(self, session: PerfSession, *, interrupted: bool) -> Iterator[str]:
        if not self.wanted:
            return
        here, scale = (machine(), versions()), session.services.time_scale
        found = [
            record_of(one, scale(one.key.service), *here) for one in session.runs.cells.values()
        ]
        searches = [
            record_of_search(one, scale(one.service), *here)
            for one in session.searches.made.values()
        ]
        characters = list(_characters(session))
        conclusions = compare_services(compare(session.runs.results()), session.searches.found())
        if self._report is not None:
            report = self._report
            yield _told(
                "report",
                lambda: folder.write_pages(
                    report, found, searches, characters, conclusions, interrupted=interrupted
                ),
            )
        for export in self.exports:
            yield from export.finish(found)
        if (page := _step_summary()) is not None:
            text = markdown.markdown_summary(
                found, searches, characters, conclusions, interrupted=interrupted
            )
            yield _told("summary", lambda: _append(page, text))


def _characters(session: PerfSession) -> Iterator[CharacterRecord]:
    here = (machine(), versions())
    for asked, found in session.characters.made.items():
        if isinstance(found, BaseException):
            scale = session.services.time_scale(asked.service)
            yield record_of_failure(asked.service, asked.path, found, scale, *here)
        else:
            yield record_of_character(found, *here)


def _step_summary() -> Path | None:
    named = os.environ.get(_STEP_SUMMARY)
    return Path(named) if named else None


def _told(what: str, write: Callable[[], Path]) -> str:
    """Write something; a full disk is no reason to lose what the terminal has to say."""
    try:
        return f"{what}: {write()}"
    except OSError as error:
        return f"{what}: not written: {error}"


def _append(path: Path, text: str) -> Path:
    with path.open("a", encoding="utf-8", errors="replace") as file:
        file.write(text)
    return path
