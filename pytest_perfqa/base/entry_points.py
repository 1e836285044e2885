"""What installed packages add to ours: entry points, looked for only when somebody asks by name."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


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
