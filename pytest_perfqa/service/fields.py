"""What the values of several keys of a service.yaml are made of, and what is wrong with them."""

from __future__ import annotations

import math
import re
import shlex
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field

from ..base.yaml_file.validation import unaccepted
from .config import DURATION_SUFFIX, placeholders

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..base.yaml_file.reading import Document, Loc
    from ..errors import Problem

LAST_PORT = 65535
NAME_HOLDS = "holds letters, digits and '_.-' only"


def _env_text(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise unaccepted("a text or a number")
    return value if isinstance(value, str) else str(value)


Text = Annotated[str, Field(min_length=1)]
Env = dict[str, Annotated[str, BeforeValidator(_env_text)]]


def mapping(document: Document, loc: Loc) -> Mapping[str, Any]:
    """Give the mapping at a place; an empty one if there is none."""
    value = document.value(loc)
    return value if isinstance(value, dict) else {}


def is_name(name: object) -> bool:
    """Tell whether a part may be called so."""
    return re.fullmatch(r"[A-Za-z0-9_.-]+", str(name)) is not None


def env_problems(document: Document, loc: Loc) -> Iterator[Problem]:
    """Find durations that are none, and unknown placeholders, in the variables at a place."""
    for name, value in mapping(document, loc).items():
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            continue
        if name.endswith(DURATION_SUFFIX) and not _is_duration(value):
            yield document.problem(
                (*loc, name), f"found {value!r}; accepted: a number of seconds above 0"
            )
        yield from placeholder_problems(document, (*loc, name), str(value))


def _is_duration(value: float | str) -> bool:
    try:
        return 0 < float(value) < math.inf
    except ValueError:
        return False


def command_problems(document: Document, loc: Loc, command: object) -> Iterator[Problem]:
    """Find why a text at a place is no command: without a word, or not to be split into them."""
    if not isinstance(command, str):
        return
    try:
        words = shlex.split(command)
    except ValueError as error:
        yield document.problem(loc, f"can't be split into words: {error}")
        return
    if not words:
        yield document.problem(loc, "is empty")


def placeholder_problems(document: Document, loc: Loc, text: str) -> Iterator[Problem]:
    """Find unknown names in braces in a text at a place."""
    for name in sorted(placeholders(text) - {"port"}):
        yield document.problem(loc, f"unknown placeholder {{{name}}}; accepted: {{port}}")
