"""What every backend offers: a started service and its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .config import Limits

AUTO, PROCESS, DOCKER = "auto", "process", "docker"
BACKENDS = (AUTO, PROCESS, DOCKER)
"""What a user may wish for."""


class Leader(Protocol):
    """Something whose use of resources can be looked at: a process with all that it started."""

    @property
    def pid(self) -> int:
        """The process that leads it; another one after a restart."""

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
