"""Quantities: numbers in base units (seconds, bytes, per second, ratio) that know their unit."""

from __future__ import annotations

import copy
import enum
import math
import operator
import re
from dataclasses import dataclass
from functools import partial
from numbers import Number
from typing import TYPE_CHECKING, Any, Self

from ..errors import ConfigurationError, Inconclusive, UnitError
from .evidence import Evidence
from .intervals import absolute, added, divided, multiplied, negated

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic_core import CoreSchema

    from .intervals import Ends

__tracebackhide__ = True


class Unit(enum.Enum):
    """A base unit; the value is its symbol."""

    SECOND = "s"
    PER_SECOND = "/s"
    BYTE = "B"
    BYTE_PER_SECOND = "B/s"
    RATIO = "ratio"
    COUNT = ""

    @property
    def time_exponent(self) -> int:
        """How the unit follows a time scale k: a quantity is multiplied by k to this power."""
        return {Unit.SECOND: 1, Unit.PER_SECOND: -1, Unit.BYTE_PER_SECOND: -1}.get(self, 0)

    @property
    def is_plain(self) -> bool:
        """Whether it has no dimension: what is multiplied by it keeps its own unit."""
        return self in {Unit.COUNT, Unit.RATIO}


_BYTES = {
    "B": 1.0,
    "kB": 1e3,
    "KB": 1e3,
    "MB": 1e6,
    "GB": 1e9,
    "KiB": 2.0**10,
    "MiB": 2.0**20,
    "GiB": 2.0**30,
}
_PER = {"/s": 1.0, "/min": 60.0, "/h": 3600.0}
_FACTORS: dict[str, tuple[float, Unit]] = {
    "us": (1e-6, Unit.SECOND),
    "ms": (1e-3, Unit.SECOND),
    "s": (1.0, Unit.SECOND),
    "sec": (1.0, Unit.SECOND),
    "second": (1.0, Unit.SECOND),
    "seconds": (1.0, Unit.SECOND),
    "m": (60.0, Unit.SECOND),
    "min": (60.0, Unit.SECOND),
    "minute": (60.0, Unit.SECOND),
    "minutes": (60.0, Unit.SECOND),
    "h": (3600.0, Unit.SECOND),
    "hour": (3600.0, Unit.SECOND),
    "hours": (3600.0, Unit.SECOND),
    "d": (86400.0, Unit.SECOND),
    "day": (86400.0, Unit.SECOND),
    "days": (86400.0, Unit.SECOND),
    "rps": (1.0, Unit.PER_SECOND),
    "%": (0.01, Unit.RATIO),
    "": (1.0, Unit.COUNT),
    **{per: (1 / seconds, Unit.PER_SECOND) for per, seconds in _PER.items()},
    **{name: (size, Unit.BYTE) for name, size in _BYTES.items()},
    **{
        name + per: (size / seconds, Unit.BYTE_PER_SECOND)
        for name, size in _BYTES.items()
        for per, seconds in _PER.items()
    },
}
_TEXT = re.compile(r"\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*([^\s\d]*)\s*\Z")

_EXAMPLES = {
    Unit.SECOND: "'250ms', '6s', '0.5 min'",
    Unit.PER_SECOND: "'50/s', '0.3/s', '10/min'",
    Unit.BYTE: "'128MiB', '1GB'",
    Unit.BYTE_PER_SECOND: "'10MB/s', '5MiB/h'",
    Unit.RATIO: "'1%'",
    Unit.COUNT: "'12'",
}
# What factors such as the time scale make of two equal times.
_ROUNDING = 1e-9
_MOST_SAMPLES = 1e12


@dataclass(frozen=True)
class Reach:
    """How far a figure can go, whatever the service does: a limit beyond that says nothing.

    Attributes:
        most: in base units; of a figure that may be negative, of its absolute value.
        why: what ends it, such as "the run's time-out is 10 s (http.timeout)".
    """

    most: float
    why: str

    def ends_before(self, limit: float) -> bool:
        """Whether a limit lies beyond it."""
        return abs(float(limit)) > self.most * (1 + _ROUNDING)


