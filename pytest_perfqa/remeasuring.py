"""A test that can't tell: its run is made again, and its body is run once more on the result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .agenda import RUN_FIXTURE, wish
from .errors import Inconclusive
from .requirements import require

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from .session import Cell, PerfSession

# Our own frames tell a user nothing: pytest leaves those of such modules out of tracebacks.
__tracebackhide__ = True


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
        that can't tell may be about a run of which the requirements can: then that is said.
        """
        if kind is not None and not issubclass(kind, Exception):
            return
        held = not wish(self._item).errors_expected
        unsettled = kind is not None and issubclass(kind, Inconclusive)
        for cell in self._cells():
            if cell.result is None or not (cell.result.aborted or kind is None or unsettled):
                continue
            try:
                require(cell.result, held=held)
            except Inconclusive:
                if not unsettled:
                    raise


def judge_again(
    item: pytest.Item,
    error: Inconclusive,
    session: PerfSession,
    cell: Cell | None,
    cells: Callable[[], list[Cell]],
) -> None:
    """Measure again what could not be told, if that is wished, and run the test on all of it.

    Args:
        cell: the run of the test's own; it alone is made again.
        cells: gives all runs that the test is about.

    Raises:
        Inconclusive: it still can't be told.
    """
    wished = session.options.inconclusive == "remeasure"
    while wished and cell is not None and cell.repeats < (2 if error.pools else 1):
        session.say(f"measuring {cell.key.scenario} on {cell.key.service} again: {error}")
        result = session.measure_again(cell)
        item.funcargs[RUN_FIXTURE] = result  # type: ignore[attr-defined]
        try:
            with Requirements(item, cells):
                item.runtest()
        except Inconclusive as still:
            error = still
        else:
            return
    raise error
