"""What to say beside an exception that ended a test: exceptions in, text out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...base.units import Quantity
from ...errors import Inconclusive
from .assertion import undecided, verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

# What pytest calls the values in an assertion that it has rewritten.
_REWRITTEN = "@py_"


def explain(error: BaseException, encoding: str) -> None:
    """Note at an undecided comparison what stands behind it."""
    if isinstance(error, Inconclusive) and error.comparison is not None:
        for line in undecided(*error.comparison, encoding):
            error.add_note(f"  {line}")
        error.comparison = None


def truths(error: BaseException, encoding: str) -> Iterator[tuple[str, str]]:
    """Give, as titles and texts, what stands behind ``assert verdict`` or ``assert not verdict``.

    pytest prints the values of a plain truth in one short line each, and lets nobody add to it;
    but it keeps them in the frame of the test.
    """
    trace = error.__traceback__
    if not isinstance(error, AssertionError) or trace is None:
        return
    while trace.tb_next is not None:
        trace = trace.tb_next
    for name, value in trace.tb_frame.f_locals.items():
        known = hasattr(type(value), "evidence") and not isinstance(value, Quantity)
        lines = verdict(value, encoding) if known and name.startswith(_REWRITTEN) else []
        if lines:
            yield "perfqa evidence", "\n".join(lines)
