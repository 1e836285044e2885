"""One budget of CPU and memory for all containers of a service, as far as it can be kept."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...base.units import Unit, show
from ..shared import affinity
from . import ownership

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..config import Limits
    from .engine import DockerEngine

_ROOT = Path("/sys/fs/cgroup")
_PERIOD_MICROSECONDS = 100_000
_SHARES = 1024  # of one process or container


@dataclass(frozen=True)
class Budget:
    """What is written into the model of each container, and what is said about it.

    Attributes:
        keys: for every container, in the terms of a compose file.
        note: what of the limits is enforced, and how.
        limiting: folders of a parent cgroup in which the limits are.
    """

    note: str
    keys: Mapping[str, Any] = field(default_factory=dict)
    limiting: tuple[Path, ...] = ()

    @property
    def cgroups(self) -> tuple[Path, ...]:
        """All folders of the parent cgroup: the engine makes one for every controller."""
        if not self.limiting:
            return ()
        return tuple(each / self.limiting[0].name for each in sorted(_ROOT.iterdir()))

    def release(self) -> None:
        """Remove the parent cgroup; it has no members any more."""
        for folder in self.cgroups:
            with contextlib.suppress(OSError):
                folder.rmdir()

    def holds(self, container: str) -> bool:
        """Tell whether the parent cgroup is the one that the engine has put a container into."""
        return all((folder / container).is_dir() for folder in self.limiting)


def make(limits: Limits, engine: DockerEngine, *, containers: int, suffix: str) -> Budget:
    """Make the budget of one service: a parent cgroup where we may, else limits per container.

    Args:
        containers: how many there will be.
        suffix: tells this service from others of this process.
    """
    if limits.cpus is None and limits.memory is None:
        return Budget("no limits")
    if engine.is_local and engine.cgroups == ("cgroupfs", "1") and os.geteuid() == 0:
        name = ownership.cgroup_name(suffix)
        with contextlib.suppress(OSError):
            return _shared(limits, containers, name)
        _remove(name)
    return divide(limits, engine, containers)


def _shared(limits: Limits, containers: int, name: str) -> Budget:
    # Beside others each container weighs what it would without a parent, and what a process does.
    weight = {"cpu.shares": str(containers * _SHARES)}
    folders, said = [_cgroup("cpu", name, weight)], []
    cpus = affinity.service_cpus(limits)
    if limits.cpus is not None:
        if cpus is not None:
            settings = {
                "cpuset.cpus": ",".join(map(str, sorted(cpus))),
                "cpuset.mems": (_ROOT / "cpuset" / "cpuset.mems").read_text(encoding="ascii"),
            }
            folders.append(_cgroup("cpuset", name, settings))
            said.append(f"{_cpus(limits)} (CPU {settings['cpuset.cpus']})")
        else:
            quota = round(limits.cpus * _PERIOD_MICROSECONDS)
            _set(folders[0], "cpu.cfs_period_us", str(_PERIOD_MICROSECONDS))
            _set(folders[0], "cpu.cfs_quota_us", str(quota))
            said.append(f"{_cpus(limits)} (quota)")
    if limits.memory is not None:
        folders.append(_cgroup("memory", name, {"memory.limit_in_bytes": str(limits.memory)}))
        said.append(show(limits.memory, Unit.BYTE))
    note = f"{' and '.join(said)} over all containers of a service (parent cgroup)"
    return Budget(note, {"cgroup_parent": f"/{name}"}, tuple(folders))


def _cgroup(controller: str, name: str, settings: Mapping[str, str]) -> Path:
    folder = _ROOT / controller / name
    folder.mkdir()
    for file, value in settings.items():
        _set(folder, file, value)
    return folder


def _set(folder: Path, file: str, value: str) -> None:
    (folder / file).write_text(value, encoding="ascii")


def _remove(name: str) -> None:
    for controller in ("cpuset", "cpu", "memory"):
        with contextlib.suppress(OSError):
            (_ROOT / controller / name).rmdir()


def divide(limits: Limits, engine: DockerEngine, containers: int) -> Budget:
    """Give every container its share; whole CPUs are shared as they are, by binding all to them."""
    keys: dict[str, Any] = {}
    said = []
    cpus = affinity.service_cpus(limits) if engine.is_local else None
    if cpus is not None:
        keys["cpuset"] = ",".join(map(str, sorted(cpus)))
        said.append(f"{_cpus(limits)} (CPU {keys['cpuset']}) over all containers of a service")
    elif limits.cpus is not None:
        keys["cpus"] = round(limits.cpus / containers, 3)
        said.append(f"{_cpus(limits)} split over {containers} containers")
    if limits.memory is not None:
        keys["mem_limit"] = limits.memory // containers
        memory = show(limits.memory, Unit.BYTE)
        said.append(f"{memory} split over {containers} containers")
    return Budget("; ".join(said), keys)


def _cpus(limits: Limits) -> str:
    return f"{limits.cpus:g} CPU{'' if limits.cpus == 1 else 's'}"
