"""How evidence becomes lines; whole messages are reviewed in tests/plugin/snapshots."""

from __future__ import annotations

import numpy as np
import pytest
from synthetic import run, samples

from pytest_perfqa.base.evidence import Evidence, Point
from pytest_perfqa.base.units import Quantity, Unit
from pytest_perfqa.report.terminal.assertion import explained_comparison, undecided, verdict
from pytest_perfqa.report.terminal.sparkline import sparkline


@pytest.mark.parametrize(
    ("values", "encoding", "line"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7], "utf-8", "▁▂▃▄▅▆▇█"),
        ([0, 1, 2, 3, 4, 5, 6, 7], "ascii", "_.-:=+*#"),
        ([0, 7], "latin-1", "_#"),
        ([0, 7], "no such encoding", "_#"),
        ([5, None, 5], "utf-8", "▁ ▁"),
        ([None], "utf-8", ""),
        ([], "utf-8", ""),
    ],
)
def test_a_figure_over_time_as_a_word(values: list[float | None], encoding: str, line: str) -> None:
    """From the lowest to the highest, in what the terminal can print."""
    assert sparkline(values, encoding) == line


@pytest.mark.parametrize(
    ("sign", "other"), [("<", 1), ("in", [1]), ("==", "5/s"), ("is", None), ("==", None)]
)
def test_what_knows_nothing_is_left_to_pytest(sign: str, other: object) -> None:
    """Plain values, other operators, figures without evidence."""
    assert explained_comparison(sign, 3, other) is None
    assert explained_comparison(sign, Quantity(3, Unit.COUNT), other) is None
    assert undecided(sign, 3, other) == []


def test_anything_can_be_compared_with() -> None:
    """A failed comparison is explained, whatever stands on the other side."""
    launched = run(samples(np.arange(10.0))).launched
    fewer = run(samples(np.arange(9.0))).launched
    for other in (None, [1], pytest.approx(3), float("nan"), True, fewer):
        lines = explained_comparison("==", launched, other)
        assert lines
        assert "launched arrivals of the run: 10" in lines[1]
        assert explained_comparison("==", other, launched)


@pytest.mark.parametrize(("sign", "other"), [("==", 10), ("<=", 10), (">", 9), ("!=", 3)])
def test_what_holds_is_not_told_as_missed(sign: str, other: int) -> None:
    """Pytest asks about every part of ``assert a and b``, and about ``assert not a``."""
    launched = run(samples(np.arange(10.0))).launched
    assert explained_comparison(sign, launched, other) is None
    assert explained_comparison(sign, launched, np.arange(3)) is not None


def test_the_moment_when_a_count_went_over_the_limit() -> None:
    """Counts add up: the eleventh error is the one too many."""
    points = tuple(Point(float(n), n + 1.0, 4.0, "peak" if n > 1 else None) for n in range(5))
    evidence = Evidence("errors of the run", points=points, adds_up=True)
    count = Quantity(20, Unit.COUNT, gather=lambda: evidence)
    said = {
        ("<=", 10): "first too high from 2 s on, in phase 'peak'",
        ("<", 8): "first too high from 1 s on",
        ("<=", 8): "first too high from 2 s on, in phase 'peak'",
        ("==", 0): "first too high from 0 s on",
    }
    for (sign, limit), line in said.items():
        assert line in (explained_comparison(sign, count, limit) or [])
    for sign, limit in ((">=", 30), ("==", 30), ("!=", 20)):
        assert "first" not in "\n".join(explained_comparison(sign, count, limit) or [])


def test_a_verdict_is_printed_from_its_evidence() -> None:
    """Whatever has evidence can be asserted on, not only quantities."""

    class Grows:
        def __bool__(self) -> bool:
            return False

        def evidence(self) -> Evidence:
            points = (Point(0, 1, 2.0), Point(1, 2, 4.0))
            return Evidence(
                "pending grows", points=points, statements=("slope 2/s",), generator="on schedule"
            )

    assert verdict(Grows()) == [
        "pending grows",
        "slope 2/s",
        "0 s |▁█| 2 s, 2 to 4 per 1 s",
        "load generator: on schedule",
    ]
    assert verdict(3) == []


def test_evidence_is_gathered_only_when_asked_for() -> None:
    """What passes costs nothing."""
    asked = []

    def gather() -> Evidence:
        asked.append(1)
        return Evidence("x")

    quantity = Quantity(3, Unit.COUNT, gather=gather)
    assert quantity == 3
    assert not quantity > 3
    assert not asked
    assert quantity.evidence() == Evidence("x")
