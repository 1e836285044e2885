"""The live line: in place on a terminal, plain lines elsewhere, never in the way."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

TEST = """
    @pytest.mark.perfqa(scenario="short.yaml")
    def test_it(perf_run):
        print("said by the test")
        assert perf_run.launched == {expected}
"""


@pytest.fixture
def short(project: Project, request: pytest.FixtureRequest) -> Project:
    """A project whose run lasts long enough for news of it at one second, and at two.

    It is made of numbers, but for the test that is timed, for which news of one second are enough:
    what is printed of it is the same.
    """
    is_timed = request.node.get_closest_marker("timed") is not None
    if not is_timed:
        request.getfixturevalue("without_load")
    project.service()
    project.scenario("short.yaml", duration=1.25 if is_timed else 2.5, rate=40 if is_timed else 20)
    project.test(TEST.format(expected=50))
    return project


def on_a_terminal(project: Project, *arguments: str) -> str:
    """Run pytest with a terminal as its output; what it printed is given back."""
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "150"}
    with subprocess.Popen(
        command, cwd=project.path, env=environment, stdout=follower, stderr=follower
    ) as running:
        os.close(follower)
        printed = b""
        try:
            while data := os.read(leader, 65536):
                printed += data
        except OSError:  # what a terminal says at its end
            pass
        running.wait(timeout=60)
    os.close(leader)
    return printed.decode()


def shown(printed: str) -> list[str]:
    """Give the lines as they stand at the end: what comes after \\r takes their place."""
    return [line.rstrip("\r").rpartition("\r")[2].rstrip() for line in printed.split("\n")]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param((), marks=pytest.mark.timed),
        ("-v", "--capture=sys"),
        ("-q", "-s"),
    ],
)
def test_in_place_on_a_terminal(short: Project, arguments: tuple[str, ...]) -> None:
    """Every second in one line, which one that stays takes the place of; results stay whole."""
    printed = on_a_terminal(short, "--color=no", *arguments)
    updates = [part for part in printed.split("\r") if "launched, " in part and " left" in part]
    assert 1 <= len(updates) <= 4
    lines = shown(printed)
    stays = "perfqa: run 1/1: short on toy: 50 launched, 50 completed in "
    assert len([line for line in lines if line.startswith(stays)]) == 1
    assert not [line for line in lines if " left" in line]
    result = "test_it.py::test_it[toy] PASSED" if "-v" in arguments else "."
    assert [line for line in lines if line.startswith(result)]
    assert ("said by the test" in printed) == ("-s" in arguments)


def test_plain_lines_elsewhere_and_none_in_what_a_test_captured(short: Project) -> None:
    """No carriage return goes into a file; a line for the phase, a line for the run."""
    short.test(TEST.format(expected=0))
    result = short.run("-x")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "perfqa: * launched, * pending, p95 *, 0 errors, steady, 0:00 left: short on toy",
            "perfqa: run 1/1: short on toy: 50 launched, 50 completed in * s",
        ]
    )
    printed = result.stdout.str()
    assert "\r" not in printed
    captured = printed.partition("Captured stdout call")[2].partition("perfqa run")[0]
    assert "said by the test" in captured
    assert "launched, " not in captured
    assert "Captured stdout setup" not in printed


@pytest.mark.parametrize("argument", ["-q", "-n1"])
def test_silent_where_nobody_wants_it(short: Project, argument: str) -> None:
    """With -q and no terminal, and under xdist, a run leaves no line."""
    result = short.run(argument)
    result.assert_outcomes(passed=1)
    assert "launched, " not in result.stdout.str()
