"""Timed tests that others disturbed are run again by name, with the reason; no other failure is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from onlooker import Onlooker
from repeated import disturbed
from waiting import wait_for

from pytest_perfqa.monitor.neighbours import CpuWindow

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).parents[1]
# Others take a CPU when, and as long as, a test says so.
CONFTEST = """
import pytest
import noise, repeated

pytest_plugins = ["repeated"]

class Onlooker:
    def windows(self): return noise.windows()
    def close(self): pass

repeated.Onlooker = Onlooker

@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session):
    # Not before the product looks for perf tests: it would ask for a service.
    for item in session.items:
        if item.name == "test_perf":
            item.fixturenames.append("perf_service")
"""
NOISE = """
import contextlib, time
from pytest_perfqa.monitor.neighbours import CpuWindow

heard = []

@contextlib.contextmanager
def noise():
    begun = time.monotonic()
    time.sleep(0.01)
    yield
    heard.append((begun, time.monotonic()))

def windows():
    return [
        CpuWindow(
            *one, own=0.5, denied=0.4, steal=0, spare=0, capacity=2, takers=((7, "cc1", 0.9),)
        )
        for one in heard
    ]
"""
PROJECT = """
import time
import pytest, repeated
from noise import noise

timed = pytest.mark.timed
runs = {}

def turn(name):
    runs[name] = runs.get(name, 0) + 1
    with open("ran", "a") as ran:
        print(name, file=ran)
    return runs[name]

def test_not_timed():
    with noise():
        turn("not_timed")
        assert False

@timed
def test_in_silence():
    turn("in_silence")
    assert False, "the product is wrong"

@timed
def test_passes_in_noise():
    with noise(): turn("passes_in_noise")

@timed
def test_once():
    if turn("once") == 1:
        with noise(): pass
        assert False, "late"

@timed
def test_mended_by_silence_only():
    if turn("mended_by_silence_only") == 1:
        with noise(): pass
    assert False, "still wrong"

@timed
def test_always():
    with noise(): turn("always")
    assert False, "late"

@pytest.fixture
def perf_service(): pass

@timed
def test_perf():
    with noise(): turn("perf")
    assert False

@pytest.fixture(scope="module")
def quiet():
    return turn("quiet")

@pytest.fixture(scope="module")
def shared(quiet):
    number = turn("shared")
    if number == 1:
        with noise(): pass
    yield number
    turn("shared ended")

@timed
def test_shares(shared): turn("shares")

@timed
def test_shares_what_was_disturbed(shared): assert turn("shares_disturbed") and shared > 1

@timed
def test_shares_what_was_mended(shared): assert shared == 2

@timed
def test_shares_what_was_not(quiet):
    turn("shares_quiet")
    assert False

@pytest.fixture
def own():
    if turn("own") == 1:
        with noise(): pass
        raise RuntimeError("not started in time")
    yield
    turn("own ended")

@timed
def test_whose_own_could_not_be_made(own): pass

@pytest.fixture
def ending():
    yield
    if turn("ending") == 1:
        with noise(): pass
        raise RuntimeError("not ended in time")

@timed
def test_whose_own_could_not_be_ended(ending): pass

@pytest.fixture(scope="module")
def hopeless():
    turn("hopeless")
    with noise(): pass

@timed
@pytest.mark.parametrize("number", range(3))
def test_hopeless(hopeless, number): assert turn("rests on hopeless") is None

@pytest.fixture
def told_by(request):
    begun = time.monotonic()
    time.sleep(0.01)
    request.node.stash[repeated.TOLD_BY] = {"it": (begun, time.monotonic())}

@timed
def test_told_in_silence(told_by):
    with noise(): turn("told_in_silence")
    assert False, "told otherwise"

@timed
def test_in_vain(request):
    request.node.stash[repeated.MEASURED_IN_VAIN] = True
    with noise(): turn("in_vain")
    assert False, "INVALID the second time"

