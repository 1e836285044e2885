"""What is to run in containers: a user's compose file, read, checked and adapted."""

from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...base.wording import did_you_mean
from ...errors import ConfigurationError
from ..config import template_variables
from . import compose, ownership

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ..config import ServiceConfig

__tracebackhide__ = True


@dataclass(frozen=True)
class Wanted:
    """What a compose file says, with a configuration's variables filled in.

    Attributes:
        file: the user's.
        service: the one in it that receives the load, on ``port`` in its container.
        env: what Compose runs with.
        name: of the configuration, as a project of Compose may be called.
    """

    file: Path
    service: str
    port: int
    env: Mapping[str, str]
    name: str
    model: compose.Model

    @classmethod
    def read(cls, config: ServiceConfig) -> Wanted:
        """Read the compose file of a configuration.

        Raises:
            ConfigurationError: there is none, it is none, or can't receive the load as told.
        """
        if config.docker is None:
            raise ConfigurationError(f"{config.path}: has no 'docker' part, so no docker backend")
        file = config.docker.compose.parent.resolve() / config.docker.compose.name
        service, _, port = config.docker.endpoint.rpartition(":")
        env = {**os.environ, **template_variables(config.env)}
        name = re.sub("[^a-z0-9_-]", "-", config.name.lower())
        model = compose.read_model(file, env, f"{ownership.PREFIX}-{name}")
        found = cls(file, service, int(port), env, name, model)
        if reason := found._why_no_endpoint():
            raise ConfigurationError(f"{config.path}: endpoint {service!r}: {reason}")
        return found

    def part_names(self) -> tuple[str, ...]:
        """Give the names that its containers will have as parts."""
        return tuple(
            name if count == 1 else f"{name}#{number}"
            for name, count in compose.scale(self.model).items()
            for number in range(1, count + 1)
        )

    def adapted(self, *, port: int, keys: Mapping[str, Any]) -> compose.Model:
        """Give the model as it is brought up: ours, limited, and reached on a port of ours.

        Args:
            port: of 127.0.0.1, on which the endpoint receives the load.
            keys: for every container.
        """
        return compose.adapt(
            self.model,
            folder=self.file.parent.name,
            labels={ownership.LABEL: ownership.owner()},
            keys=keys,
            ports=functools.partial(self._ports, port),
        )

    def _ports(self, own: int, service: str, published: list[Any]) -> list[str]:
        """Publish on 127.0.0.1 only: the endpoint on a port of ours, others where they were."""
        ports = [compose.Port.read(each) for each in published]
        if service == self.service:
            target = str(self.port)
            ports = [port for port in ports if port.target != target]
            ports.append(compose.Port(target, str(own)))
        return [str(port) for port in ports]

    def _why_no_endpoint(self) -> str | None:
        services = compose.services(self.model)
        if self.service not in services:
            hint = did_you_mean(self.service, services)
            return f"{self.file} has no such service; accepted: {', '.join(services)}{hint}"
        if compose.scale(self.model)[self.service] != 1:
            return f"has replicas in {self.file}: put a proxy in front and name that"
        if mode := services[self.service].get("network_mode"):
            return f"has network_mode: {mode} in {self.file}, so no port of it can be published"
        return None
