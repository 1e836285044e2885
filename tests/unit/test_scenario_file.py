# ruff: noqa: ISC004 - long messages
"""Artillery files: what is honoured, what is refused, and how it is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from pytest_perfqa.errors import FileProblems
from pytest_perfqa.scenario import (
    Capture,
    Ensure,
    Expectation,
    Loop,
    Payload,
    Phase,
    Request,
    Scenario,
    Think,
)
from pytest_perfqa.scenario_file import read_scenario

PHASES = [{"duration": 1, "arrivalRate": 1}]


def read(folder: Path, data: object, environment: str | None = None) -> Scenario:
    """Read what ``data`` is as YAML, or as it is if it is a text."""
    path = folder / "load.yaml"
    path.write_text(data if isinstance(data, str) else yaml.safe_dump(data, sort_keys=False))
    return read_scenario(path, environment)


def problems(folder: Path, data: object, environment: str | None = None) -> list[str]:
    """Give what is wrong with a file, as ``line: message``."""
    with pytest.raises(FileProblems) as caught:
        read(folder, data, environment)
    return [f"{problem.line}: {problem.message}" for problem in caught.value.problems]


def with_config(**config: object) -> dict[str, Any]:
    """Give a file whose config has these keys besides a phase."""
    return {"config": {"phases": PHASES} | config, "scenarios": [{"flow": [{"get": {"url": "/"}}]}]}


def with_steps(*steps: object, **config: object) -> dict[str, Any]:
    """Give a file with one flow of these steps."""
    return with_config(**config) | {"scenarios": [{"flow": list(steps)}]}


def get(**keys: object) -> dict[str, Any]:
    """Give a request with these keys besides its URL."""
    return {"get": {"url": "/"} | keys}


def request(folder: Path, step: object, **config: object) -> Request:
    """Read a file of one request and give it."""
    (found,) = read(folder, with_steps(step, **config)).flows[0].steps
    assert isinstance(found, Request)
    return found


# The study's own files ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phases", "arrivals", "duration"),
    [
        (
            "ramp warm-up 30 5 15; plateau light 30 15 15; ramp steep 30 15 50;"
            "plateau steep 30 50 50; ramp down 30 28 2",
            3675,
            150,
        ),
        (
            # Artillery sent 6583 at a tenth of the times: its 0.6 s drops became 1 s.
            "warm-up 60 1 5; plateau 120 5 5; peak 1 120 5 30; drop 6 5 5; peak 2 180 5 35;"
            "drop 6 5 5; tail 30 0.1 0.1",
            6543,
            522,
        ),
    ],
)
def test_totals_are_integrals(
    tmp_path: Path, phases: str, arrivals: float, duration: float
) -> None:
    """The study's phases bring the arrivals that their rates add up to."""
    rows = [text.rsplit(maxsplit=3) for text in phases.split(";")]
    data = [
        {"name": name, "duration": seconds, "arrivalRate": rate, "rampTo": end}
        for name, seconds, rate, end in rows
    ]
    scenario = read(tmp_path, with_config(phases=data))
    assert sum(phase.expected for phase in scenario.phases) == pytest.approx(arrivals)
    assert scenario.duration == duration


ARTILLERY = Path(__file__).parents[1] / "reference"


@pytest.mark.parametrize(
    ("name", "arrivals"),
    [
        ("timeout_exploratory", 3675),
        ("ping_exploratory", 3675),
        ("endurance_heavy", 60),
        ("concurrent_users_fine_1node", 91),
        ("concurrent_users_seed", 294),
        ("spike_timeout", 6543),
        ("section2_ramp_full", 46920),
    ],
)
def test_reference_files(name: str, arrivals: float) -> None:
    """The reference files are read as they are."""
    scenario = read_scenario(ARTILLERY / f"{name}.yaml")
    assert scenario.name == name
    assert scenario.timeout == 120
    assert sum(phase.expected for phase in scenario.phases) == pytest.approx(arrivals)


# Mistakes -----------------------------------------------------------------------------------