@timed
@pytest.mark.skip
def test_skipped(): pass
"""


class Told:
    """What came of a session: its lines, and how often each test and fixture was run."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        words = ["-p", "xdist.plugin", "-p", "pytest_perfqa.plugin", "-rA", *arguments]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *words],
            cwd=folder,
            env=os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            stdout=subprocess.PIPE,
            text=True,
            timeout=100,
            check=False,
        )
        self.text = done.stdout
        self.lines = done.stdout.splitlines()
        self._ran = (folder / "ran").read_text().splitlines()

    def times(self, name: str) -> int:
        """Count how often it was run."""
        return self._ran.count(name)

    def outcome(self, name: str) -> str:
        """Give its last words, and all that follows its name."""
        found = re.findall(rf"^(\w+) test_it.py::test_{name}\b(?: - (.*))?$", self.text, re.M)
        assert len(found) == 1, self.text
        return " - ".join(part for part in found[0] if part)

    def repeated(self, name: str) -> list[str]:
        """Give the reasons why it was run again."""
        said = f"INVALID, repeated: test_it.py::test_{name}: "
        return [line.removeprefix(said) for line in self.lines if line.startswith(said)]


def project(folder: Path, tests: str) -> Path:
    """Write tests, and what they need."""
    (folder / "test_it.py").write_text(tests)
    (folder / "noise.py").write_text(NOISE)
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "pytest.ini").write_text(
        f"[pytest]\npythonpath = . {TESTS}\nmarkers = timed\nperfqa_backend = process\n"
    )
    return folder


@pytest.fixture(scope="module", params=[(), ("-n1",)], ids=["plain", "xdist"])
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Run all of them once, here and in a worker."""
    return Told(project(tmp_path_factory.mktemp("project"), PROJECT), *request.param)


CAUSE = re.compile(r"others took 0\.9 s of its CPUs in [\d.e-]+ s \(cc1 \(pid 7\): 0\.9 s\)")


@pytest.mark.parametrize("name", ["not_timed", "in_silence", "perf", "told_in_silence"])
def test_a_failure_is_a_failure_at_once(told: Told, name: str) -> None:
    """Where nobody disturbed it; where it isn't timed; where the product repeats by itself.

    And where all that it asserts on is what others rest on, too, and nobody disturbed that.
    """
    assert told.outcome(name).startswith("FAILED")
    assert told.times(name) == 1
    assert told.repeated(name) == []


def test_what_passes_is_not_repeated(told: Told) -> None:
    """Whatever others did."""
    assert told.outcome("passes_in_noise") == "PASSED"
    assert told.times("passes_in_noise") == 1


def test_what_was_disturbed_is_repeated_by_name_with_the_reason(told: Told) -> None:
    """Once, if nobody disturbs it then; and the session has nothing against it."""
    assert told.outcome("once") == "PASSED"
    assert told.times("once") == 2
    (cause,) = told.repeated("once")
    assert CAUSE.match(cause)


def test_a_failure_in_silence_counts_after_a_disturbed_one(told: Told) -> None:
    """It isn't repeated until it passes."""
    assert told.outcome("mended_by_silence_only") == "FAILED - AssertionError: still wrong"
    assert told.times("mended_by_silence_only") == 2


def test_what_is_disturbed_each_time_is_no_pass(told: Told) -> None:
    """It is an error, and none of the test's: it says so first, then what it looked like."""
    word, _, said = told.outcome("always").partition(" - ")
    assert (word, said.split()[0]) == ("INVALID", "INVALID:")
    assert told.times("always") == 3
    assert len(told.repeated("always")) == 2
    heading = next(n for n, line in enumerate(told.lines) if re.match("_+ ERROR .*test_al", line))
    text = [line for line in told.lines[heading + 1 : heading + 12] if line.strip()]
    ours = next(line for line in text if not line.startswith("[gw"))
    assert ours.startswith("INVALID: ")
    assert CAUSE.search(ours)
    assert ours.count("INVALID the") == 2
    assert any("late" in line for line in text[1:])


def test_what_the_product_has_repeated_is_not_repeated(told: Told) -> None:
    """It would be as often again, and for each test that is told of it."""
    assert told.outcome("in_vain").startswith("INVALID - INVALID: ")
    assert told.times("in_vain") == 1


def test_what_tests_share_is_made_anew(told: Told) -> None:
    """If it was disturbed when it was made, even long before; and ended before that."""
    assert told.outcome("shares") == "PASSED"
    assert told.outcome("shares_what_was_disturbed") == "PASSED"
    assert len(told.repeated("shares_what_was_disturbed")) == 1
    assert told.times("shared") == told.times("shared ended") == 2
    assert told.outcome("shares_what_was_mended") == "PASSED"


def test_what_others_share_is_not_its_own(told: Told) -> None:
    """A test that doesn't use what was disturbed has failed."""
    assert told.outcome("shares_what_was_not").startswith("FAILED")
    assert told.times("shares_quiet") == 1


