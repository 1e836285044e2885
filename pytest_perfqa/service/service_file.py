"""``services/<name>/service.yaml`` -> ServiceConfig; every mistake at once, with its line."""

from __future__ import annotations

import functools
import math
import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, create_model

from ..base import units
from ..base.yaml_file.fields import DurationField
from ..base.yaml_file.reading import load_yaml
from ..base.yaml_file.validation import Strict, unaccepted, validate
from ..errors import ConfigurationError, FileProblems, Problem, UnitError
from .backend import ServiceSection
from .backends import BACKENDS
from .config import ANY_PATH, Beside, Limits, Ready, ServiceConfig, placeholders
from .discovery import FILE_NAME
from .fields import (
    LAST_PORT,
    NAME_HOLDS,
    Env,
    Text,
    command_problems,
    env_problems,
    is_name,
    mapping,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ..base.yaml_file.reading import Document, Loc
    from .backend import Backend

# What the process of an external service is called.
_TAKEN = "process"


def read_service(folder: Path, *, allow_remote: bool = False) -> ServiceConfig:
    """Read the service.yaml in ``folder``.

    Args:
        folder: its name is the name of the configuration.
        allow_remote: accept an external service on a public host, whatever the file says.

    Raises:
        FileProblems: with all that is wrong with the file.
    """
    document = load_yaml(folder / FILE_NAME)
    keys = [key for key in mapping(document, ()) if key not in _Service.model_fields]
    known = BACKENDS.names(keys)
    problems = list(_problems(document, known))
    named: dict[str, tuple[Backend, ServiceSection]] = {}
    for name in (key for key in known if key in keys):
        try:
            named[name] = (
                BACKENDS.named(name),
                ServiceSection(document, name, allow_remote),
            )
        except ConfigurationError as error:
            problems.append(document.problem((name,), str(error), key=True))
    for backend, section in named.values():
        problems += backend.problems(section)
    try:
        content = validate(document, _form(known, frozenset(named)))
    except FileProblems as error:
        raise FileProblems([*error.problems, *problems]) from None
    if problems:
        raise FileProblems(problems)
    sections = {
        name: backend.read(getattr(content, _field(name)), section)
        for name, (backend, section) in named.items()
        if section.content
    }
    return _config(folder.absolute(), document, content, sections)


# The form of the file ----------------------------------------------------------------------


def _bytes(value: object) -> int:
    accepted = unaccepted("bytes as a number above 0, or a text such as '1GB', '512MiB'")
    if isinstance(value, str):
        try:
            value = float(units.parse(value, units.Unit.BYTE))
        except UnitError:
            raise accepted from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise accepted
    if not (math.isfinite(value) and value >= 1):
        raise accepted
    return int(value)


def _workers(value: object) -> dict[str, float]:
    if not isinstance(value, dict):
        return {ANY_PATH: _worker_count(value)}
    wrong = [key for key in value if not (isinstance(key, str) and re.match(r"/|\*\Z", key))]
    if wrong:
        raise unaccepted(f"paths that begin with '/', or '{ANY_PATH}'")
    return {path: _worker_count(count) for path, count in value.items()}


def _worker_count(value: object) -> float:
    if value == "unbounded":
        return math.inf
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise unaccepted("a whole number above 0, 'unbounded', or one of them per path")
    return value


def _url_path(value: str) -> str:
    if not re.fullmatch(r"/\S*", value):
        raise unaccepted("a path such as '/health'")
    return value


def _ready(value: object) -> object:
    return {"path": value} if isinstance(value, str) else value


_UrlPath = Annotated[str, AfterValidator(_url_path)]


class _Ready(Strict):
    path: _UrlPath | None = None
    tcp: bool = False
    log: Text | None = None
    within: DurationField = 30.0


class _Limits(Strict):
    cpus: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    memory: Annotated[int, BeforeValidator(_bytes)] | None = None


class _Beside(Strict):
    port: Annotated[int, Field(gt=0, le=LAST_PORT)] | None = None
    pid: Annotated[int, Field(gt=0)] | None = None


class _Service(Strict):
    description: str = ""
    endpoint: str | None = None
    ready: Annotated[_Ready, BeforeValidator(_ready)] = _Ready(path="/")
    limits: _Limits = _Limits()
    env: Env = Field(default_factory=dict)
    replica_header: Text | None = None
    workers: Annotated[dict[str, float], BeforeValidator(_workers)] = Field(default_factory=dict)
    patience: DurationField | None = None
    least_time_scale: Annotated[float, Field(gt=0, le=1)] | None = None
    beside: dict[str, _Beside] = Field(default_factory=dict)
    prepare: list[Text] = Field(default_factory=list)


@functools.cache
def _form(known: tuple[str, ...], named: frozenset[str]) -> type[_Service]:
    """Make the form of a file with sections of some of the known backends."""
    sections: dict[str, Any] = {
        _field(name): (
            (BACKENDS.named(name).form if name in named else Any) | None,
            Field(None, alias=name),
        )
        for name in known
    }
    return create_model("Service", __base__=_Service, **sections)


def _field(backend: str) -> str:
    # Whatever it is called: its key in the file is no name of an attribute of ours.
    return f"section {backend}"


def _config(
    folder: Path, document: Document, content: _Service, sections: dict[str, object]
) -> ServiceConfig:
    return ServiceConfig(
        name=folder.name,
        folder=folder,  # a test may change the working directory
        path=document.path,
        description=content.description,
        endpoint=content.endpoint or "",
        ready=Ready(**content.ready.model_dump()),
        limits=Limits(**content.limits.model_dump()),
        env=content.env,
        replica_header=content.replica_header,
        workers=content.workers,
        patience=content.patience,
        least_time_scale=content.least_time_scale or 0.0,
        sections=sections,
        beside={name: Beside(**each.model_dump()) for name, each in content.beside.items()},
        prepare=tuple(content.prepare),
    )


# What the form alone can't tell ------------------------------------------------------------
# These look at the raw content, so that they are reported together with errors of form; a value
# of a wrong kind is passed over here, since the form reports it.


def _problems(document: Document, known: Iterable[str]) -> Iterator[Problem]:
    """Find what is wrong with the keys that are for no backend alone."""
    if isinstance(document.data, dict) and not any(document.value((key,)) for key in known):
        *others, last = BACKENDS.names()
        message = f"none of the keys {', '.join(others)} and {last}; accepted: one of them or more"
        yield document.problem((), message)
    yield from _ready_problems(document)
    yield from env_problems(document, ("env",))
    yield from _beside_problems(document)
    yield from _prepare_problems(document)


def _ready_problems(document: Document) -> Iterator[Problem]:
    ready = document.value(("ready",))
    if not isinstance(ready, dict):
        return
    if sum(bool(ready.get(key)) for key in ("path", "tcp", "log")) != 1:
        found = ", ".join(map(str, ready)) or "nothing"
        message = f"found {found}; accepted: one of path, tcp and log, and within"
        yield document.problem(("ready",), message)
    if isinstance(pattern := ready.get("log"), str):
        try:
            re.compile(pattern)
        except re.error as error:
            message = f"{pattern!r} is no regular expression: {error}"
            yield document.problem(("ready", "log"), message)


def _beside_problems(document: Document) -> Iterator[Problem]:
    for name, each in mapping(document, ("beside",)).items():
        loc: Loc = ("beside", name)
        if not is_name(name):
            yield document.problem(loc, f"its name {NAME_HOLDS}", key=True)
        elif name == _TAKEN:
            message = f"{name!r} is a part of the service already; accepted: another name"
            yield document.problem(loc, message, key=True)
        if isinstance(each, dict) and ("port" in each) == ("pid" in each):
            message = "accepted: exactly one of port and pid, of this machine"
            yield document.problem(loc, message, key=True)


def _prepare_problems(document: Document) -> Iterator[Problem]:
    commands = document.value(("prepare",))
    if not isinstance(commands, list):
        return
    if commands and not document.value(("process",)):
        message = "is for the key 'process', which is missing: Compose builds by its own file"
        yield document.problem(("prepare",), message, key=True)
    for place, command in enumerate(commands):
        loc: Loc = ("prepare", place)
        yield from command_problems(document, loc, command)
        if isinstance(command, str) and "port" in placeholders(command):
            message = "{port} is that of a replica, and none runs before it; accepted: no port"
            yield document.problem(loc, message)
