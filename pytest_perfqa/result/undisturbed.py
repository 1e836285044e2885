"""Figures that others had no part in: what is refused where they took what was not theirs."""

from __future__ import annotations

import functools
from functools import cached_property
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..monitor.disturbance import Disturbance

__tracebackhide__ = True

# What a message tells of them; result.json has all.
MOST_TOLD = 3
ADVICE = (
    "nothing is concluded from that: use a quieter machine, and declare what serves the service "
    "under 'beside' in its service.yaml"
)


class Disturbable(Protocol):
    """What others may have disturbed: a slice."""

    name: str

    @property
    def disturbances(self) -> tuple[Disturbance, ...]:
        """When others took, within it, what the service was entitled to."""

    def refuse_disturbed(self) -> None:
        """Make sure that its figures are the service's doing, if it is guarded."""


S = TypeVar("S", bound=Disturbable)
P = ParamSpec("P")
T = TypeVar("T")


def if_undisturbed(figure: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """Refuse a figure of a stretch in which others took what the service was entitled to."""

    @functools.wraps(figure)
    def believed(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        self.refuse_disturbed()
        return figure(self, *args, **kwargs)

    return believed


class cached_if_undisturbed(cached_property[T]):  # noqa: N801
    """The same for what is kept; one thing, else frames of functools would stand in tracebacks."""

    def __get__(self, instance: Disturbable, owner: type[Disturbable] | None = None) -> T:  # type: ignore[override]
        if instance is None:
            return self
        instance.refuse_disturbed()
        return super().__get__(instance, owner)


def disturbed(part: Disturbable) -> Iterator[str]:
    """Say of a slice how others disturbed it; nothing if they didn't."""
    said = [one.text for one in part.disturbances]
    yield from (f"{part.name}: {text}" for text in said[:MOST_TOLD])
    if len(said) > MOST_TOLD:
        yield f"{part.name}: and {len(said) - MOST_TOLD} times more"
