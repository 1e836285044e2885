"""Small projects of users', for tests that run pytest on them: of one's own, or shared.

Where a test needs a pytest of its own (other options, a signal, how often a service starts), it
takes ``toy`` or ``project``. All others share: see ``inner``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from project import Project
from without_load import CONFTEST

if TYPE_CHECKING:
    from collections.abc import Iterator

# What is loaded into the pytest of projects.
INSIDE = Path(__file__).parents[1] / "inside"
WITHOUT_LOCUST = """
from pytest_perfqa.load.driver.warm import Warm

Warm.start = lambda _self: None
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> Project:
    """An empty project."""
    return Project(pytester)


@pytest.fixture
def toy(project: Project) -> Project:
    """A project with one service and one scenario: 20 requests in a second."""
    project.service()
    project.scenario()
    return project


@pytest.fixture
def without_load(project: Project) -> None:
    """Have the project's runs made of numbers: see the module ``without_load``."""
    (project.path / "conftest.py").write_text(CONFTEST)


@pytest.fixture
def without_locust(project: Project) -> None:
    """Have no generator begun: for mistakes that are found before a load is made anyway."""
    (project.path / "conftest.py").write_text(WITHOUT_LOCUST)


@pytest.fixture(autouse=True, scope="module")
def _environment() -> Iterator[None]:
    """Keep this repository's own options out of the projects, and that it may have workers.

    And have the projects not wait long for a quiet machine.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"):
            patch.delenv(name, raising=False)
        patch.setenv("PYTHONPATH", str(INSIDE), prepend=os.pathsep)
        patch.setenv("PYTEST_PLUGINS", "short_waits")
        yield