def test_three_mistakes_three_lines(tmp_path: Path) -> None:
    """Mistakes of every kind are told at once: an unknown key, a bad value, an unknown name."""
    text = """\
config:
  phases:
    - {name: warm up, durations: 10, arrivalRate: 1}
    - {duration: soon, arrivalRate: 1}
scenarios:
  - flow:
      - get: {url: "/items/{{ idd }}"}
"""
    assert problems(tmp_path, text) == [
        "3: config.phases[0]: unknown key 'durations'; accepted: name, duration, arrivalRate,"
        " rampTo, arrivalCount, pause, maxVusers; did you mean 'duration'?",
        "4: config.phases[1].duration: found 'soon'; accepted: seconds as a number, or a text"
        " such as '10s', '0.5 min', '500ms', above 0",
        "7: scenarios[0].flow[0].get.url: nothing is known as 'idd' here; accepted:"
        " $randomString, $randomNumber, $uuid",
    ]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"phases": []}, "phases: found []; accepted: at least 1 item"),
        ({"phases": [{"pause": 5}]}, "phases: no phase brings any arrivals"),
        ({"phases": [{"duration": 5, "arrivalRate": 0}]}, "phases: no phase brings any"),
        ({"phases": [{"duration": "9e99 d", "arrivalRate": 1e300}]}, "phases: inf arrivals"),
        (
            {"phases": [{"pause": 5, "duration": 5}, *PHASES]},
            "phases[0]: 'pause' and 'duration' contradict each other",
        ),
        (
            {"phases": [{"duration": 5, "arrivalCount": 5, "rampTo": 3}]},
            "phases[0]: 'arrivalCount' and 'rampTo' contradict each other",
        ),
        (
            {"phases": [{"duration": 5}]},
            "phases[0]: one of arrivalRate, rampTo, arrivalCount or pause is missing",
        ),
        ({"phases": [{"arrivalRate": 5}]}, "phases[0]: the key 'duration' is missing"),
        (
            {"phases": [{"arrivalRate": 5, "duration": None}]},
            "phases[0]: the key 'duration' is missing",
        ),
        (
            {"phases": [{"arrivalRate": -5, "duration": 1}]},
            "phases[0].arrivalRate: found -5; accepted: a number of at least 0, per second",
        ),
        (
            {"phases": [{"arrivalCount": 1.5, "duration": 1}]},
            "phases[0].arrivalCount: found 1.5; accepted: a whole number of at least 0",
        ),
        (
            {"phases": [PHASES[0] | {"maxVusers": 0}]},
            "phases[0].maxVusers: found 0; accepted: a number of at least 1",
        ),
        ({"target": 5}, "target: found 5; accepted: a text"),
        ({"processor": "./f.js"}, "processor: can't be honoured: JavaScript is not run"),
        ({"engines": {"x": {}}}, "engines: can't be honoured: only HTTP requests are sent"),
        ({"ws": {}}, "ws: can't be honoured: only HTTP requests are sent"),
        (
            {"plugins": {"slack": {}}},
            "plugins: unknown key 'slack'; accepted: ensure, expect, metrics-by-endpoint",
        ),
        ({"plugins": {"expect": {"expectDefault200": True}}}, "plugins.expect.expectDefault200:"),
        ({"plugins": {"expect": {"reportFailuresAsErrors": False}}}, "plugins.expect.reportF"),
        (
            {"tls": {"rejectUnauthorized": False}},
            "tls.rejectUnauthorized: found False; accepted: true",
        ),
        ({"tls": {"ca": "x"}}, "tls: unknown key 'ca'; accepted: rejectUnauthorized"),
        ({"http": {"timeout": 0}}, "http.timeout: found 0"),
        ({"http": {"pool": 0}}, "http.pool: found 0"),
        ({"http": {"distributedTracing": True}}, "http.distributedTracing: can't be honoured"),
        ({"http": {"defaults": {"think": {}}}}, "http.defaults.think: can't be honoured"),
        ({"variables": {"a": []}}, "variables.a: found []; accepted: a value, or a list"),
        ({"variables": {"a": "{{ b }}"}}, "variables.a: templates are not expanded here"),
        ({"variables": {"a": float("nan")}}, "variables.a: found nan; accepted: finite"),
        ({"defaults": {"headers": {"a": "{{ b }}"}}}, "defaults.headers.a: nothing is known as"),
        ({"defaults": {"headers": {"a": "b\r\nc: d"}}}, "defaults.headers.a: found 'b\\r\\nc: d'"),
        (
            {"perfqa": {"warmup": ["phase 2"]}},
            "perfqa.warmup[0]: unknown phase 'phase 2'; accepted: 'phase 1'; did you mean",
        ),
        (
            {"perfqa": {"arrivals": "random"}},
            "perfqa.arrivals: found 'random'; accepted: 'uniform' or 'poisson'",
        ),
        ({"perfqa": {"seed": 1.5}}, "perfqa.seed: found 1.5"),
        *(
            ({"perfqa": {key: 1}}, f"perfqa.{key}: not supported yet")
            for key in ("abort", "users", "locustfile", "faults")
        ),
        (
            {"perfqa": {"warmpu": 1}},
            "perfqa: unknown key 'warmpu'; accepted: warmup, arrivals, seed; did you mean 'warm",
        ),
        (
            {"ensure": {"thresholds": [{"http.response_time.p42": 5}]}},
            "ensure.thresholds[0]: found {'http.response_time.p42': 5}; accepted: a metric among"
            " http.response_time.{min,",
        ),
        ({"ensure": {"thresholds": [{}]}}, "ensure.thresholds[0]: found {}; accepted: one metric"),
        (
            {"ensure": {"thresholds": [{"http.requests": "x"}]}},
            "ensure.thresholds[0]['http.requests']: found 'x'",
        ),
        ({"ensure": {"p96": 5}}, "ensure: unknown key 'p96'; accepted: thresholds, conditions,"),
        ({"ensure": {"maxErrorRate": 101}}, "ensure.maxErrorRate: found 101; accepted: a number"),
        *(
            ({"ensure": {"conditions": [{"expression": text}]}}, f"ensure.conditions[0].{rest}")
            for text, rest in [
                ("http.requets > 5", "expression: unknown metric 'http.requets'; accepted: http."),
                ("http.requests >", "expression: found 'http.requests >'; accepted: comparisons"),
                ("http.requests", "expression: found 'http.requests'; accepted: comparisons"),
                ("http.requests > 'a'", "expression: unknown metric 'a'"),
                ("http.requests = 1", "expression: found"),
                ("http.requests ** 9 > 1", "expression: found"),
                ("http.requests(1) > 1", "expression: found"),
                ("not", "expression: found"),
                ("(" * 500, "expression: found"),
            ]
        ),
    ],
)
def test_refused_config(tmp_path: Path, config: dict[str, object], expected: str) -> None:
    """What is wrong in the config is told once, with its place."""
    (found,) = problems(tmp_path, with_config(**config))
    assert found.split(": ", 1)[1].startswith(f"config.{expected}")


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (get(url="items"), "get.url: found 'items'; accepted: a path that begins with '/'"),
        (get(url=""), "get.url: found ''"),
        (get(url="/a\nb"), "get.url: found '/a\\nb'; accepted: a text without line breaks"),
        (get(url="http://example.com/"), "get.url: found 'http://example.com/'; accepted: a path"),
        ({"get": {}}, "get: the key 'url' is missing"),
        ({"get": "/"}, "get: found '/'; accepted: a mapping"),
        ({"get": None}, ": a step has one of get, post"),
        ({}, ": a step has one of get, post"),
        ({"gte": {"url": "/"}}, ": unknown key 'gte'; accepted: get,"),
        ({"think": 1} | get(), ": a step has one of get, post, put, patch, delete, head, options,"),
        (get(json={}, body=""), "get: 'json' and 'body' contradict each other"),
        (get(json={"a": float("inf")}), "get.json: found {'a': inf}; accepted: finite numbers"),
        (get(json={"a": "{{ x }}"}), "get.json.a: nothing is known as 'x' here"),
        (get(body="{{ x"), "get.body: '{{' without '}}' in '{{ x'"),
        (get(qs={"{{ x }}": 1}), "get.qs['{{ x }}']: nothing is known as 'x' here"),
        (get(headers={"a": "{{ $loopCount }}"}), "get.headers.a: nothing is known as '$loopC"),
        (get(body="{{ $randomStrin(3) }}"), "get.body: unknown function $randomStrin; accepted:"),
        (get(body="{{ $randomString(a) }}"), "get.body: $randomString(a): $randomString takes"),
        (get(body="{{ $env.PERFQA_NONE }}"), "get.body: {{ $env.PERFQA_NONE }} needs the env"),
        (get(body="{{ $environment }}"), "get.body: {{ $environment }} needs an environment"),
        (get(ifTrue="x"), "get.ifTrue: can't be honoured: JavaScript is not run"),
        (get(beforeRequest="x"), "get.beforeRequest: can't be honoured"),
        (get(afterResponse="x"), "get.afterResponse: can't be honoured"),
        (get(formData={}), "get.formData: can't be honoured: multipart forms are not sent"),
        (get(followRedirect="no"), "get.followRedirect: found 'no'; accepted: true or false"),
        (get(capture={"json": "$.a[", "as": "x"}), "get.capture.json: found '$.a['; accepted: a"),
        (get(capture={"json": "$.{{ a }}", "as": "x"}), "get.capture.json: found '$.{{ a }}'"),
        (get(capture={"json": "$.a"}), "get.capture: the key 'as' is missing"),
        (get(capture=[{"as": "x"}]), "get.capture[0]: a capture has one of json, header, regexp"),
        (get(capture={"regexp": "(", "as": "x"}), "get.capture.regexp: is no regular expression"),
        (
            get(capture={"regexp": "(a)", "group": 2, "as": "x"}),
            "get.capture.group: found 2; accepted: 0, 1",
        ),
        (get(capture={"regexp": "a", "flags": "q", "as": "x"}), "get.capture.flags: found 'q'"),
        (get(capture={"xpath": "a", "as": "x"}), "get.capture.xpath: can't be honoured"),
        (get(expect={"statusCode": "ok"}), "get.expect.statusCode: found 'ok'; accepted: a status"),
        (get(expect=[{"statusCode": [200, 99]}]), "get.expect[0].statusCode[1]: found 99"),
        (get(expect={"hasHeader": "a"}), "get.expect.hasHeader: can't be honoured: accepted: stat"),
        (get(expect={"equals": ["{{ a }}", 1]}), "get.expect.equals[0]: nothing is known as 'a'"),
        ({"think": -1}, "think: found -1; accepted: seconds"),
        ({"think": "{{ x }}"}, "think: found '{{ x }}'; accepted: seconds"),
        ({"loop": [get()]}, ": a loop has either 'count' or 'over'"),
        ({"loop": [get()], "count": 1, "over": [1]}, ": a loop has either 'count' or 'over'"),
        ({"loop": [], "count": 1}, "loop: found []; accepted: at least 1 item"),
        ({"loop": [get()], "count": "1-5"}, "count: found '1-5'; accepted: a whole number"),
        ({"loop": [get()], "over": "xs"}, "over: nothing is known as 'xs' here"),
        ({"loop": [get()], "whileTrue": "f"}, "whileTrue: can't be honoured: JavaScript"),
        ({"loop": [{"loop": [get(url="x")], "count": 1}], "count": 1}, "loop[0].loop[0].get.url:"),
        (get() | {"count": 1}, ": 'count' and 'over' belong to a 'loop'"),
        *(
            ({key: "x"}, f"{key}: can't be honoured")
            for key in ("log", "function", "parallel", "emit", "send", "connect")
        ),
    ],
)
def test_refused_steps(tmp_path: Path, step: object, expected: str) -> None:
    """What is wrong in a step is told once, with its place."""
    (found,) = problems(tmp_path, with_steps(step))
    joint = "" if expected.startswith(":") else "."
    assert found.split(": ", 1)[1].startswith(f"scenarios[0].flow[0]{joint}{expected}")


