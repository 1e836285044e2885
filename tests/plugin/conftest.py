"""Small projects of users', for tests that run pytest on them: of one's own, or shared.

Where a test needs a pytest of its own (other options, a signal, how often a service starts), it
takes ``toy`` or ``project``. All others share: see ``inner``.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from toy_project import PLUGINS, ProjectFolder
from without_load import CONFTEST

# What is loaded into the pytest of projects.
INSIDE = Path(__file__).parents[1] / "inside"


class Project(ProjectFolder):
    """A folder with services, scenarios and tests."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        super().__init__(pytester.path)
        self.pytester = pytester

    def run(self, *arguments: str, timeout: float = 60) -> pytest.RunResult:
        """Run pytest on the project in a process of its own."""
        return self.pytester.runpytest_subprocess(*PLUGINS, *arguments, timeout=timeout)


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


@pytest.fixture(autouse=True)
def _no_options_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep this repository's own options out of the projects, and that it may have workers."""
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the projects not wait long for a quiet machine."""
    monkeypatch.setenv("PYTHONPATH", str(INSIDE), prepend=os.pathsep)
    monkeypatch.setenv("PYTEST_PLUGINS", "short_waits")
