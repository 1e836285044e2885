# ruff: noqa: ISC004 - long messages
"""The keys of a scenario file: what is refused, and how it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from artillery_files import PHASES, get, problems, read, with_config, with_steps

from pytest_perfqa.scenario.records import Request

if TYPE_CHECKING:
    from pathlib import Path


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
            {"tls": {"rejectUnauthorized": "no"}},
            "tls.rejectUnauthorized: found 'no'; accepted: true or false",
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
        (
            {"perfqa": {"warmpu": 1}},
            "perfqa: unknown key 'warmpu'; accepted: warmup, arrivals, seed, users, locustfile",
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


def test_anchors(tmp_path: Path) -> None:
    """Aliases and merges work, and ``x-`` keys hold what they refer to."""
    text = """\
x-request: &request {headers: {a: b}}
config: {phases: [{duration: 1, arrivalRate: 1}]}
scenarios: [{flow: [{get: {<<: *request, url: /}}]}]
"""
    assert read(tmp_path, text).flows[0].steps == (Request("GET", "/", "GET /", {"a": "b"}),)
