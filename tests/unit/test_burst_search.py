"""The search for the largest burst, as a table of what it asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfqa.capacity.limits.burst_search import BurstSearch
from pytest_perfqa.capacity.limits.rate_search import RateSearch


def asked(truth: int, estimate: int | None, guess: int | None = None) -> list[int]:
    """The sizes that a search asks for where bursts up to ``truth`` pass, and no more are served.

    Without an estimate, a burst that fails shows nothing of smaller ones.
    """
    search, sizes = BurstSearch(1024, guess), []
    while not search.is_done:
        sizes.append(search.next_size)
        if sizes[-1] <= truth:
            search.tell(sizes[-1], passed=True)
        else:
            served = 0 if estimate is None else truth
            search.tell(sizes[-1], passed=False, witnessed=served, estimate=estimate)
    return sizes


@pytest.mark.parametrize(
    ("truth", "estimate", "guess", "sizes"),
    [
        (13, 13, None, [16, 14]),
        (13, 12, None, [16, 14]),
        (13, 14, None, [16, 15, 14]),
        (39, 39, None, [16, 64, 40]),
        (39, 42, None, [16, 64, 43, 42, 41, 40]),
        (13, None, None, [16, 4, 10, 13, 14]),
        (1, None, None, [16, 4, 2, 1]),
        (0, None, None, [16, 4, 2, 1]),
        (2000, None, None, [16, 64, 256, 1024]),
        (13, 13, 13, [14]),
        (13, 13, 12, [13, 14]),
        (41, 41, 39, [40, 41, 42]),
        (13, 13, 30, [31, 14]),
        (100, 100, 13, [14, 15, 16, 18, 22, 30, 46, 78, 142, 102]),
        (13, None, 13, [14, 13]),
        (2000, None, 900, [918, 936, 954, 992, 1024]),
    ],
)
def test_what_it_asks_for(
    truth: int, estimate: int | None, guess: int | None, sizes: list[int]
) -> None:
    """Grow, or begin at a guess; then just above what was read off, and on from it; else halve."""
    assert asked(truth, estimate, guess) == sizes


@given(
    st.integers(0, 1100),
    st.none() | st.integers(1, 1100),
    st.none() | st.integers(1, 1100),
    st.floats(0, 1),
    st.integers(1, 1024),
)
def test_it_ends_with_a_true_and_narrow_bracket(
    truth: int, estimate: int | None, guess: int | None, served: float, ceiling: int
) -> None:
    """Whatever was read off or guessed, right or wrong: every probe narrows the bracket."""
    search, probes = BurstSearch(ceiling, guess), 0
    while not search.is_done:
        size = search.next_size
        assert search.passed < size <= ceiling
        assert search.failed is None or size < search.failed
        passed = size <= truth
        first = 0 if passed else int(served * truth)
        search.tell(size, passed=passed, witnessed=first, estimate=None if passed else estimate)
        probes += 1
    assert search.passed <= truth
    if search.failed is None:
        assert search.passed == ceiling
    else:
        assert truth < search.failed
        assert search.failed - search.passed <= max(1, search.failed // 50)
    assert probes <= 40


@given(st.floats(0.01, 1e4), st.floats(0.01, 1e4), st.floats(1, 1e4))
def test_rates_end_with_a_true_and_narrow_bracket(
    truth: float, start: float, ceiling: float
) -> None:
    """Doubling, then the geometric middle; nothing above the ceiling is asked for."""
    search = RateSearch(min(start, ceiling), ceiling)
    while not search.is_done:
        rate = search.next_rate
        assert rate <= ceiling
        search.tell(rate, passed=rate <= truth)
    assert search.passed <= truth
    if search.failed < float("inf"):
        assert truth < search.failed
        assert search.passed == 0 or search.failed <= search.passed * 1.1001
    else:
        assert search.passed == ceiling


@given(st.floats(0.1, 1e4))
def test_a_rate_search_ends_where_nothing_passes(start: float) -> None:
    """At a 64th of the first rate, six halvings on."""
    search = RateSearch(start, 1e6)
    asked = 0
    while not search.is_done:
        search.tell(search.next_rate, passed=False)
        asked += 1
        assert asked <= 7
    assert search.failed == pytest.approx(start / 64)


@given(st.floats(1, 2, exclude_max=True), st.floats(0.1, 1e4))
def test_a_rate_search_cuts_alike_wherever_the_truth_lies(share: float, rate: float) -> None:
    """From a factor of two to 1.1 are log2(log 2 / log 1.1) cuts, three, near either end."""
    search = RateSearch(rate, 1e6, passed=rate, failed=2 * rate)
    cuts = 0
    while not search.is_done:
        asked = search.next_rate
        search.tell(asked, passed=asked <= share * rate)
        cuts += 1
    assert cuts == 3
