"""What becomes of a perf test: its verdict is noted, and what it rests on is put beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ..base.verdicts import Verdict
from ..errors import Inconclusive, InvalidRun
from ..report.ci.properties import properties
from ..report.terminal.summary import evidence
from ..report.text.character import character_details
from ..result.requirements import about_errors, is_told
from .marks import are_errors_expected, service_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..capacity.character.kind import Character
    from ..measuring.runs import Cell
    from ..measuring.session import PerfSession

_CHARACTER_FIXTURE = "perf_characterize"
_TOLD = pytest.StashKey[list[tuple[str, str]]]()


def judge_test(
    item: pytest.Item,
    report: pytest.TestReport,
    call: pytest.CallInfo[None],
    session: PerfSession,
    cells: list[Cell],
    inconclusive: str,
) -> None:
    """Note the verdict of one phase of a test on all that it is about, and on its report.

    Args:
        cells: the runs that the test is about.
        inconclusive: what becomes of INCONCLUSIVE: ``pass`` doesn't fail the session.
    """
    verdict = verdict_of(report, call.excinfo.value if call.excinfo else None)
    held = not are_errors_expected(item)
    for cell in cells:
        cell.held = cell.held or held
    if verdict is not None:
        report.perfqa_verdict = verdict.name  # type: ignore[attr-defined]
        _note(item, verdict, _said(call), session, cells)
    if report.failed:
        report.sections.extend(_evidence(item, session, cells))
        # What the test itself did not stumble over must not be hidden by what it did.
        told = "" if call.excinfo is None else str(call.excinfo.value)
        report.sections.extend(_errors(cells, told, held=held))
    if verdict is Verdict.INCONCLUSIVE and inconclusive == "pass":
        _let_pass(item, report, call)


def _note(
    item: pytest.Item, verdict: Verdict, said: str, session: PerfSession, cells: list[Cell]
) -> None:
    for cell in cells:
        # Of several runs only some may be unfit to be believed.
        result = cell.result
        is_fit = result is not None and not (result.invalid or result.disturbances)
        is_fit = is_fit and len(cells) > 1
        if verdict is not Verdict.INVALID or not is_fit:
            cell.judge(item.nodeid, verdict, said)
    for search in session.searches.of_test(item.nodeid):
        search.judge(verdict)
    compared = session.comparisons.of_test(item.nodeid)
    # On the item, so that the report of the teardown, which JUnit reads, has them.
    before = item.stash.get(_TOLD, [])
    item.stash[_TOLD] = properties(
        verdict,
        service_of(item) or "",
        cells,
        session.searches.of_test(item.nodeid),
        _characters(item, session),
        [finding for one in compared for finding in one.findings],
    )
    kept = [one for one in item.user_properties if one not in before]
    item.user_properties[:] = [*kept, *item.stash[_TOLD]]


def _errors(cells: list[Cell], told: str, *, held: bool) -> Iterator[tuple[str, str]]:
    for cell in cells:
        if cell.result is None or cell.result.invalid or is_told(cell.result, told):
            continue
        if said := about_errors(cell.result, held=held):
            yield f"perfqa answers of {cell.key.scenario}", said


def _evidence(
    item: pytest.Item, session: PerfSession, cells: list[Cell]
) -> Iterator[tuple[str, str]]:
    for search in session.searches.of_test(item.nodeid):
        if search.found is not None:
            yield "perfqa breaking point", str(search.found)
    service = service_of(item)
    yield from evidence(cells, session.services.running(service or ""))
    for character in _characters(item, session):
        yield "perfqa characterisation", character_details(character)


def _characters(item: pytest.Item, session: PerfSession) -> list[Character]:
    if _CHARACTER_FIXTURE not in getattr(item, "fixturenames", ()):
        return []
    return session.characters.found(service_of(item))


def _let_pass(item: pytest.Item, report: pytest.TestReport, call: pytest.CallInfo[None]) -> None:
    report.outcome = "skipped"
    path, line, _ = item.location
    said = "" if call.excinfo is None else call.excinfo.value
    report.longrepr = (path, (line or 0) + 1, f"Skipped: {said}")


def _said(call: pytest.CallInfo[None]) -> str:
    return "" if call.excinfo is None else call.excinfo.exconly(tryshort=True)


def verdict_of(report: pytest.TestReport, error: BaseException | None) -> Verdict | None:
    """Give the verdict of one phase of a test; None where it says nothing."""
    if report.failed:
        if isinstance(error, InvalidRun):
            return Verdict.INVALID
        if isinstance(error, Inconclusive):
            return Verdict.INCONCLUSIVE
        return Verdict.FAILED if report.when == "call" else Verdict.ERROR
    return Verdict.PASSED if report.passed and report.when == "call" else None
