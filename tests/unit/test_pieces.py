"""A scenario in pieces: nothing lost, nothing twice, none too short to be measured."""

from __future__ import annotations

import subprocess
import sys
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_schedule import FLOW, PHASES, flat

from pytest_perfqa.load.wire.plan import Plan
from pytest_perfqa.scenario.pieces import Piece, cut, pieces
from pytest_perfqa.scenario.records import Ensure, Excerpt, Fault, Phase, Scenario
from pytest_perfqa.scenario.schedule import crowd, schedule

if TYPE_CHECKING:
    from pathlib import Path

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
    found = pieces(scenario(flat(20, 11)), 4, 50)
    assert found == (Piece("p0", 0, 4), Piece("p0", 4, 11))
    whole = scenario(flat(20, 11))
    assert [len(schedule(cut(whole, piece))) for piece in found] == [80, 140]


def test_few_arrivals_take_longer() -> None:
    """A percentile of twenty is none: pieces have 50, or all that a phase has."""
    assert pieces(scenario(flat(5, 40)), 4, 50) == tuple(
        Piece("p0", start, start + 10) for start in (0, 10, 20, 30)
    )
    assert pieces(scenario(flat(0.5, 40)), 4, 50) == (Piece("p0", 0, 40),)


def test_a_ramp_is_cut_where_enough_have_come() -> None:
    """It begins with long pieces and ends with short ones."""
    found = pieces(scenario(Phase("", 40, 0, 40)), 4, 50)
    lengths = [piece.duration for piece in found]
    assert lengths[:2] == pytest.approx([10, 200**0.5 - 10])
    assert lengths[2:-1] == pytest.approx([4] * 5)
    assert sum(lengths) == pytest.approx(40)


def test_pauses_are_left_out_and_warm_ups_marked() -> None:
    """What brings nothing is nothing to be compared."""
    found = pieces(
        scenario(flat(20, 4), Phase("", 10), flat(40, 4), warmup=frozenset({"p0"})), 4, 50
    )
    assert found == (Piece("p0", 0, 4, is_warmup=True), Piece("p2", 14, 18))


def test_users_who_wait_are_cut_by_time() -> None:
    """How many requests they will send isn't known."""
    found = pieces(scenario(flat(0.1, 10), flat(0, 5), users=8), 4, 50)
    assert found == (Piece("p0", 0, 4), Piece("p0", 4, 10))


def test_pieces_have_a_length() -> None:
    """Else there would be no end of them."""
    with pytest.raises(ValueError, match="seconds: found 0; accepted: above 0"):
        pieces(scenario(flat(1, 1)), 0, 50)


@given(SCENARIOS, st.floats(0.1, 20), st.integers(1, 100))
def test_every_arrival_is_in_one_piece(whole: Scenario, seconds: float, least: int) -> None:
    """Joined together again, they are the schedule."""
    found, laid_out = pieces(whole, seconds, least), schedule(whole)
    parts = [schedule(cut(whole, piece)) for piece in found]
    times = [part.times + piece.start for part, piece in zip(parts, found, strict=True)]
    assert np.allclose(np.concatenate([np.empty(0), *times]), laid_out.times)
    names = [whole.phases[number].name for number in laid_out.phases.tolist()]
    assert [
        one.phase for part, one in zip(parts, found, strict=True) for _ in range(len(part))
    ] == names
    assert [part.first for part in parts] == list(accumulate(map(len, parts), initial=0))[:-1]


@given(SCENARIOS, st.sampled_from([0.1, 0.5, 2.0]))
def test_a_piece_is_the_same_at_every_scale(whole: Scenario, factor: float) -> None:
    """What comes first is cut, and then scaled, as any scenario is before it runs."""
    for piece in pieces(whole, 4, 50):
        part = cut(whole, piece)
        as_it_is, scaled = schedule(part), schedule(part.scaled(factor))
        assert scaled.first == as_it_is.first
        assert scaled.times == pytest.approx(as_it_is.times * factor, abs=EXACT)


