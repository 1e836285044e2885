"""The public surface: what users may import, and what importing costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pytest_perfqa

LIMIT = 20


def test_every_name_is_there_and_documented() -> None:
    """At most twenty names, each with a docstring of its own."""
    assert len(pytest_perfqa.__all__) <= LIMIT
    assert sorted(pytest_perfqa.__all__) == sorted(set(pytest_perfqa.__all__))
    for name in pytest_perfqa.__all__:
        assert getattr(pytest_perfqa, name).__doc__, name


def test_type_checkers_see_the_same_names() -> None:
    """The imports for type checkers and the table of homes agree."""
    tree = ast.parse(Path(pytest_perfqa.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: statement.module
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert seen == pytest_perfqa._HOMES
    assert set(seen) == set(pytest_perfqa.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="no attribute 'Cheese'"):
        _ = pytest_perfqa.Cheese


def test_importing_the_package_loads_nothing_heavy() -> None:
    """Neither pytest nor Locust nor numpy."""
    code = "import sys, pytest_perfqa; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert {"pytest", "locust", "gevent", "numpy", "pydantic", "yaml"}.isdisjoint(loaded)
