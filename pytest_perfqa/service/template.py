"""nginx templates: ``${NAME}`` filled in for our own variables, everything else left to nginx."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# The nginx image's own substitution takes the same form, so that one file serves both backends.
_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")

PROVIDED = frozenset({"LISTEN", "UPSTREAM_SERVERS"})
"""The variables that every template gets, besides those of the environment."""


def variables_in(text: str) -> set[str]:
    """Give the names that ``text`` wants filled in: those in braces and capitals."""
    return set(_VARIABLE.findall(text))


def fill_in(text: str, variables: Mapping[str, str]) -> str:
    """Fill in ``variables``; a name that isn't one of them, such as nginx's ``$host``, stays."""
    return _VARIABLE.sub(lambda match: variables.get(match[1], match[0]), text)
