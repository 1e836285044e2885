"""Services side by side: under one scenario, and over all."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from synthetic import run, samples

from pytest_perfqa.base.units import Quantity, Unit
from pytest_perfqa.capacity.limits.found import BreakingPoint, Capacity
from pytest_perfqa.report.comparison import compare, compare_services, row
from pytest_perfqa.report.text.side_by_side import cells, comparison_summary, overall
from pytest_perfqa.scenario.records import Flow, Phase, Scenario

if TYPE_CHECKING:
    from pytest_perfqa.report.comparison import Row

EVEN = np.arange(100) / 10


def test_a_scenario_of_one_service_is_not_compared() -> None:
    """There is nothing beside it."""
    assert compare([run(samples(EVEN), scenario="a"), run(samples(EVEN), scenario="b")]) == {}


def test_what_can_not_be_told_is_none() -> None:
    """A table describes; it neither guesses nor fails."""
    first = run(samples(EVEN, status=200), service="one")
    second = run(samples(EVEN, status=504), service="two")
    good, bad = compare([first, second])["steady"]
    assert good.served == 1
    assert good.queues is False
    assert bad.served == 0
    assert bad.server_errors == 100
    assert bad.queues is None  # not one good answer tells the service time
    assert bad.memory is None


def test_services_stand_in_columns() -> None:
    """Figures are aligned, and columns in which nobody has anything are left out."""
    first = run(samples(EVEN, 0.05, status=200), service="one")
    second = run(samples(EVEN, 0.05, status=504), service="another")
    lines = list(comparison_summary(compare([first, second])))
    assert lines[0] == "steady, side by side:"
    assert lines[1].split() == ["service", "served", "5xx", "p95", "throughput", "queue"]
    assert lines[2].split()[:3] == ["one", "100", "%"]
    assert (
        len({line.rindex(last) + len(last) for line in lines[1:] for last in [line.split()[-1]]})
        == 1
    )


def breaking_point(service: str, rate: float, *, broken: bool = True) -> BreakingPoint:
    """Give one of the same question to each service."""
    return BreakingPoint(
        capacity=Capacity.BURST,
        rate=Quantity(rate, Unit.PER_SECOND),
        low=Quantity(rate, Unit.PER_SECOND),
        high=Quantity(rate + 0.1, Unit.PER_SECOND),
        broken=broken,
        cause="5xx" if broken else "",
        confirmed=True,
        probes=(),
        wall=Quantity(8, Unit.SECOND),
        service=service,
        target="GET /heavy",
        window=10.0,
    )


def matrix() -> dict[str, tuple[Row, ...]]:
    """Two services under two scenarios: the second one queues under one of them."""
    burst = samples(EVEN, 0.05 + np.arange(100) * 0.05)
    return compare(
        [
            run(samples(EVEN, 0.05), scenario="light", service="one"),
            run(samples(EVEN, 0.05), scenario="heavy", service="one"),
            run(samples(EVEN, 0.05), scenario="light", service="another"),
            run(burst, scenario="heavy", service="another"),
        ]
    )


def test_conclusions_are_drawn_over_all_scenarios() -> None:
    """Who queues under what, and how many times as much as the weakest each takes."""
    one, another = compare_services(
        matrix(), [breaking_point("one", 4), breaking_point("another", 1.25)]
    )
    assert one.service == "one"
    assert one.queues == {"light": False, "heavy": False}
    assert another.queues == {"light": False, "heavy": True}
    (limit,) = one.limits.values()
    assert limit is not None
    assert limit.factor == 3.2
    (limit,) = another.limits.values()
    assert limit is not None
    assert limit.factor is None
    assert one.cpu_seconds is None  # nothing was monitored


def test_conclusions_as_text() -> None:
    """Columns in which nobody has anything are left out; a bound that was not met is no factor."""
    found = [breaking_point("one", 4, broken=False), breaking_point("another", 1.25)]
    lines = list(overall(compare_services(matrix(), found)))
    assert lines[0] == "over all scenarios:"
    columns = [re.split(r"\s{2,}", line) for line in lines[1:]]
    assert columns == [
        ["service", "breaks at", "queue grows under"],
        ["one", "> 4/s", "none"],
        ["another", "1.25/s", "heavy"],
    ]


def test_of_several_questions_each_has_its_column() -> None:
    """Also where a service was not asked: then nothing stands there."""
    other = [replace(breaking_point(name, 9), target="GET /ping") for name in ("another", "third")]
    found = [breaking_point("one", 4), breaking_point("another", 1.25), *other]
    table = cells(compare_services(matrix(), found))
    assert table == [
        (
            "service",
            "scenarios",
            "breaks at: GET /heavy, within 10 s",
            "breaks at: GET /ping, within 10 s",
            "queue grows under",
        ),
        ("one", "2 of 2", "4/s (3.2 x)", "-", "none"),
        ("another", "2 of 2", "1.25/s", "9/s", "heavy"),
        ("third", "0 of 2", "-", "9/s", "-"),
    ]


def test_a_bound_that_was_not_met_is_no_measure() -> None:
    """Three times "more than 1.25/s" says nothing."""
    found = [breaking_point("one", 4), breaking_point("another", 1.25, broken=False)]
    table = cells(compare_services(matrix(), found))
    assert [row[1] for row in table] == ["breaks at", "4/s", "> 1.25/s"]


def test_what_can_not_be_believed_or_told_is_no_conclusion() -> None:
    """INVALID runs are left out; a question mark stands where nothing can be told."""
    doubtful = run(samples(EVEN, 0.05), scenario="light", service="third")
    doubtful.invalid = ("31 arrivals were late",)
    unknown = [
        run(samples(EVEN, 0.05, status=504), scenario="light", service=name)
        for name in ("one", "another")
    ]
    compared = compare([*unknown, doubtful])
    assert [each.service for each in compared["light"]] == ["one", "another"]
    compared["heavy"] = matrix()["heavy"]
    _, *rows = cells(compare_services(compared, []))
    assert [line[-1] for line in rows] == ["light?", "light?, heavy"]


def test_a_run_that_was_ended_early_is_marked() -> None:
    """It used less CPU, for it did less."""
    compared = matrix()
    light = tuple(replace(each, cpu_seconds=Quantity(3, Unit.SECOND)) for each in compared["light"])
    heavy = tuple(replace(each, cpu_seconds=Quantity(4, Unit.SECOND)) for each in compared["heavy"])
    compared = {"light": light, "heavy": (heavy[0], replace(heavy[1], ended_early=True))}
    assert [one.cpu_seconds for one in compare_services(compared, [])] == [7, None]
    assert any("another (ended early)" in line for line in comparison_summary(compared))


def test_scenarios_of_one_name_are_told_apart() -> None:
    """Two files in two folders: their runs are not compared with each other."""
    results = [
        run(samples(EVEN), phases=[("steady", seconds)], service=service)
        for seconds in (10.0, 20.0)
        for service in ("one", "another")
    ]
    assert list(compare(results)) == ["steady", "steady #2"]


def test_one_table_needs_no_conclusion() -> None:
    """What one scenario's table says, or that of the breaking points, is not said twice."""
    compared = matrix()
    found = [breaking_point("one", 4), breaking_point("another", 1.25)]
    light = {"light": compared["light"]}
    assert compare_services(light, []) == ()
    assert compare_services({}, found) == ()
    assert compare_services(light, found[:1]) == ()
    assert len(compare_services(light, found)) == 2


