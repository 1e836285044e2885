"""The course of a run, window by window, against counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic import run, samples

from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.load.wire.record import RecordKind
from pytest_perfqa.result.attributes.timeline import PERCENTS, timeline
from pytest_perfqa.result.samples import Samples, fold, quantile
from pytest_perfqa.scenario.spans import Spans

SECOND, MINUTE = Spans(((0.0, 1.0),)), Spans(((0.0, 60.0),))


def recorded(number: int = 3000) -> Samples:
    """Give requests over a minute that end in many ways."""
    random = np.random.default_rng(8)
    outcomes = [Outcome.ANSWERED, Outcome.TIMEOUT, Outcome.REFUSED, Outcome.PENDING]
    return samples(
        random.uniform(0, 60, number),
        random.lognormal(0, 1, number),
        lag=random.exponential(0.01, number),
        status=random.choice([200, 404, 504], number),
        outcome=random.choice(outcomes, number, p=[0.85, 0.05, 0.05, 0.05]),
    )


def test_every_window_against_masks() -> None:
    """Counts, codes, kinds of errors and percentiles are those of the rows that fall into it."""
    rows = recorded()
    course = timeline(rows, MINUTE, 2.5)
    outcome, status, ends = rows.rows["outcome"], rows.rows["status"], rows.ends
    never = outcome == Outcome.PENDING
    assert course.edges[-1] > ends[~never].max()
    for number, (start, end) in enumerate(zip(course.edges[:-1], course.edges[1:], strict=True)):
        due = rows.rows["intended"]
        inside = (ends > start) & (ends <= end) & ~never
        answered = inside & (outcome == Outcome.ANSWERED)
        assert course.launched[number] == np.sum((due > start) & (due <= end))
        assert course.completed[number] == np.sum(answered)
        assert course.failed[number] == np.sum(inside & (outcome != Outcome.ANSWERED))
        assert course.pending[number] == np.sum(due <= end) - np.sum((ends <= end) & ~never)
        for code, counts in course.status.items():
            assert counts[number] == np.sum(answered & (status == code))
        assert course.errors["timeout"][number] == np.sum(inside & (outcome == Outcome.TIMEOUT))
        timed = rows.where(inside & (outcome != Outcome.REFUSED))
        for percent in PERCENTS:
            if not timed.count:
                assert np.isnan(course.latency[percent][number])
                continue
            weights = timed.rows["weight"]
            assert course.latency[percent][number] == quantile(
                timed.latency, weights, percent / 100
            )
            assert course.response[percent][number] == quantile(
                timed.rows["response"].astype(float), weights, percent / 100
            )


def test_nothing_falls_between_windows() -> None:
    """All windows together hold every arrival and every end, at whatever width."""
    rows = recorded(500)
    never = int(np.sum(rows.rows["outcome"] == Outcome.PENDING))
    for width in (0.1, 1.0, 7.0, 1000.0):
        course = timeline(rows, MINUTE, width)
        assert course.launched.sum() == 500
        assert course.completed.sum() + course.failed.sum() == 500 - never
        assert course.pending[-1] == never
        assert set(course.errors) == {"timeout", "refused"}


def test_weights_count() -> None:
    """Folded rows stand for as many requests as were folded."""
    rows = recorded()
    whole, folded = (timeline(each, MINUTE, 1.0) for each in (rows, Samples(fold(rows.rows))))
    assert folded.completed.sum() == whole.completed.sum()
    assert folded.latency[50.0][30] == pytest.approx(whole.latency[50.0][30], rel=0.5)


def test_what_stands_on_an_edge_is_in_the_window_that_ends_there() -> None:
    """An arrival as an end."""
    course = timeline(samples([0.5, 1.0], 0.5), SECOND, 1.0)
    assert course.launched.tolist() == [2, 0]
    assert course.completed.tolist() == [1, 1]
    assert course.pending.tolist() == [1, 0]


def test_steps_are_requests_and_arrivals_are_not() -> None:
    """Codes count requests, launched counts arrivals."""
    kinds = [RecordKind.ARRIVAL, RecordKind.STEP, RecordKind.STEP]
    course = timeline(samples([0.1, 0.1, 0.2], kind=kinds), SECOND, 1.0)
    assert course.launched.tolist() == [1]
    assert course.completed.tolist() == [1]
    assert course.status[200].tolist() == [2]


def test_no_arrivals_at_all() -> None:
    """A run of nothing still has its windows."""
    course = timeline(samples([]), Spans(((0.0, 3.0),)), 1.0)
    assert course.launched.tolist() == [0, 0, 0]
    assert course.status == {}
    assert np.isnan(course.latency[50.0]).all()


def test_a_run_has_windows_of_its_slice_and_a_timeline_of_all_of_it() -> None:
    """Warm-up is in the timeline only."""
    result = run(
        samples(np.arange(40) / 2 + 0.25, 0.1),
        phases=[("warm up", 5), ("plateau", 15)],
        warmup=["warm up"],
    )
    assert len(result.timeline(1.0).launched) == 20
    windows = result.windows("5s")
    assert [window.launched for window in windows] == [10, 10, 10]
    assert (windows[0].start, windows[-1].end) == (5.0, 20.0)
    assert windows[0].status == {200: 10}
    assert windows[0].p95 == pytest.approx(0.1)
    assert result.phase("warm up").windows(1.0)[0].launched == 2
