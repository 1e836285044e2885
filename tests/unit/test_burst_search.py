"""The search for the largest burst, as a table of what it asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfqa.capacity.burst_search import BurstSearch
from pytest_perfqa.capacity.rate_search import RateSearch


def asked(truth: int, estimate: int | None, ceiling: int = 1024) -> list[int]:
    """The sizes that a search asks for where bursts up to ``truth`` pass."""
    search, sizes = BurstSearch(ceiling), []
    while not search.is_done:
        sizes.append(search.next_size)
        passed = sizes[-1] <= truth
        search.tell(sizes[-1], passed=passed, estimate=None if passed else estimate)
    return sizes


@pytest.mark.parametrize(
    ("truth", "estimate", "sizes"),
    [
        (13, 13, [16, 13, 14]),
        (13, 12, [16, 12, 13, 14]),
        (13, 14, [16, 14, 13]),
        (39, 39, [16, 64, 39, 40]),
        (39, 42, [16, 64, 42, 41, 40, 38, 39]),
        (13, None, [16, 4, 10, 13, 14]),
        (1, None, [16, 4, 2, 1]),
        (0, None, [16, 4, 2, 1]),
        (2000, None, [16, 64, 256, 1024]),
    ],
)
def test_what_it_asks_for(truth: int, estimate: int | None, sizes: list[int]) -> None:
    """Grow, confirm what was read off, go on from it; else halve."""
    assert asked(truth, estimate) == sizes


@given(st.integers(0, 1100), st.none() | st.integers(1, 1100), st.integers(1, 1024))
def test_it_ends_with_a_true_and_narrow_bracket(
    truth: int, estimate: int | None, ceiling: int
) -> None:
    """Whatever was read off, right or wrong: every probe narrows the bracket."""
    search, probes = BurstSearch(ceiling), 0
    while not search.is_done:
        size = search.next_size
        assert search.passed < size <= ceiling
        assert search.failed is None or size < search.failed
        passed = size <= truth
        search.tell(size, passed=passed, estimate=None if passed else estimate)
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
