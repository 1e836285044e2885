"""What virtual users do: flows, steps and requests, from the models of the file to records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..records import Capture, Expectation, Flow, Loop, Request, Step, Think
from .regexp import python_pattern
from .schema import METHODS
from .url import label, path_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .schema import (
        CaptureSpec,
        ConfigSpec,
        ExpectSpec,
        FileSpec,
        FlowSpec,
        RequestSpec,
        StepSpec,
    )


def flows(file: FileSpec) -> tuple[Flow, ...]:
    """Make the records of all flows."""
    defaults = _for_all(file.config)
    return tuple(_flow(number, spec, defaults) for number, spec in enumerate(file.scenarios, 1))


@dataclass(frozen=True)
class _ForAll:
    """What holds for all requests unless they say otherwise."""

    target: str | None
    headers: dict[str, str]
    cookies: dict[str, str]
    strict: bool


def _for_all(config: ConfigSpec) -> _ForAll:
    old, new = config.defaults, config.http.defaults
    return _ForAll(
        target=config.target,
        headers=_over(old.headers, new.headers),
        cookies={**old.cookie, **new.cookie},
        strict=old.strict_capture and new.strict_capture,
    )


def _over(headers: dict[str, str], winners: dict[str, str]) -> dict[str, str]:
    # Names of headers are the same in any case.
    won = {name.lower() for name in winners}
    return {name: text for name, text in headers.items() if name.lower() not in won} | winners


def _flow(number: int, spec: FlowSpec, defaults: _ForAll) -> Flow:
    name = spec.name or f"scenario {number}"
    return Flow(name, spec.weight, tuple(_step(step, defaults) for step in spec.flow))


def _step(spec: StepSpec, defaults: _ForAll) -> Step:
    if spec.think is not None:
        return Think(spec.think)
    if spec.loop is not None:
        steps = tuple(_step(step, defaults) for step in spec.loop)
        over = tuple(spec.over) if isinstance(spec.over, list) else spec.over
        return Loop(steps, spec.count, over)
    method = next(name for name in METHODS if getattr(spec, name) is not None)
    return _request(method.upper(), getattr(spec, method), defaults)


def _request(method: str, spec: RequestSpec, defaults: _ForAll) -> Request:
    url = path_of(spec.url, defaults.target)
    return Request(
        method=method,
        url=url,
        label=spec.name or label(method, url),
        headers=_over(defaults.headers, spec.headers),
        cookies={**defaults.cookies, **spec.cookie},
        query=spec.qs,
        json=spec.json_body,
        has_json="json_body" in spec.model_fields_set,
        body=spec.body,
        form=spec.form,
        follow_redirects=spec.follow_redirect,
        captures=tuple(_capture(capture, defaults) for capture in spec.capture),
        expectations=tuple(one for expect in spec.expect for one in _expectations(expect)),
    )


def _capture(spec: CaptureSpec, defaults: _ForAll) -> Capture:
    strict = defaults.strict if spec.strict is None else spec.strict
    if spec.regexp is not None:
        pattern = python_pattern(spec.regexp, spec.flags)
        return Capture(spec.as_name, "regexp", pattern, spec.group, strict)
    if spec.header is not None:
        return Capture(spec.as_name, "header", spec.header, strict=strict)
    return Capture(spec.as_name, "json", spec.json_path or "", strict=strict)


def _expectations(spec: ExpectSpec) -> Iterator[Expectation]:
    if spec.status_code is not None:
        yield Expectation("statusCode", spec.status_code)
    if spec.content_type is not None:
        yield Expectation("contentType", spec.content_type)
    if spec.has_property is not None:
        yield Expectation("hasProperty", spec.has_property)
    if spec.not_has_property is not None:
        yield Expectation("notHasProperty", spec.not_has_property)
    if spec.equals is not None:
        yield Expectation("equals", spec.equals)
