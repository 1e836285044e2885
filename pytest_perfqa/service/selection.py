"""Which backend a service runs on, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import ConfigurationError, PrerequisiteMissing
from .backend import AUTO
from .backends import BACKENDS, by_preference

if TYPE_CHECKING:
    from pathlib import Path

    from ..machine.children import Reaper
    from .backend import Service
    from .config import ServiceConfig

__tracebackhide__ = True


@dataclass(frozen=True)
class Choice:
    """A backend, and why it is that one; the reason is for the user to read."""

    backend: str
    reason: str


def choose(config: ServiceConfig, wanted: str) -> Choice:
    """Choose what a service runs on.

    ``auto`` takes processes only where nothing else can be had, such as docker where the service
    has a compose file and an engine answers. One that runs already is no choice.

    Raises:
        ConfigurationError: the service can't run on what is wanted.
    """
    offered = {name: BACKENDS.named(name) for name in by_preference(config.sections)}
    for name, backend in offered.items():
        if backend.is_elsewhere:
            return Choice(name, "started by someone else")
    if wanted != AUTO:
        if wanted not in offered:
            raise ConfigurationError(
                f"{config.path}: has no {wanted!r} part, but --perfqa-backend={wanted} wants it"
            )
        return Choice(wanted, "as chosen")
    *others, last = offered
    reason = offered[last].alone
    for name in others:
        try:
            return Choice(name, offered[name].here())
        except PrerequisiteMissing as error:
            reason = str(error)
    return Choice(last, reason)


def part_names(config: ServiceConfig, choice: Choice) -> tuple[str, ...] | None:
    """Give the names that the parts will have; None if nobody knows yet.

    Raises:
        ConfigurationError: there is nobody to ask for them, or the files have mistakes.
    """
    return BACKENDS.named(choice.backend).part_names(config)


def knows_parts(choice: Choice) -> bool:
    """Tell whether ``part_names`` asks nobody."""
    return BACKENDS.named(choice.backend).knows_parts


def check_prerequisites(config: ServiceConfig, choice: Choice) -> None:
    """Make sure that what the chosen backend needs is there.

    Raises:
        PrerequisiteMissing: with what is missing and the command that helps.
        ConfigurationError: the service can't be started as told.
    """
    BACKENDS.named(choice.backend).check(config)


def start(config: ServiceConfig, choice: Choice, directory: Path, *, reaper: Reaper) -> Service:
    """Start a service on the chosen backend; return when it is ready.

    Args:
        config: scaled, if it is to be.
        directory: for what the service writes.

    Raises:
        PerfqaError: it can't be started.
    """
    return BACKENDS.named(choice.backend).start(config, directory, reaper=reaper)
