"""The docker backend: a compose file of the user's, brought up as containers of our own."""

from __future__ import annotations

import functools
import itertools
import os
import time
from typing import TYPE_CHECKING, Any

from ...base.address import Address
from ...errors import ServiceError
from ..shared import ports, readiness, settling
from ..shared.started import StartedService
from . import budget, compose, engine, ownership
from .container import ContainerPart
from .supply import provide_images
from .wanted import Wanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ...machine.children import Reaper
    from ..backend import Leader, Service
    from ..config import ServiceConfig
    from ..shared.readiness import ProbeResult

__tracebackhide__ = True

_PORT_ATTEMPTS = 3
_PORT_TAKEN = ("port is already allocated", "address already in use")
_IDLE_LIMIT_SECONDS = 30.0

_serial = itertools.count(1)


def check_engine() -> engine.DockerEngine:
    """Make sure that an engine answers and that all is here to talk to it.

    Raises:
        PrerequisiteMissing: with what is missing and the command that helps.
    """
    found = engine.find_engine()
    compose.find_compose()
    return found


def start_containers(
    config: ServiceConfig, directory: Path, *, reaper: Reaper | None = None
) -> Service:
    """Bring up the compose file of a configuration; return when it is ready.

    Args:
        config: scaled, if it is to be; its ``env`` is there for the file's variables.
        directory: for logs; made if missing.
        reaper: removes the containers if we can't; one of the service's own if it is None.

    Raises:
        ConfigurationError: it has no compose file, or (PrerequisiteMissing) there is no engine.
        ServiceError: a build failed, a container died or it didn't become ready; nothing is left.
    """
    found = check_engine()
    wanted = Wanted.read(config)
    _sweep_once(found)
    directory.mkdir(parents=True, exist_ok=True)
    for attempt in range(1, _PORT_ATTEMPTS + 1):
        service = DockerService(config, wanted, directory, found, reaper)
        try:
            service.start()
        except BaseException as error:
            service.stop()
            taken = f":{service.port}" in str(error) and _is_about_ports(error)
            if not taken or attempt == _PORT_ATTEMPTS:
                raise
        else:
            return service
    raise AssertionError("unreachable")


@functools.cache
def _sweep_once(found: engine.DockerEngine) -> None:
    ownership.sweep(found)


def _is_about_ports(error: BaseException) -> bool:
    return isinstance(error, ServiceError) and any(words in str(error) for words in _PORT_TAKEN)


