"""The Docker engine: does one answer, and what it says; every call is bounded in time."""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import json
import os
import platform
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ...errors import PrerequisiteMissing, ServiceError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__tracebackhide__ = True

_HELLO_SECONDS = 5.0
_LOOK_SECONDS = 8.0
_CALL_SECONDS = 30.0
_LINES = 5


@dataclass(frozen=True)
class DockerEngine:
    """An engine that has answered.

    Attributes:
        is_local: it shares this machine's kernel, so its containers' processes and cgroups are
            seen here.
        cgroups: its driver and the version of its cgroups, such as ``("cgroupfs", "1")``.
    """

    version: str
    is_local: bool
    cgroups: tuple[str, str]


@functools.cache
def find_engine(limit: float = _HELLO_SECONDS) -> DockerEngine:
    """Ask the engine that the docker command line means; once per process.

    Raises:
        PrerequisiteMissing: there is no docker command, no engine answers it within ``limit``
            seconds, or it is on another machine.
    """
    if shutil.which("docker") is None:
        raise PrerequisiteMissing("no Docker: the program 'docker' is missing")
    place = _place(limit)
    if not _is_here(place):
        raise PrerequisiteMissing(
            f"the Docker engine at {place} is on another machine: ports that it publishes on its "
            "127.0.0.1 can't be reached from here"
        )
    form = "{{json .}}"
    try:
        said = json.loads(run_docker("info", "--format", form, limit=limit))
    except (ServiceError, ValueError) as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise PrerequisiteMissing(f"no Docker engine answers `docker info`: {reason}") from None
    if not said.get("ServerVersion"):
        errors = "; ".join(said.get("ServerErrors") or ["it says nothing about itself"])
        raise PrerequisiteMissing(f"no Docker engine answers `docker info`: {errors}")
    driver, version = str(said.get("CgroupDriver")), str(said.get("CgroupVersion"))
    is_local = said.get("KernelVersion") == platform.release()
    return DockerEngine(said["ServerVersion"], is_local, (driver, version))


def _place(limit: float) -> str:
    """Give the address of the engine: the environment's, else that of the context in use."""
    if host := os.environ.get("DOCKER_HOST"):
        return host
    form = "{{.Endpoints.docker.Host}}"
    with contextlib.suppress(ServiceError):
        return run_docker("context", "inspect", "--format", form, limit=limit).strip()
    return ""


def _is_here(place: str) -> bool:
    parts = urlsplit(place)
    if parts.scheme in {"", "unix", "npipe"}:
        return True
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.hostname == "localhost"


def run_docker(*arguments: str, limit: float = _CALL_SECONDS) -> str:
    """Run a docker command and give what it prints.

    Raises:
        ServiceError: it failed or took longer than ``limit`` seconds; with its last words.
    """
    argv = ["docker", *arguments]
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ServiceError(f"`{shlex.join(argv)}` gave no answer within {limit:g} s") from None
    except OSError as error:
        raise ServiceError(f"can't run docker: {error}") from None
    if done.returncode != 0:
        words = "\n".join((done.stderr or done.stdout).strip().splitlines()[-_LINES:])
        raise ServiceError(f"`{shlex.join(argv)}` failed:\n{words}")
    return done.stdout


def inspect(containers: Sequence[str]) -> list[dict[str, Any]]:
    """Give all that the engine knows about containers, in their order.

    Raises:
        ServiceError: one of them doesn't exist.
    """
    if not containers:
        return []
    found: list[dict[str, Any]] = json.loads(
        run_docker("container", "inspect", *containers, limit=_LOOK_SECONDS)
    )
    return found


def ids_with_label(kind: str, label: str) -> list[str]:
    """Give the ids of containers, networks or volumes (``kind``) with a label."""
    more = ["--all"] if kind == "container" else []
    return run_docker(kind, "ls", "--quiet", *more, "--filter", f"label={label}").split()


def write_log(container: str, log: Path) -> None:
    """Write all that a container has printed into a file."""
    with log.open("wb") as file, contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            ["docker", "container", "logs", container],  # noqa: S607
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            timeout=_LOOK_SECONDS,
            check=False,
        )
