"""The monitor: it looks often enough, costs little, and never breaks a run."""

from __future__ import annotations

import dataclasses
import os
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_perfqa.errors import NoData
from pytest_perfqa.machine.children import Reaper
from pytest_perfqa.monitor import sampler, tree
from pytest_perfqa.monitor.readings import Metric
from pytest_perfqa.result.attributes.resources import Resources, Stretch
from pytest_perfqa.service import external
from pytest_perfqa.service.config import Command, Limits, Ready, ServiceConfig
from pytest_perfqa.service.process import service as process

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_perfqa.service.backend import Service

SEEN_SECONDS = 20.0
SERVER = """
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    server.accept()[0].close()
"""


@pytest.fixture
def reaper() -> Iterator[Reaper]:
    """A reaper that has nothing to do."""
    with Reaper() as one:
        yield one


def service(**pids: int | None) -> Any:
    """A service of processes that someone else started."""
    leaders = {
        name: SimpleNamespace(pid=pid, alive=pid is not None, container=None)
        for name, pid in pids.items()
    }
    return SimpleNamespace(leaders=leaders, url="http://127.0.0.1:1")


def wait_for(looks: int, monitor: sampler.Monitor) -> None:
    """Wait until the monitor has looked so many times."""
    deadline = time.monotonic() + SEEN_SECONDS
    while monitor.looks < looks and threading.active_count() > 1:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_looks_from_before_the_run_until_after_it(reaper: Reaper) -> None:
    """On the run's own clock: the readings count from its start."""
    with sampler.Monitor(service(app=os.getpid()), reaper=reaper, interval=0.05) as monitor:
        start = time.monotonic()
        wait_for(5, monitor)
        end = time.monotonic()
    cpu = monitor.readings(start).series("app", Metric.CPU)
    assert cpu.times[0] < 0.5
    assert end - start <= cpu.times[-1] < end - start + 1
    assert len(cpu.times) >= 6
    assert (cpu.times[1:] > cpu.times[:-1]).all()
    assert (cpu.values[1:] >= cpu.values[:-1]).all()


def test_it_costs_less_than_a_fiftieth_of_a_cpu(reaper: Reaper) -> None:
    """At 20 looks a second at four parts, by the CPU clock of its thread; and it says so."""
    names = ("app#1", "app#2", "app#3", "proxy")
    with sampler.Monitor(
        service(**dict.fromkeys(names, os.getpid())), reaper=reaper, interval=0.05
    ) as monitor:
        start = time.monotonic()
        wait_for(30, monitor)
    found = monitor.readings(start)
    cost = Resources(found, Limits(), Stretch(0, 1)).cost
    assert 0 < cost < "2%"
    assert found.interval < 1


