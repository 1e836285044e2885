"""Services of one session: each started once, settled between loads, stopped once."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from ..errors import PerfqaError
from ..monitor.quiet import AGAIN_SECONDS, LIMIT_SECONDS, wait_for_quiet
from ..service import selection
from ..service.fingerprint import configuration_digest
from ..service.shared import settling
from ..service.shared.affinity import allowed_cpus, service_cpus, spare_cpus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ..machine.children import Reaper
    from ..service.backend import Service
    from ..service.config import ServiceConfig
    from ..service.selection import Choice

__tracebackhide__ = True


class Services:
    """Starts services when they are first asked for, and knows which have been under load.

    Attributes:
        configs: the configurations, at full scale, by name.
        reaper: ends what a killed session leaves.
        say: prints a line for the user.
    """

    def __init__(
        self,
        configs: Mapping[str, ServiceConfig],
        choices: Mapping[str, Choice],
        time_scale: float,
        reaper: Reaper,
        say: Callable[[str], None],
    ) -> None:
        """Have services by name.

        Args:
            choices: the backend that each of them runs on.
            time_scale: the factor on times, where a service has none of its own.
        """
        self.configs = configs
        self.reaper = reaper
        self.say = say
        self._choices = choices
        self._time_scale = time_scale
        self._started: dict[str, Service] = {}
        self._failed: dict[str, PerfqaError] = {}
        self._loaded: set[str] = set()
        self._directory: Path | None = None
        self._patience = LIMIT_SECONDS

    def started(self, name: str) -> Service:
        """Give the started service of a configuration; it is started once.

        Raises:
            PerfqaError: it can't be started; the same error every time it is asked for.
        """
        if name in self._failed:
            raise self._failed[name]
        if name not in self._started:
            try:
                self._started[name] = self._start(self.configs[name])
            except PerfqaError as error:
                self._failed[name] = error
                raise
        return self._started[name]

    def setting(self, service: str) -> dict[str, str]:
        """Say which configuration it is and what it runs on, as texts by name."""
        config, backend = self.configs[service], self._choices[service].backend
        return {
            "service": config.description or service,
            "backend": backend,
            "limits": config.limits.text,
            "configuration": configuration_digest(config, backend),
        }

    def time_scale(self, service: str) -> float:
        """Give the factor on times that everything about a service has."""
        return self.configs[service].time_scale(self._time_scale)

    def _start(self, config: ServiceConfig) -> Service:
        return selection.start(
            config.scaled(self.time_scale(config.name)),
            self._choices[config.name],
            self.folder() / config.name,
            reaper=self.reaper,
        )

    def running(self, name: str) -> Service | None:
        """Give a service if it has been started."""
        return self._started.get(name)

    def settle_all(self) -> tuple[str, ...]:
        """Let every service that has been under load drain: they share the CPU."""
        notes = [
            self._started[name].settle(settling.limit_seconds(self.time_scale(name)))
            for name in sorted(self._loaded)
        ]
        self._loaded.clear()
        return tuple(note for note in notes if note)

    def folder(self) -> Path:
        """Give a folder for files, which goes with the session."""
        if self._directory is None:
            self._directory = self.reaper.folder()
        return self._directory

    def loads(self, name: str) -> None:
        """Note that a service comes under load."""
        self._loaded.add(name)

    def stop(self, name: str) -> None:
        """Stop a service that nobody needs any more; say so if that can't be done."""
        self._loaded.discard(name)
        service = self._started.pop(name, None)
        if service is not None:
            try:
                service.stop()
            except PerfqaError as error:
                self.say(f"service {name} could not be stopped: {error}")

    def wait_for_quiet(self, config: ServiceConfig, limit: float = LIMIT_SECONDS) -> None:
        """Wait until others leave the CPUs alone that a service and its load are to have.

        Who has waited in vain waits less the next time: they mean to stay.

        Args:
            limit: for how many seconds at most.
        """
        is_quiet = wait_for_quiet(
            self._started.values(),
            (service_cpus(config.limits) or allowed_cpus(), spare_cpus(config.limits)),
            self.reaper,
            self.say,
            min(self._patience, limit),
        )
        self._patience = LIMIT_SECONDS if is_quiet else AGAIN_SECONDS

    def close(self) -> None:
        """Stop all of them."""
        for name in list(self._started):
            self.stop(name)

    def remove_files(self) -> None:
        """Remove all files of the session."""
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None
