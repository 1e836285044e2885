"""Cgroups of both versions, in trees of files as kernels lay them out."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from pytest_perfqa.monitor import cgroup
from pytest_perfqa.monitor.readings import Metric
from pytest_perfqa.monitor.source import Census

if TYPE_CHECKING:
    from pathlib import Path

ID = "4f2a" * 16
PID = 4321
MIB = 1 << 20


class Machine:
    """A /proc and a /sys/fs/cgroup of our own making."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.proc = folder / "proc"
        self.sys = folder / "sys fs"  # a mountinfo writes the blank as \\040
        self._mounts: list[str] = []
        (self.proc / "self").mkdir(parents=True)
        (self.proc / str(PID)).mkdir()

    def mount(self, place: str, kind: str, options: str, root: str = "/") -> None:
        """Mount a hierarchy."""
        (self.sys / place).mkdir(parents=True, exist_ok=True)
        point = str(self.sys / place).rstrip("/").replace(" ", "\\040")
        self._mounts.append(
            f"32 31 0:29 {root} {point} rw,relatime shared:9 - {kind} x rw,{options}"
        )
        (self.proc / "self" / "mountinfo").write_text("\n".join(self._mounts) + "\n")

    def join(self, *lines: str) -> None:
        """Put the process into cgroups."""
        (self.proc / str(PID) / "cgroup").write_text("\n".join(lines) + "\n")

    def write(self, folder: str, **files: object) -> Path:
        """Write the files of a cgroup; a double underscore stands for a dot."""
        path = self.sys / folder
        path.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (path / name.replace("__", ".")).write_text(f"{content}\n")
        return path

    def find(self) -> cgroup.Layout | None:
        """Find the container."""
        return cgroup.find_layout(PID, ID, self.proc)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine without cgroups."""
    return Machine(tmp_path)


MEMORY_1 = f"cache 7\nrss 9\ninactive_file 1\ntotal_inactive_file {2 * MIB}"
MEMORY_2 = f"anon 7\nfile 9\ninactive_anon 5\ninactive_file {2 * MIB}"
CPU_2 = "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000"


def version1(machine: Machine, cpu: str = "cpuacct") -> Path:
    """Lay out a machine with version 1."""
    machine.mount(cpu, "cgroup", cpu)
    machine.mount("memory", "cgroup", "memory")
    machine.mount("pids", "cgroup", "pids")
    machine.mount("unified", "cgroup2", "nsdelegate")
    path = f"/perfqa-7/{ID}"
    machine.join(f"5:memory:{path}", f"4:pids:{path}", f"3:{cpu}:{path}", "0::/elsewhere")
    machine.write(f"memory{path}", memory__usage_in_bytes=10 * MIB, memory__stat=MEMORY_1)
    machine.write(f"pids{path}", pids__current=12)
    return machine.write(f"{cpu}{path}", cpuacct__usage=2_500_000_000, cgroup__procs=os.getpid())


def version2(machine: Machine) -> Path:
    """Lay out a machine with version 2, as systemd does."""
    machine.mount("", "cgroup2", "nsdelegate,memory_recursiveprot")
    path = f"/system.slice/docker-{ID}.scope"
    machine.join(f"0::{path}")
    return machine.write(
        path[1:],
        memory__current=10 * MIB,
        memory__stat=MEMORY_2,
        pids__current=12,
        cpu__stat=CPU_2,
        cgroup__procs=os.getpid(),
    )


def check(layout: cgroup.Layout | None) -> None:
    """All layouts here say the same."""
    assert layout is not None
    assert layout.cpu_seconds() == 2.5
    assert layout.memory() == 8 * MIB
    assert layout.threads() == 12


@pytest.mark.parametrize("cpu", ["cpuacct", "cpu,cpuacct"])
def test_version_1(machine: Machine, cpu: str) -> None:
    """One folder per controller; cpuacct may have one together with cpu."""
    version1(machine, cpu)
    check(machine.find())


def test_version_2(machine: Machine) -> None:
    """One folder for all."""
    version2(machine)
    check(machine.find())


def test_throttling_by_its_own_limit_and_by_those_above(machine: Machine) -> None:
    """A service's containers share the limit of the cgroup that holds them all."""
    version1(machine)
    machine.mount("cpu", "cgroup", "cpu")
    text = (machine.proc / str(PID) / "cgroup").read_text()
    machine.join(*text.splitlines(), f"2:cpu:/perfqa-7/{ID}")
    layout = machine.write(
        f"cpu/perfqa-7/{ID}", cpu__stat="nr_throttled 2\nthrottled_time 500000000"
    )
    assert machine.find().throttled() == 0.5
    machine.write("cpu/perfqa-7", cpu__stat="nr_periods 9\nthrottled_time 1500000000")
    machine.write("cpu", cpu__stat="nr_periods 0\nnr_throttled 0\nthrottled_time 0")
    assert machine.find().throttled() == 2.0
    shutil.rmtree(layout)
    assert cgroup.Version1(layout, None, None).throttled() == 0.0


def test_throttling_in_version_2(machine: Machine) -> None:
    """The root has an account of CPU, but no limit; who has no limit has no such line."""
    version2(machine)
    assert machine.find().throttled() == 0.0
    machine.write("", cpu__stat=CPU_2)
    machine.write("system.slice", cpu__stat=f"{CPU_2}\nnr_throttled 4\nthrottled_usec 250000")
    assert machine.find().throttled() == 0.25