@pytest.mark.parametrize(
    ("scenario", "expected"),
    [
        ({"flow": []}, "scenarios[0].flow: found []; accepted: at least 1 item"),
        ({"weight": 1}, "scenarios[0]: the key 'flow' is missing"),
        ({"flow": [get()], "weight": 0}, "scenarios[0].weight: found 0; accepted: a number abov"),
        ({"flow": [get()], "engine": "ws"}, "scenarios[0].engine: found 'ws'; accepted: 'http'"),
        ({"flow": [get()], "beforeScenario": "f"}, "scenarios[0].beforeScenario: can't be hon"),
    ],
)
def test_refused_scenarios(tmp_path: Path, scenario: object, expected: str) -> None:
    """What is wrong in a flow is told once, with its place."""
    (found,) = problems(tmp_path, with_config() | {"scenarios": [scenario]})
    assert found.split(": ", 1)[1].startswith(expected)


@pytest.mark.parametrize("key", ["before", "after"])
def test_no_hooks(tmp_path: Path, key: str) -> None:
    """Sections that run around the load can't be honoured."""
    (found,) = problems(tmp_path, with_config() | {key: {"flow": []}})
    assert f"{key}: can't be honoured" in found


@pytest.mark.parametrize("data", [5, [], "x", {}, {"config": 1, "scenarios": 2}])
def test_other_data(tmp_path: Path, data: object) -> None:
    """YAML that is no scenario at all is told as such."""
    assert problems(tmp_path, yaml.safe_dump(data))


