"""A service of which only the address is known: what can be done for it all the same."""

from __future__ import annotations

import time
from types import MappingProxyType
from typing import TYPE_CHECKING, NoReturn

from ...base.address import Address
from ...errors import ServiceError
from . import beside, readiness, settling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..backend import Leader, Part
    from ..config import Limits, ServiceConfig

__tracebackhide__ = True

_IDLE_LIMIT_SECONDS = 30.0


class UrlService:
    """A ``backend.Service`` that can only be asked; subclasses add what more they can do.

    It is made when it is about to run: that waits until it is ready. What it needs to know for
    ``check``, such as its process, is set before.

    Attributes:
        limits_note: what of the limits is enforced, and how.

    Raises:
        ServiceError: it doesn't become ready.
    """

    limits_note = "limits not enforced"

    def __init__(self, config: ServiceConfig, url: str) -> None:
        self._config = config
        self._url = url.rstrip("/")
        self._address = Address.read(url)
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
        return self._url

    @property
    def parts(self) -> Mapping[str, Part]:
        """Nothing: there is no part that we could handle."""
        return MappingProxyType({})

    @property
    def leaders(self) -> Mapping[str, Leader]:
        """Nothing: its processes aren't known."""
        return MappingProxyType({})

    @property
    def beside(self) -> Mapping[str, Leader]:
        """What serves it but was started elsewhere."""
        return beside.find_beside(self.name, self._config.beside)

    @property
    def limits(self) -> Limits:
        """The budget that its configuration states."""
        return self._config.limits

    @property
    def replicas(self) -> Mapping[str, str]:
        """Nothing: they aren't known."""
        return MappingProxyType({})

    def logs(self, part: str | None = None) -> str:
        """Give nothing: what it prints isn't known."""
        if part is not None:
            self._refuse(f"the log of {part!r}")
        return ""

    def check(self) -> None:
        """Find nothing wrong."""

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
        raise ServiceError(f"service {self.name} ({self.url}): its backend can't do this: {what}")

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
                f"service {self.name} ({self._url}) was not ready within {within:g} s; "
                f"last probe: {answer.detail}"
            )