def test_who_did_not_run_under_all_is_marked() -> None:
    """Its CPU time can't be compared."""
    compared = matrix()
    third = run(samples(EVEN, 0.05), scenario="light", service="third")
    compared["light"] = (*compared["light"], row(third))
    headings, *rows = cells(compare_services(compared, []))
    assert headings[:2] == ("service", "scenarios")
    assert [one[1] for one in rows] == ["2 of 2", "2 of 2", "1 of 2"]


def test_recoveries_are_counted_over_all_peaks() -> None:
    """Two peaks each; one that it did not recover from is not hidden by one that it did."""
    usual = np.concatenate(
        [np.arange(0, 60, 0.5), np.arange(60, 70, 0.05), np.arange(70, 130, 0.5)]
    )
    phases = [("plateau", 60.0), ("peak", 10.0), ("after", 60.0)]
    late = np.where(usual < 60, 0.05, 131 - usual)
    results = [
        run(samples(usual, latency), scenario=scenario, service=service, phases=phases)
        for service, latency in (("one", 0.05), ("another", late))
        for scenario in ("first", "second")
    ]
    found = compare_services(compare(results), [])
    assert [[each is not None and each.recovered for each in one.recoveries] for one in found] == [
        [True, True],
        [False, False],
    ]
    assert [line[1] for line in cells(found)] == ["recovers", "2 of 2 peaks", "0 of 2 peaks"]


def peaks(*phases: Phase) -> list[str]:
    """Give the phases after which a recovery is told."""
    definition = Scenario("s", phases, (Flow("f", 1.0, ()),))
    result = run(samples(EVEN), phases=[(phase.name, phase.duration) for phase in phases])
    result.definition = definition
    return list(row(result).recoveries)


@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize(
    ("after", "is_peak"), [(0.1, True), (4.9, True), (5.0, True), (5.1, False), (12.0, False)]
)
def test_a_peak_is_what_the_load_falls_from_to_half_or_less(
    after: float, *, counted: bool, is_peak: bool
) -> None:
    """From where it ended to where the next begins, be it told as a rate or as a count."""

    def phase(name: str, begin: float, end: float) -> Phase:
        if counted:
            return Phase(name, 100, count=round(100 * (end if name == "high" else begin)))
        return Phase(name, 100, begin, end)

    high, low = phase("high", 2, 10), phase("low", after, 30)
    assert peaks(high, low) == (["high"] if is_peak else [])
    # A pause brings nothing: what counts is what the load goes on with.
    assert peaks(high, Phase("pause", 5), low) == (["high"] if is_peak else [])
