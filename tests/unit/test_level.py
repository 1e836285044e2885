"""A number that changes by steps: its averages against counting and against Little's law."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import queue, run, samples

from pytest_perfqa.errors import NoData
from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.result.attributes.level import Level
from pytest_perfqa.scenario.spans import Spans

#: Moments of which many coincide.
MOMENTS = st.lists(st.integers(0, 40).map(lambda n: n / 4), min_size=1, max_size=30)


def level(begins: list[float], stay: list[float]) -> Level:
    """Give how many are there, of some that stay for some time each."""
    start = np.array(begins)
    end = start + np.resize(stay, len(begins))
    return Level.of_stays(start, end, np.ones(len(begins), dtype=np.uint32))


@given(MOMENTS, MOMENTS, st.tuples(st.floats(0, 5), st.floats(0.1, 5)))
def test_an_area_is_what_all_stays_add_up_to(
    begins: list[float], stay: list[float], stretch: tuple[float, float]
) -> None:
    """Each clipped to the stretch; Little's law with nothing approximate about it."""
    start, end = stretch[0], sum(stretch)
    stays = [
        max(0.0, min(begin + wait, end) - max(begin, start))
        for begin, wait in zip(begins, np.resize(stay, len(begins)), strict=True)
    ]
    (mean,) = level(begins, stay).means(np.array([start, end]))
    assert mean * (end - start) == pytest.approx(sum(stays), abs=1e-9)


@given(MOMENTS, MOMENTS, MOMENTS)
def test_a_distance_is_that_at_every_moment(
    one: list[float], other: list[float], stay: list[float]
) -> None:
    """Everything happens at quarters here, so looks between them see all there is."""
    pair = level(one, stay), level(other, stay)
    looks = np.arange(0, 25, 0.25)
    values = [each.means(looks) for each in pair]
    distance = pair[0].distance(pair[1]).means(looks)
    assert distance.tolist() == pytest.approx(np.abs(values[0] - values[1]).tolist())


def test_what_never_ends_stays() -> None:
    """And where there is nothing, nothing is pending."""
    forever = Level.of_stays(np.array([1.0]), np.array([np.inf]), np.array([3], dtype=np.uint32))
    assert forever.means(np.array([0.0, 2.0, 4.0])).tolist() == [1.5, 3.0]
    assert Level(np.empty(0), np.empty(0)).means(np.array([0.0, 1.0])).tolist() == [0.0]


@pytest.mark.parametrize("duration", [10.0, 20.0, 30.0, 60.0])
@pytest.mark.parametrize("rate", [0.3, 1, 5, 10, 20, 50, 100, 200, 1000])
@pytest.mark.parametrize("response", [0.001, 0.005, 0.01, 0.02, 0.1, 0.5, 1.0])
def test_mean_pending_is_littles(rate: float, duration: float, response: float) -> None:
    """Rate times response, but for the last arrivals, whose answers come after the end."""
    due = np.arange(1, int(rate * duration + 1e-9) + 1) / rate
    found = run(samples(due, response), phases=[("steady", duration)])
    stays = np.minimum(np.float32(response), duration - due).sum()
    assert found.pending.mean * duration == pytest.approx(float(stays), rel=1e-6, abs=1e-6)
    unanswered = (rate * response + 1) * response / duration
    assert found.pending.mean == pytest.approx(rate * response, rel=1e-6, abs=unanswered)


def test_the_model_of_even_arrivals_is_measured_exactly() -> None:
    """50 a second of 10 ms each, of which one took 510 ms: half a second of one request too few."""
    due = np.arange(1, 1001) / 50
    response = np.full(1000, 0.01)
    response[500] += 0.5
    model = run(samples(due, response), phases=[("steady", 20.0)], timeout=1e6).model(
        workers=np.inf, service_time=0.01
    )
    assert model.pending_mae == pytest.approx(0.5 / 20)
    assert model.pending_error == pytest.approx(0.5 / (0.5 + 0.01 * 999), rel=1e-6)


def test_pending_of_even_arrivals_does_not_drift() -> None:
    """As many looks as arrivals would find each a little later after its arrival."""
    due = np.arange(1, 1001) / 50
    found = run(samples(due, 0.013), phases=[("steady", 20.0)]).drift("pending")
    assert not found
    assert found.growth == pytest.approx(0, abs=1e-3)


def test_who_gets_no_answer_is_pending_to_the_end() -> None:
    """As is who waits in a queue that grows."""
    due = np.arange(1.0, 11.0)
    hangs = run(samples(due, 0.1, outcome=Outcome.PENDING), phases=[("steady", 10.0)])
    assert hangs.pending.mean == pytest.approx(45 / 10)
    grows = run(samples(due, queue(due, 2.0)), phases=[("steady", 10.0)])
    assert grows.pending.mean == pytest.approx(np.minimum(10 - due, queue(due, 2.0)).sum() / 10)


def test_where_no_time_passes_there_is_no_average() -> None:
    """As in a run that was stopped before what counts of it began."""
    with pytest.raises(NoData, match=r"no time passes between 0\.5 s and 0\.5 s"):
        level([0.0], [1.0]).mean(Spans(((0.5, 0.5),)))
