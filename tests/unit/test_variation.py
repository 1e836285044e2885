"""Scenarios with other parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_perfqa.base.conditions import Condition
from pytest_perfqa.base.units import Unit
from pytest_perfqa.errors import ConfigurationError
from pytest_perfqa.scenario.records import Fault, Flow, Phase, Request, Scenario
from pytest_perfqa.scenario.variation import Parameters, varied

THRESHOLD = Condition("p95 > 1s for 30s", 1, "latency.p95", ">", 1.0, Unit.SECOND,
                      lasting=30.0, after=20.0)  # fmt: skip
SCENARIO = Scenario(
    "shop",
    phases=(
        Phase("ramp", 20, 0, 10),
        Phase("pause", 20),
        Phase("burst", 10, count=40),
        Phase("plateau", 50, 8, 8),
    ),
    flows=(Flow("f", 1, (Request("GET", "/", "GET /"),)),),
    variables={"path": ("/", "/x")},
    thresholds=(THRESHOLD,),
    faults=(Fault("kill app at plateau + 10s", 1, 60, "kill", "app", 5),),
)


def test_the_shape_stays() -> None:
    """Phases are stretched and made faster alike."""
    found = varied(SCENARIO, Parameters(rate="20/s", duration="50s"))
    assert found.phases == (
        Phase("ramp", 10, 0, 20),
        Phase("pause", 10),
        Phase("burst", 5, count=80),
        Phase("plateau", 25, 16, 16),
    )
    assert found.faults[0].at == 30
    assert found.faults[0].lasting == 5
    assert found.thresholds[0].after == 10
    assert found.thresholds[0].lasting == 30


def test_a_short_burst_is_the_highest_rate() -> None:
    """A count within a shorter time is a higher rate."""
    found = varied(replace(SCENARIO, thresholds=()), Parameters(duration=25, rate=8))
    assert found.phases[2] == Phase("burst", 2.5, count=20)
    assert found.phases[3].rate == pytest.approx(4)


def test_numbers_follow_no_scale() -> None:
    """At a tenth of the times, 10 seconds of the run are 100 of the file."""
    texts = varied(SCENARIO, Parameters(rate="2/s", duration="100s"), 0.1)
    numbers = varied(SCENARIO, Parameters(rate=20, duration=10), 0.1)
    assert texts == numbers


def test_variables() -> None:
    """One value or alternatives; the others stay."""
    found = varied(SCENARIO, Parameters(variables={"path": ["/a", "/b"]})).variables
    assert found == {"path": ("/a", "/b")}
    assert varied(SCENARIO, Parameters(variables={"path": 5})).variables == {"path": (5,)}
    assert varied(SCENARIO, Parameters()) == SCENARIO


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (
            {"rate": "10s"},
            "perf_load(rate='10s'): accepted: a number above 0, or a text such as '5",
        ),
        ({"rate": 0}, "perf_load(rate=0)"),
        ({"rate": True}, "perf_load(rate=True)"),
        ({"duration": -1}, "perf_load(duration=-1)"),
        ({"duration": float("nan")}, "perf_load(duration=nan)"),
        ({"duration": "20s"}, "'p95 > 1s for 30s' of shop can never be met within 20 s"),
        ({"rate": "1/h", "duration": "31s", "variables": {}}, ""),
        ({"variables": ["path"]}, "accepted: a mapping of names to values"),
        ({"variables": {"paht": 1}}, "no variable 'paht'; accepted: path; did you mean 'path'?"),
        ({"variables": {"path": []}}, "a value that JSON has, or a list of at least one"),
        ({"variables": {"path": {1, 2}}}, "a value that JSON has"),
        ({"rate": 1e9}, "arrivals; accepted: at most 1e+09"),
    ],
)
def test_what_can_not_be(parameters: dict[str, Any], said: str) -> None:
    """It is told with what is accepted; a count keeps at least one arrival."""
    if not said:
        assert varied(SCENARIO, Parameters(**parameters)).phases[2].count == 1
        return
    with pytest.raises(ConfigurationError) as caught:
        varied(SCENARIO, Parameters(**parameters))
    assert said in str(caught.value)


def test_all_mistakes_come_together() -> None:
    """One call, all of its mistakes."""
    with pytest.raises(ConfigurationError) as caught:
        varied(SCENARIO, Parameters(rate="x", duration="y", variables={"z": 1}))
    assert len(str(caught.value).splitlines()) == 3


def test_a_load_of_nothing_and_a_load_of_users() -> None:
    """Neither can be made at a rate."""
    slow = Scenario("slow", (Phase("p", 10, 1, 1),), SCENARIO.flows)
    with pytest.raises(ConfigurationError, match="would bring no arrivals"):
        varied(slow, Parameters(rate="1/h"))
    closed = Scenario("closed", (Phase("p", 10, 1, 1),), SCENARIO.flows, users=5)
    with pytest.raises(ConfigurationError, match="closed has users, who come at no rate"):
        varied(closed, Parameters(rate="1/s"))
