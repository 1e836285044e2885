"""Whatever a file holds, it is read, or told what is wrong with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml
from artillery_files import problems, read, with_config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_perfqa.errors import FileProblems

if TYPE_CHECKING:
    from pathlib import Path

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
