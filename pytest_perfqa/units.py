"""Quantities: numbers in base units (seconds, bytes, per second, ratio) that know their unit."""

from __future__ import annotations

import enum
import math
import operator
import re
from typing import TYPE_CHECKING, Self

from .errors import Inconclusive, UnitError
from .evidence import Evidence

if TYPE_CHECKING:
    from collections.abc import Callable

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


class Quantity(float):
    """A float in base units that knows its unit.

    It compares with numbers (taken in base units) and with texts such as ``"250ms"``. A text
    states a requirement as it is at full scale: under a time scale k it is multiplied by k if it
    is a time and divided by k if it is a rate, so that one test holds at every scale.

    Raises:
        UnitError: on comparison with a text or a quantity of another unit.
    """

    unit: Unit
    time_scale: float
    _gather: Callable[[], Evidence] | None

    def __new__(
        cls,
        value: float,
        unit: Unit,
        time_scale: float = 1.0,
        gather: Callable[[], Evidence] | None = None,
    ) -> Self:
        """Make a quantity of ``value`` in base units; ``gather`` gives its evidence if asked."""
        self = super().__new__(cls, value)
        self.unit = unit
        self.time_scale = time_scale
        self._gather = gather
        return self

    def evidence(self) -> Evidence | None:
        """Gather what stands behind the figure; None if nothing is known."""
        return self._gather() if self._gather else None

    def _operand(self, other: object) -> float | None:
        if isinstance(other, str):
            return self.required(other)
        if isinstance(other, Quantity):
            if other.unit is not self.unit:
                raise UnitError(f"{self!r} can't be compared with {other!r}: the units differ")
            return float(other)
        return float(other) if isinstance(other, int | float) else None

    def required(self, text: str) -> Quantity:
        """Read ``text`` as a requirement on this quantity, scaled as this quantity is."""
        wanted = parse(text, self.unit)
        return Quantity(wanted * self.time_scale**self.unit.time_exponent, self.unit)

    def __eq__(self, other: object) -> bool:
        value = self._operand(other)
        return NotImplemented if value is None else float(self) == value

    def __ne__(self, other: object) -> bool:
        value = self._operand(other)
        return NotImplemented if value is None else float(self) != value

    def __lt__(self, other: float | str) -> bool:
        value = self._operand(other)
        return NotImplemented if value is None else float(self) < value

    def __le__(self, other: float | str) -> bool:
        value = self._operand(other)
        return NotImplemented if value is None else float(self) <= value

    def __gt__(self, other: float | str) -> bool:
        value = self._operand(other)
        return NotImplemented if value is None else float(self) > value

    def __ge__(self, other: float | str) -> bool:
        value = self._operand(other)
        return NotImplemented if value is None else float(self) >= value

    __hash__ = float.__hash__

    def __repr__(self) -> str:
        return show(float(self), self.unit)

    __str__ = __repr__


_ORDERS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Estimate(Quantity):
    """A figure that another run of the same service would give differently: a percentile, a mean.

    ``<``, ``<=``, ``>`` and ``>=`` hold if they hold for the whole interval from ``low`` to
    ``high``, and are false if they hold for none of it. ``==`` compares the figure of this run,
    and so does whatever is calculated with it: ``float(estimate)`` is a plain number.

    Attributes:
        low, high: another run's figure is beyond each of them with a probability of 5 % at most.
        samples: how many samples it was taken from.

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

    def times(self, factor: float, unit: Unit, subject: str) -> Estimate:
        """Give it in another unit and by another name; ``factor`` is positive."""
        estimate = Estimate(float(self) * factor, unit, gather=lambda: Evidence(subject))
        return estimate.with_interval(self.low * factor, self.high * factor, self.samples)

    def __lt__(self, other: float | str) -> bool:
        decided = self._decided("<", other)
        return NotImplemented if decided is None else decided

    def __le__(self, other: float | str) -> bool:
        decided = self._decided("<=", other)
        return NotImplemented if decided is None else decided

    def __gt__(self, other: float | str) -> bool:
        decided = self._decided(">", other)
        return NotImplemented if decided is None else decided

    def __ge__(self, other: float | str) -> bool:
        decided = self._decided(">=", other)
        return NotImplemented if decided is None else decided

    def _decided(self, sign: str, other: float | str) -> bool | None:
        limit = self._operand(other)
        if limit is None:
            return None
        holds = _ORDERS[sign]
        low, high = (other.low, other.high) if isinstance(other, Estimate) else (limit, limit)
        ends = [(self.high, low), (self.low, high)]
        for_all, for_some = (holds(*pair) for pair in (ends if "<" in sign else ends[::-1]))
        if for_all == for_some:
            return for_all
        raise Inconclusive(self._undecided(sign, other, limit), (sign, self, other), pools=True)

    def _undecided(self, sign: str, other: float | str, limit: float) -> str:
        evidence = self.evidence()
        name = evidence.subject if evidence else "the figure"
        said = (
            f"{name} is {self!r}, in another run {self._range()} "
            f"(95 % sure at each end, {self.samples} samples), so whether it is {sign} "
            f"{stated(self, other)} can't be told"
        )
        settling = self._settling(limit)
        return f"{said}; about {settling:,} samples would probably do" if settling else said

    def _range(self) -> str:
        low = show(self.low, self.unit)
        if math.isinf(self.high):
            return f"{low} or more"
        return f"{low} to {show(self.high, self.unit)}"

    def _settling(self, limit: float) -> int | None:
        """How many samples would do if the figure stays: the interval shrinks with their root."""
        reach = self.high - self if limit > float(self) else self - self.low
        if float(self) == limit or not math.isfinite(reach):
            return None
        wanted = self.samples * (reach / (limit - float(self))) ** 2
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
    return show(float(limit), quantity.unit) if isinstance(limit, int | float) else repr(limit)


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