def test_cycles_are_caught(tmp_path: Path) -> None:
    """A loop that contains itself through an alias is refused."""
    text = "config: {phases: []}\nscenarios:\n- flow: &f\n  - {loop: *f, count: 1}\n"
    assert problems(tmp_path, text) == ["3: an alias is recursive: it contains itself"]


# What is honoured ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        ({"duration": 10, "arrivalRate": 0.3}, Phase("phase 1", 10, 0.3, 0.3)),
        ({"duration": "10", "arrivalRate": "2"}, Phase("phase 1", 10, 2, 2)),
        ({"duration": "0.5 min", "arrivalRate": 1, "rampTo": 0}, Phase("phase 1", 30, 1, 0)),
        ({"duration": "10s", "rampTo": 4}, Phase("phase 1", 10, 0, 4)),
        ({"duration": 10, "arrivalCount": 5}, Phase("phase 1", 10, count=5)),
        ({"duration": 10, "arrivalCount": "5"}, Phase("phase 1", 10, count=5)),
        (
            {"name": "a", "duration": 10, "arrivalRate": 1, "maxVusers": 7},
            Phase("a", 10, 1, 1, max_vusers=7),
        ),
        ({"name": 1, "pause": "1m"}, Phase("1", 60)),
        ({"duration": 10, "arrivalRate": 0}, Phase("phase 1", 10)),
    ],
)
def test_phases(tmp_path: Path, phase: object, expected: Phase) -> None:
    """Each form of a phase becomes what Artillery makes of it."""
    scenario = read(tmp_path, with_config(phases=[phase, *PHASES]))
    assert scenario.phases[0] == expected


