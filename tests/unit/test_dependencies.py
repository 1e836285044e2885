"""pyproject.toml declares what is imported, and of what every user gets nothing that isn't."""

from __future__ import annotations

import ast
import itertools
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
# Otava wants a numpy of its own: who develops need not have it.
DISTRIBUTIONS = {"otava": ["apache-otava"], **packages_distributions()}
FOLDERS = ("pytest_perfqa", "services/apps/flask", "tests", "bench")
OURS = {path.stem for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")} | {FOLDERS[0]}


def plain(name: str) -> str:
    """Give a distribution's name as all its spellings have it, without versions."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", name)[0]).lower()


def declared(*extras: str) -> set[str]:
    """Give the distributions that come with the plugin and some of its extras."""
    wanted = [PROJECT["dependencies"], *map(EXTRAS.get, extras)]
    return {plain(one) for one in itertools.chain.from_iterable(wanted)}


def imports(folder: str) -> Iterator[tuple[str, Path]]:
    """Give what is imported from elsewhere, and where."""
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [str(node.module)]
            for top in {name.partition(".")[0] for name in names} - sys.stdlib_module_names - OURS:
                yield top, path


@pytest.mark.parametrize(
    ("folder", "extras"),
    list(zip(FOLDERS, (["report", "history"], ["embedded"], EXTRAS, EXTRAS), strict=True)),
    ids=FOLDERS,
)
def test_what_is_imported_is_declared(folder: str, extras: list[str]) -> None:
    """A dependency of a dependency may be gone, or be another, with its next version."""
    known = declared(*extras)
    found = {
        f"{top} in {path.relative_to(ROOT)}"
        for top, path in imports(folder)
        if not known & {plain(one) for one in DISTRIBUTIONS.get(top, ())}
    }
    assert not found, f"imported, and not declared in pyproject.toml: {', '.join(sorted(found))}"


def test_what_everybody_gets_is_imported() -> None:
    """Nothing is installed for nobody."""
    found = {plain(o) for top, _ in imports("pytest_perfqa") for o in DISTRIBUTIONS.get(top, ())}
    assert declared() - found == set()
