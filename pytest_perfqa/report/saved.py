"""Sessions under a name: kept as others, with what they were of, and replaced by better ones only.

    baseline.json  the name, where and with what it was made, the fingerprint of each run
    session.json   and all else that is kept of a session

docs/baselines.md says what is in them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Literal

from ..base import files
from ..base.verdicts import Verdict
from ..errors import ConfigurationError
from ..result import kept
from ..result.fingerprint import Fingerprint, fingerprint
from ..result.provenance import Provenance
from .kept import as_made, check_keeping, fill

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pydantic import TypeAdapter

    from .findings import Findings

FORMAT: Literal["pytest-perfqa baseline"] = "pytest-perfqa baseline"
VERSION: Literal[1] = 1
BASELINE = "baseline.json"


@dataclass(frozen=True)
class SavedRun:
    """A run of a baseline, and what it was of."""

    service: str
    scenario: str
    fingerprint: Fingerprint


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What stands in ``baseline.json``."""

    format: Literal["pytest-perfqa baseline"] = FORMAT
    version: Literal[1] = VERSION
    name: str
    started_at: datetime
    provenance: Provenance
    runs: tuple[SavedRun, ...]


def check_saving(folder: Path, option: str) -> None:
    """Make sure that a baseline can be saved there.

    Args:
        option: that asks for it, for messages.

    Raises:
        ConfigurationError: there is something else, or nothing can be written to it.
    """
    check_keeping(folder.parent, option)
    is_other = folder.is_dir() and any(folder.iterdir()) and not (folder / BASELINE).is_file()
    if is_other or folder.is_file():
        raise ConfigurationError(
            f"{option}: {folder} holds something that was not saved there; accepted: another name"
        )


def read_baseline(folder: Path) -> Baseline:
    """Read what a baseline is of.

    Raises:
        ConfigurationError: there is none, it is damaged, or of another version.
    """
    return kept.document(folder / BASELINE, _adapter(), FORMAT, VERSION)


def save_session(
    folder: Path,
    found: Findings,
    started_at: datetime,
    setting: Mapping[str, str],
    *,
    interrupted: bool,
) -> str:
    """Save a session in place of what the folder has, in one step; give what the user is told.

    What can't be believed, or isn't whole, is not saved: the one before stays.

    Raises:
        OSError: it can't be written.
    """
    if reasons := list(_reasons(found, interrupted=interrupted)):
        stays = ", which stays as it was" if (folder / BASELINE).exists() else ""
        return f"not in {folder}{stays}: {'; '.join(reasons)}"
    provenance = Provenance(dict(setting)).completed()
    with files.folder(folder) as scratch:
        fill(scratch, found, started_at, provenance)
        written = Baseline(
            name=folder.name,
            started_at=started_at.astimezone(UTC),
            provenance=provenance,
            runs=tuple(
                SavedRun(one.service, one.scenario, fingerprint(as_made(one, provenance)))
                for one in found.results
            ),
        )
        kept.write_document(scratch / BASELINE, _adapter(), written)
    return str(folder)


def _reasons(found: Findings, *, interrupted: bool) -> Iterator[str]:
    if interrupted:
        yield "the session was interrupted"
    elif not (found.results or found.breaking_points):
        yield "nothing was measured"
    for cell in found.cells:
        run = f"{cell.key.scenario} on {cell.key.service}"
        if cell.result is None:
            yield f"{run} came to no result"
        elif cell.result.invalid or cell.verdict is Verdict.INVALID:
            yield f"{run} is INVALID"
    for search in found.searches:
        if search.verdict is Verdict.INVALID:
            yield f"{search.target} on {search.service} is INVALID"


@cache
def _adapter() -> TypeAdapter[Baseline]:
    from pydantic import TypeAdapter  # noqa: PLC0415 - 0.1 s that only who saves one should pay

    return TypeAdapter(Baseline)