def test_whole_config(tmp_path: Path) -> None:
    """All that the config can say arrives in the scenario."""
    scenario = read(
        tmp_path,
        with_config(
            target="http://127.0.0.1:3000",
            http={"timeout": "2s", "pool": 10, "maxSockets": 4, "extendedMetrics": True},
            variables={"one": 1, "many": ["a", "b"]},
            plugins={"ensure": {}, "expect": {"outputFormat": "json"}, "metrics-by-endpoint": {}},
            tls={"rejectUnauthorized": True},
            perfqa={"warmup": "phase 1", "arrivals": "poisson", "seed": "7"},
            statsInterval=5,
        ),
    )
    assert scenario.timeout == 2
    assert scenario.keep_connections
    assert scenario.variables == {"one": (1,), "many": ("a", "b")}
    assert scenario.warmup == {"phase 1"}
    assert (scenario.arrivals, scenario.seed) == ("poisson", 7)


def test_defaults_of_the_config(tmp_path: Path) -> None:
    """Without being told otherwise: 10 s, a connection per user, uniform arrivals."""
    scenario = read(tmp_path, with_config())
    assert (scenario.name, scenario.timeout, scenario.keep_connections) == ("load", 10, False)
    assert (scenario.arrivals, scenario.seed, scenario.warmup) == ("uniform", 0, frozenset())
    assert (scenario.ensure, scenario.max_error_rate) == ((), None)


@pytest.mark.parametrize("place", ["ensure", "plugins"])
def test_ensure(tmp_path: Path, place: str) -> None:
    """Both forms of requirements become records with text, line and strictness."""
    text = f"""\
config:
  phases: [{{duration: 1, arrivalRate: 1}}]
  {"ensure:" if place == "ensure" else "plugins: {ensure:"} {{
    thresholds: [
      http.response_time.p95: 6000,
      "http.codes.500": "1"],
    conditions: [
      {{expression: "http.response_time.p99 < 2e3 and not (vusers.failed / vusers.created >= 0.1)",
       strict: false}}],
    p95: 200,
    maxErrorRate: 5 }}{"" if place == "ensure" else "}"}
scenarios: [{{flow: [{{get: {{url: /}}}}]}}]
"""
    scenario = read(tmp_path, text)
    condition = "http.response_time.p99 < 2e3 and not (vusers.failed / vusers.created >= 0.1)"
    assert scenario.ensure == (
        Ensure("http.response_time.p95 < 6000", 5),
        Ensure("http.codes.500 < 1", 6),
        Ensure(condition, 8, strict=False),
        Ensure("http.response_time.p95 < 200", 10),
    )
    assert scenario.max_error_rate == pytest.approx(0.05)


def test_environments(tmp_path: Path) -> None:
    """A named environment is merged into the config; its mistakes have its lines."""
    text = """\
config:
  phases: [{duration: 10, arrivalRate: 1}]
  http: {timeout: 5}
  environments:
    slow: {http: {timeout: 50}, phases: [{duration: 20}, {pause: 3}]}
    bad:
      http: {timeout: 0}
scenarios: [{flow: [{get: {url: "/{{ $environment }}"}}]}]
"""
    slow = read(tmp_path, text, "slow")
    assert slow.timeout == 50
    assert slow.phases == (Phase("phase 1", 20, 1, 1), Phase("phase 2", 3))
    assert slow.flows[0].steps == (Request("GET", "/slow", "GET /slow"),)
    (bad,) = problems(tmp_path, text, "bad")
    assert bad.startswith("7: config.http.timeout: found 0")
    assert problems(tmp_path, text, "slwo") == [
        "5: config.environments: unknown environment 'slwo'; accepted: slow, bad;"
        " did you mean 'slow'?"
    ]
    assert problems(tmp_path, with_config(), "x")[0].endswith("accepted: none")


