"""What it takes to start the base of each service."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import ConfigurationError, FileProblems, Problem
from ..service import external
from ..service.discovery import discover
from ..service.service_file import read_service
from .repository import check_out
from .sources import OtherService, Revision, RunningAt, no_service, side

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..machine.children import Reaper
    from ..service.config import ServiceConfig
    from .sources import Startable

__tracebackhide__ = True


def base_name(service: str) -> str:
    """Give the name that the base of a service has beside it."""
    return f"{service} (base)"


def base_configurations(
    source: Startable,
    services: Sequence[str],
    tree: Path,
    *,
    reaper: Reaper,
    allow_remote: bool = False,
) -> dict[str, ServiceConfig]:
    """Give what it takes to start the base of each service, by the name of the service.

    Args:
        services: the names of the head's.
        tree: gets the files of a revision; must not be there.
        reaper: ends what gets them, should we be killed.
        allow_remote: whether a load may go to any host, whatever a file says.

    Raises:
        ConfigurationError: with all that is missing, or wrong with its files; says that it is the
            base.
    """
    try:
        found = _found(source, services, tree, reaper=reaper, allow_remote=allow_remote)
    except ConfigurationError as error:
        # The tree goes with the session: who reads this finds the file by its place in it.
        lines = str(error).replace(f"{tree}/", "").splitlines()
        raise ConfigurationError("\n".join(f"{side(source)}: {line}" for line in lines)) from None
    return {name: replace(config, name=base_name(name)) for name, config in found.items()}


def _found(
    source: Startable,
    services: Sequence[str],
    tree: Path,
    *,
    reaper: Reaper,
    allow_remote: bool,
) -> dict[str, ServiceConfig]:
    if isinstance(source, RunningAt):
        return _running(source, services, allow_remote=allow_remote)
    if isinstance(source, OtherService):
        return dict.fromkeys(services, read_service(source.folder, allow_remote=allow_remote))
    if isinstance(source, Revision):
        services_dir = check_out(source.commit, tree, reaper=reaper)
    else:
        services_dir = source.services_dir
    return _described(services_dir, services, allow_remote=allow_remote)


def _running(
    source: RunningAt, services: Sequence[str], *, allow_remote: bool
) -> dict[str, ServiceConfig]:
    if len(services) != 1:
        raise ConfigurationError(
            f"is one service, to be compared with {len(services)}: {', '.join(services)}; "
            "accepted: one, chosen with --perfqa-services"
        )
    return {services[0]: external.configuration(source.url, allow_remote=allow_remote)}


def _described(
    services_dir: Path, services: Sequence[str], *, allow_remote: bool
) -> dict[str, ServiceConfig]:
    known = discover(services_dir)
    if missing := [name for name in services if name not in known]:
        raise ConfigurationError(no_service(missing, known))
    found, problems = {}, list[Problem]()
    for name in services:
        try:
            found[name] = read_service(known[name], allow_remote=allow_remote)
        except FileProblems as error:
            problems += error.problems
    if problems:
        raise FileProblems(problems)
    return found
