"""A scenario in pieces: nothing lost, nothing twice, none too short to be measured."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_schedule import FLOW, PHASES, flat

from pytest_perfqa.scenario.pieces import Piece, pieces
from pytest_perfqa.scenario.records import Phase, Scenario
from pytest_perfqa.scenario.schedule import schedule

EXACT = 1e-5


def scenario(*phases: Phase, **options: object) -> Scenario:
    """Give a scenario of these phases, each with a name of its own."""
    named = tuple(
        Phase(f"p{number}", one.duration, one.rate, one.rate_end, one.count)
        for number, one in enumerate(phases)
    )
    return Scenario("s", named, (FLOW,), **options)  # type: ignore[arg-type]


SCENARIOS = st.builds(
    lambda phases, arrivals: scenario(*phases, arrivals=arrivals),
    st.lists(PHASES, min_size=1, max_size=4),
    st.sampled_from(["uniform", "poisson"]),
)


def test_a_steady_load() -> None:
    """As long as asked for, and the rest is in the last one."""
    found = pieces(scenario(flat(20, 11)))
    assert found == (Piece("p0", 0, 4), Piece("p0", 4, 11))
    assert [len(piece.of(schedule(scenario(flat(20, 11))))) for piece in found] == [80, 140]


def test_few_arrivals_take_longer() -> None:
    """A percentile of twenty is none: pieces have 50, or all that a phase has."""
    assert pieces(scenario(flat(5, 40))) == tuple(
        Piece("p0", start, start + 10) for start in (0, 10, 20, 30)
    )
    assert pieces(scenario(flat(0.5, 40))) == (Piece("p0", 0, 40),)


def test_a_ramp_is_cut_where_enough_have_come() -> None:
    """It begins with long pieces and ends with short ones."""
    found = pieces(scenario(Phase("", 40, 0, 40)))
    lengths = [piece.duration for piece in found]
    assert lengths[:2] == pytest.approx([10, 200**0.5 - 10])
    assert lengths[2:-1] == pytest.approx([4] * 5)
    assert sum(lengths) == pytest.approx(40)


def test_pauses_are_left_out_and_warm_ups_marked() -> None:
    """What brings nothing is nothing to be compared."""
    found = pieces(scenario(flat(20, 4), Phase("", 10), flat(40, 4), warmup=frozenset({"p0"})))
    assert found == (Piece("p0", 0, 4, is_warmup=True), Piece("p2", 14, 18))


def test_users_who_wait_are_cut_by_time() -> None:
    """How many requests they will send isn't known."""
    found = pieces(scenario(flat(0.1, 10), flat(0, 5), users=8))
    assert found == (Piece("p0", 0, 4), Piece("p0", 4, 10))


def test_pieces_have_a_length() -> None:
    """Else there would be no end of them."""
    with pytest.raises(ValueError, match="seconds: found 0; accepted: above 0"):
        pieces(scenario(flat(1, 1)), seconds=0)


@given(SCENARIOS, st.floats(0.1, 20), st.integers(1, 100))
def test_every_arrival_is_in_one_piece(whole: Scenario, seconds: float, least: int) -> None:
    """Joined together again, they are the schedule."""
    found, laid_out = pieces(whole, seconds, least), schedule(whole)
    parts = [piece.of(laid_out) for piece in found]
    times = [part.times + piece.start for part, piece in zip(parts, found, strict=True)]
    assert np.allclose(np.concatenate([np.empty(0), *times]), laid_out.times)
    assert [number for part in parts for number in part.phases.tolist()] == laid_out.phases.tolist()


@given(SCENARIOS, st.floats(0.1, 20), st.integers(1, 100))
def test_none_is_too_short(whole: Scenario, seconds: float, least: int) -> None:
    """Unless it is all of its phase."""
    laid_out = schedule(whole)
    found = pieces(whole, seconds, least)
    for piece in found:
        if sum(one.phase == piece.phase for one in found) > 1:
            assert piece.duration > seconds - EXACT
            assert len(piece.of(laid_out)) >= least
