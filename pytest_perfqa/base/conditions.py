"""Conditions such as ``a < 1 or not (b > 2 and c == 0)``, of figures that may not be known.

A comparison is true, false, or can't be told: from too few samples, or from a run that others
disturbed. One side that is decided may decide all: a false one an ``and``, a true one an ``or``
(the logic of three values: Kleene, Introduction to Metamathematics, 1952).

A comparison of a figure that doesn't exist, since there was nothing to take it from, does not hold,
and neither does its opposite: what is about nothing is never met by that, also under ``not``. But
an ``or`` is met if its other side holds.
"""

from __future__ import annotations

import ast
import operator
from typing import TYPE_CHECKING, Any

from ..errors import Inconclusive, InvalidRun, NoData
from .units import Estimate, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

#: Why it can't be told; at least one reason.
Unknown = tuple[Inconclusive | InvalidRun, ...]
Truth = bool | Unknown

_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_CALCULATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}


class Condition:
    """A condition on figures.

    Args:
        tree: the condition, in which ``m0``, ``m1``... are the figures.
        figures: the value of each, or the error that it ended in.
    """

    def __init__(self, tree: ast.expr, figures: Sequence[float | Exception]) -> None:
        self._tree = tree
        self._figures = figures

    def holds(self) -> Truth:
        """Tell whether it holds, or why that can't be told."""
        return self._is(self._tree, wanted=True)

    def _is(self, node: ast.expr, *, wanted: bool) -> Truth:
        """Tell whether a part of it is true, or false if that is ``wanted``."""
        match node:
            case ast.UnaryOp(ast.Not(), operand):
                return self._is(operand, wanted=not wanted)
            case ast.BoolOp(kind, parts):
                decides = isinstance(kind, ast.And) is not wanted
                return _together((self._is(part, wanted=wanted) for part in parts), decides)
            case ast.Compare(left, kinds, rights):
                lefts = [left, *rights[:-1]]
                each = map(self._compared, [wanted] * len(lefts), lefts, kinds, rights)
                return _together(each, not wanted)
            case _:
                return _told(lambda: bool(self._value(node)) is wanted)

    def _compared(self, wanted: bool, left: ast.expr, kind: ast.cmpop, right: ast.expr) -> Truth:
        compare = _COMPARISONS[type(kind)]
        return _told(lambda: bool(compare(self._value(left), self._value(right))) is wanted)

    def _value(self, node: ast.expr) -> Any:
        """Calculate a part of it.

        Raises:
            Inconclusive, InvalidRun, NoData: that of a figure in it.
        """
        match node:
            case ast.Constant(value):
                return value
            case ast.Name(name):
                figure = self._figures[int(name[1:])]
                if isinstance(figure, Exception):
                    raise figure
                return figure
            case ast.UnaryOp(ast.USub(), operand):
                return -self._value(operand)
            case ast.BinOp(left, kind, right):
                return _number(_CALCULATIONS[type(kind)](self._value(left), self._value(right)))
            case _:
                return self._number_of(node)

    def _number_of(self, condition: ast.expr) -> bool:
        """Take a condition for a number, as Python does."""
        truths = [self._is(condition, wanted=wanted) for wanted in (True, False)]
        for truth in truths:
            if isinstance(truth, tuple):
                raise truth[0]
        if not any(truths):
            raise NoData("a condition about nothing")
        return truths[0] is True


def _number(value: Any) -> Any:
    """Give an estimate without a unit: in a condition, all are numbers."""
    if isinstance(value, Estimate) and value.unit is Unit.RATIO:
        evidence = value.evidence()
        return value.times(1, Unit.COUNT, evidence.subject if evidence else "the figure")
    return value


def _told(compare: Callable[[], bool]) -> Truth:
    try:
        return compare()
    except (Inconclusive, InvalidRun) as error:
        return (error,)
    except (NoData, ArithmeticError):  # nothing was there, or nothing to divide by
        return False


def _together(truths: Iterable[Truth], decides: bool) -> Truth:
    """Join parts of which one that is as ``decides`` decides all: a true one an ``or``."""
    unknown: Unknown = ()
    for truth in truths:
        if truth is decides:
            return decides
        unknown += truth if isinstance(truth, tuple) else ()
    return unknown or not decides
