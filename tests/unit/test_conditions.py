"""Conditions of several comparisons: one side that is decided decides, and nothing is no pass."""

from __future__ import annotations

import ast
import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import run, samples

from pytest_perfqa.base.conditions import Expression
from pytest_perfqa.base.units import Estimate, Unit
from pytest_perfqa.errors import Inconclusive, InvalidRun, NoData, RequirementMissed
from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.result.requirements import judge, require
from pytest_perfqa.scenario.records import Ensure

if TYPE_CHECKING:
    from pytest_perfqa.result.requirements import Finding
    from pytest_perfqa.result.run_result import RunResult

FEW, BESIDE = Inconclusive("too few samples"), InvalidRun(["others took the CPU"])
NOTHING = NoData("nothing was answered")
# What stands for a comparison in "m0 < 2" that is true, false, not to be told or about nothing.
TRUE, FALSE = 1.0, 3.0
MAYBE = Estimate(2.0, Unit.COUNT).with_interval(1.0, 3.0, 50)
KINDS = {"T": TRUE, "F": FALSE, "?": FEW, "!": BESIDE, "0": NOTHING, "~": MAYBE}


def decided(text: str, *figures: float | Exception) -> bool | tuple[Exception, ...]:
    """Judge a condition on the figures m0, m1..."""
    return Expression(ast.parse(text, mode="eval").body, figures).holds()


def sign(text: str, kinds: str) -> str:
    """Judge a condition: T, F, or ? where it can't be told."""
    found = decided(text, *(KINDS[kind] for kind in kinds))
    return "?" if isinstance(found, tuple) else "FT"[found]


def both(text: str, first: str, second: str) -> set[str]:
    """Judge a condition on two figures, in both orders."""
    return {sign(text, first + second), sign(text, second + first)}


@pytest.mark.parametrize("unknown", ["?", "!", "~"])
def test_one_decided_side_decides(unknown: str) -> None:
    """Whatever the other would have been, also where it stands first."""
    assert both("m0 < 2 or m1 < 2", "T", unknown) == {"T"}
    assert both("m0 < 2 or m1 < 2", "F", unknown) == {"?"}
    assert both("m0 < 2 and m1 < 2", "F", unknown) == {"F"}
    assert both("m0 < 2 and m1 < 2", "T", unknown) == {"?"}
    assert both("not (m0 < 2 or m1 < 2)", "T", unknown) == {"F"}
    assert both("not (m0 < 2 and m1 < 2)", "F", unknown) == {"T"}
    assert sign("not m0 < 2", unknown) == "?"
    assert both("0 < m0 < 2 > m1", "F", unknown) == {"F"}
    assert both("0 < m0 < 2 > m1", "T", unknown) == {"?"}
    assert both("2 * m0 + 1 < 5 or m1 / 2 <= 0.5", "T", unknown) == {"T"}


def test_what_is_about_nothing_holds_neither_way() -> None:
    """It is no pass, not even upside down; an ``or`` whose other side holds is one."""
    for text in ("m0 < 2", "m0 >= 2", "not m0 < 2", "not m0 > 5", "m0 == m0", "not m0", "m0 or m0"):
        assert sign(text, "0") == "F"
    assert both("m0 < 2 or m1 < 2", "T", "0") == {"T"}
    assert both("m0 < 2 or m1 < 2", "F", "0") == {"F"}
    assert both("m0 < 2 or m1 < 2", "?", "0") == {"?"}
    assert both("m0 < 2 and m1 < 2", "T", "0") == {"F"}
    assert both("m0 < 2 and m1 < 2", "?", "0") == {"F"}
    assert both("not (m0 < 2 or m1 < 2)", "F", "0") == {"F"}
    assert both("not (m0 < 2 and m1 < 2)", "T", "0") == {"F"}
    assert both("m0 + m1 < 99", "T", "0") == {"F"}
    assert both("(m0 < 2) == (m1 < 2)", "F", "0") == {"F"}
    assert both("(m0 < 2) + (m1 < 2) < 9", "T", "0") == {"F"}
    # There is nothing to divide by: no share of it is small enough.
    assert decided("m0 / m1 < 1", 0.0, 0.0) is False
    assert decided("not m0 / m1 < 1", 0.0, 0.0) is False
    assert decided("m0 % m1 == 0 or m0 == 5", 5.0, 0.0) is True


def test_conditions_in_the_place_of_numbers() -> None:
    """As Python has it: true is 1."""
    assert decided("(m0 < 2) + (m1 < 2) == 1", TRUE, FALSE) is True
    assert decided("(m0 < 2) == (m1 < 2)", TRUE, FALSE) is False
    assert decided("-(m0 < 2) < 0", TRUE) is True
    assert sign("(m0 < 2) + 0 == 1", "?") == "?"
    assert decided("m0", 0.0) is False
    assert decided("not m0 and m1", 0.0, 2.0) is True


