"""ARCHITECTURE.md says what is where: it must agree with the tree and with the import contracts."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "pytest_perfqa"
PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
ROOMS = dict(re.findall(r"^\| `([\w/.]+)` \| (.+) \|$", PAGE, re.MULTILINE))
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]
LAYERS = {
    container: [re.split(r" *\| *", layer) for layer in contract["layers"]]
    for contract in CONTRACTS
    if contract["type"] == "layers"
    for container in contract["containers"]
}
# What a program runs is called so.
SHARED_NAMES = {"main"}


def members(folder: Path) -> set[str]:
    """Give the names of a folder's modules and rooms."""
    rooms = {path.parent.name for path in folder.glob("*/__init__.py")}
    return rooms | {path.stem for path in folder.glob("*.py")} - {"__init__"}


def test_the_top_level_is_as_the_page_says() -> None:
    """Every name, in the order of the contract, which is the order of the flow."""
    top = [name.removesuffix("/").removesuffix(".py") for name in ROOMS if "/" not in name[:-1]]
    assert top == [name for layer in LAYERS["pytest_perfqa"] for name in layer]
    assert set(top) == members(PACKAGE)


def test_each_room_has_its_line() -> None:
    """A room says what it is for itself, and the page says the same."""
    files = {
        f"{path.parent.relative_to(PACKAGE)}/": path for path in PACKAGE.rglob("*/__init__.py")
    }
    files |= {path.name: path for path in PACKAGE.glob("*.py") if path.stem != "__init__"}
    said = {
        name: (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0]
        for name, path in files.items()
    }
    assert {name: text.replace("``", "`") for name, text in said.items()} == ROOMS


@pytest.mark.parametrize("container", LAYERS)
def test_layers_name_what_is_there(container: str) -> None:
    """A contract forgets no module and knows none that has gone."""
    folder = ROOT / container.replace(".", "/")
    assert {name for layer in LAYERS[container] for name in layer} == members(folder)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`([\w/]+(?:/|\.py))`", PAGE))))
def test_paths_lead_somewhere(path: str) -> None:
    """Where something is said to be added, there is something to add it to."""
    assert (PACKAGE / path).exists()


def test_a_name_has_one_home() -> None:
    """Who reads the name of a class or a function need not look at the imports to know which."""
    homes = defaultdict(list)
    for path in PACKAGE.rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                homes[node.name].append(str(path.relative_to(PACKAGE)))
    assert not {name: at for name, at in homes.items() if len(at) > 1 and name not in SHARED_NAMES}