class DockerService(StartedService[ContainerPart]):
    """A service of the docker backend; see ``backend.Service``."""

    def __init__(
        self,
        config: ServiceConfig,
        wanted: Wanted,
        directory: Path,
        found: engine.DockerEngine,
        reaper: Reaper | None,
    ) -> None:
        super().__init__(config, reaper)
        self._wanted = wanted
        self._endpoint = wanted.service
        self._directory = directory
        self._engine = found
        self._suffix = f"{next(_serial)}-{wanted.name}"
        project = f"{ownership.PREFIX}-{os.getpid()}-{self._suffix}"
        self._project = compose.Project(project, wanted.file, directory, wanted.env, self._reaper)
        self._scale = compose.scale(wanted.model)
        self._budget = budget.Budget("no limits")
        self._behind: dict[str, str] = {}  # names of parts to the port on which they are asked
        self._at_end: list[list[str]] = []
        self.port = ports.take()

    @property
    def url(self) -> str:
        """The address that receives the load."""
        return f"http://{compose.HOST}:{self.port}"

    @property
    def leaders(self) -> Mapping[str, Leader]:
        """The parts by name, but for preparations that have ended."""
        return {name: part for name, part in self._parts.items() if not part.is_done}

    @property
    def replicas(self) -> Mapping[str, str]:
        """Values of the replica header, container address and port, to names of parts."""
        return {
            f"{address}:{port}": name
            for name, port in self._behind.items()
            for address in sorted(self._parts[name].addresses())
        }

    # Starting ------------------------------------------------------------------------------

    def start(self) -> None:
        """Build, bring up and wait until the service is ready."""
        self._budget = budget.make(
            self._config.limits,
            self._engine,
            containers=sum(self._scale.values()),
            suffix=self._suffix,
        )
        self._limits_note = self._budget.note
        self._leave_in_our_will()
        model = self._wanted.adapted(port=self.port, keys=self._budget.keys)
        self._project.write(model)
        provide_images(model, self._project, self.name, self._reaper)
        try:
            self._project.up(self._scale)
        except ServiceError as error:
            self._find_parts()
            raise ServiceError(f"service {self.name}: {error}\n{self._last_words()}") from None
        self._find_parts()
        self.check()
        self._check_budget()
        canary = self._canary()
        self._wait_until_ready(canary)
        for part, state in self._states():
            part.is_done = not state["Running"] and state["ExitCode"] == 0
        self._learn_who_is_behind(canary)
        self._idle = settling.idle_seconds(canary, len(self._behind), _IDLE_LIMIT_SECONDS)

    def _leave_in_our_will(self) -> None:
        """Have the reaper remove what we make, if we can't."""
        self._at_end = [self._project.down_command]
        if self._budget.cgroups:
            self._at_end.append(["rmdir", *map(str, self._budget.cgroups)])
        for command in self._at_end:
            self._reaper.run_at_end(command)

    def _find_parts(self) -> None:
        facts = engine.inspect(self._project.containers())
        labels = [(each["Config"]["Labels"], each["Id"]) for each in facts]
        by_service: dict[str, list[tuple[int, str]]] = {name: [] for name in self._scale}
        for label, container in labels:
            found = by_service.setdefault(label[compose.SERVICE_LABEL], [])
            found.append((int(label[compose.NUMBER_LABEL]), container))
        self._parts = {}
        for service, containers in by_service.items():
            for number, (_, container) in enumerate(sorted(containers), 1):
                name = service if len(containers) == 1 else f"{service}#{number}"
                port = self.port if service == self._endpoint else 0
                log = self._directory / f"{name}.log"
                self._parts[name] = ContainerPart(name, service, container, port, log)

    def _check_budget(self) -> None:
        if not all(self._budget.holds(part.container) for part in self._parts.values()):
            self._limits_note = "limits not enforced: the engine's cgroups aren't those seen here"

    def _canary(self) -> readiness.Canary:
        address = Address(compose.HOST, self.port)
        return readiness.canary(address, self._config.ready, self._config.replica_header)

    def _wait_until_ready(self, canary: readiness.Canary) -> None:
        def probe(limit: float) -> ProbeResult:
            answer = self._probe(canary, limit)
            self.check()
            return answer

        answer = readiness.wait(probe, time.monotonic() + self._config.ready.within)
        if not answer.is_good:
            raise ServiceError(
                f"service {self.name}: {self._endpoint} of {self._project.file} was not ready "
                f"within {self._config.ready.within:g} s; last probe: {answer.detail}\n"
                f"{readiness.advice(self._config.path)}"
                f"{self._last_words()}"
            )

    def _probe(self, canary: readiness.Canary, limit: float) -> ProbeResult:
        ready = self._config.ready
        if ready.log is not None:
            answers = [readiness.find_in_log(each.log, ready.log) for each in self._parts.values()]
            return next((each for each in answers if each.is_good), answers[0])
        if ready.path is not None:
            return canary(limit)
        return readiness.connect_through(Address(compose.HOST, self.port), limit)

    def _learn_who_is_behind(self, canary: readiness.Canary) -> None:
        """Find out which parts answer: the addresses in the replica header are containers'."""
        if self._config.replica_header is None:
            return
        answers = [canary(_IDLE_LIMIT_SECONDS).replica for _ in range(2 * len(self._parts))]
        owners = {at: part for part in self._parts.values() for at in part.addresses()}
        behind: dict[str, str] = {}
        for answer in filter(None, answers):
            address, _, port = answer.rpartition(":")
            if address in owners:
                behind[owners[address].service] = port
        self._behind = {
            name: behind[part.service]
            for name, part in self._parts.items()
            if part.service in behind
        }

    # While it runs -------------------------------------------------------------------------

    def check(self) -> None:
        """Make sure that no part has died, but for those that ``kill`` ended."""
        for part, state in self._states():
            has_left = not self._idle and state["ExitCode"] == 0 and part.service != self._endpoint
            if not (state["Running"] or part.was_killed or part.is_done or has_left):
                raise ServiceError(
                    f"service {self.name}: {part.name} {part.ending(state)}\n"
                    f"  compose file: {self._project.file}\n{part.last_words()}"
                )

    def _states(self) -> Iterable[tuple[ContainerPart, dict[str, Any]]]:
        parts = list(self._parts.values())
        facts = engine.inspect([part.container for part in parts])
        return [(part, fact["State"]) for part, fact in zip(parts, facts, strict=True)]

    def restart(self, part: str | None = None) -> None:
        """Stop and start a part, or all, on the same ports; return when it is ready."""
        if part is None:
            self._restart_all()
        else:
            for each in self._named(part):
                each.restart()
        self._wait_until_ready(self._canary())
        if not self._has_settled(self._config.ready.within):
            raise ServiceError(
                f"service {self.name} doesn't answer as at rest after a restart of "
                f"{part or 'all its parts'}\n{self._last_words()}"
            )

    def _restart_all(self) -> None:
        for each in self._parts.values():
            each.resume()
        self._project.stop()
        # Compose knows who depends on whom.
        self._project.up(self._scale)
        for each in self._parts.values():
            each.was_killed = False

    def settle(self, limit: float) -> str | None:
        """Wait until the service has drained, or restart it."""
        if self._has_settled(limit):
            return None
        self.restart()
        return f"service {self.name} had not drained after {limit:g} s and was restarted"

    def _has_settled(self, limit: float) -> bool:
        return settling.wait_until_settled(
            self._canary(),
            fast=settling.fast_seconds(self._idle),
            replicas=self.replicas,
            limit=limit,
        )

    # The end -------------------------------------------------------------------------------

    def stop(self) -> None:
        """Remove the containers, networks and volumes; a second call does nothing."""
        commands, self._at_end = self._at_end, []
        try:
            if commands and self._project.model_file.exists():
                self._project.down()
            self._budget.release()
            for command in commands:
                self._reaper.settled(command)
        finally:
            self._close_reaper()
