"""Regular expressions in captures: JavaScript's, written as Python has them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ...base.wording import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

_FLAGS = "gimsuy"


def python_pattern(text: str, flags: str) -> str:
    """Write a JavaScript regular expression as Python has it."""
    # Of JavaScript's flags g, u and y make no difference to a first match.
    inline = "".join(flag for flag in "ims" if flag in flags)
    return (f"(?{inline})" if inline else "") + re.sub(r"\(\?<(?![=!])", "(?P<", text)


def mistakes(raw: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Find what is wrong with a capture by ``regexp``: pairs of a key and a message."""
    text, flags, group = raw["regexp"], raw.get("flags", ""), raw.get("group", 0)
    if not isinstance(text, str) or not isinstance(flags, str):
        return
    if set(flags) - set(_FLAGS):
        yield "flags", f"found {shown(flags)}; accepted: {', '.join(_FLAGS)}"
    try:
        found = re.compile(python_pattern(text, flags))
    except (re.error, RecursionError, OverflowError) as error:
        yield "regexp", f"is no regular expression: {error}"
        return
    groups = {str(number) for number in range(found.groups + 1)} | found.groupindex.keys()
    if isinstance(group, int | str) and str(group) not in groups:
        yield "group", f"found {shown(group)}; accepted: {', '.join(sorted(groups))}"
