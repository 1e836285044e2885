"""Scenario files: Artillery YAML into a ``Scenario``, with every mistake at once and its line.

What can't be honoured is a mistake, never ignored. Where Artillery leaves a choice:

- An environment is merged as Artillery does it: mappings key by key, lists item by item.
- ``rampTo`` without ``arrivalRate`` starts from 0; an ``arrivalRate`` of 0 is a pause.
- A list under ``variables`` gives alternatives, one drawn for each virtual user.
- Payload cells that are JSON numbers or booleans become such, unless ``cast`` is false.
- ``{{ $env.X }}``, ``{{ $processEnvironment.X }}``, ``{{ $environment }}``, ``{{ $dirname }}`` and
  ``{{ $scenarioFile }}`` are filled in when the file is read; for all other templates see
  ``template.py``.
- Top-level keys that begin with ``x-`` hold anchors and are left alone.
"""

# ruff: noqa: RUF012 - pydantic copies the defaults of its models
from __future__ import annotations

import ast
import csv
import io
import json
import math
import os
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from . import template
from .errors import FileProblems, Problem
from .scenario import (
    Arrivals,
    Capture,
    Ensure,
    Expectation,
    Flow,
    Loop,
    Payload,
    Phase,
    Request,
    Scenario,
    Step,
    Think,
)
from .yaml_file import (
    CountField,
    Document,
    DurationField,
    Loc,
    PauseField,
    RateField,
    Refused,
    Strict,
    did_you_mean,
    load,
    shown,
    unaccepted,
    validate,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
_STEPS = (*_METHODS, "think", "loop")
_MAX_CSV_BYTES = 50_000_000
_MAX_ARRIVALS = 1e9
_MAX_CSV_PROBLEMS = 20

# Fields ------------------------------------------------------------------------------------


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    if not isinstance(value, str):
        raise unaccepted("a text")
    return value


def _one_line(value: str) -> str:
    # A line break in a header or an URL would smuggle in another header.
    if any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise unaccepted("a text without line breaks or other control characters")
    return value


def _flag(value: object) -> bool:
    flags = {"true": True, "false": False}
    if isinstance(value, bool):
        return value
    if not isinstance(value, str) or value not in flags:
        raise unaccepted("true or false")
    return flags[value]


def _list(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _url(value: str) -> str:
    # Another host is found where the target is known.
    if not _path(value, None).startswith(("/", "{{")) and not _other_host(value):
        raise unaccepted("a path that begins with '/'")
    return value


def _path(url: str, target: object) -> str:
    """Take the target, written out or as Artillery's variable, from the front of an URL."""
    fronts = [r"\{\{\s*target\s*\}\}"]
    if isinstance(target, str) and target:
        fronts.append(re.escape(target.rstrip("/")))
    path = re.sub(rf"\A(?:{'|'.join(fronts)})(?=[/?#]|\Z)", "", url)
    return path if path.startswith(("/", "{{")) or _other_host(path) or path == url else "/" + path


def _other_host(url: str) -> bool:
    return re.match(r"https?://", url, re.IGNORECASE) is not None


def _jsonpath(value: str) -> str:
    from jsonpath_ng.ext.parser import parse  # noqa: PLC0415 - 50 ms for those who use it

    _no_template(value)
    try:
        parse(value)
    except Exception:  # noqa: BLE001 - the parser lets errors of many types through
        raise unaccepted("a JSONPath such as '$.items[0].id'") from None
    return value


def _no_template(value: str) -> None:
    if "{{" in value:
        raise unaccepted("an expression without templates")


def _finite(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        raise unaccepted("finite numbers, which is all that JSON has")
    for inner in value.values() if isinstance(value, dict) else ():
        _finite(inner)
    for inner in value if isinstance(value, list) else ():
        _finite(inner)
    return value


def _some(value: object) -> object:
    if value == []:
        raise unaccepted("a value, or a list of at least one")
    return value


def _status(value: object) -> int | str:
    if isinstance(value, str) and re.fullmatch(r"\{\{[^{}]*\}\}", value):
        return value
    if not isinstance(value, bool) and re.fullmatch(r"[1-5]\d\d", str(value)):
        return int(str(value))
    raise unaccepted("a status code such as 200")


def _rejected_unauthorized(value: object) -> object:
    if value is not True:
        raise unaccepted("true, since certificates are always checked")
    return value


def _delimiter(value: str) -> str:
    if len(value) != 1 or value in '\r\n"' or not (value.isprintable() or value == "\t"):
        raise unaccepted("one character, such as ';'")
    return value


_Text = Annotated[str, BeforeValidator(_text)]
_Line = Annotated[_Text, AfterValidator(_one_line)]
_Flag = Annotated[bool, BeforeValidator(_flag)]
_Url = Annotated[_Line, AfterValidator(_url)]
_JsonPath = Annotated[str, AfterValidator(_jsonpath)]
_Scalar = _Line | list[_Line]
_Positive = Annotated[CountField, Field(ge=1)]
_Json = Annotated[Any, AfterValidator(_finite)]
_Status = Annotated[int | str, BeforeValidator(_status)]

_JAVASCRIPT = "can't be honoured: JavaScript is not run"
_LATER = "not supported yet"
_HTTP_ONLY = "can't be honoured: only HTTP requests are sent"
_Script = Annotated[object, Refused(_JAVASCRIPT)]
_Later = Annotated[object, Refused(_LATER)]
_OtherEngine = Annotated[object, Refused(_HTTP_ONLY)]


def _cannot(reason: str) -> Refused:
    return Refused(f"can't be honoured: {reason}")


# Requirements ------------------------------------------------------------------------------

_METRIC = re.compile(
    r"http\.(?:response_time\.(?:min|max|mean|median|p50|p75|p90|p95|p99|p999)"
    r"|codes\.\d{3}|requests|responses|request_rate)"
    r"|vusers\.(?:created|completed|failed|skipped)|errors\.\S+"
)
_METRICS = (
    "http.response_time.{min,max,mean,median,p50,p75,p90,p95,p99,p999}, http.codes.NNN, "
    "http.requests, http.responses, http.request_rate, "
    "vusers.{created,completed,failed,skipped}, errors.NAME"
)
_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?:\.\w+)*")
_CONDITION_NODES = (
    *(ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.Compare),
    *(ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq, ast.BinOp, ast.Add, ast.Sub),
    *(ast.Mult, ast.Div, ast.Mod, ast.Name, ast.Load, ast.Constant),
)


def _metric(name: str) -> str:
    if not _METRIC.fullmatch(name):
        raise unaccepted(f"a metric among {_METRICS}")
    return name


def _threshold(value: dict[str, float]) -> dict[str, float]:
    if len(value) != 1:
        raise unaccepted("one metric with its limit")
    _metric(*value)
    return value


def _condition(value: str) -> str:
    for name in set(_NAME.findall(value)) - {"and", "or", "not"}:
        if not _METRIC.fullmatch(name):
            raise ValueError(f"unknown metric {shown(name)}; accepted: {_METRICS}")
    if not _compares(_NAME.sub(_stand_in, value)):
        raise unaccepted(
            "comparisons such as 'http.response_time.p95 < 250 and vusers.failed == 0'"
        )
    return value


def _stand_in(match: re.Match[str]) -> str:
    # "http.codes.200" is no Python expression, a name in its place is.
    return match[0] if match[0] in ("and", "or", "not") else "metric"


def _compares(text: str) -> bool:
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    numbers = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return (
        all(isinstance(node, _CONDITION_NODES) for node in ast.walk(tree))
        and all(type(number) in (int, float) for number in numbers)
        and isinstance(tree.body, ast.Compare | ast.BoolOp | ast.UnaryOp)
    )


# The file ----------------------------------------------------------------------------------


class _Part(Strict):
    model_config = ConfigDict(alias_generator=to_camel)


class _Phase(_Part):
    name: _Text | None = None
    duration: DurationField | None = None
    arrival_rate: RateField | None = None
    ramp_to: RateField | None = None
    arrival_count: CountField | None = None
    pause: DurationField | None = None
    max_vusers: _Positive | None = None


class _Payload(_Part):
    path: str
    fields: Annotated[list[str], Field(min_length=1)]
    order: Literal["sequence", "random"] = "random"
    skip_header: _Flag = False
    skip_empty_lines: _Flag = True
    delimiter: Annotated[str, AfterValidator(_delimiter)] = ","
    cast: _Flag = True
    load_all: Annotated[object, _cannot("each virtual user gets one row")] = None
    name: Annotated[object, _cannot("it belongs to 'loadAll'")] = None
    options: Annotated[object, _cannot("it belongs to Artillery's CSV parser")] = None


class _Defaults(_Part):
    headers: dict[str, _Line] = {}
    cookie: dict[str, _Line] = {}
    strict_capture: _Flag = True
    think: Annotated[object, _cannot("think times have no jitter")] = None


class _Http(_Part):
    timeout: DurationField = 10.0
    pool: _Positive | None = None
    # A virtual user sends one request after the other: any maximum is kept.
    max_sockets: _Positive | None = None
    extended_metrics: _Flag = False
    defaults: _Defaults = _Defaults()
    distributed_tracing: Annotated[object, _cannot("no tracing headers are added")] = None


class _Condition(_Part):
    expression: Annotated[str, AfterValidator(_condition)]
    strict: _Flag = True


class _Ensure(_Part):
    thresholds: list[Annotated[dict[str, RateField], AfterValidator(_threshold)]] = []
    conditions: list[_Condition] = []
    max_error_rate: Annotated[RateField, Field(le=100)] | None = None
    min: RateField | None = None
    max: RateField | None = None
    median: RateField | None = None
    p95: RateField | None = None
    p99: RateField | None = None


class _ExpectPlugin(_Part):
    output_format: str | None = None
    formatter: str | None = None
    use_only_request_names: _Flag = False
    # A miss is an error here in any case.
    report_failures_as_errors: Literal[True, "true"] = True
    expect_default: Annotated[object, _cannot("write 'expect' at the requests")] = Field(
        None, alias="expectDefault200"
    )


class _Plugins(_Part):
    ensure: _Ensure | None = None
    expect: _ExpectPlugin | None = None
    metrics_by_endpoint: dict[str, Any] | None = Field(None, alias="metrics-by-endpoint")


class _Tls(_Part):
    reject_unauthorized: Annotated[bool, BeforeValidator(_rejected_unauthorized)] = True


class _Perfqa(_Part):
    warmup: Annotated[list[_Text], BeforeValidator(_list)] = []
    arrivals: Arrivals = "uniform"
    seed: CountField = 0
    abort: _Later = None
    users: _Later = None
    locustfile: _Later = None
    faults: _Later = None


class _Config(_Part):
    target: str | None = None
    phases: Annotated[list[_Phase], Field(min_length=1)]
    environments: dict[str, dict[str, Any]] = {}
    variables: dict[str, Annotated[_Json, AfterValidator(_some)]] = {}
    payload: Annotated[list[_Payload], BeforeValidator(_list)] = []
    defaults: _Defaults = _Defaults()
    http: _Http = _Http()
    ensure: _Ensure = _Ensure()
    plugins: _Plugins = _Plugins()
    perfqa: _Perfqa = _Perfqa()
    tls: _Tls = _Tls()
    # Reporting and packing only: nothing that the load depends on.
    stats_interval: CountField | None = None
    include_files: list[str] = []
    processor: _Script = None
    bundling: _Script = None
    engines: _OtherEngine = None
    ws: _OtherEngine = None
    socketio: _OtherEngine = None
    apdex: Annotated[object, _cannot("write the requirement as a test or under 'ensure'")] = None


class _Capture(_Part):
    json_path: Annotated[_JsonPath | None, Field(alias="json")] = None
    header: _Line | None = None
    regexp: str | None = None
    group: CountField | _Text = 0
    flags: str = ""
    as_name: Annotated[_Text, Field(alias="as")]
    strict: _Flag | None = None
    xpath: Annotated[object, _cannot("answers are read by json, header or regexp")] = None
    selector: Annotated[object, _cannot("answers are read by json, header or regexp")] = None
    transform: _Script = None


_MORE_EXPECT = _cannot(
    "accepted: statusCode, contentType, hasProperty, notHasProperty, equals",
)


class _Expect(_Part):
    status_code: Annotated[list[_Status], BeforeValidator(_list)] | None = None
    content_type: str | None = None
    has_property: _JsonPath | None = None
    not_has_property: _JsonPath | None = None
    equals: Annotated[list[Any], Field(min_length=2)] | None = None
    not_status_code: Annotated[object, _MORE_EXPECT] = None
    has_header: Annotated[object, _MORE_EXPECT] = None
    header_equals: Annotated[object, _MORE_EXPECT] = None
    matches_regexp: Annotated[object, _MORE_EXPECT] = None
    cdn_hit: Annotated[object, _MORE_EXPECT] = None
    jmespath: Annotated[object, _MORE_EXPECT] = None


class _Request(_Part):
    url: _Url
    name: _Line | None = None
    headers: dict[str, _Line] = {}
    cookie: dict[str, _Line] = {}
    qs: dict[str, _Scalar] = {}
    json_body: Annotated[_Json, Field(alias="json")] = None
    body: str | None = None
    form: dict[str, _Text | list[_Text]] | None = None
    follow_redirect: _Flag = True
    capture: Annotated[list[_Capture], BeforeValidator(_list)] = []
    expect: Annotated[list[_Expect], BeforeValidator(_list)] = []
    if_true: _Script = None
    before_request: _Script = None
    after_response: _Script = None
    form_data: Annotated[object, _cannot("multipart forms are not sent; accepted: form")] = None
    set_content_length_header: Annotated[object, _cannot("it belongs to 'formData'")] = None
    match: Annotated[object, _cannot("write 'expect' instead")] = None
    auth: Annotated[object, _cannot("write an Authorization header instead")] = None
    gzip: Annotated[object, _cannot("write an Accept-Encoding header instead")] = None


class _Step(_Part):
    get: _Request | None = None
    post: _Request | None = None
    put: _Request | None = None
    patch: _Request | None = None
    delete: _Request | None = None
    head: _Request | None = None
    options: _Request | None = None
    think: PauseField | None = None
    loop: Annotated[list[_Step], Field(min_length=1)] | None = None
    count: CountField | None = None
    over: str | list[Any] | None = None
    while_true: _Script = None
    if_true: _Script = None
    function: _Script = None
    jitter: Annotated[object, _cannot("think times have no jitter")] = None
    loop_value: Annotated[object, _cannot("the counter is $loopCount")] = None
    loop_element: Annotated[object, _cannot("the element is $loopElement")] = None
    parallel: Annotated[object, _cannot("a virtual user sends one request at a time")] = None
    log: Annotated[object, _cannot("nothing is printed by virtual users")] = None
    emit: _OtherEngine = None
    send: _OtherEngine = None
    connect: _OtherEngine = None
    namespace: _OtherEngine = None
    acknowledge: _OtherEngine = None


class _Flow(_Part):
    name: _Text | None = None
    weight: Annotated[RateField, Field(gt=0)] = 1.0
    flow: Annotated[list[_Step], Field(min_length=1)]
    engine: Literal["http"] = "http"
    before_scenario: _Script = None
    after_scenario: _Script = None
    before_request: _Script = None
    after_response: _Script = None
    flow_function: _Script = None
    test_function: _Script = None


class _File(_Part):
    config: _Config
    scenarios: Annotated[list[_Flow], BeforeValidator(_list), Field(min_length=1)]
    before: Annotated[object, _cannot("nothing is run before the load")] = None
    after: Annotated[object, _cannot("nothing is run after the load")] = None


# Reading -----------------------------------------------------------------------------------


def read_scenario(path: Path, environment: str | None = None) -> Scenario:
    """Read a scenario file, at full scale, with the named environment merged into its config.

    Raises:
        FileProblems: with everything that is wrong in it or in its CSV files, or that can't be
            honoured.
    """
    document, problems = _filled(_in_environment(load(path), environment), environment)
    problems += _cross_problems(document)
    payloads, csv_problems = _payloads(document)
    problems += csv_problems
    try:
        file = validate(document, _File)
    except FileProblems as error:
        raise FileProblems([*error.problems, *problems]) from None
    phases = tuple(_phase(number, spec) for number, spec in enumerate(file.config.phases, 1))
    problems += _arrival_problems(document, phases)
    if problems:
        raise FileProblems(problems)
    return _scenario(document, file, phases, payloads)


def _in_environment(document: Document, name: str | None) -> Document:
    data = document.data
    if isinstance(data, dict) and any(key.startswith("x-") for key in data):
        kept = {key: value for key, value in data.items() if not key.startswith("x-")}
        document = replace(document, data=kept)
    if name is None:
        return document
    known = document.value(("config", "environments"))
    names = list(known) if isinstance(known, dict) else []
    if name not in names:
        message = f"unknown environment {name!r}; accepted: {', '.join(names) or 'none'}"
        where: Loc = ("config", "environments") if names else ("config",)
        raise FileProblems([document.problem(where, message + did_you_mean(name, names))])
    merged = document.overlaid(("config",), ("config", "environments", name))
    return replace(merged, data={key: merged.data[key] for key in document.data})


_READ_TIME = re.compile(
    r"\{\{\s*\$(?:(?:processEnvironment|env)\.(?P<variable>[^\s{}]+)"
    r"|(?P<name>environment|dirname|scenarioFile))\s*\}\}"
)


def _filled(document: Document, environment: str | None) -> tuple[Document, list[Problem]]:
    """Replace what is known when a file is read; the problems are of what isn't."""
    path = document.path.absolute()
    known = {"dirname": str(path.parent), "scenarioFile": str(path), "environment": environment}
    problems: list[Problem] = []

    def fill(loc: Loc, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: fill((*loc, key), inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [fill((*loc, number), inner) for number, inner in enumerate(value)]
        if isinstance(value, str):
            return _READ_TIME.sub(lambda match: known_text(loc, match), value)
        return value

    def known_text(loc: Loc, match: re.Match[str]) -> str:
        variable = match["variable"]
        text = os.environ.get(variable) if variable else known[match["name"]]
        if text is None:
            what = f"the environment variable {variable}" if variable else "an environment"
            problems.append(document.problem(loc, f"{match[0]} needs {what}, which is not set"))
        return text if text is not None else match[0]

    return replace(document, data=fill((), document.data)), problems


def _phase(number: int, spec: _Phase) -> Phase:
    name = spec.name or f"phase {number}"
    if spec.pause is not None:
        return Phase(name, spec.pause)
    duration = spec.duration or 0.0
    if spec.arrival_count is not None:
        return Phase(name, duration, count=spec.arrival_count, max_vusers=spec.max_vusers)
    rate = spec.arrival_rate or 0.0
    rate_end = rate if spec.ramp_to is None else spec.ramp_to
    return Phase(name, duration, rate, rate_end, max_vusers=spec.max_vusers)


def _arrival_problems(document: Document, phases: Iterable[Phase]) -> list[Problem]:
    if any(_phase_problems(document)):
        return []
    expected = sum(phase.expected for phase in phases)
    where = ("config", "phases")
    if expected == 0:
        return [document.problem(where, "no phase brings any arrivals")]
    if not expected <= _MAX_ARRIVALS:
        message = f"{expected:.3g} arrivals; accepted: at most {_MAX_ARRIVALS:.0e}"
        return [document.problem(where, message)]
    return []


def _scenario(
    document: Document, file: _File, phases: tuple[Phase, ...], payloads: tuple[Payload, ...]
) -> Scenario:
    config = file.config
    defaults = _merged_defaults(config)
    at, ensure = _requirements(config)
    return Scenario(
        name=document.path.stem,
        phases=phases,
        flows=tuple(_flow(n, spec, defaults) for n, spec in enumerate(file.scenarios, 1)),
        timeout=config.http.timeout,
        keep_connections=config.http.pool is not None,
        variables={name: _alternatives(value) for name, value in config.variables.items()},
        payloads=payloads,
        arrivals=config.perfqa.arrivals,
        seed=config.perfqa.seed,
        warmup=frozenset(config.perfqa.warmup),
        ensure=tuple(_ensures(document, at, ensure)),
        max_error_rate=None if ensure.max_error_rate is None else ensure.max_error_rate / 100,
    )


def _alternatives(value: object) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list) else (value,)


# Requirements of the file ------------------------------------------------------------------


def _requirements(config: _Config) -> tuple[Loc, _Ensure]:
    plugin = config.plugins.ensure
    if "ensure" not in config.model_fields_set and plugin is not None:
        return ("config", "plugins", "ensure"), plugin
    return ("config", "ensure"), config.ensure


def _ensures(document: Document, at: Loc, ensure: _Ensure) -> Iterator[Ensure]:
    for number, threshold in enumerate(ensure.thresholds):
        for metric, limit in threshold.items():
            line = document.line((*at, "thresholds", number, metric))
            yield Ensure(f"{metric} < {limit:g}", line)
    for number, condition in enumerate(ensure.conditions):
        line = document.line((*at, "conditions", number, "expression"))
        yield Ensure(condition.expression.strip(), line, condition.strict)
    for name in ("min", "max", "median", "p95", "p99"):
        limit = getattr(ensure, name)
        if limit is not None:
            yield Ensure(f"http.response_time.{name} < {limit:g}", document.line((*at, name)))


# Flows -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _ForAll:
    """What holds for all requests unless they say otherwise."""

    target: str | None
    headers: dict[str, str]
    cookies: dict[str, str]
    strict: bool


def _merged_defaults(config: _Config) -> _ForAll:
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


def _flow(number: int, spec: _Flow, defaults: _ForAll) -> Flow:
    name = spec.name or f"scenario {number}"
    return Flow(name, spec.weight, tuple(_step(step, defaults) for step in spec.flow))


def _step(spec: _Step, defaults: _ForAll) -> Step:
    if spec.think is not None:
        return Think(spec.think)
    if spec.loop is not None:
        steps = tuple(_step(step, defaults) for step in spec.loop)
        over = tuple(spec.over) if isinstance(spec.over, list) else spec.over
        return Loop(steps, spec.count, over)
    method = next(name for name in _METHODS if getattr(spec, name) is not None)
    return _request(method.upper(), getattr(spec, method), defaults)


def _request(method: str, spec: _Request, defaults: _ForAll) -> Request:
    url = _path(spec.url, defaults.target)
    path = re.split(r"[?#]", url, maxsplit=1)[0]
    return Request(
        method=method,
        url=url,
        label=spec.name or f"{method} {path}",
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


def _capture(spec: _Capture, defaults: _ForAll) -> Capture:
    strict = defaults.strict if spec.strict is None else spec.strict
    if spec.regexp is not None:
        pattern = _pattern(spec.regexp, spec.flags)
        return Capture(spec.as_name, "regexp", pattern, spec.group, strict)
    if spec.header is not None:
        return Capture(spec.as_name, "header", spec.header, strict=strict)
    return Capture(spec.as_name, "json", spec.json_path or "", strict=strict)


def _pattern(text: str, flags: str) -> str:
    """Write a JavaScript regular expression as Python has it."""
    # Of JavaScript's flags g, u and y make no difference to a first match.
    inline = "".join(flag for flag in "ims" if flag in flags)
    return (f"(?{inline})" if inline else "") + re.sub(r"\(\?<(?![=!])", "(?P<", text)


def _expectations(spec: _Expect) -> Iterator[Expectation]:
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


# Payloads ----------------------------------------------------------------------------------


def _payloads(document: Document) -> tuple[tuple[Payload, ...], list[Problem]]:
    payloads: list[Payload] = []
    problems: list[Problem] = []
    for loc, raw in _each(("config", "payload"), document.value(("config", "payload"))):
        if raw is None:
            continue
        try:
            payloads.append(_payload(document, loc, validate(document, _Payload, loc)))
        except FileProblems as error:
            problems += error.problems
    return tuple(payloads), problems


def _payload(document: Document, loc: Loc, spec: _Payload) -> Payload:
    path = document.path.parent / spec.path
    try:
        if path.stat().st_size > _MAX_CSV_BYTES:
            message = f"{spec.path} is larger than {_MAX_CSV_BYTES // 1_000_000} MB"
            raise FileProblems([document.problem((*loc, "path"), message)])
        if not path.is_file():
            raise FileNotFoundError("it is not a file")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{spec.path} is not UTF-8: {error.reason} at byte {error.start}"
        raise FileProblems([document.problem((*loc, "path"), message)]) from None
    except (OSError, ValueError) as error:
        message = f"{shown(spec.path)} can't be read: {error}"
        raise FileProblems([document.problem((*loc, "path"), message)]) from None
    return Payload(tuple(spec.fields), _rows(path, text, spec), spec.order)


def _rows(
    path: Path, text: str, spec: _Payload
) -> tuple[tuple[str | int | float | bool, ...], ...]:
    rows: list[tuple[str | int | float | bool, ...]] = []
    problems: list[Problem] = []
    width: int | None = None
    for line, row in _numbered_rows(path, text, spec):
        width = width or len(row)
        if len(row) != width or width < len(spec.fields):
            message = f"{len(row)} columns; accepted: {max(width, len(spec.fields))}"
            problems.append(Problem(path, line, message))
        cells = row[: len(spec.fields)]
        rows.append(tuple(map(_cast, cells)) if spec.cast else tuple(cells))
    if not rows:
        problems.append(Problem(path, 1, "there are no rows"))
    if problems:
        raise FileProblems(problems[:_MAX_CSV_PROBLEMS])
    return tuple(rows)


def _numbered_rows(path: Path, text: str, spec: _Payload) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=spec.delimiter, strict=True)
    line, header = 1, spec.skip_header
    try:
        for row in reader:
            if not header and (row or not spec.skip_empty_lines):
                yield line, row
            line, header = reader.line_num + 1, False
    except csv.Error as error:
        raise FileProblems([Problem(path, line, f"is no CSV: {error}")]) from None


_CELL = re.compile(r"true|false|-?(?:0|[1-9]\d{0,17})(?:\.\d{1,17})?")


def _cast(cell: str) -> str | int | float | bool:
    # Leading zeros and very long numbers stay texts: as numbers they would lose something.
    if not _CELL.fullmatch(cell):
        return cell
    value: int | float | bool = json.loads(cell)
    return value


# What one key says against another ---------------------------------------------------------


def _each(loc: Loc, raw: object) -> Iterator[tuple[Loc, object]]:
    """Give the items of a list with their places, or the one value that stands for a list."""
    if isinstance(raw, list):
        yield from (((*loc, number), item) for number, item in enumerate(raw))
    else:
        yield loc, raw


def _cross_problems(document: Document) -> list[Problem]:
    """Check keys against each other, on the raw file: other mistakes must not hide these."""
    problems = [*_phase_problems(document), *_warmup_problems(document)]
    known = _known_names(document)
    problems += _Templates(document, known).defaults()
    for loc, raw in _each(("scenarios",), document.value(("scenarios",))):
        if isinstance(raw, dict):
            templates = _Templates(document, known)
            templates.steps((*loc, "flow"), raw.get("flow"))
            problems += templates.problems
    return problems


def _given(raw: dict[str, Any]) -> set[str]:
    """Give the keys that have a value."""
    return {key for key, value in raw.items() if value is not None}


def _phase_problems(document: Document) -> Iterator[Problem]:
    where = ("config", "phases")
    for loc, raw in _each(where, document.value(where)):
        if isinstance(raw, dict):
            yield from (document.problem(loc, text) for text in _contradictions(_given(raw)))


_PHASE_KEYS = {to_camel(name) for name in _Phase.model_fields}


def _contradictions(keys: set[str]) -> Iterator[str]:
    arrivals = keys & {"arrivalRate", "rampTo", "arrivalCount"}
    if "pause" in keys:
        for key in sorted(keys & {"duration", "maxVusers", *arrivals}):
            yield f"'pause' and {key!r} contradict each other"
        return
    for key in sorted(arrivals - {"arrivalCount"} if "arrivalCount" in arrivals else ()):
        yield f"'arrivalCount' and {key!r} contradict each other"
    if keys <= _PHASE_KEYS:  # else what is missing is probably there, misspelt
        yield from _missing(keys, arrivals)


def _missing(keys: set[str], arrivals: set[str]) -> Iterator[str]:
    if not arrivals:
        yield "one of arrivalRate, rampTo, arrivalCount or pause is missing"
    if "duration" not in keys:
        yield "the key 'duration' is missing"


def _warmup_problems(document: Document) -> Iterator[Problem]:
    phases = document.value(("config", "phases"))
    names = [_name(n, raw) for n, raw in enumerate(phases if isinstance(phases, list) else [], 1)]
    where = ("config", "perfqa", "warmup")
    for loc, raw in _each(where, document.value(where)):
        if isinstance(raw, str | int | float) and _text(raw) not in names:
            accepted = f"accepted: {', '.join(map(repr, dict.fromkeys(names)))}"
            hint = did_you_mean(_text(raw), names)
            yield document.problem(loc, f"unknown phase {shown(raw)}; {accepted}{hint}")


def _name(number: int, raw: object) -> str:
    name = raw.get("name") if isinstance(raw, dict) else None
    return _text(name) if isinstance(name, str | int | float) else f"phase {number}"


def _known_names(document: Document) -> set[str]:
    """Give all names that templates may use in the whole file."""
    variables = document.value(("config", "variables"))
    known = set(variables) if isinstance(variables, dict) else set()
    for _, raw in _each((), document.value(("config", "payload"))):
        fields = raw.get("fields") if isinstance(raw, dict) else None
        if isinstance(fields, list):
            known |= {field for field in fields if isinstance(field, str)}
    return known


_TEMPLATED = ("headers", "cookie", "qs", "json", "body", "form")


class _Templates:
    """Checks one flow: each step has one meaning, and all that its templates name is known."""

    def __init__(self, document: Document, known: Iterable[str]) -> None:
        self.problems: list[Problem] = []
        self._document = document
        self._known = set(known)

    def defaults(self) -> list[Problem]:
        """Check what holds for all flows: default headers and cookies, and variables."""
        for at in (("config", "defaults"), ("config", "http", "defaults")):
            for key in ("headers", "cookie"):
                self._check((*at, key), self._document.value((*at, key)))
        self._plain(("config", "variables"), self._document.value(("config", "variables")))
        return self.problems

    def steps(self, loc: Loc, raw: object) -> None:
        """Check a list of steps; what they capture is known to those after them."""
        for place, step in _each(loc, raw):
            if isinstance(step, dict):
                self._step(place, step)

    def _problem(self, loc: Loc, message: str) -> None:
        self.problems.append(self._document.problem(loc, message))

    def _step(self, loc: Loc, raw: dict[str, Any]) -> None:
        kinds = [key for key in raw if key in _STEPS and raw[key] is not None]
        loop_keys = raw.keys() & {"count", "over"}
        if len(kinds) > 1 or (not kinds and raw.keys() <= {*_STEPS, "count", "over"}):
            found = ", ".join(kinds) or "none"
            self._problem(loc, f"a step has one of {', '.join(_STEPS)}; found: {found}")
        if loop_keys and "loop" not in kinds:
            self._problem(loc, "'count' and 'over' belong to a 'loop'")
        for kind in kinds:
            if kind == "loop":
                self._loop(loc, raw)
            elif isinstance(raw[kind], dict):
                self._request((*loc, kind), raw[kind])

    def _loop(self, loc: Loc, raw: dict[str, Any]) -> None:
        if len(_given(raw) & {"count", "over"}) != 1 and "whileTrue" not in raw:
            self._problem(loc, "a loop has either 'count' or 'over'")
        over = raw.get("over")
        if isinstance(over, str):
            self._name((*loc, "over"), over)
        inside_only = set(template.LOOP_NAMES) - self._known
        self._known |= inside_only
        self.steps((*loc, "loop"), raw["loop"])
        self._known -= inside_only

    def _request(self, loc: Loc, raw: dict[str, Any]) -> None:
        # "json: null" is a body, the others' null is none.
        bodies = [
            key for key in ("json", "body", "form") if key in {"json"} & raw.keys() | _given(raw)
        ]
        if len(bodies) > 1:
            self._problem(loc, f"{' and '.join(map(repr, bodies))} contradict each other")
        self._address((*loc, "url"), raw.get("url"))
        for key in _TEMPLATED:
            self._check((*loc, key), raw.get(key))
        for place, capture in _each((*loc, "capture"), raw.get("capture")):
            self._capture(place, capture)
        # Artillery checks expectations when captures are done.
        for place, expect in _each((*loc, "expect"), raw.get("expect")):
            self._check(place, expect)

    def _address(self, loc: Loc, url: object) -> None:
        if not isinstance(url, str):
            return
        path = _path(url, self._document.value(("config", "target")))
        if _other_host(path):
            reason = "load goes only to the service under test"
            self._problem(loc, f"found {shown(url)}; accepted: a path, since {reason}")
        self._check(loc, path)

    def _capture(self, loc: Loc, raw: object) -> None:
        if not isinstance(raw, dict):
            return
        sources = [key for key in ("json", "header", "regexp") if key in _given(raw)]
        if len(sources) != 1 and not raw.keys() & {"xpath", "selector"}:
            found = ", ".join(sources) or "none"
            self._problem(loc, f"a capture has one of json, header, regexp; found: {found}")
        if "regexp" in raw:
            self._regexp(loc, raw)
        if isinstance(raw.get("as"), str | int | float):
            self._known.add(_text(raw["as"]))

    def _regexp(self, loc: Loc, raw: dict[str, Any]) -> None:
        text, flags, group = raw["regexp"], raw.get("flags", ""), raw.get("group", 0)
        if not isinstance(text, str) or not isinstance(flags, str):
            return
        if set(flags) - set("gimsuy"):
            self._problem((*loc, "flags"), f"found {shown(flags)}; accepted: g, i, m, s, u, y")
        try:
            found = re.compile(_pattern(text, flags))
        except (re.error, RecursionError, OverflowError) as error:
            self._problem((*loc, "regexp"), f"is no regular expression: {error}")
            return
        groups = {str(number) for number in range(found.groups + 1)} | found.groupindex.keys()
        if isinstance(group, int | str) and str(group) not in groups:
            names = ", ".join(sorted(groups))
            self._problem((*loc, "group"), f"found {shown(group)}; accepted: {names}")

    def _check(self, loc: Loc, raw: object) -> None:
        for place, text in _texts(loc, raw):
            expressions = list(template.expressions(text))
            if text.count("{{") > len(expressions):
                self._problem(place, f"'{{{{' without '}}}}' in {shown(text)}")
            for expression in expressions:
                self._expression(place, expression)

    def _expression(self, loc: Loc, expression: str) -> None:
        if _READ_TIME.fullmatch(f"{{{{{expression}}}}}"):
            return  # told where it could not be filled in
        try:
            if template.call(expression) is None:
                self._name(loc, expression)
        except ValueError as error:
            self._problem(loc, str(error))

    def _name(self, loc: Loc, expression: str) -> None:
        if {expression, template.variable(expression)} & self._known:
            return
        names = [*sorted(self._known), *template.FUNCTIONS]
        hint = did_you_mean(expression, names)
        message = f"nothing is known as {shown(expression)} here; accepted: {', '.join(names)}"
        self._problem(loc, message + hint)

    def _plain(self, loc: Loc, raw: object) -> None:
        for place, text in _texts(loc, raw):
            if "{{" in text:
                self._problem(place, f"templates are not expanded here: {shown(text)}")


def _texts(loc: Loc, raw: object) -> Iterator[tuple[Loc, str]]:
    """Give all texts within a value, keys too, with their places."""
    if isinstance(raw, dict):
        for key, inner in raw.items():
            yield (*loc, key), key
            yield from _texts((*loc, key), inner)
    elif isinstance(raw, list):
        for number, inner in enumerate(raw):
            yield from _texts((*loc, number), inner)
    elif isinstance(raw, str):
        yield loc, raw
