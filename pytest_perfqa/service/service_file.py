"""``services/<name>/service.yaml`` -> ServiceConfig; every mistake at once, with its line."""

from __future__ import annotations

import math
import re
import shlex
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from ..base import units
from ..base.wording import did_you_mean
from ..base.yaml_file.fields import DurationField
from ..base.yaml_file.reading import load_yaml
from ..base.yaml_file.validation import Strict, unaccepted, validate
from ..errors import FileProblems, Problem, UnitError
from . import address
from .config import (
    ANY_PATH,
    DURATION_SUFFIX,
    Beside,
    Command,
    Docker,
    External,
    Limits,
    Nginx,
    Ready,
    ServiceConfig,
    placeholders,
    template_variables,
)
from .discovery import FILE_NAME
from .template import PROVIDED, variables_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ..base.yaml_file.reading import Document, Loc

_LAST_PORT = 65535
_NAME_HOLDS = "holds letters, digits and '_.-' only"


def read_service(folder: Path, *, allow_remote: bool = False) -> ServiceConfig:
    """Read the service.yaml in ``folder``.

    Args:
        folder: its name is the name of the configuration.
        allow_remote: accept an external service on a public host, whatever the file says.

    Raises:
        FileProblems: with all that is wrong with the file.
    """
    document = load_yaml(folder / FILE_NAME)
    problems = list(_contradictions(document, allow_remote=allow_remote))
    try:
        content = validate(document, _Service)
    except FileProblems as error:
        raise FileProblems([*error.problems, *problems]) from None
    if problems:
        raise FileProblems(problems)
    return _config(folder, document, content)


# The form of the file ----------------------------------------------------------------------