def test_a_census_of_a_container(machine: Machine) -> None:
    """Its processes, what they used since the first one, and what held them up."""
    folder = version2(machine)
    source = cgroup.ContainerCgroup(machine.find())
    assert source.census(0.0) == Census(frozenset({os.getpid()}), 0.0)
    (folder / "cpu.stat").write_text("usage_usec 2750000\nthrottled_usec 500000\n")
    assert source.census(0.5) == Census(frozenset({os.getpid()}), 0.25, 0.5)
    shutil.rmtree(folder)
    assert source.census(1.0) == Census(frozenset(), 0.25, 0.5)


def test_a_mount_that_shows_a_branch_only(machine: Machine) -> None:
    """As in a container that has been given the cgroups of its engine."""
    machine.mount("", "cgroup2", "nsdelegate", root="/docker")
    machine.join(f"0::/docker/{ID}")
    machine.write(
        ID, memory__current=10 * MIB, memory__stat=MEMORY_2, pids__current=12, cpu__stat=CPU_2
    )
    check(machine.find())


@pytest.mark.parametrize("path", ["/user.slice", f"/docker/{ID[::-1]}", "/"])
def test_a_process_that_is_not_of_the_container(machine: Machine, path: str) -> None:
    """The engine runs elsewhere: the number belongs to some process of this machine."""
    version2(machine)
    machine.join(f"0::{path}")
    assert machine.find() is None


def test_a_cgroup_that_is_not_to_be_seen(machine: Machine) -> None:
    """In a container ourselves, or without any cgroups mounted."""
    shutil.rmtree(version2(machine))
    assert machine.find() is None
    (machine.proc / "self" / "mountinfo").write_text("22 1 8:1 / / rw - ext4 /dev/sda1 rw\n")
    assert machine.find() is None
    assert cgroup.find_layout(99, ID, machine.proc) is None


def look(source: cgroup.ContainerCgroup) -> dict[Metric, float]:
    """Give all that a look finds."""
    moment = time.monotonic()
    found = {metric: value for _, metric, value in source.quick(moment)}
    return found | {metric: value for _, metric, value in source.thorough(moment)}


def source_of(machine: Machine) -> cgroup.ContainerCgroup:
    """Look at the container for the first time."""
    layout = machine.find()
    assert layout is not None
    source = cgroup.ContainerCgroup(layout)
    look(source)
    return source


@pytest.mark.parametrize("layout", [version1, version2])
def test_what_is_found_in_a_container(machine: Machine, layout: object) -> None:
    """CPU from the first look on; files and switches of its processes, here of this one."""
    assert callable(layout)
    folder = layout(machine)
    source = source_of(machine)
    (folder / "cpuacct.usage").write_text("4000000000\n")
    (folder / "cpu.stat").write_text("usage_usec 4000000\n")
    found = look(source)
    assert found[Metric.CPU] == 1.5
    assert found[Metric.MEMORY] == 8 * MIB
    assert found[Metric.THREADS] == 12
    assert found[Metric.OPEN_FILES] >= 3
    assert Metric.SWITCHES in found
    assert "shares the network" in source.missing[Metric.SENT]


def test_a_container_that_is_started_again(machine: Machine) -> None:
    """It has no memory while it is down; its new account adds to the old one."""
    folder = version2(machine)
    source = source_of(machine)
    (folder / "cpu.stat").write_text("usage_usec 4000000\n")
    look(source)
    shutil.rmtree(folder)
    gone = look(source)
    assert gone[Metric.CPU] == 1.5
    assert gone[Metric.MEMORY] == gone[Metric.THREADS] == gone[Metric.OPEN_FILES] == 0
    version2(machine)
    assert look(source)[Metric.CPU] == 1.5 + 2.5
    assert not {Metric.CPU, Metric.MEMORY, Metric.THREADS} & set(source.missing)


def test_a_controller_that_is_not_there(machine: Machine) -> None:
    """Its figure is missing, with the reason; the others are there."""
    folder = version2(machine)
    (folder / "memory.current").unlink()
    source = source_of(machine)
    found = look(source)
    assert Metric.MEMORY not in found
    assert "memory.current" in source.missing[Metric.MEMORY]
    assert found[Metric.THREADS] == 12


def test_version_1_without_the_pids_controller(machine: Machine) -> None:
    """Kernels may be built without it."""
    version1(machine)
    machine.join(f"5:memory:/perfqa-7/{ID}", f"3:cpuacct:/perfqa-7/{ID}")
    source = source_of(machine)
    assert "pids" in source.missing[Metric.THREADS]
    assert look(source)[Metric.MEMORY] == 8 * MIB


def test_processes_in_cgroups_within(machine: Machine) -> None:
    """A container that runs systemd, say, has none in its own folder."""
    folder = version2(machine)
    (folder / "cgroup.procs").write_text("")
    inner = folder / "init.scope"
    inner.mkdir()
    (inner / "cgroup.procs").write_text(f"{os.getpid()}\n")
    assert look(source_of(machine))[Metric.OPEN_FILES] >= 3
