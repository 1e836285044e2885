"""What a backend is, and what it offers: a started service and its parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ..base.yaml_file.reading import Document
    from ..errors import Problem
    from ..machine.children import Reaper
    from .config import Limits, ServiceConfig

AUTO = "auto"
"""What leaves the choice of a backend to us."""


@dataclass(frozen=True)
class ServiceSection:
    """Where a service.yaml says something to a backend.

    Attributes:
        document: the file, which knows the line of all that it holds.
        name: the key of the section, which is the backend's name.
        allow_remote: whether a load may go to any host, whatever the file says.
    """

    document: Document
    name: str
    allow_remote: bool = False

    @property
    def folder(self) -> Path:
        """Where relative paths begin."""
        return self.document.path.parent.absolute()  # a test may change the working directory

    @property
    def content(self) -> object:
        """What stands there, as it is written."""
        return self.document.value((self.name,))

    def problem(self, message: str, *keys: str | int, key: bool = False) -> Problem:
        """Make the mistake of a value below ``keys``, or with ``key`` of its key, with its line."""
        return self.document.problem((self.name, *keys), message, key=key)


@runtime_checkable
class Backend(Protocol):
    """A way to start services: what is to be known of it before, and how it is done.

    Others are made as subclasses of this, which then have what is given here.
    """

    form: Any = dict[str, Any]
    """What its section in service.yaml looks like: a type as Pydantic takes it."""

    is_elsewhere: bool = False
    """Whether it starts nothing: its services run already, whatever backend is wished for."""

    knows_parts: bool = False
    """Whether ``part_names`` looks no further than the configuration."""

    alone: str = "nothing else in its service.yaml"
    """Why a service runs on it that offers no other."""

    def problems(self, section: ServiceSection) -> Iterable[Problem]:  # noqa: ARG002
        """Find what is wrong with a section beyond its form, which may be wrong as well."""
        return ()

    def read(self, content: Any, section: ServiceSection) -> object:  # noqa: ARG002
        """Make of a section without mistakes what is kept in ``ServiceConfig.sections``.

        What has a method ``scaled(factor)`` there, in a mapping, too, follows the time scale.

        Args:
            content: the section, as ``form`` has it.
        """
        return content

    def here(self) -> str:
        """Say why it can be had on this machine, for a service that offers others, too.

        Raises:
            PrerequisiteMissing: it can't be; says what is missing.
        """
        return "it can be had"

    def check(self, config: ServiceConfig) -> None:  # noqa: ARG002
        """Make sure that a service can be started, before anything is.

        Raises:
            PrerequisiteMissing: with what is missing and the command that helps.
            ConfigurationError: the service can't run on it.
        """
        self.here()

    def part_names(self, config: ServiceConfig) -> tuple[str, ...] | None:  # noqa: ARG002
        """Give the names that the parts will have; None if that isn't known before the start.

        Raises:
            ConfigurationError: there is nobody to ask for them, or the files have mistakes.
        """
        return None

    def start(self, config: ServiceConfig, directory: Path, *, reaper: Reaper) -> Service:
        """Start a service; return when it is ready, or leave nothing running.

        Args:
            config: scaled, if it is to be.
            directory: for what the service writes; may be missing.
            reaper: ends and removes what is left where we are killed.

        Raises:
            PerfqaError: it can't be started.
        """


class Leader(Protocol):
    """Something whose use of resources can be looked at: a process with all that it started."""

    @property
    def pid(self) -> int | None:
        """The process that leads it; another one after a restart, None if it is none of ours.

        What is no process of this machine may have a method ``source``, as
        ``monitor.source.SelfObserved`` has it.
        """

    @property
    def alive(self) -> bool:
        """Whether that process runs (or is paused)."""

    @property
    def container(self) -> str | None:
        """The id of the container that it is; None for a plain process."""


class Part(Leader, Protocol):
    """One process of a service with its children: a replica or a proxy."""

    @property
    def name(self) -> str:
        """Its key among the service's parts, such as ``app#2``."""

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1; the same after a restart."""

    @property
    def log(self) -> Path:
        """The file with what it has printed."""


class Service(Protocol):
    """A started configuration.

    A ``part`` is given by its key (``app#2``), or by the name of a part with replicas (``app``)
    for all of them. An unknown one raises ``ServiceError``.
    """

    @property
    def name(self) -> str:
        """The configuration's name."""

    @property
    def url(self) -> str:
        """The address that receives the load, without a slash at the end."""

    @property
    def parts(self) -> Mapping[str, Part]:
        """The parts by name: ``app`` or ``app#1``, ``app#2``, ...; and ``proxy``."""

    @property
    def leaders(self) -> Mapping[str, Leader]:
        """What can be monitored, by name: the parts, or the known process of someone else's."""

    @property
    def beside(self) -> Mapping[str, Leader]:
        """What serves it but was started elsewhere, by name, as it runs now.

        Raises:
            ServiceError: some of it doesn't run.
        """

    @property
    def limits(self) -> Limits:
        """The budget of all parts together, as the configuration states it."""

    @property
    def replicas(self) -> Mapping[str, str]:
        """Values of the replica header, such as ``127.0.0.1:23001``, to names of parts."""

    @property
    def limits_note(self) -> str:
        """What of the limits is enforced, and how."""

    def logs(self, part: str | None = None) -> str:
        """Give what a part has printed, or all parts with headings."""

    def check(self) -> None:
        """Make sure that no part has died, but for those that ``kill`` ended.

        Raises:
            ServiceError: with how it ended and the end of its log.
        """

    def kill(self, part: str) -> None:
        """End a part at once with SIGKILL, as a crash would, until ``restart``."""

    def pause(self, part: str) -> None:
        """Freeze a part until ``resume`` or ``restart``: it accepts connections, never answers."""

    def resume(self, part: str) -> None:
        """Let a paused part go on."""

    def restart(self, part: str | None = None) -> None:
        """Stop and start a part, or all, on the same ports; return when it is ready.

        Raises:
            ServiceError: it doesn't become ready.
        """

    def settle(self, limit: float) -> str | None:
        """Wait until the service has drained: canary requests come back as fast as at rest.

        Args:
            limit: seconds; after that it is restarted.

        Returns:
            A note that it had to be restarted, else None.

        Raises:
            ServiceError: it doesn't answer as at rest even then.
        """

    def stop(self) -> None:
        """End all parts; a second call does nothing."""