def test_request(tmp_path: Path) -> None:
    """All that a request can say arrives in its record."""
    step = {
        "post": {
            "url": "/items/{{ id }}?a=1#b",
            "headers": {"x-one": 1, "X-Two": True},
            "cookie": {"session": "{{ id }}"},
            "qs": {"page": 2, "tag": ["a", "b"]},
            "json": {"id": "{{ id }}", "n": [1, None]},
            "followRedirect": "false",
        }
    }
    defaults = {"headers": {"x-two": "no", "x-three": "3"}, "cookie": {"theme": "dark"}}
    found = request(tmp_path, step, variables={"id": 5}, http={"defaults": defaults})
    assert found == Request(
        "POST",
        "/items/{{ id }}?a=1#b",
        "POST /items/{{ id }}",
        headers={"x-three": "3", "x-one": "1", "X-Two": "true"},
        cookies={"theme": "dark", "session": "{{ id }}"},
        query={"page": "2", "tag": ["a", "b"]},
        json={"id": "{{ id }}", "n": [1, None]},
        has_json=True,
        follow_redirects=False,
    )


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "head", "options"])
def test_methods(tmp_path: Path, method: str) -> None:
    """Each method is a step; a name is the label."""
    found = request(tmp_path, {method: {"url": "/", "name": "home"}})
    assert (found.method, found.label) == (method.upper(), "home")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"json": None}, {"json": None, "has_json": True}),
        ({"body": "x"}, {"body": "x"}),
        ({"form": {"a": 1, "b": ["x", True]}}, {"form": {"a": "1", "b": ["x", "true"]}}),
        ({}, {"has_json": False, "body": None, "form": None}),
    ],
)
def test_bodies(tmp_path: Path, body: dict[str, object], expected: dict[str, object]) -> None:
    """Each kind of body is kept apart; a JSON null is one."""
    found = request(tmp_path, get(**body))
    assert {name: getattr(found, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/", "/"),
        ("//double", "//double"),
        ("{{ target }}/a", "/a"),
        ("{{target}}", "/"),
        ("http://127.0.0.1:3000/a?b", "/a?b"),
        ("http://127.0.0.1:3000", "/"),
        ("{{ path }}", "{{ path }}"),
    ],
)
def test_urls(tmp_path: Path, url: str, path: str) -> None:
    """The target in front of an URL is the service under test."""
    config = {"target": "http://127.0.0.1:3000/", "variables": {"path": "/p"}}
    assert request(tmp_path, get(url=url), **config).url == path


def test_target_as_a_prefix_of_another_host(tmp_path: Path) -> None:
    """A host whose name begins like the target's is another host."""
    data = with_steps(get(url="http://a.test.evil/"), target="http://a.test")
    assert "accepted: a path" in problems(tmp_path, data)[0]


@pytest.mark.parametrize(
    ("capture", "expected"),
    [
        ({"json": "$.id", "as": "x"}, Capture("x", "json", "$.id")),
        ([{"json": "$..a[?(@.b==1)]", "as": "x"}], Capture("x", "json", "$..a[?(@.b==1)]")),
        (
            {"header": "x-id", "as": "x", "strict": False},
            Capture("x", "header", "x-id", strict=False),
        ),
        ({"regexp": "a(b)", "group": "1", "as": "x"}, Capture("x", "regexp", "a(b)", group=1)),
        (
            {"regexp": "(?<id>\\d)(?<=x)", "group": "id", "flags": "gi", "as": "x"},
            Capture("x", "regexp", "(?i)(?P<id>\\d)(?<=x)", group="id"),
        ),
    ],
)
def test_captures(tmp_path: Path, capture: object, expected: Capture) -> None:
    """Captures of the three kinds, one or a list; JavaScript's expressions become Python's."""
    assert request(tmp_path, get(capture=capture)).captures == (expected,)


def test_captures_can_be_lenient_by_default(tmp_path: Path) -> None:
    """``strictCapture`` holds where a capture doesn't say."""
    step = get(capture=[{"header": "a", "as": "a"}, {"header": "b", "as": "b", "strict": True}])
    found = request(tmp_path, step, http={"defaults": {"strictCapture": False}})
    assert [capture.strict for capture in found.captures] == [False, True]


def test_expectations(tmp_path: Path) -> None:
    """Each condition becomes a record; status codes are a list of numbers."""
    expect = [
        {"statusCode": "201", "contentType": "json"},
        {"statusCode": [200, 404], "hasProperty": "a.b", "notHasProperty": "c"},
        {"equals": ["{{ id }}", 5]},
    ]
    assert request(tmp_path, get(expect=expect), variables={"id": 5}).expectations == (
        Expectation("statusCode", [201]),
        Expectation("contentType", "json"),
        Expectation("statusCode", [200, 404]),
        Expectation("hasProperty", "a.b"),
        Expectation("notHasProperty", "c"),
        Expectation("equals", ["{{ id }}", 5]),
    )


def test_flows(tmp_path: Path) -> None:
    """Weights, names, thinking and loops, one within the other."""
    inner = {"loop": [get(url="/{{ $loopElement }}/{{ $loopCount }}")], "over": ["a", 1]}
    data = with_config(variables={"xs": ["a"]}) | {
        "scenarios": [
            {"name": "one", "weight": "2.5", "flow": [{"think": "500ms"}, {"think": 0}]},
            {"flow": [{"loop": [inner], "count": "3"}, {"loop": [get()], "over": "xs"}]},
        ]
    }
    one, two = read(tmp_path, data).flows
    assert (one.name, one.weight, one.steps) == ("one", 2.5, (Think(0.5), Think(0)))
    assert (two.name, two.weight) == ("scenario 2", 1)
    outer, over = two.steps
    assert isinstance(outer, Loop)
    assert isinstance(over, Loop)
    assert (outer.count, outer.over, over.over) == (3, None, "xs")
    assert isinstance(outer.steps[0], Loop)
    assert outer.steps[0].over == ("a", 1)


