"""Sessions as folders: all that they came to, to be shown again beside others.

    session.json  what was asked for, what tests concluded, breaking points, characterisations
    run-1         the result of a run, see ``result.kept``, and so on

docs/results.md says what is in them.
"""

from __future__ import annotations

import copy
import tempfile
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from ..base import files
from ..base.verdicts import Verdict
from ..capacity.character.kind import Character
from ..capacity.character.question import Question
from ..capacity.limits.found import BreakingPoint
from ..errors import ConfigurationError, PerfqaError
from ..measuring.runs import Cell, Judgement, Key
from ..measuring.searches import Search
from ..result import kept
from ..result.provenance import Provenance
from ..result.run_result import RunResult, restored
from ..scenario.records import Scenario
from .findings import Findings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import TypeAdapter

FORMAT: Literal["pytest-perfqa session"] = "pytest-perfqa session"
VERSION: Literal[1] = 1
SESSION = "session.json"
_VerdictName = Literal["UNTESTED", "PASSED", "INCONCLUSIVE", "FAILED", "ERROR", "INVALID"]


@dataclass(frozen=True)
class _Test:
    """What a test concluded, and why if it isn't PASSED."""

    verdict: _VerdictName
    said: str


@dataclass(frozen=True)
class _Error:
    """Why there is no result: the kind of the error, whether it is one of ours, and its text."""

    kind: str
    ours: bool
    text: str


@dataclass(frozen=True)
class _Run:
    """A run that was asked for; its result is in ``folder``, if it came to one."""

    service: str
    scenario: str
    time_scale: float
    verdict: _VerdictName
    tests: dict[str, _Test]
    error: _Error | None
    folder: str | None
    repeats: int
    held: bool
    definition: Scenario


@dataclass(frozen=True)
class _Search:
    """A breaking point that was asked for."""

    service: str
    target: str
    time_scale: float
    verdict: _VerdictName
    tests: tuple[str, ...]
    notes: tuple[str, ...]
    error: _Error | None
    found: BreakingPoint | None


@dataclass(frozen=True)
class _Character:
    """A characterisation that was asked for."""

    question: Question
    time_scale: float
    error: _Error | None
    found: Character | None


@dataclass(frozen=True, kw_only=True)
class _Document:
    """What stands in ``session.json``."""

    format: Literal["pytest-perfqa session"] = FORMAT
    version: Literal[1] = VERSION
    started_at: datetime
    interrupted: bool
    provenance: Provenance
    runs: tuple[_Run, ...]
    searches: tuple[_Search, ...]
    characters: tuple[_Character, ...]


@dataclass(frozen=True)
class KeptSession:
    """What a session came to, and where and with what it was made.

    Attributes:
        started_at: when it began.
        interrupted: whether it was.
    """

    findings: Findings
    provenance: Provenance
    started_at: datetime
    interrupted: bool = False

    @property
    def made(self) -> str:
        """Say when and of what: ``2026-01-01 12:30 UTC, commit 1a2b3c4 (changed) on main``."""
        when = f"{self.started_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        return f"{when}, {self.provenance.commit}"


def check_keeping(directory: Path, option: str) -> None:
    """Make sure that sessions can be kept there.

    Args:
        option: that asks for it, for messages.

    Raises:
        ConfigurationError: it is no folder, or nothing can be written to it.
    """
    there = next(one for one in (directory, *directory.parents) if one.exists())
    if not there.is_dir():
        raise ConfigurationError(f"{option}: {there} is a file; accepted: a folder")
    try:
        tempfile.TemporaryDirectory(prefix=".perfqa-", dir=there).cleanup()
    except OSError as error:
        raise ConfigurationError(
            f"{option}: nothing can be written to {there}: {error.strerror}; "
            "accepted: a folder that can be written to"
        ) from None


def write_session(
    directory: Path,
    found: Findings,
    started_at: datetime,
    setting: dict[str, str],
    *,
    interrupted: bool,
) -> Path:
    """Keep a session in a folder of its own, in one step; give that.

    Raises:
        OSError: it can't be written.
    """
    stamp = started_at.astimezone(UTC)
    folder = directory / f"{stamp:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:6]}"
    provenance = Provenance(setting).completed()
    with files.folder(folder) as scratch:
        fill(scratch, found, stamp, provenance, interrupted=interrupted)
    return folder


def fill(
    folder: Path,
    found: Findings,
    started_at: datetime,
    provenance: Provenance,
    *,
    interrupted: bool = False,
) -> None:
    """Put a session into a folder, which is empty."""
    document = _Document(
        started_at=started_at.astimezone(UTC),
        interrupted=interrupted,
        provenance=provenance,
        runs=tuple(_runs(found, folder, provenance)),
        searches=tuple(_searches(found)),
        characters=tuple(_characters(found)),
    )
    kept.write_document(folder / SESSION, _adapter(), document)


def _runs(found: Findings, folder: Path, provenance: Provenance) -> Iterator[_Run]:
    for number, cell in enumerate(found.cells, 1):
        name = None
        if cell.result is not None:
            name = f"run-{number}"
            as_made(cell.result, provenance).save(folder / name)
        yield _Run(
            service=cell.key.service,
            scenario=cell.key.scenario,
            time_scale=found.time_scale(cell.key.service),
            verdict=_name(cell.verdict),
            tests={name: _Test(_name(one.verdict), one.said) for name, one in cell.tests.items()},
            error=_error(cell.error),
            folder=name,
            repeats=cell.repeats,
            held=cell.held,
            definition=cell.key.definition,
        )


