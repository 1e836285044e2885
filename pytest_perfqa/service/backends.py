"""Which backends there are: ours, and those of other packages, which are found by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base import entry_points
from .backend import Backend
from .docker.backend import DockerBackend
from .external import ExternalBackend
from .process.backend import ProcessBackend

if TYPE_CHECKING:
    from collections.abc import Iterable

GROUP = "pytest_perfqa.backends"
_LAST_RESORT = "process"
BACKENDS = entry_points.Table[Backend](
    GROUP,
    Backend,
    "backend",
    {
        _LAST_RESORT: ProcessBackend(),
        "docker": DockerBackend(),
        "external": ExternalBackend(),
    },
)


def wishes(asked: str) -> tuple[str, ...]:
    """Give what may be wished for to run on, in case that this is wished for."""
    elsewhere = {name for name, backend in BACKENDS.own.items() if backend.is_elsewhere}
    return tuple(name for name in BACKENDS.names([asked]) if name not in elsewhere)


def by_preference(those: Iterable[str]) -> list[str]:
    """Order names of backends: the one that can always be had comes last."""
    return sorted(those, key=lambda name: name == _LAST_RESORT)
