"""The process backend: commands and nginx as plain processes on this machine."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from ...errors import ConfigurationError, ServiceError
from ..config import Command, Nginx, placeholders, template_variables, with_port
from ..shared import affinity, backlog, logs, ports, readiness, settling
from ..shared.readiness import ProbeResult
from ..shared.started import StartedService
from . import nginx, prepare, programs
from .part import HOST, Launch, ProcessPart, terminate_parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from ...machine.children import Reaper
    from ..backend import Service
    from ..config import ServiceConfig

__tracebackhide__ = True

_PORT_ATTEMPTS = 3
# What node, Python, nginx and gunicorn say when someone else has the port.
_PORT_TAKEN = ("EADDRINUSE", "Address already in use", "Connection in use")
_IDLE_LIMIT_SECONDS = 30.0


class _PortTakenError(ServiceError):
    """Someone took a port between the choice and its use."""


def start_processes(
    config: ServiceConfig, directory: Path, *, reaper: Reaper | None = None
) -> Service:
    """Start the processes of a configuration; return when it is ready.

    Args:
        config: scaled, if it is to be.
        directory: for logs and nginx's files; made if missing. What has prepared the service for
            a start is not done again for another one there.
        reaper: watches the processes; one of the service's own if it is None.

    Raises:
        ConfigurationError: it has no processes, or (PrerequisiteMissing) a program is missing.
        ServiceError: what prepares it failed, a process died or didn't become ready; nothing is
            left running.
    """
    if not config.process:
        raise ConfigurationError(f"{config.path}: has no 'process' part, so no process backend")
    prepare.prepare(config, directory, reaper)
    programs.check_programs(config)
    directory.mkdir(parents=True, exist_ok=True)
    for attempt in range(1, _PORT_ATTEMPTS + 1):
        service = ProcessService(config, directory, reaper)
        try:
            service.start()
        except BaseException as error:
            service.stop()
            if not isinstance(error, _PortTakenError) or attempt == _PORT_ATTEMPTS:
                raise
        else:
            return service
    raise AssertionError("unreachable")


class ProcessService(StartedService[ProcessPart]):
    """A service of the process backend; see ``backend.Service``."""

    def __init__(self, config: ServiceConfig, directory: Path, reaper: Reaper | None) -> None:
        super().__init__(config, reaper, affinity.limits_note(config.limits))
        builder = _Builder(config, directory, self._reaper)
        self._commands = [part for each in config.commands for part in builder.replicas(each)]
        self._proxies = [builder.proxy(each) for each in config.proxies]
        self._parts = {part.name: part for part in self._all}
        self._behind = [self._parts[name] for name in _replica_names(config)]
        self._canary = readiness.canary(self._endpoint.address, config.ready, config.replica_header)

    @property
    def url(self) -> str:
        """The address that receives the load."""
        return f"http://{HOST}:{self._endpoint.port}"

    @property
    def replicas(self) -> Mapping[str, str]:
        """Values of the replica header to names of parts."""
        return {f"{HOST}:{part.port}": part.name for part in self._behind}

    @property
    def _all(self) -> list[ProcessPart]:
        return [*self._commands, *self._proxies]

    @property
    def _endpoint(self) -> ProcessPart:
        return self._parts[_endpoint(self._config)]

    def start(self) -> None:
        """Start all parts and wait until the service is ready."""
        for part in self._commands:
            part.start()
        self._wait_until_ready(self._commands)
        for part in self._proxies:
            part.start()
        self._wait_until_ready(self._proxies)
        self._wait_for_endpoint()
        self._idle = settling.idle_seconds(self._canary, len(self._behind), _IDLE_LIMIT_SECONDS)

    def check(self) -> None:
        """Make sure that no part has died, but for those that ``kill`` ended."""
        self._check(part for part in self._all if not part.was_killed)

    def restart(self, part: str | None = None) -> None:
        """Stop and start a part, or all, on the same ports; return when it is ready."""
        named = self._all if part is None else self._named(part)
        for each in named:
            each.restart()
        self._wait_until_ready(named)
        if part is None:
            self._wait_for_endpoint()

    def settle(self, limit: float) -> str | None:
        """Wait until the service has drained, or restart it."""
        if any(self._is_out_of_reach(part, limit) for part in self._behind):
            what = f"would not have drained within {limit:g} s"
        elif self._has_settled(limit):
            return None
        else:
            what = f"had not drained after {limit:g} s"
        # With the proxies: one that has taken its replicas out would keep them out for a while.
        self.restart()
        if not self._has_settled(self._config.ready.within):
            raise ServiceError(
                f"service {self.name} doesn't answer as at rest, even after a restart\n"
                f"{self._last_words()}"
            )
        return f"service {self.name} {what} and was restarted"

    def stop(self) -> None:
        """End all parts, those in front first."""
        for part in self._all:
            part.close()
        try:
            terminate_parts([*self._proxies, *self._commands], self._reaper)
        finally:
            self._close_reaper()

    def _has_settled(self, limit: float) -> bool:
        deadline = time.monotonic() + limit
        # Each replica itself first: a canary that a busy one keeps waiting in the proxy would
        # make the proxy take that replica out, and the next canaries find only idle ones.
        for part in self._behind:
            canary = readiness.canary(part.address, self._config.ready, None)
            left = deadline - time.monotonic()
            if not settling.wait_until_settled(
                canary, fast=settling.fast_seconds(self._idle), replicas=(), limit=left
            ):
                return False
        known = self.replicas if self._config.replica_header and self._proxies else ()
        left = deadline - time.monotonic()
        return settling.wait_until_settled(
            self._canary, fast=settling.fast_seconds(self._idle), replicas=known, limit=left
        )

    def _is_out_of_reach(self, part: ProcessPart, limit: float) -> bool:
        pid, port = part.pid, part.port
        return settling.is_out_of_reach(lambda: backlog.waiting(pid, port), limit)

    def _check(self, parts: Iterable[ProcessPart]) -> None:
        for part in parts:
            if not part.alive:
                kind = _PortTakenError if _found_port_taken(part) else ServiceError
                raise kind(f"service {self.name}: {part.obituary()}")

    def _wait_until_ready(self, parts: Sequence[ProcessPart]) -> None:
        deadline = time.monotonic() + self._config.ready.within
        for part in parts:

            def probe(limit: float, part: ProcessPart = part) -> ProbeResult:
                answer = self._probe(part, limit)
                # After the probe: what has answered may be someone else on the same port.
                self._check(parts)
                return answer

            answer = readiness.wait(probe, deadline)
            if not answer.is_good:
                raise self._not_ready(part, answer)

    def _probe(self, part: ProcessPart, limit: float) -> ProbeResult:
        ready = self._config.ready
        if part in self._proxies:
            return readiness.connect(part.address, limit)
        if part not in self._behind:
            return ProbeResult(is_good=True, detail="not asked: it isn't behind the endpoint")
        if ready.log is not None:
            return readiness.find_in_log(part.log, ready.log, part.log_start)
        if ready.path is not None:
            return readiness.get(part.address, ready.path, limit)
        return readiness.connect(part.address, limit)

    def _wait_for_endpoint(self) -> None:
        """Ask through the endpoint, as often as there are replicas: a whole round robin round."""
        if self._endpoint not in self._proxies or self._config.ready.path is None:
            return
        deadline = time.monotonic() + self._config.ready.within
        for _ in self._behind:
            answer = readiness.wait(self._canary, deadline)
            if not answer.is_good:
                raise self._not_ready(self._endpoint, answer)

    def _not_ready(self, part: ProcessPart, last: ProbeResult) -> ServiceError:
        return ServiceError(
            f"service {self.name}: {part.name} was not ready within "
            f"{self._config.ready.within:g} s; last probe: {last.detail}\n"
            f"{readiness.advice(self._config.path)}"
            f"{self._hint(part)}{self._last_words()}"
        )

    def _hint(self, part: ProcessPart) -> str:
        """Say what is wrong, most likely, with a server that runs but that nobody reaches."""
        for command in self._config.commands:
            texts = (command.command, *command.env.values(), *self._config.env.values())
            told = any("port" in placeholders(text) for text in texts)
            if part.name in command.replica_names and not told:
                return (
                    f"  it was expected on port {part.port}, which nothing has told it: "
                    "write {port} into its command or env\n"
                )
        return ""


def _found_port_taken(part: ProcessPart) -> bool:
    printed = logs.read_log(part.log, part.log_start)
    return any(words in printed for words in _PORT_TAKEN)


def _endpoint(config: ServiceConfig) -> str:
    return config.endpoint or next(iter(config.process))


def _replica_names(config: ServiceConfig) -> tuple[str, ...]:
    """Give the parts that answer what the endpoint receives."""
    endpoint = config.process[_endpoint(config)]
    if isinstance(endpoint, Nginx):
        endpoint = config.process[endpoint.upstream]
    return endpoint.replica_names if isinstance(endpoint, Command) else ()


class _Builder:
    """Makes the parts of a configuration, each with a port of its own; starts nothing."""

    def __init__(self, config: ServiceConfig, directory: Path, reaper: Reaper) -> None:
        self._config = config
        self._directory = directory
        self._reaper = reaper
        self._cpus = affinity.service_cpus(config.limits)
        self._upstream: dict[str, list[str]] = {}

    def replicas(self, command: Command) -> list[ProcessPart]:
        words = programs.command_line(command.command, self._config.folder)
        parts = []
        for name in command.replica_names:
            port = ports.take()
            env = self._env(command.env, port)
            if words[0] == sys.executable:
                env["PYTHONUNBUFFERED"] = "1"  # else its log would lack the last lines
            argv = [with_port(word, port) for word in words]
            parts.append(self._part(name, port, argv, self._config.folder, env))
            self._upstream.setdefault(command.name, []).append(f"{HOST}:{port}")
        return parts

    def proxy(self, proxy: Nginx) -> ProcessPart:
        port, prefix = ports.take(), self._directory / proxy.name
        env = self._env(proxy.env, port)
        argv = nginx.write_configuration(
            proxy.template,
            prefix,
            port=port,
            upstream=self._upstream[proxy.upstream],
            env=env,
            time_scale=proxy.time_scale,
        )
        return self._part(proxy.name, port, argv, prefix, env)

    def _env(self, part_env: Mapping[str, str], port: int) -> dict[str, str]:
        own = {**self._config.env, **part_env}
        own = {name: with_port(value, port) for name, value in own.items()}
        return {**os.environ, **template_variables(own)}

    def _part(
        self, name: str, port: int, argv: list[str], cwd: Path, env: Mapping[str, str]
    ) -> ProcessPart:
        launch = Launch(tuple(argv), cwd, env, self._cpus)
        log = self._directory / f"{name}.log"
        return ProcessPart(name, port, log, launch, self._reaper)
