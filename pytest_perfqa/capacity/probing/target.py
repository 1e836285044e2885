"""What is put under load: one request to one service."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import ConfigurationError
from ...load.wire.message import build, is_constant
from ...scenario import records as scenarios
from ...scenario.template import template_text

if TYPE_CHECKING:
    from pathlib import Path

    from ...scenario.records import Scenario


@dataclass(frozen=True)
class ProbeRequest:
    """What is sent, the same each time; ``verify`` refuses certificates that aren't trusted."""

    path: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    verify: bool = True


@dataclass(frozen=True)
class Declared:
    """What a service is said to be; a search may begin there, but nothing rests on it.

    Attributes:
        workers: requests done at once; None where nothing is said.
        patience: seconds after which a proxy answers for the service, at full scale.
    """

    workers: float | None = None
    patience: float = math.inf


@dataclass(frozen=True)
class Target:
    """A request to a service.

    Attributes:
        url: of the service.
        request: what is sent.
        service: the name of the service.
        canary: a path that is quick and goes to the same workers; None to ask the path itself.
        replicas: values of the replica header that are known.
        time_scale: the factor on the service's times.
        declared: what the service is said to be.
    """

    url: str
    request: ProbeRequest
    service: str
    canary: str | None = None
    replica_header: str | None = None
    replicas: tuple[str, ...] = ()
    time_scale: float = 1.0
    declared: Declared = Declared()

    @property
    def name(self) -> str:
        """The request as users read it."""
        return f"{self.request.method} {self.request.path}"


def only_request(scenario: Scenario, path: Path) -> ProbeRequest:
    """Give the request of a scenario that is just that, the same every time.

    Raises:
        ConfigurationError: it is more.
    """
    steps = scenario.flows[0].steps if len(scenario.flows) == 1 else ()
    request = steps[0] if len(steps) == 1 else None
    if (
        not isinstance(request, scenarios.Request)
        or request.captures
        or request.expectations
        or not is_constant(request)
    ):
        raise ConfigurationError(
            f"{path}: a breaking point is one of a single request; accepted: one flow of one "
            "request that is the same every time, without capture and expect"
        )
    message = build(request, {}, random.Random(0))  # noqa: S311 - nothing is drawn
    headers = dict(message.headers)
    if request.cookies:
        pairs = (f"{name}={template_text(value)}" for name, value in request.cookies.items())
        headers["Cookie"] = "; ".join(pairs)
    return ProbeRequest(
        message.target,
        message.method,
        tuple(headers.items()),
        message.body,
        verify=scenario.verify_certificates,
    )
