"""All tests in two stages: what each runs, what ends both, and what the last lines say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from stages import spread
from waiting import wait_for

ROOT = Path(__file__).parents[2]
TESTS = """
import os, pytest

def note(name):
    with open("ran", "a") as ran:
        print(name, file=ran)

def test_plain(): note("plain")
def test_bad(): note("bad"); assert os.path.exists("mended")

@pytest.mark.slow
def test_slow(): note("slow")

@pytest.mark.timed
class TestTimed:
    def test_plain(self): note("timed plain")
    def test_bad(self): note("timed bad"); assert os.path.exists("mended")

    @pytest.mark.slow
    def test_slow(self): note("timed slow")
"""
SLEEPING = """
def test_sleeping():
    import signal, time
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's job ignores it
    note("sleeping")
    try:
        time.sleep(60)
    finally:
        note("cleaned up")
"""
FIRST, SECOND = ["plain", "bad", "slow"], ["timed plain", "timed bad", "timed slow"]


class Staged:
    """A project with tests of both kinds, and what came of running them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "conftest.py").write_text("pytest_plugins = ['stages']\n")
        (folder / "test_it.py").write_text(TESTS)
        (folder / "pytest.ini").write_text(
            f"[pytest]\npythonpath = {ROOT / 'tests'}\nmarkers =\n    timed\n    slow\n"
        )
        self.lines: list[str] = []
        self.ran: list[str] = []

    def mend(self) -> None:
        """Have nothing fail any more."""
        (self.folder / "mended").touch()

    def run(self, *arguments: str) -> int:
        """Run both stages; give the exit code."""
        (self.folder / "ran").write_text("")
        with self.start(*arguments) as process:
            told, _ = process.communicate(timeout=180)
        self.lines = [re.sub(r"\(\d+ s\)", "(N s)", line) for line in told.splitlines()]
        self.ran = (self.folder / "ran").read_text().splitlines()
        return process.returncode

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start both stages."""
        plain = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "-p xdist.plugin"}
        return subprocess.Popen(
            [sys.executable, ROOT / "scripts" / "all_tests.py", *arguments],
            cwd=self.folder,
            env=os.environ | plain,
            stdout=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def staged(tmp_path: Path) -> Staged:
    """Give the project."""
    return Staged(tmp_path)


def test_timed_tests_run_when_all_others_are_done(staged: Staged) -> None:
    """Whatever fails before them; the last lines name what failed in either stage."""
    assert staged.run() == 1
    assert sorted(staged.ran[:3]) == sorted(FIRST), "side by side, in any order"
    assert staged.ran[3:] == SECOND
    assert staged.lines[-4:] == [
        "FAILED test_it.py::test_bad",
        "FAILED test_it.py::TestTimed::test_bad",
        "tests that may run beside others: 1 failed (N s)",
        "timed tests, alone: 1 failed (N s)",
    ]
    assert sum("slowest 10 durations" in line for line in staged.lines) == 2
    assert sum("workers [3 items]" in line for line in staged.lines) == 1, "the timed have none"


@pytest.mark.parametrize(
    ("arguments", "ran"),
    [
        (["-m", "slow"], ["slow", "timed slow"]),
        (["-m", "not slow", "-k", "plain"], ["plain", "timed plain"]),
        (["-m", "timed and slow"], ["timed slow"]),
        (["test_it.py::test_plain"], ["plain"]),
    ],
    ids=" ".join,
)
def test_what_the_user_selects_is_run_and_no_more(
    staged: Staged, arguments: list[str], ran: list[str]
) -> None:
    """Each stage takes its own of it; a stage without any is no error."""
    assert staged.run("-n0", *arguments) == 0
    assert staged.ran == ran


def test_nothing_at_all_is_an_error(staged: Staged) -> None:
    """As it is for pytest."""
    assert staged.run("-n0", "-k", "nothing") == 5
    assert staged.lines[-2:] == [
        "tests that may run beside others: nothing selected (N s)",
        "timed tests, alone: nothing selected (N s)",
    ]


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_a_failure_that_ends_the_first_stage_ends_it_all(staged: Staged, workers: str) -> None:
    """Who asks for -x wants to see the first."""
    assert staged.run(workers, "-x") in {1, 2}
    assert not set(staged.ran) & set(SECOND)
    assert staged.lines[-2] == "FAILED test_it.py::test_bad"


def test_what_failed_the_last_time_is_run_in_its_stage(staged: Staged) -> None:
    """And nothing else, however the first stage ends; where nothing has failed, all."""
    staged.mend()
    assert staged.run("-n0", "--lf") == 0
    assert staged.ran == [*FIRST, *SECOND]
    (staged.folder / "mended").unlink()
    assert staged.run("-n0", "--lf") == 1
    assert staged.ran == [*FIRST, *SECOND], "nothing had failed before the first stage"
    staged.mend()
    assert staged.run("-n0", "--lf") == 0
    assert staged.ran == ["bad", "timed bad"]


def test_what_can_not_begin_is_told_once(staged: Staged) -> None:
    """With pytest's own exit code, and without the second stage."""
    assert staged.run("-n0", "missing.py") == 4
    assert staged.lines[-1] == "tests that may run beside others: pytest ended with 4 (N s)"


def test_a_stage_may_be_left_out_and_lines_go_to_a_file(staged: Staged, tmp_path: Path) -> None:
    """As CI has it, which has something to do between them; the file is appended to."""
    file = tmp_path / "lines"
    file.write_text("before\n")
    assert staged.run("-n0", f"--lines={file}", "--only=alone") == 1
    assert staged.ran == SECOND
    assert file.read_text() == "before\nFAILED test_it.py::TestTimed::test_bad\n"


def test_what_ends_it_interrupts_the_tests(staged: Staged) -> None:
    """They clean up, what failed until then is told, and nothing follows."""
    (staged.folder / "test_it.py").write_text(TESTS + SLEEPING)
    ran = staged.folder / "ran"
    with staged.start("-n0") as process:
        wait_for(lambda: ran.exists() and "sleeping" in ran.read_text())
        process.terminate()
        told, _ = process.communicate(timeout=90)
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert ran.read_text().splitlines() == [*FIRST, "sleeping", "cleaned up"]
    assert "FAILED test_it.py::test_bad" in told.splitlines()[-2:]


def test_all_run_in_one_process_where_pytest_is_called_plainly(staged: Staged) -> None:
    """Timed ones among the others, as they stand in the files."""
    plain = [sys.executable, "-m", "pytest", "-q"]
    done = subprocess.run(plain, cwd=staged.folder, capture_output=True, text=True, check=False)
    assert "2 failed, 4 passed" in done.stdout
    assert (staged.folder / "ran").read_text().splitlines() == [*FIRST, *SECOND]


def test_each_worker_begins_with_its_part_of_what_takes_long() -> None:
    """Containers' tests by one, others spread over the rest, each once; all have as many."""
    names = ["test_docker_backend", *["test_generator"] * 5, *["test_units"] * 22]
    items: list[Any] = [SimpleNamespace(path=Path(f"unit/{name}.py")) for name in names]
    ordered = spread([*items], 4)
    assert sorted(map(id, ordered)) == sorted(map(id, items))
    starts = [[one.path.stem for one in ordered[first : first + 7]] for first in range(0, 28, 7)]
    assert [one.count("test_generator") for one in starts] == [0, 2, 2, 1]
    assert [one[0] for one in starts] == ["test_docker_backend", *["test_generator"] * 3]
    assert spread([*items], 1) == items
    assert spread(items[:3], 4) == items[:3]
