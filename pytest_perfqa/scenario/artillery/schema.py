"""The keys of a scenario file: which there are, what they accept, and why some are refused."""

# ruff: noqa: RUF012 - pydantic copies the defaults and reads the annotations
from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ...base.yaml_file.fields import AmountField, CountField, DurationField, PauseField
from ..records import Arrivals
from .ensure import EnsureSpec
from .fields import (
    Alternatives,
    Flag,
    Json,
    JsonPath,
    Line,
    Lines,
    OneOrMore,
    OtherEngine,
    Positive,
    Script,
    Section,
    Status,
    Text,
    Url,
    cannot,
)
from .payload import PayloadSpec
from .phases import PhaseSpec

METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
STEPS = (*METHODS, "think", "loop")


class DefaultsSpec(Section):
    """What all requests share."""

    headers: dict[str, Line] = {}
    cookie: dict[str, Line] = {}
    strict_capture: Flag = True
    think: Annotated[object, cannot("think times have no jitter")] = None


class HttpSpec(Section):
    """How requests are sent."""

    timeout: DurationField = 10.0
    pool: Positive | None = None
    # A virtual user sends one request after the other: any maximum is kept.
    max_sockets: Positive | None = None
    extended_metrics: Flag = False
    defaults: DefaultsSpec = DefaultsSpec()
    distributed_tracing: Annotated[object, cannot("no tracing headers are added")] = None


class ExpectPluginSpec(Section):
    """Options of Artillery's plugin ``expect``."""

    output_format: str | None = None
    formatter: str | None = None
    use_only_request_names: Flag = False
    # A miss is an error here in any case.
    report_failures_as_errors: Literal[True, "true"] = True
    expect_default: Annotated[object, cannot("write 'expect' at the requests")] = Field(
        None, alias="expectDefault200"
    )


class PluginsSpec(Section):
    """Those of Artillery's plugins that have a counterpart here."""

    ensure: EnsureSpec | None = None
    expect: ExpectPluginSpec | None = None
    metrics_by_endpoint: dict[str, Any] | None = Field(None, alias="metrics-by-endpoint")


class TlsSpec(Section):
    """How certificates are checked."""

    reject_unauthorized: Flag = True


class PerfqaSpec(Section):
    """What Artillery has no key for."""

    warmup: Annotated[list[Text], OneOrMore] = []
    arrivals: Arrivals = "uniform"
    seed: CountField = 0
    users: Positive | None = None
    locustfile: Text | None = None
    thresholds: Annotated[list[str], OneOrMore] = []
    abort: Annotated[list[str], OneOrMore] = []
    # What they look like depends on which there are: see ``faults``.
    faults: Annotated[list[Any], OneOrMore] = []
    errors: Literal["expected"] | None = None


class ConfigSpec(Section):
    """The load, but for what virtual users do."""

    target: str | None = None
    phases: Annotated[list[PhaseSpec], Field(min_length=1)]
    environments: dict[str, dict[str, Any]] = {}
    variables: dict[str, Alternatives] = {}
    payload: Annotated[list[PayloadSpec], OneOrMore] = []
    defaults: DefaultsSpec = DefaultsSpec()
    http: HttpSpec = HttpSpec()
    ensure: EnsureSpec = EnsureSpec()
    plugins: PluginsSpec = PluginsSpec()
    perfqa: PerfqaSpec = PerfqaSpec()
    tls: TlsSpec = TlsSpec()
    # Reporting and packing only: nothing that the load depends on.
    stats_interval: CountField | None = None
    include_files: list[str] = []
    processor: Script = None
    bundling: Script = None
    engines: OtherEngine = None
    ws: OtherEngine = None
    socketio: OtherEngine = None
    apdex: Annotated[object, cannot("write the requirement as a test or under 'ensure'")] = None


class CaptureSpec(Section):
    """A value taken from an answer."""

    json_path: Annotated[JsonPath | None, Field(alias="json")] = None
    header: Line | None = None
    regexp: str | None = None
    group: CountField | Text = 0
    flags: str = ""
    as_name: Annotated[Text, Field(alias="as")]
    strict: Flag | None = None
    xpath: Annotated[object, cannot("answers are read by json, header or regexp")] = None
    selector: Annotated[object, cannot("answers are read by json, header or regexp")] = None
    transform: Script = None


