"""What installed packages add to ours: entry points, looked for only when somebody asks by name."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from importlib.metadata import EntryPoint

T = TypeVar("T")


@functools.cache
def installed(group: str) -> dict[str, EntryPoint]:
    """Give what installed packages offer in a group, by name; nothing of it is imported.

    It takes some milliseconds, the more packages, the more.
    """
    from importlib.metadata import entry_points  # noqa: PLC0415 - most sessions ask for none

    return {point.name: point for point in sorted(entry_points(group=group))}


def load(group: str, name: str) -> Any:
    """Import what is offered by a name that ``installed`` has.

    Raises:
        ConfigurationError: it can't be imported; says whose it is and why.
    """
    point = installed(group)[name]
    try:
        return point.load()
    except Exception as error:  # whatever the code of others raises when it is imported
        whose = f" of the package {point.dist.name}" if point.dist is not None else ""
        raise ConfigurationError(
            f"{name!r}{whose} can't be imported ({point.group}: {point.value}): "
            f"{type(error).__name__}: {error}"
        ) from error


class Table(Generic[T]):
    """What there is of a kind, by name: ours, and what other packages offer.

    Args:
        group: of entry points, which others offer a class in.
        kind: what instances of such a class are to be.
        noun: what that is called in messages.
        own: ours.
    """

    def __init__(self, group: str, kind: type[Any], noun: str, own: Mapping[str, T]) -> None:
        self._group = group
        self._kind = kind
        self._noun = noun
        self._made: dict[str, T] = {}
        self.own = own

    def names(self, asked: Iterable[str] | None = None) -> tuple[str, ...]:
        """Give all names; of ours only, if ``asked`` for none but them."""
        if asked is not None and set(asked) <= self.own.keys():
            return tuple(self.own)
        return tuple(dict.fromkeys((*self.own, *installed(self._group))))

    def named(self, name: str) -> T:
        """Give what has one of ``names``, the same each time.

        Raises:
            ConfigurationError: it can't be imported or made, or is none.
        """
        if name in self.own:
            return self.own[name]
        if name not in self._made:
            self._made[name] = self._make(name)
        return self._made[name]

    def _make(self, name: str) -> T:
        offered = load(self._group, name)
        of = f"{name!r} of the group {self._group} ({installed(self._group)[name].value})"
        try:
            made: T = offered()
        except Exception as error:  # whatever the code of others raises when it is called
            raise ConfigurationError(
                f"{of} can't be made: {type(error).__name__}: {error}; accepted: a subclass of "
                f"{self._kind.__name__}, which is called without arguments"
            ) from error
        if not isinstance(made, self._kind):
            raise ConfigurationError(
                f"{of} is no {self._noun}; accepted: a subclass of {self._kind.__name__}"
            )
        return made

    def forget(self) -> None:
        """Forget what others offer: it is looked for anew."""
        installed.cache_clear()
        self._made.clear()
