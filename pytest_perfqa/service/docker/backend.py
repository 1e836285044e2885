"""The docker backend as one of several: see ``backend.Backend``."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator

from ...base.yaml_file.validation import Strict, unaccepted
from ...errors import PrerequisiteMissing
from ..backend import Backend
from ..config import Docker
from ..fields import LAST_PORT, Text
from . import service
from .wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ...errors import Problem
    from ...machine.children import Reaper
    from ..backend import Service, ServiceSection
    from ..config import ServiceConfig


def _container_port(value: str) -> str:
    match = re.fullmatch(r"[A-Za-z0-9._-]+:([1-9][0-9]{0,4})", value)
    if match is None or int(match[1]) > LAST_PORT:
        raise unaccepted("a service of the compose file and a port in it, as 'web:8080'")
    return value


class DockerSpec(Strict):
    """A compose file, and what in it receives the load."""

    compose: Text
    endpoint: Annotated[str, AfterValidator(_container_port)]


class DockerBackend(Backend):
    """Brings up a compose file on an engine."""

    form: Any = DockerSpec

    def problems(self, section: ServiceSection) -> Iterator[Problem]:
        """Find a compose file that is not there."""
        compose = section.document.value((section.name, "compose"))
        if isinstance(compose, str) and not (section.document.path.parent / compose).is_file():
            yield section.problem(f"there is no file {compose!r}", "compose")

    def read(self, content: DockerSpec, section: ServiceSection) -> Docker:
        """Give where its compose file is."""
        return Docker(section.folder / content.compose, content.endpoint)

    def here(self) -> str:
        """Say which engine answers."""
        answers, reason = _engine()
        if not answers:
            raise PrerequisiteMissing(reason)
        return reason

    def check(self, config: ServiceConfig) -> None:
        """Make sure that an engine answers, and that the compose file can receive the load."""
        service.check_engine()
        Wanted.read(config)

    def part_names(self, config: ServiceConfig) -> tuple[str, ...]:
        """Ask Docker Compose."""
        return Wanted.read(config).part_names()

    def start(self, config: ServiceConfig, directory: Path, *, reaper: Reaper) -> Service:
        """Bring the compose file up."""
        return service.start_containers(config, directory, reaper=reaper)


@functools.cache
def _engine() -> tuple[bool, str]:
    """Tell whether docker can be used, and why; asked once, since a dead engine takes its time."""
    try:
        found = service.check_engine()
    except PrerequisiteMissing as error:
        return False, str(error)
    return True, f"engine {found.version} answers"
