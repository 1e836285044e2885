"""What stands behind an assertion that failed, as lines for pytest: records in, text out."""

from __future__ import annotations

import itertools
import math
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...base.evidence import Evidence, HasEvidence
from ...base.units import Quantity, Unit, show, stated
from ...errors import PerfqaError
from .sparkline import sparkline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ...base.evidence import Point

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_PHASES_TOLD = 3
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True)
class _Question:
    """Does a quantity compare with something as it should?"""

    sign: str
    quantity: Quantity
    other: object

    @property
    def limit(self) -> float | None:
        """What it is compared with, as a number in its unit."""
        if isinstance(self.other, str):
            return float(self.quantity.required(self.other))
        return float(self.other) if isinstance(self.other, int | float) else None

    def holds(self, value: float) -> bool:
        """Whether another value of the quantity would be as it should."""
        return _COMPARISONS[self.sign](value, self.limit)

    def too(self, evidence: Evidence) -> str | None:
        """Say whether it is too "high" or too "low"; None if that can't be said."""
        if self.limit is None:
            return None
        if self.sign in {"<", "<="}:
            return "high"
        if self.sign in {">", ">="}:
            return "low"
        if self.sign == "==" and evidence.adds_up:
            return "high" if float(self.quantity) > self.limit else "low"
        return None


def explained_comparison(
    sign: str, left: object, right: object, encoding: str = "utf-8"
) -> list[str] | None:
    """Explain why a comparison of a quantity does not hold; None if it does, as one of several in
    an assertion may, if no quantity is compared, or if nothing is known of it."""
    question = _question(sign, left, right)
    evidence = question.quantity.evidence() if question else None
    if question is None or evidence is None or _is_true(sign, left, right):
        return None
    return [
        f"{left!r} {sign} {right!r}",
        _value(question, evidence),
        *_certainty(evidence),
        *_background(evidence, question, encoding),
    ]


def undecided(sign: str, left: object, right: object, encoding: str = "utf-8") -> list[str]:
    """Give what stands behind a comparison that the data can't decide."""
    question = _question(sign, left, right)
    evidence = question.quantity.evidence() if question else None
    return list(_background(evidence, question, encoding)) if evidence else []


def verdict(found: object, encoding: str = "utf-8") -> list[str]:
    """Give what stands behind a verdict, or anything else that has evidence."""
    evidence = found.evidence() if isinstance(found, HasEvidence) else None
    return [evidence.subject, *_background(evidence, None, encoding)] if evidence else []


def _is_true(sign: str, left: object, right: object) -> bool:
    try:
        return bool(_COMPARISONS[sign](left, right))
    except (PerfqaError, TypeError, ValueError):  # of arrays, units, what can't be told
        return False


def _question(sign: str, left: object, right: object) -> _Question | None:
    if sign not in _COMPARISONS:
        return None
    if isinstance(left, Quantity):
        return _Question(sign, left, right)
    mirrored = _MIRRORED.get(sign, sign)
    return _Question(mirrored, right, left) if isinstance(right, Quantity) else None


def _value(question: _Question, evidence: Evidence) -> str:
    quantity, exponent = question.quantity, question.quantity.unit.time_exponent
    full = ""
    if quantity.time_scale != 1 and exponent:
        unscaled = show(float(quantity) / quantity.time_scale**exponent, quantity.unit)
        full = f" ({unscaled} at full scale)"
    wanted = stated(quantity, question.other)
    return f"{evidence.subject}: {quantity!r}{full}, wanted {question.sign} {wanted}"


def _certainty(evidence: Evidence) -> Iterator[str]:
    known = []
    if evidence.samples is not None:
        known.append(f"of {evidence.samples} samples")
    if evidence.interval is not None:
        low, high = evidence.interval
        bounds = "or more" if math.isinf(high) else f"to {evidence.show(high)}"
        known.append(f"in another run {evidence.show(low)} {bounds} (95 % sure at each end)")
    if known:
        yield "; ".join(known)


def _background(evidence: Evidence, question: _Question | None, encoding: str) -> Iterator[str]:
    too = question.too(evidence) if question else None
    yield from evidence.statements
    yield from _phases(evidence, too)
    if question is not None and too is not None:
        yield from _first_wrong(evidence, question, too)
    yield from _over_time(evidence, encoding)
    if evidence.generator:
        yield f"load generator: {evidence.generator}"


def _phases(evidence: Evidence, too: str | None) -> Iterator[str]:
    if len(evidence.phases) < 2:
        return
    names = list(evidence.phases)
    ranked = too == "high" or (too == "low" and not evidence.adds_up)
    if ranked:
        names.sort(key=lambda name: evidence.phases[name], reverse=too == "high")
    told = [f"{name!r} {evidence.show(evidence.phases[name])}" for name in names]
    shown = ", ".join(told[:_PHASES_TOLD]) + ", ..." * (len(told) > _PHASES_TOLD)
    yield f"{'by phase, worst first' if ranked else 'by phase'}: {shown}"


def _first_wrong(evidence: Evidence, question: _Question, too: str) -> Iterator[str]:
    find = _crossing if evidence.adds_up else _violating
    point = find(evidence.points, question)
    if point is None:
        return
    scale = question.quantity.time_scale
    scaled = scale != 1 and point.start > 0
    full = f" ({show(point.start / scale, Unit.SECOND)} at full scale)" if scaled else ""
    phase = f", in phase {point.phase!r}" if point.phase else ""
    yield f"first too {too} from {show(point.start, Unit.SECOND)} on{full}{phase}"


def _violating(points: tuple[Point, ...], question: _Question) -> Point | None:
    wrong = (one for one in points if one.value is not None and not question.holds(one.value))
    return next(wrong, None)


def _crossing(points: tuple[Point, ...], question: _Question) -> Point | None:
    """Give where a count goes over the limit; one that stays below does so nowhere."""
    if question.limit is None or question.limit > float(question.quantity):
        return None
    counts = itertools.accumulate(point.value or 0.0 for point in points)
    strict = question.sign == "<"
    for point, upto in zip(points, counts, strict=True):
        if upto > question.limit or (strict and upto == question.limit):
            return point
    return None


def _over_time(evidence: Evidence, encoding: str) -> Iterator[str]:
    points = evidence.points
    known = [point.value for point in points if point.value is not None]
    if len(known) < 2:
        return
    start, end = (show(moment, Unit.SECOND) for moment in (points[0].start, points[-1].end))
    line = sparkline((point.value for point in points), encoding)
    width = show(points[0].end - points[0].start, Unit.SECOND)
    lowest, highest = evidence.show(min(known)), evidence.show(max(known))
    yield f"{start} |{line}| {end}, {lowest} to {highest} per {width}"
