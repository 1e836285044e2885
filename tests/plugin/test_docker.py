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
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from docker_engine import COMPOSE, Mortal, base_images, everything, write_compose
from waiting import wait_for

from pytest_perfqa.service import engine, ownership

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Project

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
def project(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose compose files find the base images that are here."""
    for name, image in base_images().items():
        monkeypatch.setenv(name, image)
    return project


def add(project: Project, name: str, text: str = COMPOSE) -> None:
    """Add a service made of a user's compose file."""
    folder = project.path / "services" / name
    write_compose(folder, text)
    (folder / "service.yaml").write_text(SERVICE)


def ups_during(run: Callable[[], object]) -> list[str]:
    """Give the names of the containers that were started meanwhile."""
    form = "{{.Actor.Attributes.name}}"
    command = ["docker", "events", "--filter", "event=start", "--format", form]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as events:
        time.sleep(0.5)
        run()
        time.sleep(0.5)
        events.terminate()
        return events.communicate()[0].split()


def test_a_matrix_starts_each_configuration_once(project: Project) -> None:
    """Three configurations x two scenarios are three ups, in any order of the tests."""
    for name in ("one", "two", "three"):
        add(project, name)
    project.scenario("first.yaml")
    project.scenario("second.yaml", rate=10)
    project.test("""
        @pytest.mark.perfqa(scenario="first.yaml")
        def test_first(perf_run):
            assert perf_run.status[200] == perf_run.launched == 20

        @pytest.mark.perfqa(scenario="second.yaml")
        def test_second(perf_run):
            assert perf_run.status[200] == perf_run.launched == 10
    """)
    (project.path / "conftest.py").write_text(
        "import random\n"
        "def pytest_collection_modifyitems(items):\n"
        "    random.Random(3).shuffle(items)\n"
    )
    before = everything()
    results: list[pytest.RunResult] = []
    started = ups_during(lambda: results.append(project.run()))
    results[0].assert_outcomes(passed=6)
    results[0].stdout.fnmatch_lines(
        ["perfqa: 6 runs on 3 services * on docker (nothing else in its service.yaml)"]
    )
    assert sorted(name.split("-")[3] for name in started) == ["one", "three", "two"]
    assert everything() == before


def test_the_last_failed_start_no_other_service(project: Project) -> None:
    """With --lf one configuration comes up, for the one test that had failed on it."""
    for name in ("one", "two"):
        add(project, name)
    project.scenario()
    project.test("""
        @pytest.mark.perfqa(scenario="steady.yaml")
        def test_sent(perf_run):
            assert perf_run.launched == 20

        @pytest.mark.perfqa(scenario="steady.yaml")
        def test_answered(perf_run, perf_service):
            assert perf_run.status[200] == 20 - (perf_service.name == "two")
    """)
    project.run("-p", "cacheprovider").assert_outcomes(passed=3, failed=1)
    results: list[pytest.RunResult] = []
    started = ups_during(lambda: results.append(project.run("-p", "cacheprovider", "--lf")))
    results[0].assert_outcomes(failed=1)
    assert [name.split("-")[3] for name in started] == ["two"]


def test_faults_reach_containers_under_load(project: Project) -> None:
    """A container that is killed is down until it is restarted; a paused one makes wait."""
    add(project, "one")
    (project.path / "trouble.yaml").write_text("""
config:
  http: {timeout: 10}
  phases:
    - {name: calm, duration: 1, arrivalRate: 30}
    - {name: trouble, duration: 9, arrivalRate: 30}
  perfqa:
    faults:
      - {at: trouble, kill: web, restart_after: 1s}
      - {at: trouble + 7s, pause: web, resume_after: 1s}
scenarios: [{flow: [{get: {url: /}}]}]
""")
    project.test("""
        @pytest.mark.perfqa(scenario="trouble.yaml", errors="expected")
        def test_it(perf_run):
            killed, paused = perf_run.faults
            assert (killed.action, paused.action) == ("kill", "pause")
            assert perf_run.phase("calm").error_rate == 0
            # The engine takes a moment for each.
            down = perf_run.between(float(killed.at) + 0.5, float(killed.at) + 0.9)
            assert down.errors.total == down.launched > 10
            assert killed.at + 1 < killed.ended < paused.at
            assert perf_run.between(float(killed.ended), 10).error_rate == 0
            assert perf_run.latency.max > 0.9
    """)
    project.run().assert_outcomes(passed=1)


def test_a_failing_test_shows_the_containers_logs(project: Project) -> None:
    """As sections of the report, like those of processes."""
    add(project, "one")
    project.scenario()
    project.test("""
        @pytest.mark.perfqa(scenario="steady.yaml")
        def test_it(perf_run):
            assert perf_run.status["5xx"] == 1
    """)
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*perfqa log of web, its end*", "*GET / HTTP*"])


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
            time.sleep(0.5)
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
    project.scenario("long.yaml", duration=3, rate=5)
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
    ownership.sweep(engine.find())
    assert everything() == before


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
