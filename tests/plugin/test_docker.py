"""Services as containers: one start per configuration, five lines of service.yaml, no leftovers."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from docker_engine import COMPOSE, Mortal, alone, base_images, everything, write_compose
from toy_project import CACHING_PLUGINS, ProjectFolder
from waiting import wait_for

from pytest_perfqa.service.docker import engine, ownership

if TYPE_CHECKING:
    from project import Project

LIMIT = 30.0
# All that a user adds to a compose file of their own.
SERVICE = """
ready: /
docker:
  compose: compose.yaml
  endpoint: web:9000
"""
NEVER_HEALTHY = """
    healthcheck: {test: "false", interval: 1s, retries: 60}
  side:
    image: ${PYTHON_IMAGE}
    command: [sleep, "60"]
    init: true
    depends_on: {web: {condition: service_healthy}}
"""
SLOW_BUILD = COMPOSE.replace("image: ${PYTHON_IMAGE}", "build: .")

pytestmark = pytest.mark.equipped


@pytest.fixture
def project(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    engine_alone: None,  # noqa: ARG001
) -> Project:
    """A project whose compose files find the base images that are here."""
    for name, image in base_images().items():
        monkeypatch.setenv(name, image)
    return project


def add(project: ProjectFolder, name: str, text: str = COMPOSE) -> None:
    """Add a service made of a user's compose file."""
    folder = project.path / "services" / name
    write_compose(folder, text)
    (folder / "service.yaml").write_text(SERVICE)


TROUBLE = """
config:
  http: {timeout: 10}
  phases:
    - {name: calm, duration: 0.5, arrivalRate: 60}
    - {name: trouble, duration: 5, arrivalRate: 60}
  perfqa:
    faults:
      - {at: trouble, kill: web, restart_after: 800ms}
      - {at: trouble + 4s, pause: web, resume_after: 800ms}
scenarios: [{flow: [{get: {url: /}}]}]
"""
# Two scenarios on three configurations, of which one is not as expected.
MATRIX = """
@pytest.mark.perfqa(scenario="first.yaml", services=["one", "two", "three"])
def test_first(perf_run):
    assert perf_run.status[200] == perf_run.launched == 20

@pytest.mark.perfqa(scenario="second.yaml", services=["one", "two", "three"])
def test_second(perf_run, perf_service):
    assert perf_run.launched == 10
    assert perf_run.status[200] == 10 - (perf_service.name == "two")
"""
IN_TROUBLE = """
@pytest.mark.perfqa(scenario="trouble.yaml", errors="expected", services=["hurt"])
def test_trouble(perf_run):
    killed, paused = perf_run.faults
    assert (killed.action, paused.action) == ("kill", "pause")
    assert perf_run.phase("calm").error_rate == 0
    # The engine takes a moment for each.
    down = perf_run.between(float(killed.at) + 0.4, float(killed.at) + 0.7)
    assert down.errors.total == down.launched > 10
    assert killed.at + 0.8 < killed.ended < paused.at
    assert perf_run.between(float(killed.ended), 5.5).error_rate == 0
    assert perf_run.latency.max > 0.7
"""
SHUFFLED = """
import random

def pytest_collection_modifyitems(items):
    random.Random(3).shuffle(items)
"""


@dataclass(frozen=True)
class Matrix:
    """A project that has been run.

    Attributes:
        printed: what pytest printed.
        ups: the services whose containers were started, as often as they were.
        before: all there was on the engine.
        after: the same, when pytest had ended.
    """

    project: ProjectFolder
    printed: pytest.LineMatcher
    ups: list[str]
    before: dict[str, list[str]]
    after: dict[str, list[str]]

    @property
    def outcomes(self) -> dict[str, str]:
        """How each test is told, by its name."""
        told = [line.split() for line in self.printed.lines if "test_it.py::" in line]
        return {words[1].partition("::")[2]: words[0] for words in told}


