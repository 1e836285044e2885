"""What the monitor saw: for each part and metric, values over the time of the run."""

from __future__ import annotations

import enum
from array import array
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import NoData

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from .disturbance import Disturbance

__tracebackhide__ = True


class Metric(enum.Enum):
    """What is looked at; the value is how it is called."""

    CPU = "CPU"
    MEMORY = "memory"
    THREADS = "threads"
    OPEN_FILES = "open files"
    SWITCHES = "context switches"
    RECEIVED = "bytes received"
    SENT = "bytes sent"

    @property
    def is_counter(self) -> bool:
        """Whether its values are totals, which only rise."""
        return self not in {Metric.MEMORY, Metric.THREADS, Metric.OPEN_FILES}


class Track:
    """Values of one metric as they come in; counters start at 0 with the monitor."""

    def __init__(self) -> None:
        self.moments = array("d")
        self.values = array("d")

    def add(self, moment: float, value: float) -> None:
        """Take in a value; one that comes out of turn is dropped."""
        if not self.moments or moment > self.moments[-1]:
            self.moments.append(moment)
            self.values.append(value)


@dataclass(frozen=True)
class ReadingSeries:
    """One metric of one part.

    Attributes:
        times: seconds from the start of the run, rising; the monitor begins a little before.
        values: seconds of CPU, bytes, or counts. CPU, context switches and network bytes are
            totals since the monitor began, which never fall.
    """

    times: NDArray[np.float64]
    values: NDArray[np.float64]

    @classmethod
    def of(cls, track: Track, start: float) -> ReadingSeries:
        """Freeze a track; ``start`` of the run is on the clock of its moments."""
        return cls(np.array(track.moments) - start, np.array(track.values))


@dataclass(frozen=True)
class Readings:
    """All that the monitor saw of one run.

    Attributes:
        parts: for each part, the series of the metrics that are known.
        missing: for each part, why the other metrics aren't.
        reason: why there is no part, if there is none.
        cpu: CPU seconds that the monitor itself took per second, but for its first look, before
            the load, and its last.
        interval: seconds between looks at CPU and threads, on average.
        notes: what is to be said about how it was done.
        beside: the names of what serves the service but was started elsewhere.
        disturbances: when others took what the service was entitled to.
    """

    parts: Mapping[str, Mapping[Metric, ReadingSeries]] = field(default_factory=dict)
    missing: Mapping[str, Mapping[Metric, str]] = field(default_factory=dict)
    reason: str = "the run was not monitored"
    cpu: float = 0.0
    interval: float = 0.0
    notes: tuple[str, ...] = ()
    beside: frozenset[str] = frozenset()
    disturbances: tuple[Disturbance, ...] = ()

    def series(self, part: str, metric: Metric) -> ReadingSeries:
        """Give the values of a metric.

        Raises:
            NoData: they aren't known; says why.
        """
        found = self.parts.get(part, {}).get(metric)
        if found is None or len(found.times) < 2:
            why = self.missing.get(part, {}).get(metric, "too few looks at it")
            raise NoData(f"{metric.value} of {part} is not known: {why}")
        return found

    def without(self, reason: str) -> Readings:
        """Give the same with nothing known, because of ``reason``."""
        return replace(self, parts={}, missing={}, reason=reason, notes=(*self.notes, reason))
