"""Conditions: a metric compared with a limit, and expressions of several comparisons.

``thresholds``, ``abort``, the objectives of a search and each comparison of ``ensure`` spell the
same: a metric, an operator, a limit, what part of a run it is about, and how long it must hold.
Whole runs are judged by ``Expression``, windows by ``load.wire.tally``.

A comparison is true, false, or can't be told: from too few samples, or from a run that others
disturbed. One side that is decided may decide all: a false one an ``and``, a true one an ``or``
(the logic of three values: Kleene, Introduction to Metamathematics, 1952).

A comparison of a figure that doesn't exist, since there was nothing to take it from, does not hold,
and neither does its opposite: what is about nothing is never met by that, also under ``not``. But
an ``or`` is met if its other side holds.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from ..errors import ConfigurationError, Inconclusive, InvalidRun, NoData
from .metrics import find
from .units import Estimate, Unit, show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .metrics import RunMetric, WindowCount

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


Operator = Literal[">", ">=", "<", "<="]
_OPERATORS: dict[str, type[ast.cmpop]] = {
    ">": ast.Gt,
    ">=": ast.GtE,
    "<": ast.Lt,
    "<=": ast.LtE,
}
_OPPOSITES: dict[str, Operator] = {">": "<=", ">=": "<", "<": ">=", "<=": ">"}
_COMPARISON = re.compile(
    r"""(?P<left>(?:"[^"]*"|'[^']*'|[^<>=!"'])*)(?P<operator>[<>=!]+)(?P<limit>.*)\Z""", re.DOTALL
)
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Condition:
    """A metric compared with a limit: on a whole run, or in windows for as long as it must last.

    Attributes:
        text: as it stands where it was written.
        metric: such as ``latency.p95``, ``error_rate``, ``status.5xx``, ``pending``.
        limit: in base units of ``unit``.
        endpoint, phase: what it is about; None for all.
        lasting: how long it must hold, window after window; None judges the whole run at once.
        after: from when on, in seconds from the start of the run.
        abort: whether to stop the run when the condition is met.
    """

    text: str
    line: int
    metric: str
    operator: Operator
    limit: float
    unit: Unit
    endpoint: str | None = None
    phase: str | None = None
    lasting: float | None = None
    after: float = 0.0
    abort: bool = False

    def __str__(self) -> str:
        found = comparison(self.text)
        return f"{found[0] if found else self.metric} {self.operator} {show(self.limit, self.unit)}"

    @property
    def of(self) -> RunMetric:
        """What is compared.

        Raises:
            ConfigurationError: the package that adds it is not there.
        """
        found = find(self.metric)
        if found is None:
            raise ConfigurationError(f"{self.text!r}: there is no metric {self.metric!r} any more")
        return found

    @property
    def counted(self) -> WindowCount:
        """How it is counted in windows."""
        found = self.of.windows
        if found is None:
            raise ConfigurationError(f"{self.text!r}: {self.metric!r} is not counted in windows")
        return found

    @property
    def expression(self) -> ast.expr:
        """The condition, of the figure ``m0``."""
        kind = _OPERATORS[self.operator]()
        return ast.Compare(ast.Name("m0", ast.Load()), [kind], [ast.Constant(self.limit)])

    @property
    def opposite(self) -> Condition:
        """What holds where it doesn't: of a failure, what is required."""
        return replace(self, operator=_OPPOSITES[self.operator])

    def scaled(self, factor: float) -> Condition:
        """Give it with its times multiplied and its rates divided by ``factor``."""
        exponent = self.unit.time_exponent if self.of.is_scaled else 0
        return replace(
            self,
            limit=self.limit * factor**exponent,
            lasting=None if self.lasting is None else self.lasting * factor,
            after=self.after * factor,
        )

    def is_met_by(self, value: Any) -> Any:
        """Compare a figure with the limit, or an array of them."""
        return _COMPARISONS[_OPERATORS[self.operator]](value, self.limit)

    def needed(self, count: float) -> int:
        """Give how many of so many requests must be within the limit for a percentile to be."""
        percent = self.counted.percent or 0.0
        return max(1, math.ceil(percent / 100 * count - _ROUNDING))


def comparison(text: str) -> tuple[str, str, str] | None:
    """Give what stands left of a comparison, its operator, and what stands right; None of none."""
    found = _COMPARISON.match(text)
    return found and (found["left"].strip(), found["operator"], found["limit"].strip())


class Expression:
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
