"""All that a session leaves behind: the report, exports, and what a CI shows."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..machine.environment import machine, versions
from .ci import markdown
from .comparison import compare, compare_services
from .html import folder
from .kept import write_session
from .record.gathered import gather
from .saved import save_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .export.exporter import Exporter
    from .findings import Findings

_STEP_SUMMARY = "GITHUB_STEP_SUMMARY"


class Outputs:
    """Where a session's records go; a file that can't be written is told, and no more than that.

    Attributes:
        exports: who looks on while runs are made, to send or write figures elsewhere.
    """

    def __init__(
        self,
        report: Path | None,
        exports: Sequence[Exporter] = (),
        keep: Path | None = None,
        setting: Mapping[str, str] | None = None,
        *,
        save: Path | None = None,
    ) -> None:
        """Write to these.

        Args:
            keep: the folder below which sessions are kept.
            setting: how they are made, for those.
            save: the folder that sessions are saved in as a baseline.
        """
        self._report = report
        self.exports = tuple(exports)
        self._keep = keep
        self._save = save
        self._setting = dict(setting or {})
        self._started_at = datetime.now(UTC)

    def write(self, found: Findings, *, interrupted: bool) -> list[str]:
        """Write everything; gives what the user is to be told, a line each."""
        return list(self._write(found, interrupted=interrupted))

    def _write(self, found: Findings, *, interrupted: bool) -> Iterator[str]:
        about = self._started_at, self._setting
        if self._keep is not None:
            keep = self._keep
            yield _told("kept", lambda: write_session(keep, found, *about, interrupted=interrupted))
        if self._save is not None:
            save = self._save
            yield _told("saved", lambda: save_session(save, found, *about, interrupted=interrupted))
        if self._report or self.exports or _step_summary():
            yield from self._write_records(found, interrupted=interrupted)

    def _write_records(self, found: Findings, *, interrupted: bool) -> Iterator[str]:
        made = gather(found, machine(), versions())
        records = (made.runs, made.searches, made.characters)
        conclusions = compare_services(compare(found.results), found.breaking_points)
        if self._report is not None:
            report = self._report
            yield _told(
                "report",
                lambda: folder.write_pages(report, *records, conclusions, interrupted=interrupted),
            )
        for export in self.exports:
            yield from export.finish(made.runs)
        if (page := _step_summary()) is not None:
            text = markdown.markdown_summary(*records, conclusions, interrupted=interrupted)
            yield _told("summary", lambda: _append(page, text))


def _step_summary() -> Path | None:
    named = os.environ.get(_STEP_SUMMARY)
    return Path(named) if named else None


def _told(what: str, write: Callable[[], Path | str]) -> str:
    """Write something; a full disk is no reason to lose what the terminal has to say."""
    try:
        return f"{what}: {write()}"
    except OSError as error:
        return f"{what}: not written: {error}"


def _append(path: Path, text: str) -> Path:
    with path.open("a", encoding="utf-8", errors="replace") as file:
        file.write(text)
    return path
