"""Private names of Locust and geventhttpclient: in one module each, and still as they were."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
PACKAGE = HERE.parents[1] / "pytest_perfqa"
INTERNALS = {f"{name}_internals.py" for name in ("locust", "geventhttpclient")}
# What Locust's API pages have.
DOCUMENTED = {
    "locust": None,
    "locust.clients": {"HttpSession"},
    "locust.contrib.fasthttp": {"FastHttpSession"},
    "locust.env": {"Environment"},
    "locust.exception": None,
}


def test_each_name_does_what_it_did() -> None:
    """A release that changes one is named, with what it changed."""
    done = subprocess.run(
        [sys.executable, HERE / "internals_at_work.py"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    broken = [
        f"{package} {version(package)} has changed {what}"
        for package, found in json.loads(done.stdout).items()
        for what in found
    ]
    assert not broken, "\n".join([*broken, done.stderr])


def private(name: str) -> bool:
    """Tell a private name from a public one, and from one of Python's own."""
    return name.startswith("_") and not name.endswith("__")


def uses(tree: ast.AST, own: set[str]) -> Iterator[str]:
    """Give what a module uses of others though it is private, or documented nowhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and private(node.attr) and node.attr not in own:
            yield ast.unparse(node)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"getattr", "setattr"}:
            yield from (
                ast.unparse(node)
                for word in node.args[1:2]
                if isinstance(word, ast.Constant) and private(str(word.value))
            )
        elif isinstance(node, ast.Import):
            yield from (
                f"import {one.name}"
                for one in node.names
                if one.name.startswith(("geventhttpclient", "locust.")) and one.name != "locust"
            )
        elif isinstance(node, ast.ImportFrom) and not node.level:
            module, names = str(node.module), {one.name for one in node.names}
            if module.partition(".")[0] == "geventhttpclient":
                yield ast.unparse(node)
            elif module.partition(".")[0] == "locust":
                known = DOCUMENTED.get(module, set())
                if known is not None and names - known:
                    yield ast.unparse(node)


def defined(tree: ast.AST) -> set[str]:
    """Give the private names that a module defines: on its objects, or as its own."""
    names = {"_exit", "_replace"}  # of os and of named tuples, and documented
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "self":
            names.add(node.attr)
    return names


ENGINE = sorted((PACKAGE / "load" / "engine").glob("*.py"))


@pytest.mark.parametrize("path", ENGINE, ids=lambda path: path.stem)
def test_they_stand_in_one_module_each(path: Path) -> None:
    """Elsewhere nothing breaks when they change; and where they are gathered they are found."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = sorted(set(uses(tree, defined(tree))))
    if path.name in INTERNALS:
        assert found
    else:
        assert not found, f"belongs into one of {', '.join(sorted(INTERNALS))}"