def run(project: ProjectFolder, *arguments: str) -> Matrix:
    """Run pytest on a project."""
    before = everything()
    since = time.time()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *CACHING_PLUGINS, "-rA", *arguments],
        cwd=project.path,
        env=os.environ | base_images(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    printed = pytest.LineMatcher(done.stdout.splitlines())
    return Matrix(project, printed, ups(since, time.time()), before, everything())


def ups(since: float, until: float) -> list[str]:
    """Give the services whose containers were started in that time."""
    form = "{{.Actor.Attributes.name}}"
    times = f"--since={since:.6f}", f"--until={until:.6f}"
    command = ["docker", "events", *times, "--filter=event=start", f"--format={form}"]
    events = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return sorted(name.split("-")[3] for name in events.stdout.split())


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    """Three configurations under loads, which may be disturbed: they are counted."""
    project = ProjectFolder(tmp_path_factory.mktemp("matrix"))
    (project.path / "pytest.ini").write_text("[pytest]\naddopts = -p among_others\n")
    for name in ("one", "two", "three"):
        add(project, name)
    project.scenario("first.yaml", duration=0.25, rate=80)
    project.scenario("second.yaml", duration=0.25, rate=40)
    project.test(MATRIX)
    (project.path / "conftest.py").write_text(SHUFFLED)
    with alone():
        return run(project)


def test_a_matrix_starts_each_configuration_once(matrix: Matrix) -> None:
    """Three configurations x two scenarios are three ups, in any order of the tests."""
    for name in ("one", "two", "three"):
        assert matrix.outcomes[f"test_first[{name}]"] == "PASSED"
        assert matrix.outcomes[f"test_second[{name}]"] == ("FAILED" if name == "two" else "PASSED")
    matrix.printed.fnmatch_lines(
        ["perfqa: 6 runs on 3 services * on docker (nothing else in its service.yaml)"]
    )
    assert matrix.ups == ["one", "three", "two"]
    assert matrix.after == matrix.before


def test_the_last_failed_start_no_other_service(matrix: Matrix) -> None:
    """With --lf one configuration comes up, for the one test that had failed on it."""
    with alone():
        again = run(matrix.project, "--lf")
    assert again.outcomes == {"test_second[two]": "FAILED"}
    assert again.ups == ["two"]


@pytest.mark.timed
@pytest.mark.usefixtures("engine_alone")
def test_faults_reach_containers_under_load(tmp_path: Path) -> None:
    """A container that is killed is down until it is restarted; a paused one makes wait."""
    project = ProjectFolder(tmp_path)
    (project.path / "pytest.ini").write_text("[pytest]\n")
    add(project, "hurt")
    (project.path / "trouble.yaml").write_text(TROUBLE)
    project.test(IN_TROUBLE)
    assert run(project).outcomes == {"test_trouble[hurt]": "PASSED"}


def test_a_failing_test_shows_the_containers_logs(matrix: Matrix) -> None:
    """As sections of the report, like those of processes."""
    assert matrix.outcomes["test_second[two]"] == "FAILED"
    matrix.printed.fnmatch_lines(["*perfqa log of web, its end*", "*GET / HTTP*"])


def test_a_compose_file_with_a_mistake_is_one_clear_error(project: Project) -> None:
    """Which names file and command, before anything starts."""
    add(project, "one", "services: {web: {imagee: x}}")
    project.scenario()
    project.test("""
        @pytest.mark.perfqa(scenario="steady.yaml")
        def test_it(perf_run): pass
    """)
    before = everything()
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*compose.yaml: Docker Compose exited*", "*command:*config*"])
    assert everything() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize(
    "text", [COMPOSE, COMPOSE + NEVER_HEALTHY, SLOW_BUILD], ids=["load", "up", "build"]
)
def test_a_signal_leaves_nothing(
    project: Project, text: str, number: signal.Signals, tmp_path: Path
) -> None:
    """Ctrl-C, SIGTERM and kill -9, under load and in the middle of up and of a build."""
    add(project, "one", text)
    (project.path / "services" / "one" / "Dockerfile").write_text(
        f"FROM {os.environ['PYTHON_IMAGE']}\nRUN echo {tmp_path} > /first\nRUN sleep 60\n"
    )
    project.scenario("long.yaml", duration=300, rate=5)
    project.test("""
        @pytest.mark.perfqa(scenario="long.yaml")
        def test_long(perf_run): pass
    """)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    before = everything()
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    with subprocess.Popen(
        command,
        cwd=project.path,
        env=os.environ | {"TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as pytest_process:
        if text == COMPOSE:
            wait_for(lambda: list(scratch.glob("perfqa-*/run-1/records-0.bin")))
        else:
            wait_for(lambda: everything()["containers"] != before["containers"])
            time.sleep(0.2)
        pytest_process.send_signal(number)
        pytest_process.communicate(timeout=LIMIT)
    with contextlib.suppress(AssertionError):
        wait_for(lambda: everything() == before)
    assert everything() == before
    wait_for(lambda: not list(scratch.glob("perfqa-*")))


def test_an_engine_that_dies_is_an_error(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of the test, not of pytest; what could not be removed is swept by the next session."""
    add(project, "one")
    project.scenario("long.yaml", duration=1.5, rate=10)
    project.test("""
        @pytest.mark.perfqa(scenario="long.yaml")
        def test_long(perf_run): pass
    """)
    before = everything()
    with tempfile.TemporaryDirectory() as folder:  # the path of a socket has to be short
        way = Mortal(Path(folder, "docker.sock"))
        monkeypatch.setenv("DOCKER_HOST", way.host)
        monkeypatch.setenv("TMPDIR", str(tmp_path))

        def cut_off() -> None:
            wait_for(lambda: list(tmp_path.glob("perfqa-*/run-1/records-0.bin")))
            way.die()

        cutter = threading.Thread(target=cut_off)
        cutter.start()
        result = project.run()
        cutter.join()
    monkeypatch.undo()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*docker container inspect*", "*Cannot connect*"])
    result.stdout.fnmatch_lines(["perfqa: service one could not be stopped: *"])
    ownership.sweep(engine.find_engine())
    assert everything() == before


@pytest.mark.usefixtures("without_load")
def test_no_engine_means_processes_or_a_usage_error(
    toy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Auto says why it takes processes; docker by name can't be had, and nothing starts."""
    folder = toy.path / "services" / "toy"
    service = folder / "service.yaml"
    (folder / "compose.yaml").write_text(COMPOSE)
    service.write_text(service.read_text() + SERVICE.replace("ready: /\n", ""))
    toy.test("""
        @pytest.mark.perfqa(scenario="steady.yaml")
        def test_it(perf_run): pass
    """)
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    result = toy.run()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["perfqa: 1 run on 1 service * on process (no Docker*"])
    result = toy.run("--perfqa-backend=docker")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{service}: no Docker*"])
    assert toy.starts() == 1


def test_a_fault_of_a_part_that_is_not_there(project: Project) -> None:
    """The compose file is asked, before anything starts."""
    add(project, "one")
    file = project.scenario("trouble.yaml")
    faults = "config:\n  perfqa: {faults: [{at: 500ms, kill: wbe}]}"
    file.write_text(file.read_text().replace("config:", faults))
    project.test("""
        @pytest.mark.perfqa(scenario="trouble.yaml")
        def test_it(perf_run): pass
    """)
    before = everything()
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*trouble.yaml:3: *kill wbe at 500ms: service one has no part 'wbe'; accepted: web*"]
    )
    assert everything() == before
