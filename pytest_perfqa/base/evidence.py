"""What stands behind a figure or a verdict: gathered when an assertion has failed, never before.

Whatever an assertion may be about, a quantity or a verdict such as "pending grows", can have a
method ``evidence()`` that gives an ``Evidence``. ``report.terminal.assertion`` prints it where
pytest explains the failure; nothing else calls it, so it may take its time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True)
class Point:
    """The figure in one window, in seconds from the start of the run; None: nothing to take it
    from."""

    start: float
    end: float
    value: float | None
    phase: str | None = None


@dataclass(frozen=True)
class Evidence:
    """What is known about a figure beyond its value; all of it may be missing but the subject.

    Attributes:
        subject: what it is a figure of, such as "p95 of latency of the run".
        show: prints a value of the figure with its unit.
        samples: how many requests, arrivals or measurements it was taken from.
        interval: lower and upper end, each of them exceeded with a probability of 5 % at most.
        points: the figure over time, window by window.
        phases: the figure in each phase of the slice.
        adds_up: whether the values of ``points`` and ``phases`` add up to the figure (a count).
        statements: what else should be known, a sentence each.
        generator: whether the load generator kept its schedule, in a few words.
    """

    subject: str
    show: Callable[[float], str] = "{:.6g}".format
    samples: int | None = None
    interval: tuple[float, float] | None = None
    points: tuple[Point, ...] = ()
    phases: Mapping[str, float] = field(default_factory=dict)
    adds_up: bool = False
    statements: tuple[str, ...] = ()
    generator: str | None = None


@runtime_checkable
class HasEvidence(Protocol):
    """Anything that can say what it rests on."""

    def evidence(self) -> Evidence | None:
        """Gather what stands behind it; None if nothing is known."""
