"""A load of no arrivals, or of arrivals that send nothing, is a mistake: it would pass anything."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from artillery_files import PHASES, get, problems, read, with_config, with_steps
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfqa.errors import ConfigurationError
from pytest_perfqa.scenario.records import (
    Flow,
    Loop,
    Payload,
    Phase,
    Request,
    Scenario,
    Step,
    Think,
)
from pytest_perfqa.scenario.schedule import crowd, emptiness, schedule
from pytest_perfqa.scenario.variation import Parameters, varied

if TYPE_CHECKING:
    from pathlib import Path

GET = Request("GET", "/", "GET /")
FLOW = Flow("f", 1.0, (GET,))
HALF = {"duration": 1, "arrivalRate": 0.5}


@pytest.mark.parametrize(
    ("phases", "more"),
    [
        ([HALF], ": one comes where the rate of a phase adds up to 1, here it is 0.5 at most"),
        # Each phase counts anew, so that these three don't add up.
        ([HALF, HALF, {"duration": 1, "arrivalRate": 0.9}], "here it is 0.9 at most"),
        ([{"duration": 2, "arrivalRate": 0, "rampTo": 0.9}], "here it is 0.9 at most"),
        ([{"duration": 1, "arrivalCount": 0}], ""),
        ([{"pause": 1}, {"pause": "1 min"}], ""),
        ([{"duration": 1, "arrivalRate": 0}, {"pause": 5}], ""),
    ],
)
def test_phases_that_bring_no_arrival(tmp_path: Path, phases: list[Any], more: str) -> None:
    """One error, with the line of the phases."""
    (found,) = problems(tmp_path, with_config(phases=phases))
    assert found.startswith("3: config.phases: no phase brings any arrivals")
    assert found.endswith(more)


def test_random_arrivals_may_be_none_by_chance(tmp_path: Path) -> None:
    """That depends on the seed, which is known; it is the same in every run."""
    told = {}
    for seed in range(12):
        config = {"phases": [HALF], "perfqa": {"arrivals": "poisson", "seed": seed}}
        scenario = Scenario("s", (Phase("p", 1, 0.5, 0.5),), (FLOW,), arrivals="poisson", seed=seed)
        told[seed] = bool(len(schedule(scenario)))
        if told[seed]:
            assert read(tmp_path, with_config(**config)).seed == seed
        else:
            (found,) = problems(tmp_path, with_config(**config))
            assert f"with the seed {seed}, it so happens that there are none" in found
    assert set(told.values()) == {True, False}


def test_users_come_however_low_the_rate_is(tmp_path: Path) -> None:
    """It is their share of all users: half a user is one."""
    assert read(tmp_path, with_config(phases=[HALF], perfqa={"users": 3})).users == 3
    (found,) = problems(tmp_path, with_config(phases=[{"pause": 3}], perfqa={"users": 3}))
    assert "no phase brings any users" in found


NOTHING = {
    "think": [{"think": 1}],
    "a loop of none": [{"loop": [get()], "count": 0}],
    "a loop over none": [{"loop": [get()], "over": []}],
    "a loop over an empty list": [{"loop": [get()], "over": "empty"}],
    "a loop over lists that are empty": [{"loop": [get()], "over": "nothings"}],
    "a loop of thoughts": [{"loop": [{"think": 1}], "count": 5}],
    "a loop in a loop": [{"loop": [{"loop": [get()], "count": 0}, {"think": 1}], "count": 5}],
    "several": [{"think": 1}, {"loop": [get()], "count": 0}, {"think": 2}],
}
VARIABLES = {"empty": [[]], "nothings": [[], []], "some": [[], [1]], "one": "x"}


@pytest.mark.parametrize("steps", NOTHING.values(), ids=NOTHING)
def test_a_flow_that_sends_nothing(tmp_path: Path, steps: list[Any]) -> None:
    """One error, with the line of the scenarios; beside another that sends, it may stand."""
    data = with_steps(*steps, variables=VARIABLES)
    (found,) = problems(tmp_path, data)
    assert found.partition(": ")[2] == "scenarios: no flow sends any requests"
    assert data["scenarios"]
    assert int(found.partition(":")[0]) > 5
    data["scenarios"] *= 2
    (found,) = problems(tmp_path, data)
    assert "no flow sends any requests" in found
    data["scenarios"][1] = {"weight": 0.5, "flow": [get()]}
    assert len(read(tmp_path, data).flows) == 2


@pytest.mark.parametrize(
    "step",
    [
        {"loop": [get()], "count": 1},
        {"loop": [get()], "over": "some"},
        {"loop": [get()], "over": "one"},
        {"loop": [get()], "over": [1]},
        {"loop": [{"think": 1}, {"loop": [get()], "count": 1}], "count": 1},
    ],
)
def test_a_loop_that_may_send_something(tmp_path: Path, step: dict[str, Any]) -> None:
    """Of several lists one may not be empty, and what is no list is one value."""
    assert read(tmp_path, with_steps(step, variables=VARIABLES)).flows


def test_a_loop_over_what_a_payload_or_an_answer_brings(tmp_path: Path) -> None:
    """What that is, nobody knows before."""
    (tmp_path / "rows.csv").write_text("a\n")
    loop = {"loop": [get()], "over": "empty"}
    payload = {"path": "rows.csv", "fields": ["empty"]}
    assert read(tmp_path, with_steps(loop, variables=VARIABLES, payload=payload)).payloads
    capture = get(capture={"json": "$.items", "as": "items"})
    assert read(tmp_path, with_steps(capture, {"loop": [get()], "over": "items"})).flows


def test_it_is_told_with_what_else_is_wrong(tmp_path: Path) -> None:
    """And of each environment; there, more arrivals come, or none at all."""
    data = with_config(
        phases=[HALF],
        ensure={"p95": 20000},
        environments={"more": {"phases": PHASES}, "less": {"phases": [{"arrivalRate": 0}]}},
    )
    data["scenarios"] = [{"flow": NOTHING["think"]}]
    less, half, limit, nothing = sorted(one.partition(": ")[2] for one in problems(tmp_path, data))
    assert less == "config.phases: no phase brings any arrivals (in environment 'less')"
    assert half.startswith("config.phases: no phase brings any arrivals: one comes where")
    assert limit.startswith("http.response_time.p95 < 20000: nothing gets to 20000")
    assert nothing == "scenarios: no flow sends any requests (in environment 'more')"


def test_other_parameters_may_leave_nothing() -> None:
    """Before anything starts, with what it comes to."""
    shop = Scenario("shop", (Phase("p", 10, 1, 1),), (FLOW,), variables={"ids": ([1],)})
    for parameters in (
        Parameters(duration="0.9s"),
        Parameters(duration=0.5),
        Parameters(rate="0.09/s"),
        Parameters(rate="1/s", duration="0.99s"),
    ):
        with pytest.raises(ConfigurationError, match="perf_load: shop would bring no arrivals: "):
            varied(shop, parameters)
    assert varied(shop, Parameters(rate="0.1/s"))
    loop = replace(shop, flows=(Flow("f", 1.0, (Loop((GET,), over="ids"),)),))
    assert varied(loop, Parameters(variables={"ids": [[1, 2]]}))
    with pytest.raises(ConfigurationError, match="perf_load: shop would bring no requests"):
        varied(loop, Parameters(variables={"ids": [[]]}))
    # A phase that counts keeps one at least.
    burst = replace(shop, phases=(Phase("p", 10, count=3),))
    assert varied(burst, Parameters(rate="1/h")).phases[0].count == 1
    users = replace(shop, phases=(Phase("p", 10, 0.01, 0.01),), users=3)
    assert varied(users, Parameters(duration="1s"))


RATES = st.sampled_from([0.0, 1e-9, 0.05, 0.1, 0.3, 1.0, 7.0])
DURATIONS = st.sampled_from([0.1, 1.0, 10 / 3, 10.0, 20.0])
ANY_PHASES = st.lists(
    st.builds(Phase, st.just("p"), DURATIONS, RATES, RATES, st.none() | st.integers(0, 2)),
    min_size=1,
    max_size=4,
).map(tuple)


@given(
    ANY_PHASES,
    st.sampled_from(["uniform", "poisson"]),
    st.integers(0, 50),
    st.sampled_from([1.0, 0.1, 3.0]),
)
def test_it_is_what_the_schedule_will_be(
    phases: tuple[Phase, ...], arrivals: Any, seed: int, scale: float
) -> None:
    """At every scale: nothing comes exactly if it was said so."""
    scenario = Scenario("s", phases, (FLOW,), arrivals=arrivals, seed=seed)
    assert (emptiness(scenario) is None) == (len(schedule(scenario.scaled(scale))) > 0)
    users = replace(scenario, users=3)
    most = max(count for _, count in crowd(users.scaled(scale)))
    assert (emptiness(users) is None) == (most > 0)


STEPS = st.recursive(
    st.sampled_from([GET, Think(1.0)]),
    lambda inner: (
        st.builds(
            Loop,
            st.lists(inner, min_size=1, max_size=3).map(tuple),
            st.integers(0, 2),
        )
        | st.builds(
            Loop,
            st.lists(inner, min_size=1, max_size=3).map(tuple),
            st.none(),
            st.sampled_from(["ids", "rows", (), (1, 2)]),
        )
    ),
    max_leaves=8,
)


def sent(steps: tuple[Step, ...], ids: list[int]) -> int:
    """Count the requests of a pass, as a virtual user would send them."""
    number = 0
    for step in steps:
        match step:
            case Request():
                number += 1
            case Loop(inner, count, over):
                times = count if count is not None else len(ids if over == "ids" else over)
                number += times * sent(inner, ids)
    return number


@given(st.lists(STEPS, min_size=1, max_size=3).map(tuple), st.lists(st.just(1), max_size=2))
def test_it_is_what_the_virtual_users_will_do(steps: tuple[Step, ...], ids: list[int]) -> None:
    """Of what isn't known before, anything may come."""
    scenario = Scenario(
        "s",
        (Phase("p", 1, 5, 5),),
        (Flow("f", 1.0, steps),),
        variables={"ids": (ids,), "rows": ([],)},
        payloads=(Payload(("rows",), ()),),
    )
    assert scenario.sends_requests == (sent(steps, ids) > 0)
    assert (emptiness(scenario) is None) == scenario.sends_requests