def test_one_scenario_without_a_list(tmp_path: Path) -> None:
    """A single flow needs no list."""
    assert read(tmp_path, with_config() | {"scenarios": {"flow": [get()]}}).flows[0].steps


@pytest.mark.parametrize(
    ("steps", "wrong"),
    [
        ([get(capture={"json": "$.id", "as": "id"}), get(url="/{{ id }}")], False),
        ([get(url="/{{ id }}"), get(capture={"json": "$.id", "as": "id"})], True),
        ([get(url="/{{ id }}", capture={"json": "$.id", "as": "id"})], True),
        ([get(capture={"json": "$.id", "as": "id"}, expect={"equals": ["{{ id }}", 1]})], False),
        (
            [
                {"loop": [get(capture={"json": "$.u", "as": "u"})], "count": 1},
                get(url="/{{ u.id[0] }}"),
            ],
            False,
        ),
        ([{"loop": [get()], "count": 1}, get(url="/{{ $loopCount }}")], True),
        ([get(url="/{{ $uuid }}/{{ $randomString(3) }}/{{ $randomNumber(1, 9) }}")], False),
        ([get(url="/{{ name }}/{{ a-b }}")], False),
    ],
)
def test_names_are_known_from_where_they_are_set(
    tmp_path: Path,
    steps: list[object],
    wrong: bool,
) -> None:
    """A template may use variables, payload fields, earlier captures and functions."""
    (tmp_path / "users.csv").write_text("x,y\n")
    payload = {"path": "users.csv", "fields": ["a-b", "name"]}
    data = with_steps(*steps, payload=payload)
    if wrong:
        assert len(problems(tmp_path, data)) == 1
    else:
        read(tmp_path, data)


def test_captures_of_another_flow_are_unknown(tmp_path: Path) -> None:
    """Each flow has its own captures."""
    data = with_config() | {
        "scenarios": [
            {"flow": [get(capture={"json": "$.id", "as": "id"})]},
            {"flow": [get(url="/{{ id }}")]},
        ]
    }
    assert "scenarios[1].flow[0].get.url: nothing is known as 'id'" in problems(tmp_path, data)[0]


def test_environment_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Environment variables are filled in when the file is read, numbers too."""
    monkeypatch.setenv("RATE", "4")
    phases = [{"duration": "{{ $processEnvironment.RATE }}", "arrivalRate": "{{ $env.RATE }}"}]
    assert read(tmp_path, with_config(phases=phases)).phases == (Phase("phase 1", 4, 4, 4),)


def test_anchors(tmp_path: Path) -> None:
    """Aliases and merges work, and ``x-`` keys hold what they refer to."""
    text = """\
x-request: &request {headers: {a: b}}
config: {phases: [{duration: 1, arrivalRate: 1}]}
scenarios: [{flow: [{get: {<<: *request, url: /}}]}]
"""
    assert read(tmp_path, text).flows[0].steps == (Request("GET", "/", "GET /", {"a": "b"}),)


# Payloads -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "options", "rows"),
    [
        ("ann,1\nbob,2\n", {}, (("ann", 1), ("bob", 2))),
        ("name,id\nann,1\n", {"skipHeader": True}, (("ann", 1),)),
        ("ann;007\n\nbob;1.5\n", {"delimiter": ";"}, (("ann", "007"), ("bob", 1.5))),
        ("ann,1\n", {"cast": False}, (("ann", "1"),)),
        ('"a\nb",true,extra\n', {"order": "sequence"}, (("a\nb", True),)),
        ("\ufeffann,-0.5\r\n", {"skipEmptyLines": "true"}, (("ann", -0.5),)),
    ],
)
def test_payload(
    tmp_path: Path, content: str, options: dict[str, object], rows: tuple[tuple[object, ...], ...]
) -> None:
    """CSV rows become tuples, as the options say."""
    (tmp_path / "users.csv").write_text(content, newline="")
    payload = {"path": "users.csv", "fields": ["name", "id"]} | options
    for given_ in (payload, [payload]):
        found = read(tmp_path, with_config(payload=given_)).payloads
        assert found == (Payload(("name", "id"), rows, options.get("order", "random")),)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a,b\nc\nd,e\nf,g,h\n", ["users.csv:2: 1 columns; accepted: 2", "users.csv:4: 3 col"]),
        ("a\n", ["users.csv:1: 1 columns; accepted: 2"]),
        ("", ["users.csv:1: there are no rows"]),
        ('a,b\nc,"d', ["users.csv:2: is no CSV"]),
        ("\xff".encode("latin-1"), ["load.yaml:6: config.payload.path: users.csv is not UTF-8"]),
        (None, ["load.yaml:6: config.payload.path: 'users.csv' can't be read"]),
    ],
)
def test_refused_csv(tmp_path: Path, content: str | bytes | None, expected: list[str]) -> None:
    """What is wrong with a CSV file has its own line in it; a missing one that of the YAML."""
    if content is not None:
        raw = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "users.csv").write_bytes(raw)
    data = with_config(payload={"path": "users.csv", "fields": ["a", "b"]})
    with pytest.raises(FileProblems) as caught:
        read(tmp_path, data)
    found = [str(problem).removeprefix(f"{tmp_path}/") for problem in caught.value.problems]
    assert len(found) == len(expected)
    assert all(map(str.startswith, found, expected))


def test_huge_csv_is_refused_unread(tmp_path: Path) -> None:
    """A CSV file of 1 GB is refused by its size."""
    with (tmp_path / "users.csv").open("wb") as file:
        file.truncate(10**9)
    data = with_config(payload={"path": "users.csv", "fields": ["a"]})
    assert "users.csv is larger than 50 MB" in problems(tmp_path, data)[0]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("loadAll", True, "loadAll: can't be honoured"),
        ("name", "x", "name: can't be honoured"),
        ("delimiter", "ab", "delimiter: found 'ab'; accepted: one character"),
        ("order", "up", "order: found 'up'; accepted: 'sequence' or 'random'"),
        ("fields", [], "fields: found []; accepted: at least 1"),
        ("path", ".", "path: '.' can't be read"),
        ("path", "nul\0", "path: 'nul\\x00' can't be read"),
    ],
)
def test_refused_payload(tmp_path: Path, key: str, value: object, expected: str) -> None:
    """What is wrong with a payload's keys is told once."""
    (tmp_path / "users.csv").write_text("a\n")
    payload = {"path": "users.csv", "fields": ["a"]} | {key: value}
    (found,) = problems(tmp_path, with_config(payload=payload))
    assert found.split(": ", 1)[1].startswith(f"config.payload.{expected}")