class Quantity(float):
    """A float in base units that knows its unit.

    It compares with numbers (taken in base units) and with texts such as ``"250ms"``. A text
    states a requirement as it is at full scale: under a time scale k it is multiplied by k if it
    is a time and divided by k if it is a rate, so that one test holds at every scale.

    Sums and differences of one unit keep it, and their time scale; so does what is so many times
    as much, by a number, a count or a ratio. The quotient of two of one unit is a ratio. Whatever
    else is calculated is a plain float, of this run.

    Raises:
        UnitError: it is compared with, added to or subtracted from a text or a quantity of another
            unit, or a time or rate of another time scale.
        ConfigurationError: what it is compared with, or a number or text that is added or
            subtracted, is out of its ``Reach``.
    """

    # What numpy's own scalars on the left compare and calculate with it is left to it; arrays
    # take it for the number that it is.
    __array_priority__ = -1.0

    unit: Unit
    time_scale: float
    reach: Reach | None
    _gather: Callable[[], Evidence] | None

    def __new__(
        cls,
        value: float,
        unit: Unit,
        time_scale: float = 1.0,
        gather: Callable[[], Evidence] | None = None,
        reach: Reach | None = None,
    ) -> Self:
        """Make a quantity of ``value`` in base units; ``gather`` gives its evidence if asked."""
        self = super().__new__(cls, value)
        self.unit = unit
        self.time_scale = time_scale
        self.reach = reach
        self._gather = gather
        return self

    # It never changes: it is its own copy. Pickled, it takes its evidence along and leaves the
    # samples behind it where they are.
    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: object) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        evidence = self.evidence()
        kept = partial(_given, evidence) if evidence else None
        return _restored, (type(self), float(self)), {**self.__dict__, "_gather": kept}

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: object) -> CoreSchema:
        """Have documents hold value, unit and time scale: all but what stands behind it."""
        from pydantic_core import core_schema  # noqa: PLC0415 - only where one is written or read

        written = core_schema.plain_serializer_function_ser_schema(_as_document)
        return core_schema.no_info_plain_validator_function(_of_document, serialization=written)

    def evidence(self) -> Evidence | None:
        """Gather what stands behind the figure; None if nothing is known."""
        return self._gather() if self._gather else None

    @property
    def ends(self) -> Ends:
        """Between what the figure of another run lies; a fact is what it is."""
        return float(self), float(self)

    @property
    def _is_measured(self) -> bool:
        """Whether it came out of a run; if not, it stands in a test as it is."""
        known = self.reach is not None or self._gather is not None
        return known or isinstance(self, Estimate)

    def required(self, text: str) -> Quantity:
        """Read ``text`` as a requirement on this quantity, scaled as this quantity is."""
        wanted = float(parse(text, self.unit)) * self.time_scale**self.unit.time_exponent
        return Quantity(wanted, self.unit, self.time_scale)

    def limited_by(self, written: float | str) -> Quantity:
        """Read what it is to be compared with.

        Raises:
            UnitError: of another unit or time scale.
            ConfigurationError: it is out of reach.
            TypeError: it is neither a number nor a text.
        """
        limit = self._operand(written)
        if limit is None:
            raise TypeError(f"{written!r} is neither a number nor a text such as '250ms'")
        self._require_within_reach(limit, written)
        return limit

    def _operand(self, other: object) -> Quantity | None:
        """Take the other side of a comparison or a sum as a quantity; None if it is none."""
        if isinstance(other, str):
            return self.required(other)
        if isinstance(other, Quantity):
            self._require_like(other)
            return other
        number = _number(other)
        return None if number is None else Quantity(number, self.unit, self.time_scale)

    def _term(self, other: object) -> Quantity | None:
        """Take what is added or subtracted as a quantity; None if it is none."""
        term = self._operand(other)
        if term is not None and not isinstance(other, Quantity):
            self._require_within_reach(term, other)
        return term

    def _require_like(self, other: Quantity) -> None:
        both = f"{self!r} and {other!r} are neither compared nor added up"
        if other.unit is not self.unit:
            raise UnitError(f"{both}: the units differ")
        if other.time_scale != self.time_scale and self.unit.time_exponent:
            scales = f"{self.time_scale:g} and {other.time_scale:g}"
            raise UnitError(f"{both}: they are of the time scales {scales}")

    def _require_within_reach(self, other: Quantity, written: object) -> None:
        for one, limit in ((self, other), (other, self)):
            # Another run's figure may be anywhere: it had its own time-out.
            if one.reach is None or limit._is_measured:
                continue
            if one.reach.ends_before(limit):
                raise ConfigurationError(_beyond(one, one.reach, written))

    def _compared(self, sign: str, other: object) -> bool | None:
        limit = self._operand(other)
        if limit is None:
            return None
        self._require_within_reach(limit, other)
        holds = _ORDERS[sign]
        (low, high), (least, most) = self.ends, limit.ends
        extremes = [(high, least), (low, most)]
        for_all, for_some = (holds(*pair) for pair in (extremes if "<" in sign else extremes[::-1]))
        if for_all == for_some:
            return for_all
        if isinstance(limit, Estimate) and not isinstance(self, Estimate):
            raise limit._inconclusive(_MIRRORED[sign], self, self)
        raise self._inconclusive(sign, limit, other)

    def _inconclusive(self, sign: str, limit: Quantity, written: object) -> Inconclusive:
        said = _undecided(self, sign, limit, written)
        return Inconclusive(said, (sign, self, written), pools=True)

    def _equals(self, other: object) -> bool | None:
        approximately = _approximation(other)
        written = other if approximately is None else approximately.expected
        limit = self._operand(written)
        if limit is None:
            return None
        self._require_within_reach(limit, written)
        if approximately is None:
            return float(self) == float(limit)
        if (tolerance := self._operand(approximately.abs)) is not None:
            self._require_within_reach(tolerance, approximately.abs)
        # It would calculate with estimates: what is asked about are the figures of these runs.
        if isinstance(written, str | Quantity):
            approximately.expected = float(limit)
        return bool(float(self) == approximately)

    def __eq__(self, other: object) -> bool:
        equal = self._equals(other)
        return NotImplemented if equal is None else equal

    def __ne__(self, other: object) -> bool:
        equal = self._equals(other)
        return NotImplemented if equal is None else not equal

    def __lt__(self, other: float | str) -> bool:
        holds = self._compared("<", other)
        return NotImplemented if holds is None else holds

    def __le__(self, other: float | str) -> bool:
        holds = self._compared("<=", other)
        return NotImplemented if holds is None else holds

    def __gt__(self, other: float | str) -> bool:
        holds = self._compared(">", other)
        return NotImplemented if holds is None else holds

    def __ge__(self, other: float | str) -> bool:
        holds = self._compared(">=", other)
        return NotImplemented if holds is None else holds

    __hash__ = float.__hash__

    def __add__(self, other: float | str) -> Quantity:
        term = self._term(other)
        return NotImplemented if term is None else _sum(self, term)

    def __radd__(self, other: float | str) -> Quantity:
        term = self._term(other)
        return NotImplemented if term is None else _sum(term, self)

    def __sub__(self, other: float | str) -> Quantity:
        term = self._term(other)
        return NotImplemented if term is None else _difference(self, term)

    def __rsub__(self, other: float | str) -> Quantity:
        term = self._term(other)
        return NotImplemented if term is None else _difference(term, self)

    def __mul__(self, other: float) -> float:
        factor = _factor(other)
        return NotImplemented if factor is None else _product(self, factor)

    __rmul__ = __mul__

    def __truediv__(self, other: float) -> float:
        divisor = _factor(other)
        return NotImplemented if divisor is None else _quotient(self, divisor)

    def __neg__(self) -> Quantity:
        return _calculated("-({})", (self,), -float(self), negated(self.ends), reach=self.reach)

    def __pos__(self) -> Self:
        return self

    def __abs__(self) -> Quantity:
        return _calculated("|{}|", (self,), abs(float(self)), absolute(self.ends), reach=self.reach)

    def __repr__(self) -> str:
        return show(float(self), self.unit)

    __str__ = __repr__