_MORE_EXPECT = cannot("accepted: statusCode, contentType, hasProperty, notHasProperty, equals")


class ExpectSpec(Section):
    """Conditions on an answer."""

    status_code: Annotated[list[Status], OneOrMore] | None = None
    content_type: str | None = None
    has_property: JsonPath | None = None
    not_has_property: JsonPath | None = None
    equals: Annotated[list[Any], Field(min_length=2)] | None = None
    not_status_code: Annotated[object, _MORE_EXPECT] = None
    has_header: Annotated[object, _MORE_EXPECT] = None
    header_equals: Annotated[object, _MORE_EXPECT] = None
    matches_regexp: Annotated[object, _MORE_EXPECT] = None
    cdn_hit: Annotated[object, _MORE_EXPECT] = None
    jmespath: Annotated[object, _MORE_EXPECT] = None


class RequestSpec(Section):
    """One HTTP request."""

    url: Url
    name: Line | None = None
    headers: dict[str, Line] = {}
    cookie: dict[str, Line] = {}
    qs: dict[str, Lines] = {}
    json_body: Annotated[Json, Field(alias="json")] = None
    body: str | None = None
    form: dict[str, Text | list[Text]] | None = None
    follow_redirect: Flag = True
    capture: Annotated[list[CaptureSpec], OneOrMore] = []
    expect: Annotated[list[ExpectSpec], OneOrMore] = []
    if_true: Script = None
    before_request: Script = None
    after_response: Script = None
    form_data: Annotated[object, cannot("multipart forms are not sent; accepted: form")] = None
    set_content_length_header: Annotated[object, cannot("it belongs to 'formData'")] = None
    match: Annotated[object, cannot("write 'expect' instead")] = None
    auth: Annotated[object, cannot("write an Authorization header instead")] = None
    gzip: Annotated[object, cannot("write an Accept-Encoding header instead")] = None


class StepSpec(Section):
    """One step of a flow: one of ``STEPS``."""

    get: RequestSpec | None = None
    post: RequestSpec | None = None
    put: RequestSpec | None = None
    patch: RequestSpec | None = None
    delete: RequestSpec | None = None
    head: RequestSpec | None = None
    options: RequestSpec | None = None
    think: PauseField | None = None
    loop: Annotated[list[StepSpec], Field(min_length=1)] | None = None
    count: CountField | None = None
    over: str | list[Any] | None = None
    while_true: Script = None
    if_true: Script = None
    function: Script = None
    jitter: Annotated[object, cannot("think times have no jitter")] = None
    loop_value: Annotated[object, cannot("the counter is $loopCount")] = None
    loop_element: Annotated[object, cannot("the element is $loopElement")] = None
    parallel: Annotated[object, cannot("a virtual user sends one request at a time")] = None
    log: Annotated[object, cannot("nothing is printed by virtual users")] = None
    emit: OtherEngine = None
    send: OtherEngine = None
    connect: OtherEngine = None
    namespace: OtherEngine = None
    acknowledge: OtherEngine = None


class FlowSpec(Section):
    """What one virtual user does."""

    name: Text | None = None
    weight: Annotated[AmountField, Field(gt=0)] = 1.0
    flow: Annotated[list[StepSpec], Field(min_length=1)]
    engine: Literal["http"] = "http"
    before_scenario: Script = None
    after_scenario: Script = None
    before_request: Script = None
    after_response: Script = None
    flow_function: Script = None
    test_function: Script = None


class FileSpec(Section):
    """A whole scenario file."""

    config: ConfigSpec
    # Missing only where a locustfile takes their place.
    scenarios: Annotated[list[FlowSpec], OneOrMore, Field(min_length=1)] = []
    before: Annotated[object, cannot("nothing is run before the load")] = None
    after: Annotated[object, cannot("nothing is run after the load")] = None