def test_its_cost_is_bounded_however_dear_a_look_is(
    reaper: Reaper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looks that take 5 ms of CPU come less often than asked for."""
    honest = tree.ProcessTree.quick

    def dear(self: tree.ProcessTree, moment: float) -> Any:
        end = time.thread_time() + 0.005
        while time.thread_time() < end:
            pass
        return honest(self, moment)

    monkeypatch.setattr(tree.ProcessTree, "quick", dear)
    with sampler.Monitor(service(app=os.getpid()), reaper=reaper, interval=0.05) as monitor:
        start = time.monotonic()
        wait_for(3, monitor)
        took = time.monotonic() - start
    assert took >= 2 * 0.005 / 0.01
    assert monitor.readings(start).interval > 0.3


def test_a_part_that_can_not_be_read_leaves_the_others(
    reaper: Reaper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its figures are missing, with the reason; the run says so."""
    honest = tree.ProcessTree.thorough

    def broken(self: tree.ProcessTree, moment: float) -> Any:
        if self._leader() == 1:
            raise RuntimeError("no luck")
        return honest(self, moment)

    monkeypatch.setattr(tree.ProcessTree, "thorough", broken)
    with sampler.Monitor(service(good=os.getpid(), bad=1), reaper=reaper, interval=0.05) as monitor:
        start = time.monotonic()
        wait_for(3, monitor)
    found = monitor.readings(start)
    assert found.series("good", Metric.CPU).values[-1] >= 0
    with pytest.raises(NoData, match=r"CPU of bad is not known: .*RuntimeError: no luck"):
        found.series("bad", Metric.CPU)
    assert any("bad: the resource monitor failed" in note for note in found.notes)


def test_a_monitor_that_can_not_even_start(reaper: Reaper, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run goes on without figures."""

    def broken(*_: object) -> Any:
        raise OSError("no /proc here")

    monkeypatch.setattr(sampler, "_sources", broken)
    with sampler.Monitor(service(app=1), reaper=reaper) as monitor:
        pass
    found = monitor.readings(0.0)
    assert not found.parts
    assert "no /proc here" in found.reason
    assert found.reason in found.notes


def test_a_service_whose_processes_are_not_known(reaper: Reaper) -> None:
    """Not a failure of the monitor, but no figures either, and never 0."""
    with sampler.Monitor(service(), reaper=reaper) as monitor:
        pass
    resources = Resources(monitor.readings(0.0), Limits(), Stretch(0, 1))
    with pytest.raises(NoData, match="processes of the service"):
        _ = resources.total


def test_it_ends_with_the_run_whatever_happens(reaper: Reaper) -> None:
    """No thread is left, and the error comes through."""
    before = threading.active_count()
    with (
        pytest.raises(KeyboardInterrupt),
        sampler.Monitor(service(app=os.getpid()), reaper=reaper),
    ):
        raise KeyboardInterrupt
    assert threading.active_count() == before


@pytest.fixture
def toy(tmp_path: Path, reaper: Reaper) -> Iterator[Service]:
    """A service of one plain process."""
    (tmp_path / "server.py").write_text(SERVER)
    config = ServiceConfig(
        "toy",
        tmp_path,
        tmp_path / "service.yaml",
        endpoint="app",
        ready=Ready(tcp=True),
        sections={"process": {"app": Command("app", "python server.py {port}")}},
    )
    started = process.start_processes(config, tmp_path / "run", reaper=reaper)
    yield started
    started.stop()


def test_a_part_that_is_restarted_while_it_is_looked_at(toy: Service, reaper: Reaper) -> None:
    """Another process leads it, and its CPU goes on from where it was."""
    with sampler.Monitor(toy, reaper=reaper, interval=0.05) as monitor:
        start = time.monotonic()
        wait_for(2, monitor)
        before = toy.parts["app"].pid
        toy.kill("app")
        wait_for(monitor.looks + 3, monitor)
        toy.restart("app")
        wait_for(monitor.looks + 3, monitor)
        assert toy.parts["app"].pid != before
    found = monitor.readings(start)
    threads = found.series("app", Metric.THREADS).values
    assert threads[0] == threads[-1] == 1
    assert 0 in threads
    cpu = found.series("app", Metric.CPU).values
    assert (cpu[1:] >= cpu[:-1]).all()
    assert cpu[-1] > 0.01  # what Python takes to start


def test_someone_elses_service_with_a_known_process(toy: Service, reaper: Reaper) -> None:
    """It is watched until it ends; then nothing is, whoever is given its number."""
    config = external.configuration(toy.url)
    assert config.external is not None
    known = dataclasses.replace(config.external, pid=toy.parts["app"].pid)
    theirs = external.attach(dataclasses.replace(config, sections={"external": known}))
    leader = theirs.leaders["process"]
    assert leader.alive
    with sampler.Monitor(theirs, reaper=reaper, interval=0.05) as monitor:
        start = time.monotonic()
        wait_for(2, monitor)
        toy.restart("app")
        wait_for(monitor.looks + 3, monitor)
    assert not leader.alive
    threads = monitor.readings(start).series("process", Metric.THREADS).values
    assert (threads[0], threads[-1]) == (1, 0)
    assert not external.attach(config).leaders
