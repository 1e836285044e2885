"""The monitor, on a real container: by its cgroup, and by what its engine says."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest
from docker_engine import alone, base_images, write_compose

from pytest_perfqa.machine.children import Reaper
from pytest_perfqa.monitor import cgroup
from pytest_perfqa.monitor.readings import Metric
from pytest_perfqa.monitor.sampler import Monitor, onlooking
from pytest_perfqa.result.attributes.resources import Resources, Stretch
from pytest_perfqa.scenario.spans import Spans
from pytest_perfqa.service.config import Docker, Limits, ServiceConfig
from pytest_perfqa.service.docker import service as docker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_perfqa.service.backend import Service

pytestmark = pytest.mark.equipped

BUSY_SECONDS = 0.5
LIMIT_SECONDS = 20.0


@pytest.fixture(scope="module")
def reaper() -> Iterator[Reaper]:
    """A reaper for all containers here."""
    with Reaper() as one:
        yield one


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, reaper: Reaper) -> Iterator[Service]:
    """A container that is busy for as long as it is asked to be."""
    folder = tmp_path_factory.mktemp("docker")
    with alone():
        with pytest.MonkeyPatch.context() as patch:
            for name, image in base_images().items():
                patch.setenv(name, image)
            file = write_compose(folder / "user")
            config = ServiceConfig(
                "busy",
                file.parent,
                file.parent / "service.yaml",
                sections={"docker": Docker(file, "web:9000")},
            )
            started = docker.start_containers(config, folder / "run", reaper=reaper)
        yield started
        started.stop()


def ask(service: Service, path: str) -> int:
    """Send a request; give the bytes of its answer's body."""
    with urllib.request.urlopen(service.url + path, timeout=10) as answer:  # noqa: S310
        return len(answer.read())


def wait_for_looks(monitor: Monitor, more: int) -> None:
    """Wait until it has looked some more times."""
    wanted, deadline = monitor.looks + more, time.monotonic() + LIMIT_SECONDS
    while monitor.looks < wanted:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_container_by_its_cgroup(service: Service, reaper: Reaper) -> None:
    """Half a second of work and 100 answers, among looks at files and switches of its processes."""
    part = service.parts["web"]
    if part.container is None or cgroup.find_layout(part.pid, part.container) is None:
        pytest.skip("the engine's cgroups can't be seen here")
    with Monitor(service, reaper=reaper, interval=0.05) as monitor:
        start = time.monotonic()
        ask(service, f"/work/{BUSY_SECONDS}")
        worked = time.monotonic() - start
        body = sum(ask(service, "/") for _ in range(100))
        wait_for_looks(monitor, 2)
        end = time.monotonic()
    stretch = Stretch(Spans(((-1, end - start),)))
    web = Resources(monitor.readings(start), Limits(), stretch)["web"]
    assert BUSY_SECONDS < web.cpu_seconds < BUSY_SECONDS + 1
    # The highest is no less than the mean, which is 100 % where nobody else wants the CPU.
    assert web.cpu.max > 0.9 * BUSY_SECONDS / worked
    assert "4MiB" < web.memory.end < "200MiB"
    assert web.threads.max >= 2  # the server, and docker's init
    assert web.open_files.max >= 4
    assert web.context_switches.mean > 0
    assert web.network.sent.total > body
    assert 5000 < web.network.received.total < web.network.sent.total


@pytest.mark.timed
def test_others_on_the_cpus_of_a_container_are_told(
    tmp_path: Path, reaper: Reaper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By where its processes may run, and how long they waited; alone nobody took anything."""
    cpu = str(max(os.sched_getaffinity(0)))
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("the service must have a CPU of its own")
    for name, image in base_images().items():
        monkeypatch.setenv(name, image)
    file = write_compose(tmp_path / "user")
    config = ServiceConfig(
        "bound",
        file.parent,
        file.parent / "service.yaml",
        limits=Limits(cpus=1),
        sections={"docker": Docker(file, "web:9000")},
    )
    usual = str(-os.getpriority(os.PRIO_PROCESS, 0))  # on top of pytest's own
    service = docker.start_containers(config, tmp_path / "run", reaper=reaper)
    try:
        loop = [sys.executable, "-c", "while True: pass"]
        # Whoever runs these tests may have made them give way to others.
        for words in (["chrt", "-o", "0", "nice", "-n", usual], ["chrt", "-i", "0"]):
            told = "".join(_beside(service, reaper, ["taskset", "-c", cpu, *words, *loop]))
            assert ("others took" in told and "python" in told) == ("-o" in words), told
    finally:
        service.stop()


def _beside(service: Service, reaper: Reaper, words: list[str]) -> tuple[str, ...]:
    """Have a container compute beside a command; give what is told of that."""
    with onlooking(service, reaper) as around, subprocess.Popen(words) as other:
        around.since()
        if not around.can_see:
            pytest.skip(*around.notes)
        ask(service, f"/work/{BUSY_SECONDS}")
        told = around.since()
        other.kill()
    return told


def test_a_container_that_restarts(service: Service, reaper: Reaper) -> None:
    """Its CPU goes on from where it was; the process has another number."""
    with Monitor(service, reaper=reaper, interval=0.05) as monitor:
        start = time.monotonic()
        ask(service, f"/work/{BUSY_SECONDS}")
        service.restart("web")
        ask(service, f"/work/{BUSY_SECONDS}")
        wait_for_looks(monitor, 2)
    cpu = monitor.readings(start).series("web", Metric.CPU)
    assert (cpu.values[1:] >= cpu.values[:-1]).all()
    assert cpu.values[-1] > 2 * BUSY_SECONDS * 0.9


def test_a_container_by_what_its_engine_says(
    service: Service, reaper: Reaper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the engine runs elsewhere: the same figures, once a second, and no files."""
    monkeypatch.setattr(cgroup, "find_layout", lambda *_: None)
    before = threading.active_count()
    with Monitor(service, reaper=reaper, interval=0.2) as monitor:
        start = time.monotonic()
        wait_for_said(monitor, 1)
        ask(service, f"/work/{BUSY_SECONDS}")
        wait_for_said(monitor, 1)
    found = monitor.readings(start)
    assert found.series("web", Metric.CPU).values[-1] > BUSY_SECONDS * 0.9
    assert 4 << 20 < found.series("web", Metric.MEMORY).values[-1] < 200 << 20
    assert found.series("web", Metric.THREADS).values[-1] >= 2
    assert found.series("web", Metric.SENT).values[-1] > 0
    assert found.missing["web"][Metric.OPEN_FILES] == "the engine doesn't tell it"
    assert any("the engine's own figures" in note for note in found.notes)
    assert threading.active_count() == before


def wait_for_said(monitor: Monitor, more: int) -> None:
    """Wait until the engine has said some more."""

    def said() -> int:
        found = monitor.readings(0.0).parts["web"].get(Metric.CPU)
        return 0 if found is None else len(found.times)

    wanted, deadline = said() + more, time.monotonic() + LIMIT_SECONDS
    while said() < wanted:
        assert time.monotonic() < deadline
        time.sleep(0.05)