_ORDERS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


class Estimate(Quantity):
    """A figure that another run of the same service would give differently: a percentile, a mean.

    ``<``, ``<=``, ``>`` and ``>=`` hold if they hold for the whole interval from ``low`` to
    ``high``, and are false if they hold for none of it. ``==`` compares the figure of this run.

    What is calculated with it and keeps a unit is an estimate, too. Its interval is the widest that
    those of both sides make together, so that a difference is never surer than its sides.

    Attributes:
        low, high: another run's figure is beyond each of them with a probability of 5 % at most.
        samples: how many samples it was taken from; 0 where that is not known.

    Raises:
        Inconclusive: on a comparison that holds for a part of the interval only.
    """

    low: float
    high: float
    samples: int

    def with_interval(self, low: float, high: float, samples: int) -> Self:
        """Set the interval; gives back the estimate itself."""
        self.low, self.high, self.samples = low, high, samples
        return self

    @property
    def ends(self) -> Ends:
        """The interval."""
        return self.low, self.high

    def times(self, factor: float, unit: Unit, subject: str) -> Estimate:
        """Give it in another unit and by another name; ``factor`` is positive."""
        estimate = Estimate(float(self) * factor, unit, gather=partial(_given, Evidence(subject)))
        return estimate.with_interval(self.low * factor, self.high * factor, self.samples)


