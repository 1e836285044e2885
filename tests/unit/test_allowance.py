"""Checks that come one after the other share an error, however many there are."""

from __future__ import annotations

import pytest

from pytest_perfqa.compare.allowance import Allowance


def test_however_many_checks_there_are_they_never_have_more_than_all() -> None:
    """Each test has as much as any other, and its first checks most of that."""
    allowance = Allowance(["a", "b"], 0.01)
    first = [allowance.take("a") for _ in range(500)]
    assert first[:3] == pytest.approx([0.0025, 0.005 / 6, 0.005 / 12])
    assert sum(first) < 0.005
    assert sum(first) == pytest.approx(0.005, rel=0.01)
    assert allowance.take("b") == first[0]


def test_who_was_not_announced_has_nothing() -> None:
    """Else all together might have more."""
    with pytest.raises(KeyError):
        Allowance(["a"], 0.01).take("b")
