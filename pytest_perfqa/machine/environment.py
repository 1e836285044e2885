"""Where and with what runs were made."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.units import Unit, parse, show

if TYPE_CHECKING:
    from collections.abc import Mapping

_PATIENCE_SECONDS = 10
_NO_NAME = re.compile(r"\((?:R|TM)\)|\bCPU\b|\bProcessor\b|@", re.IGNORECASE)
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


def machine_name(facts: Mapping[str, str]) -> str:
    """Give a machine that was described a name that it shares with those like it.

    Of its processor, the CPUs that may be used, and its memory: a host of a CI has another name
    every day, ``intel-xeon-platinum-8370c-2.80ghz-4-cpus-16-gib`` stays.
    """
    processor = facts.get("processor") or facts.get("system", "machine").rpartition(" ")[2]
    parts = [_NO_NAME.sub(" ", processor), f"{facts.get('CPUs', 'some')} CPUs"]
    if memory := facts.get("memory"):
        size = float(parse(memory, Unit.BYTE))
        parts.append(f"{size / 2**30:.0f} GiB" if size > 2**30 else f"{size / 2**20:.0f} MiB")
    return re.sub(r"[^a-z0-9.]+", "-", " ".join(parts).lower()).strip("-.")


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