def _as_document(one: Quantity) -> dict[str, float | str]:
    # JSON has no infinite numbers.
    value = float(one) if math.isfinite(one) else str(float(one))
    return {"value": value, "unit": one.unit.value, "time_scale": one.time_scale}


def _of_document(plain: Any) -> Quantity:
    try:
        return Quantity(float(plain["value"]), Unit(plain["unit"]), float(plain["time_scale"]))
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{plain!r} has no value, unit and time_scale") from None


def _restored(kind: type[Quantity], value: float) -> Quantity:
    """Begin to unpickle; the attributes are set after it."""
    return float.__new__(kind, value)


def _given(evidence: Evidence) -> Evidence:
    return evidence


def _number(other: object) -> float | None:
    """Give a real number of any kind (numpy's, a fraction) as a float; None if it is none."""
    if isinstance(other, Number) and not isinstance(other, complex):
        return float(other)  # type: ignore[arg-type]
    return None


def _approximation(other: object) -> Any | None:
    """Give a copy of what ``pytest.approx`` made; None if it is something else."""
    has_all = all(hasattr(other, name) for name in ("expected", "rel", "abs", "nan_ok"))
    return copy.copy(other) if has_all else None


def _factor(other: object) -> Quantity | None:
    """Take what a quantity is multiplied with, or divided by, as a quantity."""
    if isinstance(other, Quantity):
        return other
    number = _number(other)
    return None if number is None else Quantity(number, Unit.RATIO)


def _sum(one: Quantity, other: Quantity) -> Quantity:
    # sum() begins with 0, which is no term.
    for term, rest in ((one, other), (other, one)):
        if float(term) == 0 and not term._is_measured:
            return rest
    value = float(one) + float(other)
    reach = _joint(one, other, lambda most, more: most + more)
    return _calculated("{} + {}", (one, other), value, added(one.ends, other.ends), reach=reach)


def _difference(one: Quantity, other: Quantity) -> Quantity:
    value = float(one) - float(other)
    ends = added(one.ends, negated(other.ends))
    # Of two that aren't negative, the difference is no larger than the larger one.
    join: Callable[[float, float], float] = max
    if min(float(one), float(other)) < 0:
        join = operator.add
    return _calculated("{} - {}", (one, other), value, ends, reach=_joint(one, other, join))


