"""Numbers and times as files have them: fields of records."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from ...errors import UnitError
from .. import units
from .validation import unaccepted

_SECONDS = "seconds as a number, or a text such as '10s', '0.5 min', '500ms'"
_AMOUNT = "a number of at least 0"
_RATE = f"{_AMOUNT}, per second"
_COUNT = "a whole number of at least 0"


def _number(value: object, accepted: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise unaccepted(accepted)
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise unaccepted(accepted) from None
    if not math.isfinite(number):
        raise unaccepted(accepted)
    return number


def seconds(value: object, *, zero: bool = False) -> float:
    """Read a duration as files have it: seconds, or a text with a unit.

    Raises:
        PydanticCustomError: it is no finite time above 0 (or from 0, with ``zero``).
    """
    accepted = f"{_SECONDS}, {'not negative' if zero else 'above 0'}"
    try:
        number = _number(value, accepted)
    except PydanticCustomError:
        number = _with_unit(value, accepted)
    if number < 0 or (number == 0 and not zero):
        raise unaccepted(accepted)
    return number


def _with_unit(value: object, accepted: str) -> float:
    if not isinstance(value, str):
        raise unaccepted(accepted)
    try:
        return float(units.parse(value, units.Unit.SECOND))
    except UnitError:
        raise unaccepted(accepted) from None


def _from_0(value: object, accepted: str) -> float:
    number = _number(value, accepted)
    if number < 0:
        raise unaccepted(accepted)
    return number


def _amount(value: object) -> float:
    return _from_0(value, _AMOUNT)


def _rate(value: object) -> float:
    return _from_0(value, _RATE)


def _count(value: object) -> int:
    number = _number(value, _COUNT)
    if number < 0 or number != int(number):
        raise unaccepted(_COUNT)
    return int(number)


def _seconds_or_zero(value: object) -> float:
    return seconds(value, zero=True)


DurationField = Annotated[float, BeforeValidator(seconds)]
"""Seconds above 0, from a number, a numeric text or a text with a unit such as ``"10s"``."""

PauseField = Annotated[float, BeforeValidator(_seconds_or_zero)]
"""As ``DurationField``, and 0 is accepted."""

AmountField = Annotated[float, BeforeValidator(_amount)]
"""A number from 0, also one in a text."""

RateField = Annotated[float, BeforeValidator(_rate)]
"""A finite rate per second of at least 0, from a number or a numeric text."""

CountField = Annotated[int, BeforeValidator(_count)]
"""A whole number of at least 0, from a number or a numeric text."""
