"""Estimates compare by their intervals: true, false, or not to be told."""

from __future__ import annotations

import operator

import numpy as np
import pytest
from synthetic import run, samples

from pytest_perfqa.base.evidence import Evidence
from pytest_perfqa.base.units import Estimate, Quantity, Unit
from pytest_perfqa.errors import Inconclusive, UnitError
from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.result.requirements import judge
from pytest_perfqa.scenario.records import Ensure

BETWEEN = object()


def estimate(
    value: float = 0.1, low: float = 0.09, high: float = 0.12, scale: float = 1.0
) -> Estimate:
    """Give a time that is surely between 90 and 120 ms."""
    found = Estimate(value, Unit.SECOND, scale, lambda: Evidence("p95 of latency of the run"))
    return found.with_interval(low, high, 100)


@pytest.mark.parametrize(
    ("compare", "limit", "wanted"),
    [
        (operator.lt, 0.121, True),
        (operator.lt, 0.12, BETWEEN),
        (operator.lt, 0.1, BETWEEN),
        (operator.lt, 0.09, False),
        (operator.le, 0.12, True),
        (operator.le, 0.09, BETWEEN),
        (operator.le, 0.089, False),
        (operator.gt, 0.089, True),
        (operator.gt, 0.09, BETWEEN),
        (operator.gt, 0.12, False),
        (operator.ge, 0.09, True),
        (operator.ge, 0.12, BETWEEN),
        (operator.ge, 0.121, False),
    ],
)
def test_a_comparison_holds_for_the_whole_interval_or_can_not_be_told(
    compare: object, limit: float, wanted: object
) -> None:
    """With a number, a text, a quantity, and from the other side."""
    mirrored = {
        operator.lt: operator.gt,
        operator.le: operator.ge,
        operator.gt: operator.lt,
        operator.ge: operator.le,
    }
    for other in (limit, f"{limit * 1000:g}ms", Quantity(limit, Unit.SECOND)):
        for verdict in (
            lambda other=other: compare(estimate(), other),
            lambda other=other: mirrored[compare](other, estimate()),
        ):
            if wanted is BETWEEN:
                with pytest.raises(Inconclusive):
                    verdict()
            else:
                assert verdict() is wanted


def test_chained_comparisons() -> None:
    """Both ends are looked at."""
    assert "80ms" < estimate() < "130ms"
    assert not "80ms" < estimate() < "85ms"
    with pytest.raises(Inconclusive):
        assert "80ms" < estimate() < "110ms"


def test_two_estimates_are_told_apart_if_their_intervals_are() -> None:
    """Is one service faster than another?"""
    assert estimate() < estimate(0.2, 0.15, 0.25)
    assert estimate(0.2, 0.15, 0.25) > estimate()
    assert not estimate(0.2, 0.15, 0.25) < estimate()
    with pytest.raises(Inconclusive):
        assert estimate() < estimate(0.2, 0.11, 0.25)


def test_equality_is_of_the_figure_itself() -> None:
    """An interval equals nothing."""
    assert estimate() == 0.1
    assert estimate() == "100ms"
    assert estimate() != 0.11
    assert hash(estimate()) == hash(0.1)


def test_approximately_is_about_the_figure_itself() -> None:
    """With a number, a text or another figure: the interval reaches further than the tolerance."""
    assert estimate() == pytest.approx("100ms")
    for wanted in (0.101, estimate(0.101, 0.05, 0.2), Quantity(0.101, Unit.SECOND)):
        assert estimate() == pytest.approx(wanted, rel=0.02)
        assert estimate() != pytest.approx(wanted, rel=0.001)
    assert estimate() == pytest.approx(0.11, abs=0.02)
    with pytest.raises(UnitError):
        assert estimate() == pytest.approx(Quantity(0.1, Unit.RATIO))


def test_texts_follow_the_scale_and_units_are_checked() -> None:
    """A tenth of the times: "1.3s" is 130 ms."""
    assert estimate(scale=0.1) < "1.3s"
    assert not estimate(scale=0.1) < "0.8s"
    for other in ("5/s", Quantity(1, Unit.RATIO)):
        with pytest.raises(UnitError):
            assert estimate() < other
    with pytest.raises(TypeError):
        assert estimate() < None


def test_the_message_says_what_would_settle_it() -> None:
    """At twice the distance, a quarter of the samples would do."""
    with pytest.raises(Inconclusive) as caught:
        assert estimate(scale=0.1) < "1.1s"
    assert str(caught.value) == (
        "INCONCLUSIVE: p95 of latency of the run is 100 ms, in another run 90 ms to 120 ms "
        "(95 % sure at each end, 100 samples), so whether it is < 110 ms ('1.1s' at time scale "
        "0.1) can't be told; about 400 samples would probably do"
    )
    assert caught.value.comparison is not None
    with pytest.raises(Inconclusive, match=r"can't be told$"):
        assert estimate() < 0.1


def test_percentiles_of_a_run_are_estimates_and_counts_are_not() -> None:
    """A count says what happened: it is never in doubt."""
    random = np.random.default_rng(3)
    answers = samples(np.arange(400) / 10, random.lognormal(-3, 0.5, 400))
    result = run(answers)
    p95 = result.latency.p95
    assert p95.low < float(p95) < p95.high
    assert p95.samples == 400
    for limit in (float(p95), p95.high):
        with pytest.raises(Inconclusive):
            assert p95 < limit
    assert result.latency.mean.low < float(result.latency.mean) < result.latency.mean.high
    for exact in (result.latency.max, result.status["2xx"], result.latency.share_below(0.1)):
        assert not isinstance(exact, Estimate)
        assert exact >= float(exact)
    assert type(result.latency.sample_percentile(95)) is Quantity


def test_requests_that_timed_out_leave_a_percentile_open() -> None:
    """How long they would have taken is not known: not even the time-out is met."""
    outcome = np.where(np.arange(100) % 10 == 0, Outcome.TIMEOUT, Outcome.ANSWERED)
    times = np.where(outcome == Outcome.TIMEOUT, 10.0, 0.1)
    latency = run(samples(np.arange(100.0), times, outcome=outcome)).latency
    assert latency.p50 < "0.2s"
    assert not latency.p95 < "9s"
    with pytest.raises(Inconclusive):
        assert latency.p95 <= "10s"


def test_ensure_has_the_same_meaning() -> None:
    """Artillery's thresholds are met, missed or undecided as comparisons in Python are."""
    texts = ("p95 < 130", "p95 < 100", "p95 > 100", "p95 < 112", "mean < 100", "p99 < 500")
    needs = tuple(Ensure(f"http.response_time.{text}", 1) for text in texts)
    random = np.random.default_rng(8)
    answers = samples(np.arange(200) / 10, random.uniform(0.08, 0.12, 200))
    for scale in (1.0, 0.5):
        answers.rows["response"] *= scale
        result = run(answers, ensure=needs, time_scale=scale)
        met = [finding.met for finding in judge(result)]
        assert met == [True, False, True, False, None, None]
