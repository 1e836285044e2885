"""Whose container is it? What a session starts carries its owner; what the dead leave is swept."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from ...errors import ServiceError
from ...machine import reaper
from . import engine

LABEL = "pytest-perfqa.owner"
PREFIX = "perfqa"
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_PIDS = Path("/proc/self/ns/pid")
_CGROUPS = Path("/sys/fs/cgroup")
_CGROUP_NAME = re.compile(rf"{PREFIX}-(\d+)-(\d+)-.*")


def owner() -> str:
    """Name this process so that nobody else will ever have the name.

    Boot, namespace of pids, pid and start.
    """
    return f"{_boot()}:{_namespace()}:{os.getpid()}:{_start(os.getpid())}"


def cgroup_name(suffix: str) -> str:
    """Name a cgroup of this process."""
    return f"{PREFIX}-{os.getpid()}-{_start(os.getpid())}-{suffix}"


def is_dead(name: str, *, is_local: bool) -> bool:
    """Tell whether an owner is gone for sure.

    Args:
        name: what ``owner`` gave.
        is_local: the engine serves this machine only: an owner of another boot can't live.
    """
    boot, *process = name.split(":")
    if boot != _boot():
        return is_local
    if len(process) != 3 or process[0] != _namespace():
        return False  # in a container that shares the engine, its pids aren't seen from here
    return not _lives(*process[1:])


def sweep(found: engine.DockerEngine) -> None:
    """Remove containers, networks, volumes and cgroups whose owners are dead."""
    for kind in ("container", "network", "volume"):
        form = '{{index .Labels "%s"}}' if kind != "container" else '{{index .Config.Labels "%s"}}'
        for each in engine.ids_with_label(kind, LABEL):
            # Another session may be sweeping, too.
            with contextlib.suppress(ServiceError):
                name = engine.run_docker(kind, "inspect", "--format", form % LABEL, each).strip()
                if is_dead(name, is_local=found.is_local):
                    force = ["--force", "--volumes"] if kind == "container" else []
                    engine.run_docker(kind, "rm", *force, each)
    if found.is_local:
        _sweep_cgroups()


def _sweep_cgroups() -> None:
    for folder in _CGROUPS.glob(f"*/{PREFIX}-*"):
        named = _CGROUP_NAME.fullmatch(folder.name)
        if named and not _lives(named[1], named[2]):
            with contextlib.suppress(OSError):
                folder.rmdir()


def _lives(pid: str, start: str) -> bool:
    status = reaper.status(int(pid)) if pid.isdecimal() else None
    return status is not None and status.is_live and str(status.start_time) == start


def _start(pid: int) -> int:
    status = reaper.status(pid)
    return status.start_time if status else 0


def _namespace() -> str:
    try:
        return str(_PIDS.stat().st_ino)
    except OSError:
        return "unknown"


def _boot() -> str:
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"
