"""Quantities as values: copied, sent elsewhere, added up, and what becomes of their certainty."""

from __future__ import annotations

import copy
import dataclasses
import math
import operator
import pickle
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import queue, readings, run, samples

from pytest_perfqa.base.evidence import Evidence
from pytest_perfqa.base.units import Estimate, Quantity, Reach, Unit, parse
from pytest_perfqa.errors import Inconclusive, UnitError
from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.monitor.readings import Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_perfqa.result.run_result import RunResult

REACH = Reach(10.0, "the run's time-out is 10 s (http.timeout)")


def seconds(value: float, scale: float = 1.0) -> Quantity:
    """Give a time that was measured."""
    return Quantity(value, Unit.SECOND, scale, lambda: Evidence("the time"), REACH)


def estimate(value: float, low: float, high: float, samples: int = 100) -> Estimate:
    """Give a time that lies between two others."""
    found = Estimate(value, Unit.SECOND, 1.0, lambda: Evidence("the estimate"), REACH)
    return found.with_interval(low, high, samples)


def a_run() -> RunResult:
    """Give a run with a bit of everything: a peak, errors, an outage, resources, a scale."""
    due = np.concatenate([np.arange(0, 60, 0.2), np.arange(60, 70, 0.04), np.arange(70, 120, 0.2)])
    times = queue(due, 0.1)
    status = np.where((due > 80) & (due < 81), 503, 200)
    outcome = np.where((due > 90) & (due < 91), Outcome.REFUSED, Outcome.ANSWERED)
    used = readings(np.arange(120), app={Metric.CPU: np.arange(120) / 2, Metric.MEMORY: 1e6})
    return run(
        samples(due, times, status=status, outcome=outcome),
        phases=[("before", 60), ("peak", 10), ("after", 50)],
        time_scale=0.5,
        readings=used,
    )


def figures(result: RunResult) -> Iterator[Quantity]:
    """Give a quantity of every kind that a run has."""
    for times in (
        result.latency,
        result.response,
        result.pending.wait,
        result.phase("peak").latency,
    ):
        yield from (times.p50, times.mean, times.max, times.percentile(75))
        yield from (times.share_below("1s"), times.apdex("1s"), times.sample_percentile(99))
    yield from (result.launched, result.completed, result.failed, result.requests, result.skipped)
    yield from (result.status[503], result.status["5xx"], result.status.share("2xx"))
    yield from (result.errors["refused"], result.errors.total, result.errors.share)
    yield from (result.error_rate, result.duration, result.pending.max, result.pending.mean)
    yield from (result.pending.now, result.pending.at_end, result.pending.service_time)
    yield from (result.throughput.offered, result.throughput.mean, result.throughput.max)
    yield from (result.availability.ratio, result.availability.longest_outage)
    yield result.availability.budget_spent("99%", window="10s")
    yield from (result.cold_start().extra, result.recovery_after("peak"))
    resources = result.resources["app"]
    yield from (resources.cpu.mean, resources.cpu_seconds, resources.memory.max)
    drift = result.phase("before").drift("latency")
    yield from (drift.growth, drift.per_hour)
    growth = result.pending.grows
    yield from (growth.by, growth.limit)


