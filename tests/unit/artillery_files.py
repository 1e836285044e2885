"""Artillery files written for one test: what it needs of them, and how they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pytest_perfqa.errors import FileProblems
from pytest_perfqa.scenario.artillery import read_scenario
from pytest_perfqa.scenario.records import Request, Scenario

if TYPE_CHECKING:
    from pathlib import Path

PHASES = [{"duration": 1, "arrivalRate": 1}]


def read(folder: Path, data: object, environment: str | None = None) -> Scenario:
    """Read what ``data`` is as YAML, or as it is if it is a text."""
    path = folder / "load.yaml"
    path.write_text(data if isinstance(data, str) else yaml.safe_dump(data, sort_keys=False))
    return read_scenario(path, environment)


def problems(folder: Path, data: object, environment: str | None = None) -> list[str]:
    """Give what is wrong with a file, as ``line: message``."""
    with pytest.raises(FileProblems) as caught:
        read(folder, data, environment)
    return [f"{problem.line}: {problem.message}" for problem in caught.value.problems]


def with_config(**config: object) -> dict[str, Any]:
    """Give a file whose config has these keys besides a phase."""
    return {"config": {"phases": PHASES} | config, "scenarios": [{"flow": [{"get": {"url": "/"}}]}]}


def with_steps(*steps: object, **config: object) -> dict[str, Any]:
    """Give a file with one flow of these steps."""
    return with_config(**config) | {"scenarios": [{"flow": list(steps)}]}


def get(**keys: object) -> dict[str, Any]:
    """Give a request with these keys besides its URL."""
    return {"get": {"url": "/"} | keys}


def request(folder: Path, step: object, **config: object) -> Request:
    """Read a file of one request and give it."""
    (found,) = read(folder, with_steps(step, **config)).flows[0].steps
    assert isinstance(found, Request)
    return found
