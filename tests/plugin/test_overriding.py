"""Fixtures overridden, as users of pytest do: everything else is as ever."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from toy_project import steady
from without_load import CONFTEST

if TYPE_CHECKING:
    from project import Project

SEEDED = """
import pytest

def pytest_terminal_summary(terminalreporter):
    for line in SEEDED:
        terminalreporter.write_line(line)

SEEDED = []

@pytest.fixture(scope="session")
def perf_service(perf_service):
    SEEDED.append(f"session seeded {perf_service.name} at {perf_service.url}")
    return perf_service
"""
PER_TEST = """
@pytest.fixture
def perf_service(perf_service, tmp_path):
    (tmp_path / perf_service.name).touch()
    yield tmp_path

@pytest.mark.parametrize("number", [1, 2])
def test_of_each_test(perf_service, number):
    assert len(list(perf_service.iterdir())) == 1

@pytest.mark.perfqa(scenario="steady.yaml")
def test_run(perf_service, perf_run, perf_load):
    assert [path.name for path in perf_service.iterdir()] == [perf_run.service]
    assert perf_load("steady.yaml", rate="40/s").launched == 40
"""
WRAPPED = """
pytestmark = pytest.mark.perfqa(scenario="late.yaml")

@pytest.fixture
def perf_run(perf_run):
    return perf_run

@pytest.fixture
def launched(perf_run):
    return perf_run.launched

@pytest.mark.perfqa(services=["toy"])
def test_requirement(launched):
    assert launched == 20
"""
MARKED = """
pytestmark = pytest.mark.perfqa(services=["toy"])

@pytest.fixture
def perf_run(request, perf_service):
    name = request.node.name.partition("[")[0].removeprefix("test_")
    request.node.add_marker(pytest.mark.perfqa(scenario=f"{name}.yaml"))
    return request.getfixturevalue("perf_run")

def test_steady(perf_run):
    assert perf_run.scenario == "steady"

def test_late(perf_run):
    pass

def test_missing(perf_run):
    pass
"""
LOADED = """
from pytest_perfqa import InvalidRun
pytestmark = pytest.mark.perfqa(services=["toy"])
GIVEN = []

@pytest.fixture
def perf_run(perf_load):
    return perf_load("late.yaml" if not GIVEN else "steady.yaml", rate="40/s")

def test_requirement(perf_run):
    GIVEN.append(perf_run)
    assert perf_run.launched == 40

def test_again(perf_run):
    GIVEN.append(perf_run)
    if len(GIVEN) < 3:
        raise InvalidRun(["I know better"])
    assert GIVEN[1] is not GIVEN[2]
"""
AGAIN = """
from pytest_perfqa import InvalidRun
pytestmark = pytest.mark.perfqa(services=["toy"], scenario="again.yaml")
GIVEN = []

@pytest.fixture
def perf_run(perf_run):
    yield perf_run

def test_again(perf_run):
    GIVEN.append(perf_run)
    if len(GIVEN) < 2:
        raise InvalidRun(["I know better"])
    assert GIVEN[0] is not GIVEN[1]
"""
REPLACED = """
@pytest.fixture
def perf_run():
    return 7

def test_replaced(perf_run):
    assert perf_run == 7
"""
WRONG = """
@pytest.fixture
def perf_run(perf_run):
    return perf_run

def test_unmarked(perf_run): pass

@pytest.mark.perfqa(scenario="gone.yaml")
def test_gone(perf_run): pass
"""


@pytest.fixture
def overridden(toy: Project) -> Project:
    """A project of two services whose fixtures are overridden in a conftest.py and in modules."""
    toy.service("other")
    (toy.path / "conftest.py").write_text(CONFTEST + SEEDED)
    for name in ("late", "again"):
        toy.scenario(f"{name}.yaml")
    late = steady().replace("scenarios:", "  ensure: {max: 50}\nscenarios:", 1)
    (toy.path / "late.yaml").write_text(late)
    return toy


def test_all_else_is_as_ever(overridden: Project) -> None:
    """Tests are made one per service; runs are held to requirements, made again, and in JUnit."""
    for name, text in {
        "per_test": PER_TEST,
        "wrapped": WRAPPED,
        "marked": MARKED,
        "loaded": LOADED,
        "again": AGAIN,
        "replaced": REPLACED,
    }.items():
        overridden.test(text, f"test_{name}.py")
    result = overridden.run("-v", "--junitxml=junit.xml")
    said = result.stdout.str()
    assert said.count("session seeded toy at http") == 1
    assert said.count("session seeded other at http") == 1
    lines = [line.split() for line in said.splitlines() if "::" in line and "%" in line]
    words = {name: word for name, word, *_ in lines}
    assert words == {
        **{
            f"test_per_test.py::test_of_each_test[{service}-{number}]": "PASSED"
            for service in ("toy", "other")
            for number in (1, 2)
        },
        "test_per_test.py::test_run[toy]": "PASSED",
        "test_per_test.py::test_run[other]": "PASSED",
        "test_wrapped.py::test_requirement[toy]": "FAILED",
        "test_marked.py::test_steady[toy]": "PASSED",
        "test_marked.py::test_late[toy]": "FAILED",
        "test_marked.py::test_missing[toy]": "ERROR",
        "test_loaded.py::test_requirement[toy]": "FAILED",
        "test_loaded.py::test_again[toy]": "PASSED",
        "test_again.py::test_again[toy]": "PASSED",
        "test_replaced.py::test_replaced": "PASSED",
    }
    result.stdout.fnmatch_lines(["*no such file; looked for *missing.yaml*"])
    assert said.count("RequirementMissed: ") >= 3
    cases = ET.parse(overridden.path / "junit.xml").iter("testcase")  # noqa: S314
    properties = {
        f"{case.get('classname')}::{case.get('name')}": {
            each.get("name"): each.get("value") for each in case.iter("property")
        }
        for case in cases
    }
    told = {
        name: (each["perfqa_verdict"], each["perfqa_service"], each.get("perfqa_scenario"))
        for name, each in properties.items()
        if each
    }
    assert told == {
        "test_again::test_again[toy]": ("PASSED", "toy", "again"),
        "test_loaded::test_again[toy]": ("PASSED", "toy", "steady[rate=40/s]"),
        "test_loaded::test_requirement[toy]": ("FAILED", "toy", "late[rate=40/s]"),
        "test_marked::test_late[toy]": ("FAILED", "toy", "late"),
        "test_marked::test_missing[toy]": ("ERROR", "toy", None),
        "test_marked::test_steady[toy]": ("PASSED", "toy", "steady"),
        "test_wrapped::test_requirement[toy]": ("FAILED", "toy", "late"),
        **{
            f"test_per_test::test_of_each_test[{service}-{number}]": ("PASSED", service, None)
            for service in ("toy", "other")
            for number in (1, 2)
        },
        # Of two runs each has its number.
        **{
            f"test_per_test::test_run[{service}]": ("PASSED", service, None)
            for service in ("toy", "other")
        },
    }


def test_mistakes_are_found_before_anything_starts(overridden: Project) -> None:
    """As without an overriding fixture."""
    overridden.test(WRONG)
    result = overridden.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*test_unmarked: perf_run needs @pytest.mark.perfqa(*", "*no such file*gone.yaml*"]
    )
    assert overridden.starts() == 0