def as_made(result: RunResult, provenance: Provenance) -> RunResult:
    """Give a result that was made where a session was, of the same, in its own setting."""
    made = copy.copy(result)
    made.provenance = replace(provenance, setting=result.provenance.setting)
    return made


def _searches(found: Findings) -> Iterator[_Search]:
    for one in found.searches:
        yield _Search(
            service=one.service,
            target=one.target,
            time_scale=found.time_scale(one.service),
            verdict=_name(one.verdict),
            tests=tuple(sorted(one.tests)),
            notes=one.notes,
            error=_error(one.error),
            found=one.found,
        )


def _characters(found: Findings) -> Iterator[_Character]:
    for asked, one in found.characters.items():
        error, character = (one, None) if isinstance(one, BaseException) else (None, one)
        yield _Character(asked, found.time_scale(asked.service), _error(error), character)


def _name(verdict: Verdict) -> _VerdictName:
    return cast("_VerdictName", verdict.name)


def _error(error: BaseException | None) -> _Error | None:
    if error is None:
        return None
    return _Error(type(error).__name__, isinstance(error, PerfqaError), str(error))


def kept_in(folder: Path) -> list[Path]:
    """Give a folder that holds something that was kept, or those right below it.

    Raises:
        ConfigurationError: there is none.
    """
    if _is_kept(folder):
        return [folder]
    below = sorted(filter(_is_kept, folder.iterdir())) if folder.is_dir() else []
    if not below:
        raise ConfigurationError(
            f"{folder}: nothing was kept there; accepted: a folder that perf_run.save(...) has "
            "written, that of a session below --perfqa-keep=DIR, or DIR"
        )
    return below


def _is_kept(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (kept.RUN, SESSION))


def read_session(folder: Path, label: str = "") -> KeptSession:
    """Read a session that was kept, or a single result.

    Raises:
        ConfigurationError: there is none, it is damaged, or of another version.
    """
    if (folder / kept.RUN).exists():
        return _of_result(folder, label)
    document = kept.document(folder / SESSION, _adapter(), FORMAT, VERSION)
    characters: dict[Question, Character | BaseException] = {}
    for one in document.characters:
        asked = replace(one.question, service=_named(label, one.question.service))
        characters[asked] = _character(one, label)
    scales = {one.service: one.time_scale for one in document.runs}
    scales |= {one.service: one.time_scale for one in document.searches}
    scales |= {one.question.service: one.time_scale for one in document.characters}
    found = Findings(
        {_named(label, name): scale for name, scale in scales.items()}.__getitem__,
        [_cell(run, folder, label) for run in document.runs],
        [_search(search, label) for search in document.searches],
        characters,
    )
    return KeptSession(found, document.provenance, document.started_at, document.interrupted)


def _of_result(folder: Path, label: str) -> KeptSession:
    result = _result(folder, label)
    cell = Cell(Key(result.service, result.scenario, result.definition), result)
    found = Findings(lambda _: result.time_scale, [cell])
    return KeptSession(found, result.provenance, result.started_at)


def _result(folder: Path, label: str) -> RunResult:
    """Read a result as the session had it, all of whose figures can be shown."""
    found = kept.read_kept(folder)
    context = replace(found.context, service=_named(label, found.context.service), is_guarded=False)
    notes = tuple(_named(label, note) for note in found.notes)
    return restored(replace(found, context=context, notes=notes))


def _named(label: str, name: str) -> str:
    return f"{label}: {name}" if label else name


def _cell(run: _Run, folder: Path, label: str) -> Cell:
    result = None if run.folder is None else _result(folder / Path(run.folder).name, label)
    return Cell(
        Key(_named(label, run.service), run.scenario, run.definition),
        result,
        _raised(run.error),
        {name: Judgement(Verdict[one.verdict], one.said) for name, one in run.tests.items()},
        run.repeats,
        run.held,
    )


def _search(search: _Search, label: str) -> Search:
    found, service = search.found, _named(label, search.service)
    return Search(
        service,
        search.target,
        set(search.tests),
        tuple(_named(label, note) for note in search.notes),
        None if found is None else replace(found, service=service),
        _raised(search.error),
        Verdict[search.verdict],
    )


def _character(character: _Character, label: str) -> Character | BaseException:
    found = character.found
    if found is not None:
        return replace(found, service=_named(label, found.service))
    return _raised(character.error) or PerfqaError("nothing was found")


def _raised(error: _Error | None) -> BaseException | None:
    """Give an error that is told as the one that it was."""
    if error is None:
        return None
    if error.ours:
        return PerfqaError(error.text)
    if error.kind == KeyboardInterrupt.__name__:
        return KeyboardInterrupt(error.text)
    kind: type[Exception] = type(error.kind, (Exception,), {})
    return kind(error.text)


@cache
def _adapter() -> TypeAdapter[_Document]:
    from pydantic import TypeAdapter  # noqa: PLC0415 - 0.1 s that only who keeps one should pay

    return TypeAdapter(_Document)
