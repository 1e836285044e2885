"""A test that can't be decided on its runs: they are made again, and its body is run once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import Inconclusive, InvalidRun
from ..measuring.repeating import MOST
from ..result.requirements import require
from .marks import LOAD_FIXTURE, RUN_FIXTURE, are_errors_expected

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from ..measuring.runs import Cell
    from ..measuring.session import PerfSession

# Our own frames tell a user nothing: pytest leaves those of such modules out of tracebacks.
__tracebackhide__ = True

#: What a test raises that can't be decided.
UNDECIDED = (InvalidRun, Inconclusive)


class Requirements:
    """Holds the runs of a test to their requirements when its body ends.

    A class, since a generator's frames in ``contextlib`` would stand in the traceback.
    """

    def __init__(self, item: pytest.Item, cells: Callable[[], list[Cell]]) -> None:
        self._item = item
        self._cells = cells

    def __enter__(self) -> None:
        """Let the body begin."""

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Judge the runs: after a failure only those that were stopped.

        A test may stumble over what a stopped run doesn't have: why it was is what matters. One
        that is undecided may be about a run that misses a requirement where that can be told: then
        it has failed, and the run is not made again. A run that can't be believed is not judged.
        """
        if kind is not None and not issubclass(kind, Exception):
            return
        held = not are_errors_expected(self._item)
        unsettled = kind is not None and issubclass(kind, UNDECIDED)
        for cell in self._cells():
            result = cell.result
            if result is None or result.invalid:
                continue
            if not (result.aborted or kind is None or unsettled):
                continue
            try:
                require(result, held=held)
            except UNDECIDED:
                if not unsettled:
                    raise


def judge_again(
    item: pytest.Item,
    error: InvalidRun | Inconclusive,
    session: PerfSession,
    cell: Cell | None,
    cells: Callable[[], list[Cell]],
) -> None:
    """Measure again what can't be believed or told, as far as that is wished, and run the body.

    Whatever the body concludes then counts; nothing that it has passed or failed comes here. A body
    that doesn't believe its runs is run again as often as a run is made again: it may ask for
    another run each time.

    Args:
        cell: the run of the test's own.
        cells: gives all runs that the test is about.

    Raises:
        InvalidRun: it still can't be believed; with what was wrong with the runs before.
        Inconclusive: it still can't be told.
    """
    disbelieved = 0
    while _is_measured_again(error, session, cell, cells()):
        disbelieved += isinstance(error, InvalidRun)
        try:
            _set_up_again(item)
            with Requirements(item, cells):
                item.runtest()
        except UNDECIDED as still:
            error = still
            if isinstance(error, InvalidRun) and disbelieved >= MOST:
                break
        else:
            return
    if isinstance(error, InvalidRun) and not error.is_final:
        for one in cells():
            error = one.attempts.given_up(error)
    raise error


def _is_measured_again(
    error: InvalidRun | Inconclusive, session: PerfSession, cell: Cell | None, cells: list[Cell]
) -> bool:
    if isinstance(error, InvalidRun):
        made_again = [session.runs.measure_spoiled(one, error) for one in _spoiled(error, cells)]
        return any(made_again)
    wished = session.options.inconclusive == "remeasure"
    if not wished or cell is None or cell.repeats >= (2 if error.pools else 1):
        return False
    session.runs.measure_again(cell, error)
    return True


def _spoiled(error: InvalidRun, cells: list[Cell]) -> list[Cell]:
    """Give the runs that an error is about: all, where it is the test that doesn't believe them."""
    causes = " ".join(error.causes)
    made = [(one, one.result.disturbances) for one in cells if one.result is not None]
    named = [one for one, found in made if any(each.text in causes for each in found)]
    return named or [one for one, _ in made]


def _set_up_again(item: pytest.Item) -> None:
    """Have the test's runs, and all fixtures that are made of them, given to the body anew."""
    request = item._request  # type: ignore[attr-defined]
    known = request._fixture_defs
    for name in (RUN_FIXTURE, LOAD_FIXTURE):
        overridden_first = item.session._fixturemanager.getfixturedefs(name, item)
        for one in reversed(overridden_first or ()):
            one.finish(request)  # with it end those that asked for it
    for name in [name for name, each in known.items() if each.cached_result is None]:
        del known[name]
        item.funcargs.pop(name, None)  # type: ignore[attr-defined]
    request._fillfixtures()