def _joint(one: Quantity, other: Quantity, join: Callable[[float, float], float]) -> Reach | None:
    """Give the reach of what is made of two; None where one of them may be anything."""
    known = [term.reach for term in (one, other) if term.reach is not None]
    if not known or any(term._is_measured and term.reach is None for term in (one, other)):
        return None
    sizes = (abs(float(term)) if term.reach is None else term.reach.most for term in (one, other))
    return Reach(join(*sizes), " and ".join(dict.fromkeys(reach.why for reach in known)))


def _product(one: Quantity, other: Quantity) -> float:
    # Of a count and a ratio, the count counts.
    if one.unit.is_plain and not (other.unit is Unit.RATIO and one.unit is Unit.COUNT):
        one, other = other, one
    value = float(one) * float(other)
    if not other.unit.is_plain:
        return value
    ends = multiplied(one.ends, other.ends)
    reach = None if other._is_measured else _multiple(one.reach, float(other))
    return _calculated("({}) x {}", (one, other), value, ends, reach=reach)


def _quotient(one: Quantity, other: Quantity) -> float:
    value = float(one) / float(other)
    ends = divided(one.ends, other.ends)
    if other.unit is one.unit:
        one._require_like(other)
        return _calculated("({}) / ({})", (one, other), value, ends, unit=Unit.RATIO)
    if not other.unit.is_plain:
        return value
    reach = None if other._is_measured else _multiple(one.reach, 1 / float(other))
    return _calculated("({}) / {}", (one, other), value, ends, reach=reach)


def _multiple(reach: Reach | None, factor: float) -> Reach | None:
    return Reach(reach.most * abs(factor), reach.why) if reach else None


def _calculated(
    said: str,
    terms: tuple[Quantity, ...],
    value: float,
    ends: Ends,
    *,
    unit: Unit | None = None,
    reach: Reach | None = None,
) -> Quantity:
    """Make what was calculated of quantities, in the unit of the first or another one."""
    first = terms[0]
    unit = first.unit if unit is None else unit
    gather = None
    if any(term._gather for term in terms):
        gather = partial(_evidence_of, said, terms, ends, unit)
    if not any(isinstance(term, Estimate) or term.ends[0] < term.ends[1] for term in terms):
        return Quantity(value, unit, first.time_scale, gather, reach)
    found = Estimate(value, unit, first.time_scale, gather, reach)
    samples = [term.samples for term in terms if isinstance(term, Estimate)]
    return found.with_interval(*ends, samples=min(samples, default=0))


def _evidence_of(said: str, terms: tuple[Quantity, ...], ends: Ends, unit: Unit) -> Evidence:
    """Gather what stands behind what was calculated."""
    known = [term.evidence() for term in terms]
    subjects = (
        evidence.subject if evidence else _written(term)
        for term, evidence in zip(terms, known, strict=True)
    )
    behind = [evidence for evidence in known if evidence]
    samples = [evidence.samples for evidence in behind if evidence.samples is not None]
    return Evidence(
        said.format(*subjects),
        show=partial(show, unit=unit),
        samples=min(samples, default=None),
        interval=ends if ends[0] < ends[1] else None,
        statements=tuple(dict.fromkeys(said for one in behind for said in one.statements)),
        generator=next((one.generator for one in behind if one.generator), None),
    )


def _written(term: Quantity) -> str:
    return f"{float(term):g}" if term.unit.is_plain else repr(term)


def _beyond(figure: Quantity, reach: Reach, written: object) -> str:
    """Say that a figure can't get to a limit, and what was probably meant."""
    evidence = figure.evidence()
    name = evidence.subject if evidence else repr(figure)
    advice = "take a limit within it"
    if figure.unit is Unit.SECOND and (number := _number(written)) is not None:
        advice = f'a bare number is in seconds: write "{number:g}ms" for milliseconds'
    return f"{name} can't get to {stated(figure, written)}: {reach.why}; {advice}"


