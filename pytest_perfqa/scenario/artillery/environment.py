"""One document out of a file: its config with an environment's, and what is known when reading."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...base.wording import did_you_mean
from ...errors import FileProblems, Problem

if TYPE_CHECKING:
    from ...base.yaml_file.reading import Document, Loc

_WHERE = ("config", "environments")
_KNOWN = (
    r"\$(?:(?:processEnvironment|env)\.(?P<variable>[^\s{}]+)"
    r"|(?P<name>environment|dirname|scenarioFile))"
)
_TEMPLATE = re.compile(rf"\{{\{{\s*{_KNOWN}\s*\}}\}}")


def without_anchors(document: Document) -> Document:
    """Leave out the top-level keys that only hold anchors."""
    if not isinstance(document.data, dict):
        return document
    kept = {key: value for key, value in document.data.items() if not key.startswith("x-")}
    return replace(document, data=kept)


def environments(document: Document) -> list[str]:
    """Give the names of all environments."""
    known = document.value(_WHERE)
    return list(known) if isinstance(known, dict) else []


def in_environment(document: Document, name: str | None) -> Document:
    """Merge the named environment into the config.

    Raises:
        FileProblems: there is no such environment.
    """
    if name is None:
        return document
    names = environments(document)
    if name not in names:
        message = f"unknown environment {name!r}; accepted: {', '.join(names) or 'none'}"
        where: Loc = _WHERE if names else ("config",)
        raise FileProblems([document.problem(where, message + did_you_mean(name, names))])
    merged = document.overlaid(("config",), (*_WHERE, name))
    return replace(merged, data={key: merged.data[key] for key in document.data})


def is_filled_in(expression: str) -> bool:
    """Tell whether a template's expression is one that ``filled`` sees to."""
    return re.fullmatch(_KNOWN, expression) is not None


def resolve(document: Document, environment: str | None) -> tuple[Document, list[Problem]]:
    """Replace what is known when a file is read; the problems are of what isn't.

    The list of environments is left as it is: what counts of it has been merged into the config.
    """
    path = document.path.absolute()
    known = {"dirname": str(path.parent), "scenarioFile": str(path), "environment": environment}
    problems: list[Problem] = []

    def fill(loc: Loc, value: Any) -> Any:
        if loc == _WHERE:
            return value
        if isinstance(value, dict):
            return {key: fill((*loc, key), inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [fill((*loc, number), inner) for number, inner in enumerate(value)]
        if isinstance(value, str):
            return _TEMPLATE.sub(lambda match: known_text(loc, match), value)
        return value

    def known_text(loc: Loc, match: re.Match[str]) -> str:
        variable = match["variable"]
        text = os.environ.get(variable) if variable else known[match["name"]]
        if text is None:
            what = f"the environment variable {variable}" if variable else "an environment"
            problems.append(document.problem(loc, f"{match[0]} needs {what}, which is not set"))
        return text if text is not None else match[0]

    return replace(document, data=fill((), document.data)), problems
