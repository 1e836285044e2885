"""Digests of records: what says the same has the same, in whatever process, on whatever machine."""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_DIGITS = 12


def digest(
    value: object,
    *,
    without: Collection[str] = (),
    of_path: Callable[[Path], object] = lambda path: path.name,
) -> str:
    """Give twelve hexadecimal digits of SHA-256 of what a value says.

    Args:
        without: names of fields of records that say nothing, such as the line of a file.
        of_path: what a path stands for; its last name by default, for folders differ by machine.
    """
    plain = _Plain(frozenset(without), of_path)
    return hashlib.sha256(_text(plain.of(value)).encode()).hexdigest()[:_DIGITS]


def content(path: Path) -> object:
    """Have a file stand for what is in it; what can't be read for its name."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return path.name


def _text(plain: object) -> str:
    return json.dumps(plain, sort_keys=True)


@dataclasses.dataclass(frozen=True)
class _Plain:
    """Says with what JSON has what records say, in an order that is always the same."""

    without: frozenset[str]
    of_path: Callable[[Path], object]

    def of(self, value: Any) -> object:
        match value:
            case enum.Enum():
                plain: object = value.name
            case str() | bool() | int() | None:
                plain = value
            case float():
                plain = float(value)
            case Path():
                plain = self.of(self.of_path(value))
            case Mapping():
                plain = {str(name): self.of(one) for name, one in value.items()}
            case set() | frozenset():
                plain = sorted(map(self.of, value), key=_text)
            case Collection():
                plain = [self.of(one) for one in value]
            case _ if dataclasses.is_dataclass(value):
                plain = [type(value).__name__, self._fields(value)]
            case _:
                plain = repr(value)
        return plain

    def _fields(self, record: Any) -> object:
        names = {one.name for one in dataclasses.fields(record)} - self.without
        return {name: self.of(getattr(record, name)) for name in names}
