"""Where and with what runs were made."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path

from ..base.units import Unit, show

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
