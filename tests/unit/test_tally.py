"""Thresholds over windows: what is counted, and that live and afterwards it is the same."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_perfqa.base.conditions import Condition
from pytest_perfqa.base.units import Unit
from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.load.wire.tally import Spell, Tallies, Tally, Watch, holds, span
from pytest_perfqa.load.wire.watch import AbortWatch, aborting
from pytest_perfqa.result.samples import ROW, quantile
from pytest_perfqa.scenario.records import Flow, Phase, Request, Scenario
from pytest_perfqa.scenario.spans import Spans

SCENARIO = Scenario(
    "s",
    phases=(Phase("warm", 10, 1, 1), Phase("plateau", 90, 1, 1)),
    flows=(Flow("f", 1, (Request("GET", "/", "GET /"),)),),
    warmup=frozenset({"warm"}),
)


def threshold(metric: str, limit: float, unit: Unit = Unit.COUNT, **more: Any) -> Condition:
    """Give a condition with ``>``, unless another operator is given."""
    return Condition(**{"text": metric, "line": 1, "operator": ">"} | more, metric=metric,
                     limit=limit, unit=unit)  # fmt: skip


def rows(*requests: tuple[float, float, int, Outcome]) -> np.ndarray[Any, Any]:
    """Give rows from due time, response time, status and outcome."""
    made = np.zeros(len(requests), ROW)
    for row, (due, response, status, outcome) in zip(made, requests, strict=True):
        row["intended"], row["response"], row["status"] = due, response, status
        row["outcome"], row["weight"], row["phase"] = outcome, 1, due >= 10
    return made


def tallies(one: Condition, table: np.ndarray[Any, Any], until: float) -> list[Tally]:
    """Count a threshold over all windows."""
    counted = Tallies([one], SCENARIO, lambda _: 0)
    counted.add(table)
    return [tally for (tally,) in counted.close(until)]


@pytest.mark.parametrize("operator", [">", ">=", "<", "<="])
@pytest.mark.parametrize("percent", ["p1", "p50", "p95", "p99.9", "max"])
def test_counts_decide_as_the_percentile_does(operator: str, percent: str) -> None:
    """A share of requests within the limit is as good as the percentile itself, ties included."""
    random = np.random.default_rng(7)
    compare = {">": np.greater, ">=": np.greater_equal, "<": np.less, "<=": np.less_equal}
    p = 1.0 if percent == "max" else float(percent[1:]) / 100
    decided = set()
    for count in [1, 2, 19, 20, 21, 100, 333] * 5:
        times = random.integers(1, 9, count) / 8
        table = rows(*((20.0, time, 200, Outcome.ANSWERED) for time in times))
        limit = float(random.choice(times))
        one = threshold(f"latency.{percent}", limit, Unit.SECOND, operator=operator)
        counted = sum(tallies(one, table, 30), Tally(0, 0))
        expected = compare[operator](quantile(times, np.ones(count, int), p), limit)
        assert holds(one, counted, 1.0) == expected
        decided.add(bool(expected))
    assert decided == {True, False} or percent != "p50"


def test_what_each_metric_counts() -> None:
    """What was not expected, errors, codes and good answers, each out of those that could be."""
    table = rows(
        (20.0, 0.1, 200, Outcome.ANSWERED),
        (20.1, 0.1, 404, Outcome.ANSWERED),
        (20.2, 0.1, 503, Outcome.ANSWERED),
        (20.3, 0.1, 504, Outcome.ANSWERED),
        (20.4, 0.1, 0, Outcome.TIMEOUT),
        (20.4, 0.1, 0, Outcome.REFUSED),
        (20.4, 0.1, 0, Outcome.PENDING),
    )
    expected = {
        "error_rate": Tally(6, 5),
        "errors": Tally(6, 2),
        "errors.timeout": Tally(6, 1),
        "status.5xx": Tally(4, 2),
        "status.404": Tally(4, 1),
        "throughput": Tally(7, 1),
        "latency.mean": Tally(6, pytest.approx(0.6)),
        "response.p50": Tally(6, 6),
    }
    for metric, tally in expected.items():
        assert tallies(threshold(metric, 1), table, 30)[20] == tally, metric


def test_the_scope() -> None:
    """Warm-up is left out, a phase or an endpoint alone can be meant, a grace period passes."""
    table = rows(*((float(due), 0.5, 500, Outcome.ANSWERED) for due in (5, 15, 25, 95)))
    table["endpoint"] = [0, 0, 1, 0]

    def seen(**more: Any) -> list[int]:
        found = tallies(threshold("status.5xx", 0, **more), table, 100)
        return [number for number, tally in enumerate(found) if tally.part]

    assert seen() == [15, 25, 95]
    assert seen(phase="warm") == [5]
    assert seen(after=20.0) == [25, 95]
    assert seen(endpoint="GET /") == [15, 95]


def test_what_ends_at_the_end_of_a_window_is_in_it() -> None:
    """As in the windows of a result."""
    table = rows(*((float(due), 0.5, 500, Outcome.ANSWERED) for due in (20.5, 21.0, 21.5)))
    found = tallies(threshold("status.5xx", 0), table, 30)
    assert [number for number, tally in enumerate(found) if tally.part] == [20, 21]


def test_a_phase_that_comes_again_is_looked_at_in_both_of_its_stretches() -> None:
    """And what lies between them is none of its time."""
    phases = (Phase("a", 10, 1, 1), Phase("b", 10, 1, 1), Phase("a", 10, 1, 1))
    again = replace(SCENARIO, phases=phases, warmup=frozenset({"b"}))
    slow = threshold("throughput", 5, Unit.PER_SECOND, operator="<", lasting=2.0, phase="a")
    assert span(slow, again) == Spans(((0, 10), (20, 30)))
    assert span(replace(slow, phase=None, after=5.0), again) == Spans(((5, 10), (20, 30)))
    watch = Watch(slow, again)
    told = [watch.see(float(start), Tally(0, 0)) for start in range(8, 23)]
    assert [number for number, spell in enumerate(told) if spell] == [1, 13, 14]


def test_windows_of_silence_neither_break_a_spell_nor_make_one() -> None:
    """At 0.3 requests per second most windows have none: those that have decide."""
    one = threshold("error_rate", 0.5, Unit.RATIO, lasting=10.0)
    bad, good, none = Tally(1, 1), Tally(1, 0), Tally(0, 0)

    def crossed(*windows: Tally) -> Spell | None:
        watch = Watch(one, SCENARIO)
        found = [watch.see(float(number), tally) for number, tally in enumerate(windows)]
        return next(filter(None, found), None)

    assert crossed(*[bad] * 9) is None
    assert crossed(*[bad] * 10) == Spell(0, 10)
    assert crossed(bad, none, none, bad, *[none] * 5, bad) == Spell(0, 10)
    assert crossed(*[bad] * 9, good, *[bad] * 9) is None
    assert crossed(bad, *[none] * 40) is None, "one error and then silence is no ten seconds"
    assert crossed(bad, *[none] * 11, bad, *[none] * 5) is None, "nor are two, far apart"


def test_a_count_for_the_whole_run_adds_up() -> None:
    """Without a duration, what is certain is told as soon as it is."""
    watch = Watch(threshold("status.5xx", 2), SCENARIO)
    told = [watch.see(float(number), Tally(1, 1)) for number in range(4)]
    assert told == [None, None, Spell(0, 3), Spell(0, 4)]


def test_pending_counts_only_within_its_span() -> None:
    """Windows of the warm-up say nothing about pending or throughput."""
    many = threshold("pending", 5, lasting=2.0)
    watch = Watch(many, SCENARIO)
    told = [watch.see(float(start), Tally(1, 9)) for start in range(8, 13)]
    assert told == [None, None, None, Spell(10, 12), Spell(10, 13)]
    one = threshold("throughput", 5, Unit.PER_SECOND, operator="<", lasting=2.0)
    slow = Watch(one, SCENARIO)
    told = [slow.see(float(start), Tally(0, 0)) for start in range(97, 103)]
    assert told == [None, Spell(97, 99), Spell(97, 100), None, None, None]
    cooling = replace(SCENARIO, phases=(*SCENARIO.phases, Phase("cool", 50, 1, 1)))
    cooling = replace(cooling, warmup=frozenset({"warm", "cool"}))
    assert (span(one, cooling), span(many, cooling)) == (
        Spans(((10, 100),)),
        Spans(((10, math.inf),)),
    )


def test_several_processes_and_chunks_count_as_one() -> None:
    """However requests are spread over processes and told in portions, it comes to the same."""
    random = np.random.default_rng(3)
    due = np.sort(random.uniform(0, 100, 3000))
    table = rows(*((when, 0.0, 200, Outcome.ANSWERED) for when in due))
    table["response"] = random.gamma(2, 0.1 + 0.4 * ((due > 50) & (due < 70)))
    one = threshold("latency.p95", 1.0, Unit.SECOND, lasting=5.0, abort=True)
    scenario = Scenario(**vars(SCENARIO) | {"thresholds": (one,)})
    ends = table["intended"] + table["response"]
    at_once = [[[t.total, t.part]] for t in tallies(one, table, float(np.ceil(ends.max())))]

    processes = [Tallies([one], scenario, lambda _: 0) for _ in range(3)]
    shard = random.integers(0, 3, len(table))
    watch, told, crossing = AbortWatch(scenario, 3), [np.zeros((0, 1, 2))] * 3, None
    for now in np.arange(0.1, 110, 0.1):
        for number, process in enumerate(processes):
            process.add(table[(shard == number) & (ends >= now - 0.1) & (ends < now)])
            windows = [[[t.total, t.part] for t in w] for w in process.close(now - 0.05)]
            told[number] = np.concatenate([told[number], np.reshape(windows, (-1, 1, 2))])
            crossing = crossing or watch.hear(number, windows)
    assert sum(told)[: len(at_once)].tolist() == at_once

    alone = Watch(one, scenario)
    spells = [alone.see(float(n), Tally(*counts[0])) for n, counts in enumerate(at_once)]
    assert crossing is not None
    assert crossing.spell == next(filter(None, spells))
    assert 50 <= crossing.spell.start <= 52


def test_a_process_that_has_ended_is_not_waited_for() -> None:
    """Its last windows count, and then the others alone."""
    one = threshold("pending", 5, lasting=2.0, abort=True)
    watch = AbortWatch(Scenario(**vars(SCENARIO) | {"thresholds": (one,)}), 2)
    assert watch.hear(0, [[[1, 4]]] * 11) is None
    assert watch.hear(1, [[[1, 4]]] * 30) is None
    watch.ended(0)
    assert watch.hear(1, []) is None, "four are not too many"
    crossing = watch.hear(1, [[[1, 9]]] * 3)
    assert crossing is not None
    assert crossing.spell == Spell(30, 32)


@settings(deadline=None)
@given(st.data())
def test_windows_are_judged_by_what_all_processes_told(data: st.DataObject) -> None:
    """In whatever order and portions they tell, and wherever one has ended, it comes to the same.

    What one of them has told of a window is not all that happened in it: one that sees only its
    own errors would stop a run of which most went well.
    """
    processes = data.draw(st.integers(2, 3))
    lengths = data.draw(st.lists(st.integers(1, 12), min_size=processes, max_size=processes))
    counts = st.tuples(st.integers(1, 5), st.integers(0, 5)).map(lambda pair: (sum(pair), pair[1]))
    told = [data.draw(st.lists(counts, min_size=n, max_size=n)) for n in lengths]
    one = threshold("error_rate", 0.5, Unit.RATIO, lasting=3.0, abort=True)
    scenario = replace(SCENARIO, thresholds=(one,))

    alone, spells = Watch(one, scenario), []
    for number in range(max(lengths)):
        seen = [Tally(*windows[number]) for windows in told if number < len(windows)]
        spells.append(alone.see(float(number), sum(seen, Tally(0, 0))))

    watch, places, crossing = AbortWatch(scenario, processes), [0] * processes, None
    left = list(range(processes))
    while left:
        process = data.draw(st.sampled_from(left))
        portion = data.draw(st.integers(1, 4))
        windows = told[process][places[process] : places[process] + portion]
        places[process] += portion
        crossing = crossing or watch.hear(process, [[window] for window in windows])
        if places[process] >= lengths[process]:
            watch.ended(process)
            left.remove(process)
    crossing = crossing or watch.hear(0, [])
    assert (crossing and crossing.spell) == next(filter(None, spells), None)


def test_nothing_is_judged_before_the_slowest_has_told() -> None:
    """Nine bad seconds of one process say nothing while the other may have had good ones."""
    one = threshold("error_rate", 0.5, Unit.RATIO, lasting=5.0, abort=True)
    watch = AbortWatch(replace(SCENARIO, thresholds=(one,)), 2)
    assert watch.hear(0, [[[4, 4]]] * 9) is None
    assert watch.hear(1, [[[9, 0]]] * 9) is None
    assert watch.hear(0, [[[4, 4]]] * 5) is None
    crossing = watch.hear(1, [[[3, 0]]] * 5)
    assert crossing is not None
    assert crossing.spell == Spell(9, 14)


@pytest.mark.parametrize(("others", "crosses"), [(2, False), (3, True)])
def test_pending_is_judged_by_what_all_who_are_at_work_saw(others: int, *, crosses: bool) -> None:
    """One that did not look in time leaves a gap: what the others saw is not all there was."""
    one = threshold("pending", 5, lasting=2.0, abort=True)
    watch = AbortWatch(replace(SCENARIO, thresholds=(one,)), 2)
    looked, missed = [[1, others]], [[0, 0]]
    assert watch.hear(0, [[[0, 0]]] * 10) is None
    assert watch.hear(1, [[[0, 0]]] * 10) is None
    assert watch.hear(0, [looked, looked, looked, looked]) is None
    # Six are too many where both have looked; where one has not, six of the other are no verdict.
    crossing = watch.hear(1, [looked, missed, missed, looked])
    assert (crossing is not None) is crosses
    gap = AbortWatch(replace(SCENARIO, thresholds=(one,)), 2)
    gap.hear(0, [[[1, 9]]] * 20)
    assert gap.hear(1, [missed] * 20) is None


def test_only_what_is_meant_to_stops_a_run() -> None:
    """Other thresholds are judged when it is over."""
    stops = threshold("error_rate", 0.5, Unit.RATIO, lasting=2.0, abort=True)
    tells = threshold("status.5xx", 0, Unit.COUNT)
    scenario = replace(SCENARIO, thresholds=(tells, stops))
    assert aborting(scenario) == (stops,)
    assert AbortWatch(scenario, 1).hear(0, [[[4, 1]]] * 9) is None
    assert aborting(replace(SCENARIO, thresholds=(tells,))) == ()


def test_what_is_told_late_counts_in_the_next_window() -> None:
    """A window that has been told is not told again, and no request is lost."""
    counted = Tallies([threshold("errors", 0)], SCENARIO, lambda _: 0)
    assert [tally.total for (tally,) in counted.close(30)] == [0] * 30
    counted.add(rows((20.0, 0.1, 200, Outcome.ANSWERED), (31.2, 0.1, 200, Outcome.ANSWERED)))
    assert [tally.total for (tally,) in counted.close(33)] == [1, 1, 0]
