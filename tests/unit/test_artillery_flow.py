"""What becomes of requests, captures, expectations and loops."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest
from artillery_files import get, problems, read, request, with_config, with_steps

from pytest_perfqa.load.engine.vuser import VirtualUser
from pytest_perfqa.load.wire.record import WHOLE_ARRIVAL
from pytest_perfqa.scenario.artillery.checks import MAX_ENDPOINTS
from pytest_perfqa.scenario.records import Capture, Expectation, Loop, Request, Think

if TYPE_CHECKING:
    from pathlib import Path


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


def test_at_most_254_endpoints(tmp_path: Path) -> None:
    """The endpoints of all flows fit into one byte of a record; names bring them together."""
    most = [get(url=f"/{number}?page=1") for number in range(MAX_ENDPOINTS)]
    same = [get(url="/0?page=2"), get(url="/x", name="GET /0"), {"think": 1}]
    data = with_steps(*most, *same)
    labels = {step.label for step in read(tmp_path, data).flows[0].steps if hasattr(step, "label")}
    assert len(labels) == MAX_ENDPOINTS < WHOLE_ARRIVAL
    data["scenarios"].append({"flow": [{"loop": [get(url="/y"), get(url="/z")], "count": 1}]})
    (found,) = problems(tmp_path, data)
    assert found.split(": ", 1)[1] == (
        "scenarios[1].flow[0].loop[0].get: one endpoint too many of 256; accepted: at most 254,"
        " where requests of the same 'name' count as one"
    )


@pytest.mark.parametrize(
    ("loop", "expected"),
    [
        ({"count": 3}, [(0, 0), (1, 1), (2, 2)]),
        ({"over": ["a", "b"]}, [(0, "a"), (1, "b")]),
        ({"over": "xs"}, [(0, 5)]),
    ],
)
def test_loops_count_from_0(
    tmp_path: Path, loop: dict[str, object], expected: list[object]
) -> None:
    """A virtual user's ``$loopCount`` is Artillery's."""
    data = with_steps({"loop": [get()]} | loop, variables={"xs": 5})
    (flow,) = read(tmp_path, data).flows
    passes = []

    class Watched(VirtualUser):
        def _request(self, request: Request) -> None:
            del request
            passes.append((self._variables["$loopCount"], self._variables["$loopElement"]))

    user = Watched(
        Mock(stopping=False), Mock(), flow, due=0.0, phase=0, variables={"xs": 5}, seed=""
    )
    user.run()
    assert passes == expected
