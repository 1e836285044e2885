"""What both of our backends do alike with the parts that they have started."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from ...base.wording import did_you_mean
from ...errors import ServiceError
from ...machine.children import Reaper
from ..backend import Part
from . import beside, logs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..backend import Leader
    from ..config import Limits, ServiceConfig

__tracebackhide__ = True


class OwnPart(Part, Protocol):
    """A part that we started, so that we can also stop it."""

    def kill(self) -> None:
        """End it at once, until it is restarted."""

    def pause(self) -> None:
        """Freeze it."""

    def resume(self) -> None:
        """Let it go on."""

    def last_words(self) -> str:
        """Give the end of what it has printed."""


P = TypeVar("P", bound=OwnPart)


class StartedService(Generic[P]):
    """The half of a ``backend.Service`` that doesn't care what its parts are."""

    def __init__(self, config: ServiceConfig, reaper: Reaper | None, limits_note: str = "") -> None:
        self._config = config
        self._owns_reaper = reaper is None
        self._reaper = Reaper() if reaper is None else reaper
        self._limits_note = limits_note
        self._parts: dict[str, P] = {}
        self._idle = 0.0

    @property
    def name(self) -> str:
        """The configuration's name."""
        return self._config.name

    @property
    def parts(self) -> Mapping[str, Part]:
        """The parts by name."""
        return MappingProxyType(self._parts)

    @property
    def leaders(self) -> Mapping[str, Leader]:
        """The parts by name."""
        return self.parts

    @property
    def beside(self) -> Mapping[str, Leader]:
        """What serves it but was started elsewhere."""
        return beside.find_beside(self.name, self._config.beside)

    @property
    def limits(self) -> Limits:
        """The budget of all parts together."""
        return self._config.limits

    @property
    def limits_note(self) -> str:
        """What of the limits is enforced, and how."""
        return self._limits_note

    def logs(self, part: str | None = None) -> str:
        """Give what a part has printed, or all parts with headings."""
        named = list(self._parts.values()) if part is None else self._named(part)
        if len(named) == 1:
            return logs.read_log(named[0].log)
        return "\n".join(f"--- {each.name}\n{logs.read_log(each.log)}" for each in named)

    def kill(self, part: str) -> None:
        """End a part at once."""
        for each in self._named(part):
            each.kill()

    def pause(self, part: str) -> None:
        """Freeze a part."""
        for each in self._named(part):
            each.pause()

    def resume(self, part: str) -> None:
        """Let a paused part go on."""
        for each in self._named(part):
            each.resume()

    def _named(self, name: str) -> list[P]:
        if name in self._parts:
            return [self._parts[name]]
        replicas = [part for part in self._parts.values() if part.name.startswith(f"{name}#")]
        if not replicas:
            hint = did_you_mean(name, self._parts)
            accepted = ", ".join(self._parts)
            raise ServiceError(
                f"service {self.name} has no part {name!r}; accepted: {accepted}{hint}"
            )
        return replicas

    def _last_words(self) -> str:
        return "\n".join(part.last_words() for part in self._parts.values())

    def _close_reaper(self) -> None:
        if self._owns_reaper:
            self._reaper.close()
