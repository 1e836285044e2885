"""Limits that no request gets to, since the time-out ends it before: nothing would ever miss them.

They stand in milliseconds where Artillery has them (``ensure``), or with their unit.
"""

from __future__ import annotations

import ast
import math
from itertools import pairwise
from typing import TYPE_CHECKING

from ...base.intervals import EVERYWHERE, added, divided, multiplied, negated
from ...base.units import Unit, show
from ...errors import Problem
from .ensure import metric_of, parsed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ...base.conditions import Condition
    from ...base.intervals import Ends
    from ...base.yaml_file.reading import Document
    from ..records import Ensure

_SPANS: dict[type[ast.operator], Callable[[Ends, Ends], Ends]] = {
    ast.Add: added,
    ast.Sub: lambda one, other: added(one, negated(other)),
    ast.Mult: multiplied,
    ast.Div: divided,
}


def beyond_problems(
    document: Document, ensure: Iterable[Ensure], thresholds: Iterable[Condition], timeout: float
) -> Iterator[Problem]:
    """Find limits on times that are longer than the time-out, in seconds."""
    why = f"the time-out is {show(timeout, Unit.SECOND)} (http.timeout)"
    for one in ensure:
        for limit in _out_of_reach(one.text, 1000 * timeout):
            message = f"{one.text}: nothing gets to {limit:g}, in milliseconds: {why}"
            yield Problem(document.path, one.line, message)
    for threshold in thresholds:
        if threshold.of.is_time_of_requests and threshold.limit > timeout:
            written = show(threshold.limit, Unit.SECOND)
            message = f"{threshold.text!r}: nothing gets to {written}: {why}"
            yield Problem(document.path, threshold.line, message)


def _out_of_reach(text: str, timeout: float) -> Iterator[float]:
    """Give the numbers of a condition that what stands beside them, made of times, can't be."""
    tree, names = parsed(text)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare):
            continue
        for pair in pairwise((node.left, *node.comparators)):
            spans = [_span(side, names, timeout) for side in pair]
            for figure, limit in (spans, spans[::-1]):
                most = max(map(abs, figure))
                if figure[0] < figure[1] and limit[0] == limit[1] and most < abs(limit[0]):
                    yield limit[0]


def _span(node: ast.expr, names: tuple[str, ...], timeout: float) -> Ends:
    """Give between what an expression lies if times lie between 0 and the time-out."""
    match node:
        case ast.Constant(int() | float() as value):
            return (float(value),) * 2 if abs(value) < math.inf else EVERYWHERE
        case ast.Name(name) if metric_of(names[int(name[1:])]).startswith("latency."):
            return 0.0, timeout
        case ast.UnaryOp(ast.USub(), operand):
            return negated(_span(operand, names, timeout))
        case ast.BinOp(left, kind, right) if type(kind) in _SPANS:
            sides = (_span(side, names, timeout) for side in (left, right))
            return _SPANS[type(kind)](*sides)
        case _:
            return EVERYWHERE