def the_same(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities are alike in all that can be seen of them."""
    return (
        type(one) is type(other)
        and float(one) == float(other)
        and (one.unit, one.time_scale, one.reach) == (other.unit, other.time_scale, other.reach)
        and one.ends == other.ends
        and repr(one) == repr(other)
        and evident(one) == evident(other)
    )


def evident(one: Quantity) -> object:
    """Give the evidence as what can be compared: the functions in it print what they print."""
    found = one.evidence()
    return found and dataclasses.replace(found, show=found.show(0.5))  # type: ignore[arg-type]


def pickled(protocol: int) -> Callable[[object], object]:
    """Send something through a pickle of a protocol."""
    return lambda one: pickle.loads(pickle.dumps(one, protocol))  # noqa: S301 - our own


PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
COPIES = {"copy": copy.copy, "deepcopy": copy.deepcopy}
COPIES |= {f"pickle {protocol}": pickled(protocol) for protocol in PROTOCOLS}


@pytest.mark.parametrize("how", COPIES)
def test_every_figure_of_a_run_survives_its_copy(how: str) -> None:
    """Value, unit, scale, interval and evidence: a worker can send it, a record can hold it."""
    for one in figures(a_run()):
        again = COPIES[how](one)
        assert the_same(again, one), repr(one)
        assert COPIES[how]([one, {"of": one}])[1]["of"] == one


def test_what_did_not_recover_survives_too() -> None:
    """Its time is infinite, and it knows for how long it was watched."""
    due = np.concatenate([np.arange(0, 60, 0.2), np.arange(60, 70, 0.04), np.arange(70, 75, 0.2)])
    phases = [("before", 60), ("peak", 10), ("after", 5)]
    found = run(samples(due, queue(due, 0.1)), phases=phases).recovery_after("peak")
    assert math.isinf(found)
    for how in COPIES.values():
        again = how(found)
        assert the_same(again, found)
        assert again.bound == found.bound == 5
        with pytest.raises(Inconclusive):
            assert again > "10s"
    # Nobody saw when: what is calculated with it is no surer.
    with pytest.raises(Inconclusive):
        assert found - "1s" > "10s"
    assert found - "1s" > "3s"
    assert found + found > "9s"


def test_a_pickle_is_small() -> None:
    """It holds what stands behind the figure, not the samples."""
    rows = samples(np.arange(100_000) / 100, 0.1)
    assert len(pickle.dumps(run(rows).latency.p95)) < 20_000


def test_records_that_hold_quantities_can_be_taken_apart() -> None:
    """``dataclasses.asdict`` copies deeply: of the package's records, and of the user's own."""

    @dataclass
    class Row:
        name: str
        p95: Quantity
        others: list[Quantity]

    result = a_run()
    row = Row("node", result.latency.p95, [result.launched])
    assert dataclasses.asdict(row) == {
        "name": "node",
        "p95": result.latency.p95,
        "others": [result.launched],
    }
    assert dataclasses.asdict(row)["p95"].unit is Unit.SECOND
    assert dataclasses.asdict(result.pending.grows)["by"].unit is Unit.COUNT
    assert (
        dataclasses.asdict(result.phase("before").drift("latency"))["per_hour"].unit is Unit.SECOND
    )
    assert dataclasses.astuple(row)[1].time_scale == 0.5


def test_sums_and_differences_keep_unit_and_scale() -> None:
    """A text in them is at full scale, a number as it is in the run."""
    one, other = seconds(0.3, 0.5), seconds(0.1, 0.5)
    for found, value in (
        (one - other, 0.2),
        (one + other, 0.4),
        (sum([one, other, other]), 0.5),
        (one + 0.1, 0.4),
        (0.1 + one, 0.4),
        (1 - one, 0.7),
        (one - "200ms", 0.2),
        ("1s" - one, 0.2),
        ("1s" + one, 0.8),
        (-other, -0.1),
        (+other, 0.1),
        (abs(other - one), 0.2),
        (2 * one, 0.6),
        (one * 2, 0.6),
        (one / 2, 0.15),
        (sum([one, other]) / 2, 0.2),
        (np.float64(2) * one, 0.6),
        (np.float64(1) - one, 0.7),
    ):
        assert float(found) == pytest.approx(value)
        assert (type(found), found.unit, found.time_scale) == (Quantity, Unit.SECOND, 0.5)
        assert found < f"{2 * value + 0.002}s"
        assert not found < f"{2 * value - 0.002}s"


def test_products_and_ratios() -> None:
    """Counts and ratios are factors, like over like is a ratio; all else is a plain number."""
    time, count, ratio = seconds(0.3), Quantity(6, Unit.COUNT), Quantity(0.5, Unit.RATIO)
    rate = Quantity(4, Unit.PER_SECOND)
    for found, value, unit in (
        (time / seconds(0.2), 1.5, Unit.RATIO),
        (count / count, 1, Unit.RATIO),
        (time * ratio, 0.15, Unit.SECOND),
        (ratio * time, 0.15, Unit.SECOND),
        (time / count, 0.05, Unit.SECOND),
        (count * ratio, 3, Unit.COUNT),
        (ratio * count, 3, Unit.COUNT),
        (count / ratio, 12, Unit.COUNT),
        (ratio / count, 0.5 / 6, Unit.RATIO),
        (ratio / 2, 0.25, Unit.RATIO),
        (2 * ratio, 1, Unit.RATIO),
        (count * 2, 12, Unit.COUNT),
        (Fraction(1, 2) * count, 3, Unit.COUNT),
    ):
        assert float(found) == pytest.approx(value)
        assert found.unit is unit
    for plain in (rate * time, time * time, count / time, 1 / time, time**2, time // 1, time % 1):
        assert type(plain) is float
    assert seconds(0.3) / seconds(0.2) <= "150%"
    with pytest.raises(ZeroDivisionError):
        _ = time / 0


def test_what_is_not_alike_is_not_added_up() -> None:
    """Nor compared: other units, and other scales where the unit follows them."""
    unlike = [Quantity(1, Unit.RATIO), Quantity(1, Unit.PER_SECOND), "5/s", "1%", parse("1MB")]
    for combine in (operator.add, operator.sub, operator.lt, operator.ge, operator.eq):
        for other in (*unlike, seconds(1, scale=0.5)):
            for pair in ((seconds(1), other), (other, seconds(1))):
                with pytest.raises(UnitError):
                    combine(*pair)
    with pytest.raises(UnitError, match="time scales"):
        _ = seconds(1) / seconds(1, scale=0.5)
    # A count is the same at every scale.
    assert Quantity(3, Unit.COUNT, 0.5) + Quantity(4, Unit.COUNT) == 7
    assert Quantity(3, Unit.COUNT, 0.5) < Quantity(4, Unit.COUNT)
    for other in (None, [1], object()):
        with pytest.raises(TypeError):
            _ = seconds(1) + other


def test_what_was_calculated_says_of_what() -> None:
    """A failed assertion has its subject, interval and samples."""
    result = a_run()
    found = (result.latency.p95 - result.latency.p50) / 2
    evidence = found.evidence()
    assert evidence.subject == "(p95 of latency of the run - p50 of latency of the run) / 2"
    assert evidence.interval == (found.low, found.high)
    assert evidence.samples == result.latency.count
    assert evidence.show(0.5) == "500 ms"
    assert (seconds(1) + "1s").evidence().subject == "the time + 1 s"
    assert (Quantity(1, Unit.SECOND) + 1).evidence() is None


def test_a_difference_is_no_surer_than_its_sides() -> None:
    """0.3 (0.28 to 0.34) less 0.1 (0.09 to 0.12): between 0.16 and 0.25."""
    one, other = estimate(0.3, 0.28, 0.34, 50), estimate(0.1, 0.09, 0.12)
    found = one - other
    assert type(found) is Estimate
    assert (float(found), found.low, found.high) == pytest.approx((0.2, 0.16, 0.25))
    assert found.samples == 50
    assert found < "260ms"
    assert not found < "150ms"
    with pytest.raises(Inconclusive, match="the estimate - the estimate is 200 ms, in another run"):
        assert found < "240ms"
    same = one - one
    assert (same.low, same.high) == pytest.approx((-0.06, 0.06))
    for whole in (one - 0, one * 1, one / 1, 0 + one, sum([one]), one + "0s", -1 * -one):
        assert whole.ends == pytest.approx(one.ends)
        with pytest.raises(Inconclusive):
            assert whole < "310ms"
    assert (-one).ends == (-0.34, -0.28)
    assert (one * -2).ends == pytest.approx((-0.68, -0.56))
    assert abs(other - one).ends == pytest.approx((0.16, 0.25))
    assert abs(one - one).ends == pytest.approx((0, 0.06))
    assert (one / other).ends == pytest.approx((0.28 / 0.12, 0.34 / 0.09))
    assert (one / other).unit is Unit.RATIO
    assert (one * 0).ends == (0, 0)
    assert (one / estimate(0.1, 0, 0.2)).ends == (pytest.approx(1.4), math.inf)
    assert (one / estimate(0.1, -0.1, 0.2)).ends == (-math.inf, math.inf)


def test_what_has_no_upper_end_has_none_in_a_difference() -> None:
    """How late those that timed out would have been is as unknown as before."""
    opened, other = estimate(9.0, 5.0, math.inf), estimate(0.1, 0.09, 0.12)
    assert (opened - other).ends == (pytest.approx(4.88), math.inf)
    assert (other - opened).ends == (-math.inf, pytest.approx(-4.88))
    assert (opened * 0).ends == ((other - opened) * 0).ends == (0, 0)
    assert (opened / opened).ends == (0, math.inf)
    assert (opened - opened).ends == (-math.inf, math.inf)
    with pytest.raises(Inconclusive, match=r"can't be told$"):
        assert opened - other < "9.5s"


SPANS = st.tuples(*[st.floats(-10, 10)] * 3).map(sorted)
OPERATIONS = [operator.add, operator.sub, operator.mul, operator.truediv]


@given(SPANS, SPANS, st.sampled_from(OPERATIONS), st.floats(0, 1), st.floats(0, 1))
def test_whatever_the_sides_are_within_their_ends_the_result_is_within_its_own(
    one: list[float], other: list[float], operation: Callable, first: float, second: float
) -> None:
    """And the figure itself is, too."""
    low, value, high = one
    left = Estimate(value, Unit.RATIO).with_interval(low, high, 10)
    right = Estimate(other[1], Unit.RATIO).with_interval(other[0], other[2], 10)
    a, b = low + first * (high - low), other[0] + second * (other[2] - other[0])
    if operation is operator.truediv and min(abs(b), abs(other[1])) < 1e-6:
        return
    found = operation(left, right)
    slack = 1e-9 * (1 + abs(operation(a, b)))
    assert found.low - slack <= operation(a, b) <= found.high + slack
    assert found.low <= float(found) <= found.high
    assert found.high - found.low >= 0