def _undecided(found: Quantity, sign: str, limit: Quantity, written: object) -> str:
    evidence = found.evidence()
    name = evidence.subject if evidence else "the figure"
    samples = found.samples if isinstance(found, Estimate) else 0
    sure = "95 % sure at each end" + (f", {samples} samples" if samples else "")
    said = (
        f"{name} is {found!r}, in another run {_range(found)} ({sure}), so whether it is {sign} "
        f"{stated(found, written)} can't be told"
    )
    settling = _settling(found, limit)
    return f"{said}; about {settling:,} samples would probably do" if settling else said


def _range(found: Quantity) -> str:
    low, high = found.ends
    if math.isinf(high):
        return f"{show(low, found.unit)} or more"
    return f"{show(low, found.unit)} to {show(high, found.unit)}"


def _settling(found: Quantity, limit: Quantity) -> int | None:
    """How many samples (of each) would do if the figures stay; None if none are known to.

    Intervals shrink with the roots of the numbers of samples.
    """
    lower, upper = sorted((found, limit), key=float)
    distance = float(upper) - float(lower)
    reaches = (lower.ends[1] - float(lower), float(upper) - upper.ends[0])
    samples = [one.samples if isinstance(one, Estimate) else 0 for one in (lower, upper)]
    spread = sum(reach * math.sqrt(n) for reach, n in zip(reaches, samples, strict=True) if n)
    root = spread / distance if distance else math.inf
    if not 0 < root * root < _MOST_SAMPLES:
        return None
    wanted = root * root
    step = 10.0 ** max(0, math.floor(math.log10(wanted)) - 1)
    return math.ceil(wanted / step) * int(step)


def stated(quantity: Quantity, limit: object) -> str:
    """Print a limit that a quantity is compared with, and what became of a text by the scale."""
    if isinstance(limit, Quantity):
        return repr(limit)
    if isinstance(limit, str):
        required = quantity.required(limit)
        scaled = quantity.time_scale != 1 and quantity.unit.time_exponent
        return (
            f"{required!r} ({limit!r} at time scale {quantity.time_scale:g})"
            if scaled
            else (repr(required))
        )
    number = _number(limit)
    return repr(limit) if number is None else show(number, quantity.unit)


def parse(text: str, unit: Unit | None = None) -> Quantity:
    """Read a text such as ``"250ms"``, ``"50/s"``, ``"128MiB"`` or ``"1%"``.

    Raises:
        UnitError: the text is no finite quantity, or not one of ``unit``.
    """
    accepted = f"a quantity such as {_EXAMPLES[unit]}" if unit else "a number with a unit"
    match = _TEXT.match(text)
    factor = _FACTORS.get(match[2]) if match else None
    if match is None or factor is None or (unit is not None and factor[1] is not unit):
        raise UnitError(f"{text!r} is not {accepted}")
    value = float(match[1]) * factor[0]
    if not math.isfinite(value):
        raise UnitError(f"{text!r} is not finite")
    return Quantity(value, factor[1])


def show(value: float, unit: Unit) -> str:
    """Print a value in base units with a prefix that suits its size."""
    if unit is Unit.SECOND:
        return _show_seconds(value)
    if unit is Unit.BYTE:
        return _show_bytes(value)
    if unit is Unit.BYTE_PER_SECOND:
        return f"{_show_bytes(value)}/s"
    if unit is Unit.RATIO:
        return f"{value * 100:.4g} %"
    return f"{value:.6g}{unit.value}"


def _show_seconds(value: float) -> str:
    size = abs(value)
    if 0 < size < 1e-3:
        return f"{value * 1e6:.4g} us"
    if 0 < size < 1:
        return f"{value * 1e3:.4g} ms"
    return f"{value:.5g} s"


def _show_bytes(value: float) -> str:
    for factor, symbol in ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB")):
        if abs(value) >= factor:
            return f"{value / factor:.4g} {symbol}"
    return f"{value:.4g} B"
