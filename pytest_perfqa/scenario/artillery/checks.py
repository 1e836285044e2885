"""What one key says against another, on the raw file: other mistakes must not hide these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...base.wording import shown
from . import regexp
from .faults import fault_problems
from .fields import scalar_text
from .locustfile import WHERE as LOCUSTFILE
from .locustfile import locustfile_problems
from .phases import phase_problems, warmup_problems
from .schema import METHODS, STEPS
from .templates import Scope
from .thresholds import threshold_problems
from .url import has_host, label, path_of
from .walk import each, each_mapping, given, texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...base.yaml_file.reading import Document, Loc
    from ...errors import Problem

# A record has one byte for the endpoint, and 255 means a whole arrival.
MAX_ENDPOINTS = 254
_BODIES = ("json", "body", "form")
_TEMPLATED = ("headers", "cookie", "qs", *_BODIES)
_SOURCES = ("json", "header", "regexp")


def cross_problems(document: Document) -> Iterator[Problem]:
    """Check keys against each other, and templates against the names known where they stand."""
    yield from phase_problems(document)
    yield from warmup_problems(document)
    yield from fault_problems(document)
    yield from locustfile_problems(document)
    scope = Scope.of_file(document)
    yield from _default_problems(scope)
    yield from _variable_problems(document)
    for loc, raw in each_mapping(document, ("scenarios",)):
        yield from _steps(scope.of_flow(), (*loc, "flow"), raw.get("flow"))
    endpoints = _endpoints(document)
    yield from _endpoint_problems(document, endpoints)
    has_own = document.value(LOCUSTFILE) is not None
    yield from threshold_problems(document, None if has_own else list(endpoints))


def _default_problems(scope: Scope) -> Iterator[Problem]:
    for at in (("config", "defaults"), ("config", "http", "defaults")):
        for key in ("headers", "cookie"):
            yield from scope.problems((*at, key), scope.document.value((*at, key)))


def _variable_problems(document: Document) -> Iterator[Problem]:
    where = ("config", "variables")
    for place, found in texts(where, document.value(where)):
        if "{{" in found:
            yield document.problem(place, f"templates are not expanded here: {shown(found)}")


def _steps(scope: Scope, loc: Loc, raw: object) -> Iterator[Problem]:
    """Check a list of steps; what they capture is known to those after them."""
    for place, step in each(loc, raw):
        if isinstance(step, dict):
            yield from _step(scope, place, step)


def _step(scope: Scope, loc: Loc, raw: dict[str, Any]) -> Iterator[Problem]:
    kinds = [key for key in raw if key in STEPS and raw[key] is not None]
    if len(kinds) > 1 or (not kinds and raw.keys() <= {*STEPS, "count", "over"}):
        found = ", ".join(kinds) or "none"
        yield scope.document.problem(loc, f"a step has one of {', '.join(STEPS)}; found: {found}")
    if "loop" not in kinds and raw.keys() & {"count", "over"}:
        yield scope.document.problem(loc, "'count' and 'over' belong to a 'loop'")
    for kind in kinds:
        if kind == "loop":
            yield from _loop(scope, loc, raw)
        elif isinstance(raw[kind], dict):
            yield from _request(scope, (*loc, kind), raw[kind])


def _loop(scope: Scope, loc: Loc, raw: dict[str, Any]) -> Iterator[Problem]:
    if len(given(raw) & {"count", "over"}) != 1 and "whileTrue" not in raw:
        yield scope.document.problem(loc, "a loop has either 'count' or 'over'")
    over = raw.get("over")
    if isinstance(over, str):
        yield from scope.name_problems((*loc, "over"), over)
    yield from _steps(scope.of_loop(), (*loc, "loop"), raw["loop"])


def _request(scope: Scope, loc: Loc, raw: dict[str, Any]) -> Iterator[Problem]:
    # "json: null" is a body, the others' null is none.
    bodies = [key for key in _BODIES if raw.get(key) is not None or (key == "json" and key in raw)]
    if len(bodies) > 1:
        message = f"{' and '.join(map(repr, bodies))} contradict each other"
        yield scope.document.problem(loc, message)
    if isinstance(raw.get("url"), str):
        yield from _address(scope, (*loc, "url"), raw["url"])
    for key in _TEMPLATED:
        yield from scope.problems((*loc, key), raw.get(key))
    for place, capture in each((*loc, "capture"), raw.get("capture")):
        if isinstance(capture, dict):
            yield from _capture(scope, place, capture)
    # Artillery checks expectations when captures are done.
    yield from scope.problems((*loc, "expect"), raw.get("expect"))


def _address(scope: Scope, loc: Loc, url: str) -> Iterator[Problem]:
    path = path_of(url, scope.document.value(("config", "target")))
    if has_host(path):
        reason = "load goes only to the service under test"
        yield scope.document.problem(loc, f"found {shown(url)}; accepted: a path, since {reason}")
    yield from scope.problems(loc, path)


def _capture(scope: Scope, loc: Loc, raw: dict[str, Any]) -> Iterator[Problem]:
    sources = [key for key in _SOURCES if raw.get(key) is not None]
    if len(sources) != 1 and not raw.keys() & {"xpath", "selector"}:
        found = ", ".join(sources) or "none"
        message = f"a capture has one of {', '.join(_SOURCES)}; found: {found}"
        yield scope.document.problem(loc, message)
    if "regexp" in raw:
        for key, message in regexp.mistakes(raw):
            yield scope.document.problem((*loc, key), message)
    if isinstance(raw.get("as"), str | int | float):
        scope.names.add(scalar_text(raw["as"]))


def _endpoints(document: Document) -> dict[str, Loc]:
    endpoints: dict[str, Loc] = {}
    for loc, flow in each_mapping(document, ("scenarios",)):
        for place, name in _labels(document, (*loc, "flow"), flow.get("flow")):
            endpoints.setdefault(name, place)
    return endpoints


def _endpoint_problems(document: Document, endpoints: dict[str, Loc]) -> Iterator[Problem]:
    too_many = list(endpoints.values())[MAX_ENDPOINTS:]
    if too_many:
        accepted = f"at most {MAX_ENDPOINTS}, where requests of the same 'name' count as one"
        message = f"one endpoint too many of {len(endpoints)}; accepted: {accepted}"
        yield document.problem(too_many[0], message)


def _labels(document: Document, loc: Loc, raw: object) -> Iterator[tuple[Loc, str]]:
    for place, step in each(loc, raw):
        for kind, value in step.items() if isinstance(step, dict) else ():
            if kind == "loop":
                yield from _labels(document, (*place, kind), value)
            elif kind in METHODS and isinstance(value, dict):
                name, url = value.get("name"), value.get("url")
                if isinstance(name, str | int | float) and scalar_text(name):
                    yield (*place, kind), scalar_text(name)
                elif isinstance(url, str):
                    path = path_of(url, document.value(("config", "target")))
                    yield (*place, kind), label(kind, path)
