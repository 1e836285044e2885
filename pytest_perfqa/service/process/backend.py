"""The process backend as one of several: see ``backend.Backend``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..backend import Backend
from . import programs, section, service

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ...errors import Problem
    from ...machine.children import Reaper
    from ..backend import Service, ServiceSection
    from ..config import Command, Nginx, ServiceConfig


class ProcessBackend(Backend):
    """Runs commands and nginx as processes of this machine: it can always be had."""

    form: Any = section.Form
    knows_parts = True
    alone = "no compose file"

    def problems(self, section_: ServiceSection) -> Iterable[Problem]:
        """Find what its parts say against each other."""
        return section.problems(section_.document)

    def read(self, content: section.Form, section_: ServiceSection) -> dict[str, Command | Nginx]:
        """Make the parts."""
        return section.parts(section_.folder, content)

    def check(self, config: ServiceConfig) -> None:
        """Make sure that all programs are installed, or that something is to install them."""
        programs.check_programs(config, is_prepared=not config.prepare)

    def part_names(self, config: ServiceConfig) -> tuple[str, ...]:
        """Give the names of all replicas and proxies."""
        replicas = (name for command in config.commands for name in command.replica_names)
        return (*replicas, *(proxy.name for proxy in config.proxies))

    def start(self, config: ServiceConfig, directory: Path, *, reaper: Reaper) -> Service:
        """Start the processes."""
        return service.start_processes(config, directory, reaper=reaper)
