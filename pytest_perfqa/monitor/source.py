"""Where the figures of one part come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    from .readings import Metric

    #: A moment on ``time.monotonic``, what was looked at, and its value.
    Reading = tuple[float, Metric, float]


@dataclass(frozen=True)
class Census:
    """Who belongs to a part at a moment, and what they used.

    Attributes:
        pids: the processes that live.
        cpu: seconds of CPU since the monitor began, ended ones too.
        throttled: seconds that a limit of its cgroup held it up since then.
    """

    pids: frozenset[int]
    cpu: float
    throttled: float = 0.0


class Source(Protocol):
    """One part, by one way of looking at it.

    Both ways of looking give readings and never raise for a part that is gone: its counters stay
    where they are, and it has no memory, threads or open files.
    """

    @property
    def missing(self) -> Mapping[Metric, str]:
        """What can't be known, and why."""

    @property
    def note(self) -> str | None:
        """What a reader of the figures must know about how they were got."""

    def quick(self, moment: float) -> Iterable[Reading]:
        """Read what costs microseconds: CPU, with a moment of its own, and threads."""

    def thorough(self, moment: float) -> Iterable[Reading]:
        """Read all else; ``moment`` is the same for all parts, so that they can be added up."""

    def census(self, moment: float) -> Census:
        """Count its processes.

        Raises:
            NoData: they can't be seen from here.
        """

    def close(self) -> None:
        """Let go of what it holds."""


@runtime_checkable
class SelfObserved(Protocol):
    """A leader that says itself what it uses, such as one that is no process of this machine."""

    def source(self) -> Source:
        """Begin to look at it; closed when the run has ended."""


@dataclass
class Counter:
    """A counter of the system's that starts again when what it counts does; this one goes on.

    Attributes:
        total: since the first look.
    """

    total: float = 0.0
    _last: float | None = None
    _owner: Hashable = field(default=None)

    def update(self, value: float, owner: Hashable = None) -> float:
        """Take in what it says; one that belongs to another ``owner``, or fell, began at 0."""
        if self._last is None:
            self._last, self._owner = value, owner
        begun_again = value < self._last or owner != self._owner
        self.total += value if begun_again else value - self._last
        self._last, self._owner = value, owner
        return self.total


def failure(error: BaseException) -> str:
    """Say what went wrong in a look, whatever it was."""
    return f"the resource monitor failed: {type(error).__name__}: {error}"