def test_what_tests_share_is_made_anew_as_often_as_a_test_is_run_again(told: Told) -> None:
    """Not as often for each of those that rest on it: that could take hours."""
    assert told.times("hopeless") == 3
    words = [line for line in told.lines if line.startswith("INVALID test_it.py::test_hopeless[")]
    assert len(words) == 3
    assert told.times("rests on hopeless") == 3 + 1 + 1


@pytest.mark.parametrize("name", ["made", "ended"])
def test_it_need_not_be_its_body_that_failed(told: Told, name: str) -> None:
    """What it needs may come too late, or end too late."""
    assert told.outcome(f"whose_own_could_not_be_{name}") == "PASSED"
    assert len(told.repeated(f"whose_own_could_not_be_{name}")) == 1


def test_how_it_all_ends(told: Told) -> None:
    """Errors and failures are counted apart."""
    assert "6 failed, 7 passed, 1 skipped" in told.lines[-1]
    assert "5 errors" in told.lines[-1]


def test_only_the_time_of_a_test_counts() -> None:
    """To the window, since that is how far looks are apart."""
    noisy = [_window(number, denied=0.5) for number in (1, 2, 6)]
    seen = sorted(
        [*noisy, *(_window(number) for number in (0, 3, 4, 5))], key=lambda one: one.start
    )
    assert disturbed(seen, [(3.1, 4.9)]) == ()
    assert disturbed(seen, []) == ()
    (said,) = disturbed(seen, [(0.2, 0.9), (2.9, 3.5)])
    assert said.startswith("others took 0.9 s of its CPUs in 1 s (cc1 (pid 7): 0.9 s)")
    (said,) = disturbed(seen, [(0.0, 7.0)])
    assert "took 2.7 s of its CPUs in 3 s" in said


def _window(start: float, denied: float = 0.0) -> CpuWindow:
    takers = ((7, "cc1", 0.9),) if denied else ()
    return CpuWindow(start, start + 1, 0.5, denied, 0.0, 1.0, 2.0, takers)


BUSY = "import os\nos.sched_setaffinity(0, [{cpu}])\nwhile True: pass"
REAL = """
import pathlib, subprocess, sys, threading, time
import pytest

@pytest.mark.timed
def test_it():
    with open("ran", "a") as ran:
        print("it", file=ran)
    mine = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    end = time.monotonic() + 1.6
    while time.monotonic() < end: pass
    mine.kill()
    mine.wait()
    assert False
"""


@pytest.fixture
def others() -> Iterator[None]:
    """Have every CPU in use, by processes that this one has started."""
    cpus = os.sched_getaffinity(0)
    loops = [subprocess.Popen([sys.executable, "-c", BUSY.format(cpu=cpu)]) for cpu in cpus]
    yield
    for loop in loops:
        loop.kill()
        loop.wait()


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """Have a test that fails when it has kept two CPUs busy, itself and by a child."""
    (tmp_path / "test_it.py").write_text(REAL)
    (tmp_path / "conftest.py").write_text("pytest_plugins = ['repeated']\n")
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {TESTS}\nmarkers = timed\n")
    return tmp_path


@pytest.mark.timed
def test_others_are_seen_and_named(real: Path, others: None) -> None:  # noqa: ARG001
    """Processes that it did not start took the CPU: three times INVALID."""
    told = Told(real)
    assert told.times("it") == 3
    assert told.outcome("it").startswith("INVALID - INVALID: ")
    assert all(
        re.search(r"others took .* \(python.* \(pid \d+\): ", one) for one in told.repeated("it")
    )


@pytest.mark.timed
def test_what_a_test_takes_itself_is_no_disturbance(real: Path) -> None:
    """However much of the machine that is."""
    told = Told(real)
    assert told.times("it") == 1
    assert told.outcome("it").startswith("FAILED")


def test_an_onlooker_that_has_died_excuses_nothing() -> None:
    """What nobody has seen is no disturbance."""
    onlooker = Onlooker()
    assert isinstance(onlooker.windows(), list)
    process = onlooker._process
    process.kill()
    wait_for(lambda: process.poll() is not None)
    seen = onlooker.windows()
    assert onlooker.windows() == seen
    onlooker.close()


def test_it_ends_with_whoever_asked() -> None:
    """Nothing of it is left behind, even by who is killed."""
    code = (
        "import os, signal, onlooker; one = onlooker.Onlooker(); one.windows();"
        "print(one._process.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    wait_for(lambda: not Path(f"/proc/{int(done.stdout)}").exists())
