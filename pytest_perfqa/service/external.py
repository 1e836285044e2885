"""A service that someone else started: only its address is known, and perhaps its process."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

from pydantic import Field

from ..base.address import permitted
from ..base.yaml_file.validation import Strict
from ..errors import ConfigurationError, ServiceError
from ..machine import reaper
from .backend import Backend
from .config import External, Ready, ServiceConfig
from .shared import beside
from .shared.by_url import UrlService

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..errors import Problem
    from ..machine.children import Reaper
    from .backend import Leader, Service, ServiceSection

__tracebackhide__ = True

# What is said to be running already needs no time to start.
_RUNNING_SECONDS = 5.0


class ExternalSpec(Strict):
    """Its address, and perhaps its process."""

    url: str
    pid: Annotated[int, Field(gt=0)] | None = None
    allow_remote: bool = False


class ExternalBackend(Backend):
    """Finds a service that runs already; see ``backend.Backend``."""

    form: Any = ExternalSpec
    is_elsewhere = True
    knows_parts = True

    def problems(self, section: ServiceSection) -> Iterator[Problem]:
        """Find an address that is none, or that a load must not go to."""
        url = section.document.value((section.name, "url"))
        if not isinstance(url, str):
            return
        said = section.document.value((section.name, "allow_remote")) is True
        try:
            permitted(url, allow_remote=section.allow_remote or said)
        except ValueError as error:
            yield section.problem(str(error), "url")

    def read(self, content: ExternalSpec, section: ServiceSection) -> External:  # noqa: ARG002
        """Give what is known of it."""
        return External(**content.model_dump())

    def part_names(self, config: ServiceConfig) -> tuple[str, ...]:  # noqa: ARG002
        """Give none: there is no part that we could handle."""
        return ()

    def start(self, config: ServiceConfig, directory: Path, *, reaper: Reaper) -> Service:  # noqa: ARG002
        """Wait until it answers."""
        return attach(config)


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
        host = permitted(url, allow_remote=allow_remote, by="--perfqa-allow-remote").host
    except ValueError as error:
        raise ConfigurationError(f"{said}: {error}") from None
    here = Path.cwd()
    return ServiceConfig(
        name=host,
        folder=here,
        path=here,
        ready=Ready(tcp=True, within=_RUNNING_SECONDS),
        sections={"external": External(url, allow_remote=allow_remote)},
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


class ExternalService(UrlService):
    """A service that someone else started; see ``backend.Service``."""

    limits_note = "limits not enforced: the service was started by someone else"

    def __init__(self, config: ServiceConfig, external: External) -> None:
        self._external = external
        super().__init__(config, external.url)

    @property
    def leaders(self) -> Mapping[str, Leader]:
        """Its process, if that is known, as ``process``."""
        pid = self._external.pid
        return MappingProxyType({} if pid is None else {"process": beside.ForeignProcess(pid)})

    def check(self) -> None:
        """Make sure that its process lives, if that is known."""
        pid = self._external.pid
        if pid is None:
            return
        status = reaper.status(pid)
        if status is None or not status.is_live:
            raise ServiceError(f"service {self.name}: its process {pid} doesn't exist")

    def _refuse(self, what: str) -> NoReturn:
        raise ServiceError(
            f"service {self.name} was started by someone else ({self._external.url}): "
            f"{what} is possible only for services that pytest-perfqa starts"
        )
