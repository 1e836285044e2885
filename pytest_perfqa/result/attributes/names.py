"""What users ask for: attributes that don't exist, and comparisons of what is no number."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from ...base.units import Quantity

__tracebackhide__ = True


K = TypeVar("K")


class HasFigures:
    """What has figures but is none itself: comparing it with a number or a text is an error.

    Python would answer: ``errors == 0`` would be false and ``errors != 0`` true, always.

    Raises:
        TypeError: it is compared with a number or a text.
    """

    def _refuse(self, other: object) -> None:
        if isinstance(other, (int, float, str)):
            kind = type(self).__name__
            figures = ", ".join(f".{name}" for name in _figures(type(self)))
            raise TypeError(
                f"{kind!r} can't be compared with {other!r}: compare one of its figures ({figures})"
            )

    def __eq__(self, other: object) -> bool:
        self._refuse(other)
        return super().__eq__(other)

    __hash__ = object.__hash__

    def __lt__(self, other: object) -> bool:
        self._refuse(other)
        return NotImplemented

    __le__ = __gt__ = __ge__ = __lt__


def _figures(kind: type) -> list[str]:
    """Give what can be asked of such an object: its own attributes, not those of a mapping."""
    return [name for name in dir(kind) if not name.startswith("_") and not hasattr(Mapping, name)]


class Counted(HasFigures, Mapping[K, Quantity]):
    """A figure by what was counted; iterates over what there is a count of."""

    _counts: Mapping[Any, int]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._counts)

    def __len__(self) -> int:
        return len(self._counts)

    def __repr__(self) -> str:
        return f"{self._counts}"


class KnowsItsNames(HasFigures):
    """What users ask for attributes: a slip of the pen is an error that says what there is."""

    # Hidden from type checkers, to which it would mean that every attribute exists.
    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            kind = type(self).__name__
            said = f"{kind!r} object has no attribute {name!r}"
            if name.startswith("_"):
                raise AttributeError(said)
            known = [one for one in dir(type(self)) if not one.startswith("_")]
            close = difflib.get_close_matches(name, known, cutoff=0.5)
            meant = f"; did you mean {' or '.join(close)}?" if close else ""
            raise AttributeError(f"{said}{meant} There are: {', '.join(known)}")
