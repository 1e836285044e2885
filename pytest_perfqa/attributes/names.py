"""Attributes that don't exist: said with what was probably meant."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, NoReturn

__tracebackhide__ = True


class KnowsItsNames:
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
