"""Which backends there are: ours, and those of other packages, which are found by name."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from ..base import entry_points
from ..errors import ConfigurationError
from .backend import Backend
from .docker.backend import DockerBackend
from .external import ExternalBackend
from .process.backend import ProcessBackend

if TYPE_CHECKING:
    from collections.abc import Iterable

GROUP = "pytest_perfqa.backends"
_LAST_RESORT = "process"
_OWN: dict[str, Backend] = {
    _LAST_RESORT: ProcessBackend(),
    "docker": DockerBackend(),
    "external": ExternalBackend(),
}


def backend_names(asked: Iterable[str] | None = None) -> tuple[str, ...]:
    """Give the names of all backends; of ours only, if ``asked`` for none but them."""
    if asked is not None and set(asked) <= _OWN.keys():
        return tuple(_OWN)
    return tuple(dict.fromkeys((*_OWN, *entry_points.installed(GROUP))))


def wishes(asked: str) -> tuple[str, ...]:
    """Give what may be wished for to run on, in case that this is wished for."""
    elsewhere = {name for name, backend in _OWN.items() if backend.is_elsewhere}
    return tuple(name for name in backend_names([asked]) if name not in elsewhere)


@functools.cache
def backend_named(name: str) -> Backend:
    """Give a backend that ``backend_names`` has.

    Raises:
        ConfigurationError: it can't be imported, or is none.
    """
    if name in _OWN:
        return _OWN[name]
    made = entry_points.load(GROUP, name)()
    if not isinstance(made, Backend):
        raise ConfigurationError(
            f"{name!r} of the group {GROUP} is no backend; accepted: a subclass of Backend"
        )
    return made


def by_preference(those: Iterable[str]) -> list[str]:
    """Order names of backends: the one that can always be had comes last."""
    return sorted(those, key=lambda name: name == _LAST_RESORT)
