"""The hooks around runs: pytest_perfqa_run_started and pytest_perfqa_run_finished."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from without_load import CONFTEST

if TYPE_CHECKING:
    from project import Project

HOOKS = """
import json, pathlib, threading
from pytest_perfqa import ServiceError
from pytest_perfqa.measuring import runs

made = runs.run
CALLS = pathlib.Path(__file__).with_name("calls.jsonl")

def run(bench, service, scenario, *others, **more):
    if scenario.name == "broken":
        raise ServiceError("gone")
    result = made(bench, service, scenario, *others, **more)
    if scenario.name == "spoiled" and CALLS.read_text().count("spoiled") == 1:
        result.invalid = ("the moon was full",)
    return result

runs.run = run

def note(*called):
    assert threading.current_thread() is threading.main_thread()
    with CALLS.open("a") as file:
        print(json.dumps(called), file=file)

def pytest_perfqa_run_started(config, service, scenario, attempt):
    note("started", config.rootpath.name, service, scenario, attempt)
    if scenario == "refused":
        raise RuntimeError("not today")

def pytest_perfqa_run_finished(scenario, attempt, result):
    note("finished", scenario, attempt, result and [result.launched, bool(result.invalid)])
    if scenario in ("objected", "broken"):
        raise RuntimeError("not like this")
"""
SCENARIOS = ("steady", "spoiled", "refused", "objected", "broken")
TESTS = "".join(
    f"""
@pytest.mark.perfqa(scenario="{name}.yaml")
def test_{name}(perf_run):
    assert perf_run.launched == 20

@pytest.mark.perfqa(scenario="{name}.yaml")
def test_{name}_again(perf_run):
    pass
"""
    for name in SCENARIOS
)
LOAD = """
def test_load(perf_load):
    assert perf_load("steady.yaml", rate="40/s").launched == 40
"""


@pytest.mark.usefixtures("without_load")
def test_they_are_called_around_each_run(toy: Project) -> None:
    """Once for each time that it is made; what they raise is told by the tests of that run only."""
    with (toy.path / "conftest.py").open("a") as file:
        file.write(CONFTEST + HOOKS)
    for name in SCENARIOS[1:]:
        toy.scenario(f"{name}.yaml")
    toy.test(TESTS + LOAD)
    result = toy.run("-v")
    calls = [json.loads(line) for line in (toy.path / "calls.jsonl").read_text().splitlines()]
    expected = [
        ("steady", 1, [20, False]),
        ("spoiled", 1, [20, True]),
        ("spoiled", 2, [20, False]),
        ("refused", 1, None),
        ("objected", 1, [20, False]),
        ("broken", 1, None),
        ("steady[rate=40/s]", 1, [40, False]),
    ]
    assert calls == [
        call
        for name, attempt, figures in expected
        for call in (
            ["started", toy.path.name, "toy", name, attempt],
            ["finished", name, attempt, figures],
        )
    ]
    result.assert_outcomes(passed=5, errors=6)
    result.stdout.fnmatch_lines(
        [
            "E *RuntimeError: not today",
            "E *RuntimeError: not like this",
            "E *ServiceError: gone",
            "E *When that was told, there was: RuntimeError('not like this')",
        ]
    )
    assert "INTERNALERROR" not in result.stdout.str()
