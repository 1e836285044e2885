"""What was kept, to be shown again: one session, or several side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .comparison import compare, compare_services
from .findings import Findings, together
from .html import folder as pages
from .kept import kept_in, read_session
from .record.gathered import Records, gather

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from .kept import KeptSession


class Shown:
    """Kept sessions; where they are several, the label of each stands before its services.

    Raises:
        ConfigurationError: a folder holds nothing that was kept, or what is damaged or of another
            version.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._sessions = [read_session(one, label) for one, label in _labelled(folders)]

    @property
    def findings(self) -> Findings:
        """All that they came to."""
        return together(one.findings for one in self._sessions)

    def records(self) -> Records:
        """Write down all that they came to, each with the machine and versions of its session."""
        return sum(map(_records, self._sessions), Records())

    def report(self, directory: Path) -> Path:
        """Write the report of all; give its first page.

        Raises:
            OSError: it can't be written.
        """
        found, made = self.findings, self.records()
        return pages.write_pages(
            directory,
            made.runs,
            made.searches,
            made.characters,
            compare_services(compare(found.results), found.breaking_points),
            interrupted=any(one.interrupted for one in self._sessions),
        )


def _records(session: KeptSession) -> Records:
    made_with = session.provenance
    return gather(session.findings, made_with.machine, made_with.versions)


def _labelled(folders: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """Give each folder once, with the end of its path that no other has; a single one has none."""
    found = list(dict.fromkeys(one.resolve() for each in folders for one in kept_in(each)))
    if len(found) == 1:
        yield found[0], ""
        return
    for one in found:
        ends = ("/".join(one.parts[-length:]) for length in range(1, len(one.parts) + 1))
        others = [other for other in found if other != one]
        yield one, next(end for end in ends if not any(_ends_with(each, end) for each in others))


def _ends_with(path: Path, end: str) -> bool:
    return f"/{path.as_posix()}".endswith(f"/{end}")
