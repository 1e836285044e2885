"""Whose turn it is: pairs that are next to each other, in an order that favours neither."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfqa.compare.turns import Turn, Turns


def taken(turns: Turns[str], count: int) -> list[Turn[str]]:
    """Give what is to be measured, where all can be believed."""
    found = []
    for _ in range(count):
        found.append(turns.next)
        turns.keep()
    return found


@given(st.integers(1, 9), st.integers(0, 1000), st.integers(1, 60))
def test_each_two_pairs_are_abba_or_baab(number: int, seed: int, pairs: int) -> None:
    """Both of a pair run the same piece."""
    found = taken(Turns([f"piece {place}" for place in range(number)], seed=seed), 4 * pairs)
    for start in range(0, len(found), 4):
        sides = [turn.side for turn in found[start : start + 4]]
        assert sides in (["base", "head", "head", "base"], ["head", "base", "base", "head"])
    for one, other in zip(found[::2], found[1::2], strict=True):
        assert (one.pair, one.piece) == (other.pair, other.piece)
    assert [turn.pair for turn in found[::2]] == list(range(2 * pairs))


@given(st.integers(1, 9), st.integers(0, 1000), st.integers(1, 60))
def test_all_pieces_come_as_often(number: int, seed: int, pairs: int) -> None:
    """To one pair, wherever it ends."""
    names = [f"piece {place}" for place in range(number)]
    seen = Counter(turn.piece for turn in taken(Turns(names, seed=seed), 2 * pairs))
    assert max(seen.values()) - min(seen[name] for name in names) <= 2


def test_a_coin_says_who_begins() -> None:
    """Each begins about half of the time, and the same seed says the same."""
    begins = [turn.side for turn in taken(Turns(["a"], seed=1), 8000)[::4]]
    assert 900 < begins.count("base") < 1100
    assert 900 < sum(one == other for one, other in pairwise(begins)) < 1100
    assert begins == [turn.side for turn in taken(Turns(["a"], seed=1), 8000)[::4]]
    assert begins != [turn.side for turn in taken(Turns(["a"], seed=2), 8000)[::4]]


def test_warm_ups_come_first_and_are_no_pairs() -> None:
    """Both run each of them."""
    turns = Turns(["counts"], warm_up=["first", "second"])
    assert taken(turns, 4) == [
        Turn("base", "first", None),
        Turn("head", "first", None),
        Turn("base", "second", None),
        Turn("head", "second", None),
    ]
    assert (turns.next.pair, turns.next.piece) == (0, "counts")
    assert [turns.keep() for _ in range(4)] == [False, True, False, True]


def test_a_dropped_slice_is_made_again_at_once() -> None:
    """If it can't be believed then either, the other of its pair is too long ago."""
    turns = Turns(["piece"])
    first = turns.next
    assert [turns.drop() for _ in range(5)] == [False] * 5
    assert turns.next == first
    assert not turns.keep()
    second = turns.next
    assert second.side != first.side
    assert not turns.drop()
    assert turns.next == second
    assert turns.drop()
    assert turns.next == first
    assert not turns.keep()
    assert turns.keep()
    assert turns.next.pair == 1


@given(st.lists(st.booleans(), max_size=300), st.integers(0, 1000))
def test_pairs_are_whole_whatever_is_dropped(believed: list[bool], seed: int) -> None:
    """As the slices come, the two of a pair that counts have at most one other between them."""
    turns = Turns(["a", "b", "c"], warm_up=["w"], seed=seed)
    held: list[tuple[int, Turn[str]]] = []
    pairs = []
    for moment, is_good in enumerate(believed):
        turn = turns.next
        if not is_good:
            if turns.drop():
                held.clear()
            continue
        held.append((moment, turn))
        if turns.keep():
            pairs.append(held)
        if turn.pair is None or turns.next.pair != turn.pair:
            held = []
    for number, ((one_at, one), (other_at, other)) in enumerate(pairs):
        assert one.pair == other.pair == number
        assert {one.side, other.side} == {"base", "head"}
        assert other_at - one_at <= 2


def test_nothing_to_measure() -> None:
    """It would be asked for the next forever."""
    with pytest.raises(ValueError, match="at least one"):
        Turns([])