def _env_text(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise unaccepted("a text or a number")
    return value if isinstance(value, str) else str(value)


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


def _container_port(value: str) -> str:
    match = re.fullmatch(r"[A-Za-z0-9._-]+:([1-9][0-9]{0,4})", value)
    if match is None or int(match[1]) > _LAST_PORT:
        raise unaccepted("a service of the compose file and a port in it, as 'web:8080'")
    return value


def _ready(value: object) -> object:
    return {"path": value} if isinstance(value, str) else value


_Text = Annotated[str, Field(min_length=1)]
_Env = dict[str, Annotated[str, BeforeValidator(_env_text)]]
_UrlPath = Annotated[str, AfterValidator(_url_path)]


class _Ready(Strict):
    path: _UrlPath | None = None
    tcp: bool = False
    log: _Text | None = None
    within: DurationField = 30.0


class _Limits(Strict):
    cpus: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    memory: Annotated[int, BeforeValidator(_bytes)] | None = None


class _Part(Strict):
    command: str | None = None
    replicas: Annotated[int, Field(ge=1)] = 1
    nginx: _Text | None = None
    upstream: str | None = None
    env: _Env = Field(default_factory=dict)


class _Docker(Strict):
    compose: _Text
    endpoint: Annotated[str, AfterValidator(_container_port)]


class _External(Strict):
    url: str
    pid: Annotated[int, Field(gt=0)] | None = None
    allow_remote: bool = False


class _Beside(Strict):
    port: Annotated[int, Field(gt=0, le=_LAST_PORT)] | None = None
    pid: Annotated[int, Field(gt=0)] | None = None


class _Service(Strict):
    description: str = ""
    endpoint: str | None = None
    ready: Annotated[_Ready, BeforeValidator(_ready)] = _Ready(path="/")
    limits: _Limits = _Limits()
    env: _Env = Field(default_factory=dict)
    replica_header: _Text | None = None
    workers: Annotated[dict[str, float], BeforeValidator(_workers)] = Field(default_factory=dict)
    patience: DurationField | None = None
    least_time_scale: Annotated[float, Field(gt=0, le=1)] | None = None
    process: dict[str, _Part] | None = None
    docker: _Docker | None = None
    external: _External | None = None
    beside: dict[str, _Beside] = Field(default_factory=dict)


def _config(folder: Path, document: Document, content: _Service) -> ServiceConfig:
    docker, external = content.docker, content.external
    folder = folder.absolute()  # a test may change the working directory
    parts = {name: _part(folder, name, part) for name, part in (content.process or {}).items()}
    return ServiceConfig(
        name=folder.name,
        folder=folder,
        path=document.path,
        description=content.description,
        endpoint=content.endpoint or next(iter(parts), ""),
        ready=Ready(**content.ready.model_dump()),
        limits=Limits(**content.limits.model_dump()),
        env=content.env,
        replica_header=content.replica_header,
        workers=content.workers,
        patience=content.patience,
        least_time_scale=content.least_time_scale or 0.0,
        process=parts,
        docker=Docker(folder / docker.compose, docker.endpoint) if docker else None,
        external=External(**external.model_dump()) if external else None,
        beside={name: Beside(**each.model_dump()) for name, each in content.beside.items()},
    )


def _part(folder: Path, name: str, part: _Part) -> Command | Nginx:
    if part.command is not None:
        return Command(name, part.command, part.env, part.replicas)
    # _part_problems has refused a part that is neither.
    return Nginx(name, folder / str(part.nginx), str(part.upstream), part.env)


# What the form alone can't tell ------------------------------------------------------------
# These look at the raw content, so that they are reported together with errors of form; a value
# of a wrong kind is passed over here, since the form reports it.


def _contradictions(document: Document, *, allow_remote: bool) -> Iterator[Problem]:
    parts = _mapping(document, ("process",))
    yield from _backend_problems(document)
    yield from _ready_problems(document)
    yield from _env_problems(document, ("env",))
    yield from _endpoint_problems(document, parts)
    for name in parts:
        yield from _part_problems(document, name)
        yield from _env_problems(document, ("process", name, "env"))
    yield from _external_problems(document, allow_remote=allow_remote)
    yield from _beside_problems(document, parts)


def _mapping(document: Document, loc: Loc) -> Mapping[str, Any]:
    value = document.value(loc)
    return value if isinstance(value, dict) else {}


def _backend_problems(document: Document) -> Iterator[Problem]:
    given = [key for key in ("process", "docker", "external") if document.value((key,))]
    if isinstance(document.data, dict) and not given:
        message = "none of the keys process, docker and external; accepted: one of them or more"
        yield document.problem((), message)
    compose = document.value(("docker", "compose"))
    if isinstance(compose, str) and not (document.path.parent / compose).is_file():
        yield document.problem(("docker", "compose"), f"there is no file {compose!r}")


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


def _env_problems(document: Document, loc: Loc) -> Iterator[Problem]:
    for name, value in _mapping(document, loc).items():
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            continue
        if name.endswith(DURATION_SUFFIX) and not _is_duration(value):
            yield document.problem(
                (*loc, name), f"found {value!r}; accepted: a number of seconds above 0"
            )
        yield from _placeholder_problems(document, (*loc, name), str(value))


def _is_duration(value: float | str) -> bool:
    try:
        return 0 < float(value) < math.inf
    except ValueError:
        return False


def _placeholder_problems(document: Document, loc: Loc, text: str) -> Iterator[Problem]:
    for name in sorted(placeholders(text) - {"port"}):
        yield document.problem(loc, f"unknown placeholder {{{name}}}; accepted: {{port}}")


def _endpoint_problems(document: Document, parts: Mapping[str, Any]) -> Iterator[Problem]:
    endpoint = document.value(("endpoint",))
    if not parts:
        return
    if endpoint is None:
        if len(parts) > 1:
            names = ", ".join(parts)
            yield document.problem((), f"the key 'endpoint' is missing; accepted: {names}")
        endpoint = next(iter(parts))
    if not isinstance(endpoint, str):
        return
    if endpoint not in parts:
        yield document.problem(("endpoint",), _no_part(endpoint, parts))
    elif _replicas(document, endpoint) > 1:
        message = f"{endpoint!r} has replicas: put an nginx in front and name that"
        yield document.problem(("endpoint",), message)


def _replicas(document: Document, part: str) -> int:
    replicas = document.value(("process", part, "replicas"))
    return replicas if isinstance(replicas, int) else 1


def _no_part(name: str, parts: Mapping[str, Any]) -> str:
    hint = did_you_mean(name, parts)
    return f"there is no part {name!r}; accepted: {', '.join(parts) or 'none'}{hint}"


def _is_name(name: object) -> bool:
    return re.fullmatch(r"[A-Za-z0-9_.-]+", str(name)) is not None


def _part_problems(document: Document, name: str) -> Iterator[Problem]:
    loc: Loc = ("process", name)
    part = document.value(loc)
    if not _is_name(name):
        yield document.problem(loc, f"a part's name {_NAME_HOLDS}", key=True)
    if not isinstance(part, dict):
        return
    if ("command" in part) == ("nginx" in part):
        yield document.problem(loc, "accepted: exactly one of command and nginx", key=True)
    elif "command" in part:
        yield from _command_problems(document, loc, part)
    else:
        yield from _nginx_problems(document, loc, part)


def _command_problems(
    document: Document, loc: Loc, part: Mapping[str, object]
) -> Iterator[Problem]:
    if "upstream" in part:
        message = "goes with nginx, not with command"
        yield document.problem((*loc, "upstream"), message, key=True)
    command = part["command"]
    if not isinstance(command, str):
        return
    try:
        words = shlex.split(command)
    except ValueError as error:
        yield document.problem((*loc, "command"), f"can't be split into words: {error}")
        return
    if not words:
        yield document.problem((*loc, "command"), "is empty")
    yield from _placeholder_problems(document, (*loc, "command"), command)


def _nginx_problems(document: Document, loc: Loc, part: Mapping[str, object]) -> Iterator[Problem]:
    if "replicas" in part:
        message = "goes with command, not with nginx"
        yield document.problem((*loc, "replicas"), message, key=True)
    upstream, template = part.get("upstream"), part["nginx"]
    commands = {
        name: other
        for name, other in _mapping(document, ("process",)).items()
        if isinstance(other, dict) and "command" in other
    }
    if upstream is None:
        message = f"the key 'upstream' is missing; accepted: {', '.join(commands) or 'a part'}"
        yield document.problem(loc, message, key=True)
    elif isinstance(upstream, str) and upstream not in commands:
        yield document.problem((*loc, "upstream"), _no_part(upstream, commands))
    if isinstance(template, str) and template:
        yield from _template_problems(document, loc, template)


def _template_problems(document: Document, loc: Loc, template: str) -> Iterator[Problem]:
    place = (*loc, "nginx")
    try:
        text = (document.path.parent / template).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        yield document.problem(place, f"the template {template!r} can't be read: {reason}")
        return
    for name in sorted(variables_in(text) - _known_variables(document, loc)):
        message = f"the template {template!r} needs {name}; set {_source(name)} in env"
        yield document.problem(place, message)


def _known_variables(document: Document, loc: Loc) -> set[str]:
    env = {**_mapping(document, ("env",)), **_mapping(document, (*loc, "env"))}
    # Values don't matter here, and may be wrong.
    return {*template_variables(dict.fromkeys(env, "1")), *PROVIDED}


def _source(name: str) -> str:
    for suffix in ("_WHOLE_SECONDS", "_MS"):
        if name.endswith(suffix):
            return name.removesuffix(suffix) + DURATION_SUFFIX
    return name


def _beside_problems(document: Document, parts: Mapping[str, Any]) -> Iterator[Problem]:
    for name, each in _mapping(document, ("beside",)).items():
        loc: Loc = ("beside", name)
        if not _is_name(name):
            yield document.problem(loc, f"its name {_NAME_HOLDS}", key=True)
        elif name in parts or name == "process":
            message = f"{name!r} is a part of the service already; accepted: another name"
            yield document.problem(loc, message, key=True)
        if isinstance(each, dict) and ("port" in each) == ("pid" in each):
            message = "accepted: exactly one of port and pid, of this machine"
            yield document.problem(loc, message, key=True)


def _external_problems(document: Document, *, allow_remote: bool) -> Iterator[Problem]:
    loc: Loc = ("external", "url")
    url = document.value(loc)
    if not isinstance(url, str):
        return
    try:
        host = address.split_address(url).hostname or ""
    except ValueError as error:
        yield document.problem(loc, str(error))
        return
    allowed = allow_remote or document.value(("external", "allow_remote")) is True
    if not allowed and not address.is_test_host(host):
        yield document.problem(loc, address.remote_refused(host))