def test_cells_keep_their_types_on_the_way_to_the_generator(tmp_path: Path) -> None:
    """A scenario is the same after a trip through JSON, which is how generators get it."""
    (tmp_path / "users.csv").write_text("ann,1,1.5,true,007\n")
    payload = {"path": "users.csv", "fields": list("abcde")}
    scenario = read(tmp_path, with_config(payload=payload, variables={"n": [1, "1", None]}))
    adapter = TypeAdapter(Scenario)
    again = adapter.validate_json(adapter.dump_json(scenario))
    assert again == scenario
    assert repr(again.payloads[0].rows) == "(('ann', 1, 1.5, True, '007'),)"


# Anything -----------------------------------------------------------------------------------

WORDS = st.sampled_from(
    [
        *("config", "scenarios", "flow", "phases", "duration", "arrivalRate", "arrivalCount"),
        *("rampTo", "pause", "get", "post", "url", "json", "body", "form", "loop", "count", "over"),
        *("think", "capture", "as", "regexp", "header", "group", "expect", "statusCode", "equals"),
        *("environments", "variables", "payload", "path", "fields", "ensure", "thresholds"),
        *("conditions", "expression", "perfqa", "warmup", "http", "defaults", "headers", "cookie"),
        *("qs", "plugins", "name", "weight", "target", "p95"),
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-5, 10**30)
    | st.floats()
    | WORDS
    | st.text("{} $./x(1-9)[]?*#", max_size=12)
)
ANY = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=25,
)


def put(data: Any, path: list[object], value: object) -> None:
    """Replace a part of a file, wherever the path leads."""
    for key in path[:-1]:
        data = data[key]
    data[path[-1]] = value


PLACES = [
    ["config", "phases", 0],
    ["config", "phases"],
    ["config", "payload"],
    ["config", "ensure"],
    ["config", "variables"],
    ["config", "http"],
    ["config", "perfqa"],
    ["config", "plugins"],
    ["config", "environments"],
    ["scenarios"],
    ["scenarios", 0],
    ["scenarios", 0, "flow"],
    ["scenarios", 0, "flow", 0],
    ["scenarios", 0, "flow", 0, "get"],
    *(["scenarios", 0, "flow", 0, "get", k] for k in ("url", "capture", "expect", "json", "qs")),
]


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=400, deadline=None
)
@given(st.sampled_from(PLACES), ANY, st.none() | WORDS)
def test_any_data(
    tmp_path: Path, place: list[object], value: object, environment: str | None
) -> None:
    """Whatever stands wherever, the file is read or a FileProblems tells why not."""
    data = json.loads(json.dumps(with_config()))
    put(data, place, value)
    try:
        scenario = read(tmp_path, data, environment)
    except FileProblems as error:
        assert error.problems  # noqa: PT017 - not raising is right too
    else:
        assert scenario.flows
        assert sum(phase.expected for phase in scenario.phases) > 0


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None
)
@given(ANY)
def test_any_file(tmp_path: Path, data: object) -> None:
    """Whatever YAML a file holds, a FileProblems tells what is wrong."""
    assert problems(tmp_path, yaml.safe_dump(data))
