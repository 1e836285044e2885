"""Where the base of a comparison comes from, as the user says it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..base.address import permitted
from ..base.wording import did_you_mean, shown
from ..errors import ConfigurationError
from ..service.discovery import FILE_NAME, discover
from .repository import Commit, find_commit
from .saved import is_baseline_name

if TYPE_CHECKING:
    from pathlib import Path

__tracebackhide__ = True

_ACCEPTED = (
    "git:REF (a commit of this repository, such as git:origin/main), "
    "FOLDER (the project in another version), "
    "URL (what runs already, such as http://127.0.0.1:8081), "
    "service:NAME (another one of this project), "
    "saved:NAME (what was measured before)"
)
_KINDS = ("git", "service", "saved")


@dataclass(frozen=True)
class HeadProject:
    """The project whose services are compared.

    Attributes:
        root: its folder.
        services_dir: where its services are described.
        here: where the path of another folder begins.
        allow_remote: whether a load may go to any host.
    """

    root: Path
    services_dir: Path
    here: Path
    allow_remote: bool = False


@dataclass(frozen=True)
class Revision:
    """The project as it was in a commit."""

    ref: str
    commit: Commit

    def __str__(self) -> str:
        return f"git:{self.ref}"


@dataclass(frozen=True)
class OtherFolder:
    """The project in another folder, prepared by someone else.

    Attributes:
        written: as the user put it.
        services_dir: where its services are described.
    """

    written: str
    services_dir: Path

    def __str__(self) -> str:
        return self.written


@dataclass(frozen=True)
class RunningAt:
    """A service that someone else started."""

    url: str

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True)
class OtherService:
    """Another service of the project."""

    name: str
    folder: Path

    def __str__(self) -> str:
        return f"service:{self.name}"


@dataclass(frozen=True)
class Saved:
    """What was measured another time."""

    name: str

    def __str__(self) -> str:
        return f"saved:{self.name}"


Startable = Revision | OtherFolder | RunningAt | OtherService
"""What can be measured beside the head."""
BaseSource = Startable | Saved


def side(source: BaseSource) -> str:
    """Name the base in a message: ``base (git:main)``."""
    return f"base ({source})"


def read_source(written: str, project: HeadProject, said: str = "--perfqa-against") -> BaseSource:
    """Read where a base comes from, and make sure that it is there.

    Args:
        said: the option that has it, for messages.

    Raises:
        ConfigurationError: it is none of what is accepted, or isn't there.
    """
    try:
        return _source(written, project)
    except ConfigurationError as error:
        raise ConfigurationError(f"{said}: found {shown(written)}; {error}") from None


def _source(written: str, project: HeadProject) -> BaseSource:
    kind, colon, rest = written.partition(":")
    if re.match(r"https?://", written):
        return _running(written, project)
    if colon and rest:
        if kind == "git":
            return Revision(rest, find_commit(rest, _with_services(project.services_dir)))
        if kind == "service":
            return _other_service(rest, project)
        if kind == "saved" and is_baseline_name(rest):
            return Saved(rest)
    folder = project.here / written
    if written and folder.is_dir():
        place = os.path.relpath(project.services_dir, project.root)
        return OtherFolder(written, _with_services(folder.absolute() / place))
    what = "" if kind in _KINDS else "no folder is called so; "
    raise ConfigurationError(f"{what}accepted: {_ACCEPTED}")


def _running(url: str, project: HeadProject) -> RunningAt:
    try:
        permitted(url, allow_remote=project.allow_remote, by="--perfqa-allow-remote")
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    return RunningAt(url)


def _other_service(name: str, project: HeadProject) -> OtherService:
    known = discover(_with_services(project.services_dir))
    if name not in known:
        raise ConfigurationError(no_service([name], known))
    return OtherService(name, known[name])


def _with_services(services_dir: Path) -> Path:
    if not discover(services_dir):
        raise ConfigurationError(f"there is no service in {services_dir}: no */{FILE_NAME}")
    return services_dir


def no_service(missing: list[str], known: dict[str, Path]) -> str:
    """Say which services there aren't, and which there are."""
    names = ", ".join(map(repr, missing))
    hint = did_you_mean(missing[0], known) if len(missing) == 1 else ""
    return f"there is no service {names}; it has: {', '.join(known) or 'none'}{hint}"