def test_the_reasons_are_those_of_what_is_open() -> None:
    """Each once, and none of a side that was decided all the same."""
    open_ = decided("(m0 < 2 or m1 < 2) and m2 < 2 and m3 < 2", FEW, TRUE, BESIDE, MAYBE)
    assert open_[0] is BESIDE
    assert isinstance(open_[1], Inconclusive)
    assert len(open_) == 2


CONDITIONS = st.recursive(
    st.sampled_from(["m0 < 2", "m1 < 2", "m2 < 2", "m3 >= 2", "0 < m0 < 2"]),
    lambda part: st.one_of(
        part.map("not ({})".format),
        st.tuples(part, st.sampled_from(["and", "or"]), part).map(
            lambda one: "({} {} {})".format(*one)
        ),
    ),
    max_leaves=8,
)


@given(CONDITIONS, st.lists(st.sampled_from("TF?~!"), min_size=4, max_size=4))
def test_a_decision_is_one_that_nothing_could_turn(text: str, kinds: list[str]) -> None:
    """Put in either value for what is open: if all agree on what they may be, so do we at most."""
    found = sign(text, "".join(kinds))
    choices = [("T", "F") if kind in "?~!" else (kind,) for kind in kinds]
    could_be = {sign(text, "".join(chosen)) for chosen in itertools.product(*choices)}
    if found != "?":
        assert could_be == {found}
    if "?" not in kinds and "~" not in kinds and "!" not in kinds:
        assert found != "?"
    assert (sign(f"not ({text})", "".join(kinds)) == found) == (found == "?")


@given(CONDITIONS, st.lists(st.sampled_from("TF?0"), min_size=4, max_size=4))
def test_nothing_makes_no_condition_true(text: str, kinds: list[str]) -> None:
    """What is met with figures that don't exist is met whatever they would have been."""
    if sign(text, "".join(kinds)) == "T":
        choices = [("T", "F") if kind == "0" else (kind,) for kind in kinds]
        assert {sign(text, "".join(chosen)) for chosen in itertools.product(*choices)} == {"T"}


def of_sixty(*texts: str, strict: bool = True, outcome: Outcome = Outcome.ANSWERED) -> RunResult:
    """Give a run of too few requests for a p99, in 100 to 130 ms."""
    needs = tuple(Ensure(text, 1, strict=strict) for text in texts)
    rows = samples(np.arange(60) / 10, np.linspace(0.1, 0.13, 60), outcome=outcome)
    return run(rows, ensure=needs)


def one(text: str, outcome: Outcome = Outcome.ANSWERED) -> Finding:
    """Judge one condition."""
    (found,) = judge(of_sixty(text, outcome=outcome))
    return found


P99, P95 = "http.response_time.p99", "http.response_time.p95"


def test_ensure_with_a_percentile_of_too_few() -> None:
    """p99 of 60 can't be told; what stands beside it may do."""
    for text, met in (
        (f"{P99} < 200", None),
        (f"{P99} < 200 or http.codes.200 == 60", True),
        (f"http.codes.200 == 60 or {P99} < 200", True),
        (f"{P99} < 200 or http.codes.200 == 59", None),
        (f"{P99} < 200 and http.codes.200 == 59", False),
        (f"{P99} < 200 and http.codes.200 == 60", None),
        (f"not ({P99} < 200 and http.codes.200 == 59)", True),
        (f"100 < {P99} < 200 or vusers.failed == 0", True),
        (f"{P95} < 110 or {P95} < 140", True),
        (f"{P95} < 130 or vusers.failed > 0", None),
        (f"{P95} - http.response_time.p50 < 40", True),
        (f"{P95} / http.response_time.p50 < 1.5", True),
        (f"{P95} / http.response_time.p50 < {P95}", True),
        (f"{P95} / http.response_time.p50 + {P95} < 200", True),
    ):
        assert one(text).met is met, text
    with pytest.raises(Inconclusive, match="needs at least 299 samples"):
        require(of_sixty(f"{P99} < 200 or http.codes.200 == 59"))
    require(of_sixty(f"{P99} < 200 or http.codes.200 == 60"))
    require(of_sixty(f"{P99} < 200", strict=False))


def test_ensure_about_nothing() -> None:
    """Where all were refused there is no latency: nothing is met by that."""
    refused = Outcome.REFUSED
    for text, met in (
        (f"{P95} < 200", False),
        (f"not {P95} > 200", False),
        (f"not ({P95} > 200 or http.codes.504 > 0)", False),
        ("http.codes.504 == 0 and vusers.created == 60", False),
        (f"{P95} < 200 or errors.refused == 60", True),
        (f"{P95} < 200 or errors.refused == 0", False),
    ):
        found = one(text, refused)
        assert found.met is met, text
        assert "answered" in found.found
    with pytest.raises(RequirementMissed, match="was answered"):
        require(of_sixty(f"not {P95} > 200", outcome=refused))


def test_what_was_found_is_told_with_what_was_not() -> None:
    """All figures of a condition that is decided, and why one of them is missing."""
    found = one(f"{P99} < 200 or http.codes.200 > 60 or vusers.created == 60").found
    assert "p99 of latency of the run needs at least 299 samples" in found
    assert found.endswith(", http.codes.200 = 60, vusers.created = 60")