@given(SCENARIOS)
def test_a_piece_has_the_rates_of_its_time(whole: Scenario) -> None:
    """Those of a ramp go on where those before have ended; together they bring as many."""
    parts = [cut(whole, piece) for piece in pieces(whole, 1.0, 1)]
    for part in parts:
        (phase,) = part.phases
        assert phase.duration == pytest.approx(part.duration)
    for one, other in pairwise(parts):
        if one.phases[0].name == other.phases[0].name:
            assert one.phases[0].rate_end == pytest.approx(other.phases[0].rate)
    expected = sum(part.phases[0].expected for part in parts)
    brought = {part.phases[0].name for part in parts}
    assert expected == pytest.approx(
        sum(phase.expected for phase in whole.phases if phase.name in brought)
    )


@given(st.lists(PHASES, min_size=1, max_size=3), st.integers(1, 20), st.floats(0.5, 20))
def test_users_are_as_many_as_in_the_whole(phases: list[Phase], users: int, seconds: float) -> None:
    """At every moment of a piece; when it ends, none are left."""
    whole = scenario(*phases, users=users)
    for piece in pieces(whole, seconds, 50):
        part = crowd(cut(whole, piece))
        assert part[0][0] == 0
        assert part[-1] == (pytest.approx(piece.duration), 0)
        for moment in np.linspace(0, piece.duration, 7, endpoint=False) + 1e-4:
            if moment < piece.duration - EXACT:
                assert present(part, moment) == present(crowd(whole), piece.start + moment)


def present(steps: tuple[tuple[float, int], ...], moment: float) -> int:
    """Tell how many users there are."""
    return [users for start, users in steps if start <= moment][-1]


def test_a_piece_is_held_to_nothing_and_breaks_nothing() -> None:
    """It is too short for what the whole is to show; what it sends is the same."""
    fault = Fault("kill app at 3s", 1, 3.0, "kill", "app")
    whole = scenario(
        flat(20, 8), ensure=(Ensure("vusers.failed == 0", 1),), faults=(fault,), timeout=3.0
    )
    part = cut(whole, pieces(whole, 4, 50)[1])
    assert (part.ensure, part.thresholds, part.faults) == ((), (), ())
    assert (part.name, part.flows, part.timeout) == (whole.name, whole.flows, 3.0)
    assert part.excerpt == Excerpt(whole.phases, 4, 8)


def test_a_plan_takes_it_to_the_generator(tmp_path: Path) -> None:
    """As a file, and to several of them, of which each sends its part."""
    part = cut(scenario(flat(20, 8)), Piece("p0", 4, 8))
    plan = Plan(part, "http://127.0.0.1:1", tmp_path)
    plan.write()
    assert Plan.read(plan.path).scenario == part
    whole = schedule(part)
    shards = [whole.shard(index, 3) for index in range(3)]
    assert {shard.first for shard in shards} == {80}
    assert sorted(np.concatenate([shard.times for shard in shards])) == whole.times.tolist()


def test_arrivals_have_the_numbers_that_they_have_in_the_whole() -> None:
    """Those say which flow is run, and what is sent; in a process of its own, as it is gevent's."""
    code = """
from pathlib import Path
from pytest_perfqa.load.engine.dispatcher import Dispatcher
from pytest_perfqa.load.wire.plan import Plan
from pytest_perfqa.scenario.pieces import Piece, cut
from pytest_perfqa.scenario.records import Flow, Phase, Scenario
scenario = Scenario("s", (Phase("p", 8, 2, 2),), (Flow("", 1, ()),))
for shard in range(2):
    part = cut(scenario, Piece("p", 4, 8))
    plan = Plan(part, "http://127.0.0.1:1", Path(), shard=shard, shards=2)
    print(*(number for number, _, _ in Dispatcher(plan, None, None)._arrivals()))
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "8 10 12 14\n9 11 13 15\n"


@given(SCENARIOS, st.floats(0.1, 20), st.integers(1, 100))
def test_none_is_too_short(whole: Scenario, seconds: float, least: int) -> None:
    """Unless it is all of its phase."""
    found = pieces(whole, seconds, least)
    for piece in found:
        if sum(one.phase == piece.phase for one in found) > 1:
            assert piece.duration > seconds - EXACT
            assert len(schedule(cut(whole, piece))) >= least
