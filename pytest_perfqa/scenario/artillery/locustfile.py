"""The user's own Locust classes in place of flows: is there such a file, and is it Python?

It is parsed and never imported here: that would load Locust into the pytest process, and run code.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from ...errors import Problem
from .fields import scalar_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ...base.yaml_file.reading import Document

WHERE = ("config", "perfqa", "locustfile")
# What only flows take notice of.
_OF_FLOWS = (
    ("scenarios",),
    ("config", "variables"),
    ("config", "payload"),
    ("config", "defaults"),
    ("config", "http", "defaults"),
    ("config", "http", "pool"),
)
_LOCUST = {"__future__", "locust", "gevent"}


def locustfile_path(document: Document) -> Path:
    """Give the path of the locustfile, from the folder of the scenario file."""
    return (document.path.parent / str(document.value(WHERE))).resolve()


def locustfile_problems(document: Document) -> Iterator[Problem]:
    """Find what keeps a locustfile from being run, or that neither it nor flows are there."""
    value = document.value(WHERE)
    if value is None:
        if isinstance(document.data, dict) and "scenarios" not in document.data:
            yield document.problem((), "the key 'scenarios' is missing")
        return
    for loc in _OF_FLOWS:
        if document.value(loc) is not None:
            message = f"{loc[-1]!r} belongs to flows; it and 'locustfile' contradict each other"
            yield document.problem(loc, message)
    if isinstance(value, str | int | float) and scalar_text(value):
        yield from _code_problems(document)


def _code_problems(document: Document) -> Iterator[Problem]:
    path = locustfile_path(document)
    accepted = "accepted: a Python file with Locust's user classes"
    try:
        tree = ast.parse(path.read_bytes(), filename=str(path))
    except FileNotFoundError:
        yield document.problem(WHERE, f"there is no file {str(path)!r}; {accepted}")
        return
    except OSError as error:
        yield document.problem(WHERE, f"{str(path)!r}: {error.strerror}; {accepted}")
        return
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        yield Problem(path, line, f"not Python: {getattr(error, 'msg', error)}")
        return
    if not any(map(_may_bring_users, ast.walk(tree))):
        yield document.problem(WHERE, f"there is no class in {str(path)!r}; {accepted}")


def _may_bring_users(node: ast.AST) -> bool:
    """Whether a statement is a class, or an import that may well bring one."""
    if isinstance(node, ast.ImportFrom):
        return node.level > 0 or str(node.module).partition(".")[0] not in _LOCUST
    return isinstance(node, ast.ClassDef)
