"""What can be done to a service during a run, by name: ours, and what other packages add."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ..base import entry_points

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUP = "pytest_perfqa.faults"


class FaultTarget(Protocol):
    """The service that faults are done to: a ``service.backend.Service``, with all that it has."""

    @property
    def name(self) -> str:
        """Of its configuration."""

    @property
    def url(self) -> str:
        """Where it receives the load."""

    @property
    def parts(self) -> Mapping[str, Any]:
        """Its parts by name, such as ``app#1``."""

    def kill(self, part: str) -> None:
        """End a part, until ``restart``."""

    def pause(self, part: str) -> None:
        """Freeze a part, until ``resume``."""

    def resume(self, part: str) -> None:
        """Let a part go on."""

    def restart(self, part: str) -> None:
        """Start a part anew; return when it is ready."""


@runtime_checkable
class FaultKind(Protocol):
    """A kind of fault; its name is the key that it is asked for by.

    Others are made as subclasses of this, which then have what is given here.
    """

    form: Any = None
    """What stands after its name: a type as Pydantic takes it, None for the name of a part.

    What has a method ``scaled(factor)`` follows the time scale.
    """

    lasting_key: str | None = "lasting"
    """The key that says how long it lasts; without it, it does until the run is over."""

    lasts: bool = True
    """Whether there is anything to wait for between its begin and its end."""

    def part(self, argument: Any) -> str:
        """Give the part that it is done to, which the service must have; empty if it needs none."""
        return str(argument) if self.form is None else ""

    def begin(self, service: FaultTarget, argument: Any) -> None:
        """Do it; whatever is raised fails the run.

        Args:
            argument: what stands after its name, as ``form`` has it.
        """

    def end(self, service: FaultTarget, argument: Any) -> None:
        """Undo it, at its time or at the end of the run; return when the service has recovered."""


class _Kill(FaultKind):
    lasting_key = "restart_after"

    def begin(self, service: FaultTarget, argument: str) -> None:
        service.kill(argument)

    def end(self, service: FaultTarget, argument: str) -> None:
        service.restart(argument)


class _Pause(FaultKind):
    lasting_key = "resume_after"

    def begin(self, service: FaultTarget, argument: str) -> None:
        service.pause(argument)

    def end(self, service: FaultTarget, argument: str) -> None:
        service.resume(argument)


class _Restart(FaultKind):
    lasting_key = None
    lasts = False

    def begin(self, service: FaultTarget, argument: str) -> None:
        """Nothing: its end is all that there is of it."""

    def end(self, service: FaultTarget, argument: str) -> None:
        service.restart(argument)


FAULT_KINDS = entry_points.Table(
    GROUP, FaultKind, "fault", {"kill": _Kill(), "pause": _Pause(), "restart": _Restart()}
)
