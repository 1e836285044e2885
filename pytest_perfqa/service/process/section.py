"""The section ``process`` of a service.yaml: its form, what may be wrong with it, what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from ...base.wording import did_you_mean
from ...base.yaml_file.validation import Strict
from ..config import DURATION_SUFFIX, Command, Nginx, template_variables
from ..fields import (
    NAME_HOLDS,
    Env,
    Text,
    command_problems,
    env_problems,
    is_name,
    mapping,
    placeholder_problems,
)
from ..template import PROVIDED, variables_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ...base.yaml_file.reading import Document, Loc
    from ...errors import Problem


class PartSpec(Strict):
    """One part: a command or an nginx."""

    command: str | None = None
    replicas: Annotated[int, Field(ge=1)] = 1
    nginx: Text | None = None
    upstream: str | None = None
    env: Env = Field(default_factory=dict)


Form = dict[str, PartSpec]


def parts(folder: Path, content: Form) -> dict[str, Command | Nginx]:
    """Make the parts of a section without mistakes, by name."""
    return {name: _part(folder, name, part) for name, part in content.items()}


def _part(folder: Path, name: str, part: PartSpec) -> Command | Nginx:
    if part.command is not None:
        return Command(name, part.command, part.env, part.replicas)
    # _part_problems has refused a part that is neither.
    return Nginx(name, folder / str(part.nginx), str(part.upstream), part.env)


# What the form alone can't tell ------------------------------------------------------------
# These look at the raw content, so that they are reported together with errors of form; a value
# of a wrong kind is passed over here, since the form reports it.


def problems(document: Document) -> Iterator[Problem]:
    """Find contradictions within the section, and of other keys with it."""
    found = mapping(document, ("process",))
    yield from _endpoint_problems(document, found)
    for name in found:
        yield from _part_problems(document, name)
        yield from env_problems(document, ("process", name, "env"))
    for name in mapping(document, ("beside",)):
        if name in found and is_name(name):
            message = f"{name!r} is a part of the service already; accepted: another name"
            yield document.problem(("beside", name), message, key=True)


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


def _part_problems(document: Document, name: str) -> Iterator[Problem]:
    loc: Loc = ("process", name)
    part = document.value(loc)
    if not is_name(name):
        yield document.problem(loc, f"a part's name {NAME_HOLDS}", key=True)
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
    yield from command_problems(document, (*loc, "command"), command)
    yield from placeholder_problems(document, (*loc, "command"), command)


def _nginx_problems(document: Document, loc: Loc, part: Mapping[str, object]) -> Iterator[Problem]:
    if "replicas" in part:
        message = "goes with command, not with nginx"
        yield document.problem((*loc, "replicas"), message, key=True)
    upstream, template = part.get("upstream"), part["nginx"]
    commands = {
        name: other
        for name, other in mapping(document, ("process",)).items()
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
    env = {**mapping(document, ("env",)), **mapping(document, (*loc, "env"))}
    # Values don't matter here, and may be wrong.
    return {*template_variables(dict.fromkeys(env, "1")), *PROVIDED}


def _source(name: str) -> str:
    for suffix in ("_WHOLE_SECONDS", "_MS"):
        if name.endswith(suffix):
            return name.removesuffix(suffix) + DURATION_SUFFIX
    return name
