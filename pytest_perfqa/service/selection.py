"""Which backend a service runs on, and why."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import ConfigurationError, PrerequisiteMissing
from . import external
from .backend import AUTO, DOCKER, PROCESS
from .docker import service as docker
from .process import programs
from .process import service as process

if TYPE_CHECKING:
    from pathlib import Path

    from ..machine.children import Reaper
    from .backend import Service
    from .config import ServiceConfig

__tracebackhide__ = True

_EXTERNAL = "external"


@dataclass(frozen=True)
class Choice:
    """A backend, and why it is that one; the reason is for the user to read."""

    backend: str
    reason: str


def choose(config: ServiceConfig, wanted: str) -> Choice:
    """Choose what a service runs on.

    ``auto`` takes docker where the service has a compose file and an engine answers.

    Raises:
        ConfigurationError: the service can't run on what is wanted.
    """
    if config.external is not None:
        return Choice(_EXTERNAL, "started by someone else")
    offered = {PROCESS: bool(config.process), DOCKER: config.docker is not None}
    if wanted != AUTO:
        if not offered[wanted]:
            raise ConfigurationError(
                f"{config.path}: has no {wanted!r} part, but --perfqa-backend={wanted} wants it"
            )
        return Choice(wanted, "as chosen")
    if not offered[DOCKER]:
        return Choice(PROCESS, "no compose file")
    if not offered[PROCESS]:
        return Choice(DOCKER, "nothing else in its service.yaml")
    answers, reason = _docker()
    return Choice(DOCKER if answers else PROCESS, reason)


@functools.cache
def _docker() -> tuple[bool, str]:
    """Tell whether docker can be used, and why; asked once, since a dead engine takes its time."""
    try:
        found = docker.check_prerequisites()
    except PrerequisiteMissing as error:
        return False, str(error)
    return True, f"engine {found.version} answers"


def part_names(config: ServiceConfig, choice: Choice) -> tuple[str, ...]:
    """Give the names that the parts will have; of docker's, Docker Compose is asked.

    Raises:
        ConfigurationError: there is no Docker Compose, or the compose file has mistakes.
    """
    if choice.backend == DOCKER:
        return docker.Wanted.read(config).part_names()
    if choice.backend == _EXTERNAL:
        return ()
    replicas = (name for command in config.commands for name in command.replica_names)
    return (*replicas, *(proxy.name for proxy in config.proxies))


def check_prerequisites(config: ServiceConfig, choice: Choice) -> None:
    """Make sure that what the chosen backend needs is there.

    Raises:
        PrerequisiteMissing: with what is missing and the command that helps.
        ConfigurationError: its compose file is none, or can't receive the load as told.
    """
    if choice.backend == DOCKER:
        docker.check_prerequisites()
        docker.Wanted.read(config)
    elif choice.backend == PROCESS:
        programs.check_prerequisites(config)


def start(config: ServiceConfig, choice: Choice, directory: Path, *, reaper: Reaper) -> Service:
    """Start a service on the chosen backend; return when it is ready.

    Args:
        config: scaled, if it is to be.
        directory: for what the service writes.

    Raises:
        PerfqaError: it can't be started.
    """
    if choice.backend == _EXTERNAL:
        return external.attach(config)
    if choice.backend == DOCKER:
        return docker.start(config, directory, reaper=reaper)
    return process.start(config, directory, reaper=reaper)
