"""A service that someone else started: only its address is known, and perhaps its process."""

from __future__ import annotations

import time
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NoReturn

from ..errors import ConfigurationError, ServiceError
from ..machine import reaper
from . import address
from .config import External, Ready, ServiceConfig
from .shared import beside, readiness, settling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .backend import Leader, Part, Service
    from .config import Limits

__tracebackhide__ = True

_IDLE_LIMIT_SECONDS = 30.0
# What is said to be running already needs no time to start.
_RUNNING_SECONDS = 5.0


def configuration(
    url: str, *, allow_remote: bool = False, said: str = "--perfqa-url"
) -> ServiceConfig:
    """Make the configuration of an address given by hand.

    Args:
        said: the option that gave it, for messages.

    Raises:
        ConfigurationError: it is no http(s) address, or a public host without ``allow_remote``.
    """
    try:
        host = address.split_address(url).hostname or ""
    except ValueError as error:
        raise ConfigurationError(f"{said}: {error}") from None
    if not allow_remote and not address.is_test_host(host):
        refused = address.remote_refused(host, "--perfqa-allow-remote")
        raise ConfigurationError(f"{said}: {refused}")
    here = Path.cwd()
    return ServiceConfig(
        name=host,
        folder=here,
        path=here,
        ready=Ready(tcp=True, within=_RUNNING_SECONDS),
        external=External(url, allow_remote=allow_remote),
    )


def attach(config: ServiceConfig) -> Service:
    """Wait until an external service answers.

    Raises:
        ConfigurationError: the configuration has no external service.
        ServiceError: it doesn't become ready, or its process doesn't exist.
    """
    if config.external is None:
        raise ConfigurationError(f"{config.path}: has no 'external' part")
    return ExternalService(config, config.external)


class ExternalService:
    """A service that we can only ask; see ``backend.Service``."""

    def __init__(self, config: ServiceConfig, external: External) -> None:
        self._config = config
        self._external = external
        parts = address.split_address(external.url)
        is_tls = parts.scheme == "https"
        port = parts.port or (443 if is_tls else 80)
        self._address = readiness.Address(
            parts.hostname or "", port, is_tls, parts.path.rstrip("/")
        )
        self._canary = readiness.canary(self._address, config.ready, config.replica_header)
        self._wait_until_ready()
        self._idle = settling.idle_seconds(self._canary, 1, _IDLE_LIMIT_SECONDS)

    @property
    def name(self) -> str:
        """The configuration's name."""
        return self._config.name

    @property
    def url(self) -> str:
        """The address that receives the load."""
        return self._external.url.rstrip("/")

    @property
    def parts(self) -> Mapping[str, Part]:
        """Nothing: there is no part that we could handle."""
        return MappingProxyType({})

    @property
    def leaders(self) -> Mapping[str, Leader]:
        """Its process, if that is known, as ``process``."""
        pid = self._external.pid
        return MappingProxyType({} if pid is None else {"process": beside.ForeignProcess(pid)})

    @property
    def beside(self) -> Mapping[str, Leader]:
        """What serves it but was started elsewhere."""
        return beside.find_beside(self.name, self._config.beside)

    @property
    def limits(self) -> Limits:
        """None: whatever limits it has aren't known."""
        return self._config.limits

    @property
    def replicas(self) -> Mapping[str, str]:
        """Nothing: they aren't known."""
        return MappingProxyType({})

    @property
    def limits_note(self) -> str:
        """That no limits are enforced."""
        return "limits not enforced: the service was started by someone else"

    def logs(self, part: str | None = None) -> str:
        """Give nothing: what it prints isn't known."""
        if part is not None:
            self._refuse(f"the log of {part!r}")
        return ""

    def check(self) -> None:
        """Make sure that its process lives, if that is known."""
        pid = self._external.pid
        if pid is None:
            return
        status = reaper.status(pid)
        if status is None or not status.is_live:
            raise ServiceError(f"service {self.name}: its process {pid} doesn't exist")

    def kill(self, part: str) -> None:
        """Refuse."""
        self._refuse(f"killing {part!r}")

    def pause(self, part: str) -> None:
        """Refuse."""
        self._refuse(f"pausing {part!r}")

    def resume(self, part: str) -> None:
        """Refuse."""
        self._refuse(f"resuming {part!r}")

    def restart(self, part: str | None = None) -> None:
        """Refuse."""
        self._refuse("a restart" if part is None else f"restarting {part!r}")

    def settle(self, limit: float) -> str | None:
        """Wait until the service has drained; a note if it hasn't, since it can't be restarted."""
        if settling.wait_until_settled(
            self._canary, fast=settling.fast_seconds(self._idle), replicas=(), limit=limit
        ):
            return None
        return (
            f"service {self.name} had not drained after {limit:g} s and can't be restarted: "
            "what follows is measured on top of that"
        )

    def stop(self) -> None:
        """Leave it running."""

    def _refuse(self, what: str) -> NoReturn:
        raise ServiceError(
            f"service {self.name} was started by someone else ({self._external.url}): "
            f"{what} is possible only for services that pytest-perfqa starts"
        )

    def _wait_until_ready(self) -> None:
        def probe(limit: float) -> readiness.ProbeResult:
            self.check()
            if self._config.ready.tcp:
                return readiness.connect(self._address, limit)
            return self._canary(limit)

        within = self._config.ready.within
        answer = readiness.wait(probe, time.monotonic() + within)
        if not answer.is_good:
            raise ServiceError(
                f"service {self.name} ({self._external.url}) was not ready within {within:g} s; "
                f"last probe: {answer.detail}"
            )
