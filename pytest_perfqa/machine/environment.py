"""Where and with what runs were made."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

from ..base.units import Unit, show

_PATIENCE_SECONDS = 10
_PACKAGES = ("pytest-perfqa", "pytest", "locust", "gevent", "numpy")


def machine() -> dict[str, str]:
    """Describe this machine: its name, system, processor and memory."""
    facts = {
        "host": platform.node(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _processor(),
        "CPUs": str(len(os.sched_getaffinity(0))),
        "memory": show(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), Unit.BYTE),
    }
    return {name: fact for name, fact in facts.items() if fact}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def versions() -> dict[str, str]:
    """Give the versions of Python and of the packages that make a run."""
    found = {"Python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def source(folder: Path) -> dict[str, str]:
    """Give the commit and the branch of what lies in a folder, and whether it was changed since.

    Nothing where git doesn't know it.
    """
    asked = ["git", "--no-optional-locks", "status", "--porcelain=v2", "--branch"]
    try:
        said = subprocess.run(
            [*asked, "--untracked-files=no"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=_PATIENCE_SECONDS,
        ).stdout.decode(errors="replace")
    except (OSError, subprocess.SubprocessError):
        return {}
    told = dict(line.split(" ", 2)[1:] for line in said.splitlines() if line.startswith("# "))
    found = {"commit": told.get("branch.oid", ""), "branch": told.get("branch.head", "")}
    changed = any(not line.startswith("# ") for line in said.splitlines())
    return found | {"changed": "yes" if changed else "no"}
