"""Words that messages share: values shortened, names that were meant."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHOWN = 60


def shown(value: object) -> str:
    """Write a value for a message, shortened to 60 characters."""
    try:
        text = repr(value)
    except ValueError:  # an int of more digits than Python prints
        text = "a huge number"
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def did_you_mean(wrong: str, accepted: Iterable[str]) -> str:
    """Give ``"; did you mean 'x'?"`` if one of the accepted names is close, else nothing."""
    near = difflib.get_close_matches(wrong, list(accepted), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
