"""What a generator process says it did while arrivals were late."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pytest_perfqa.load.engine.effort import Effort
from pytest_perfqa.load.wire.plan import LATE_SECONDS, Plan
from pytest_perfqa.load.wire.record import RECORD, RecordKind
from pytest_perfqa.scenario.records import Flow, Phase, Scenario

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


class Process:
    """A process whose time goes where it is told."""

    def __init__(self, *, phases: Iterable[Phase] = (), **options: object) -> None:
        scenario = Scenario(
            "s", tuple(phases) or (Phase("p", 100, 1, 1),), (Flow("f", 1.0, ()),), **options
        )
        self.now = self.cpu = self.waited = self.idle = 0.0
        self.effort = Effort(
            Plan(scenario, "http://x", Path()),
            cost=lambda: (self.cpu, self.waited),
            idle=lambda: self.idle,
        )
        self.effort.open()

    def passes(
        self, seconds: float, *, computed: float = 0, waited: float = 0, blocked: float = 0
    ) -> None:
        """Let time pass, of which these shares are as said, and look."""
        self.now += seconds
        self.cpu += computed * seconds
        self.waited += waited * seconds
        self.idle += (1 - computed - waited - blocked) * seconds
        self.effort.look(self.now)


def sent(*arrivals: tuple[float, float], kind: RecordKind = RecordKind.SINGLE) -> NDArray[np.void]:
    """Give records of arrivals: when they were due and how late they were."""
    rows = np.zeros(len(arrivals), RECORD)
    rows["kind"] = kind
    for row, (due, lag) in zip(rows, arrivals, strict=True):
        row["intended"], row["lag"] = due, lag
    return rows


def test_what_it_did_while_arrivals_were_late() -> None:
    """Of the looks around them only: before and after, it did something else."""
    process = Process()
    for _ in range(10):
        process.passes(0.1, computed=0.9)
    process.passes(0.1, computed=0.1, waited=0.4)
    process.passes(0.1, computed=0.2, waited=0.2, blocked=0.3)
    for _ in range(10):
        process.passes(0.1, computed=0.9)
    # Others may end long after; requests within an arrival have no time to keep.
    process.effort.sent(sent((0.5, 0.001), (1.05, 0.1), (1.9, 0.0)))
    process.effort.sent(sent((0.2, 1.0), kind=RecordKind.STEP))
    found = process.effort.lateness()
    assert (found.count, found.of) == (1, 3)
    assert found.worst == pytest.approx(0.1)
    assert found.behind == pytest.approx(0.5)
    assert found.computed == pytest.approx(0.15)
    assert found.waited == pytest.approx(0.3)
    assert found.blocked == pytest.approx(0.15)


@given(
    widths=st.lists(st.floats(0.01, 2.0), min_size=1, max_size=30),
    late=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 3)), max_size=30),
    data=st.data(),
)
def test_it_is_all_of_the_intervals_that_a_late_stretch_touches(
    widths: list[float], late: list[tuple[float, float]], data: st.DataObject
) -> None:
    """Told in any order, of any length."""
    process = Process()
    shares = [data.draw(st.floats(0, 0.5)) for _ in widths]
    for width, share in zip(widths, shares, strict=True):
        process.passes(width, computed=share)
    end = process.now
    arrivals = [(start * end, min(lag, end * (1 - start))) for start, lag in late]
    for one in arrivals:
        process.effort.sent(sent(one))
    found = process.effort.lateness()
    stretches = [
        (float(row["intended"]), float(row["intended"]) + float(row["lag"]))
        for row in sent(*arrivals)
        if float(row["lag"]) > LATE_SECONDS
    ]
    edges = np.concatenate([[0.0], np.cumsum(widths)])
    # What lags is told in 32 bits: one that ends at a look may end a bit behind it.
    away = np.abs(np.subtract.outer(edges, [moment for one in stretches for moment in one]))
    assume(not ((away > 0) & (away < 2e-6)).any())
    touched = np.zeros(len(widths), dtype=bool)
    for begin, over in stretches:
        touched |= (edges[:-1] < over - 1e-6) & (edges[1:] > begin + 1e-6)
    assert found.count == len(stretches)
    if touched.any():
        total = np.array(widths)[touched].sum()
        expected = (np.array(widths) * shares)[touched].sum() / total
        assert found.computed == pytest.approx(expected, abs=1e-3 / total)
        longest = max(over - begin for begin, over in stretches)
        assert longest / total - 1e-3 <= (found.behind or 0) <= 1 + 1e-3


def test_looks_of_a_closed_model_are_due() -> None:
    """One that comes a second late is ten that are late, the first by a second."""
    process = Process(users=1)
    for _ in range(10):
        process.passes(0.1)
    process.passes(1.05, waited=0.9)
    process.passes(0.05)
    for _ in range(8):
        process.passes(0.1)
    process.effort.close(process.now + 0.3)
    process.effort.look(process.now + 5)  # after the end nothing counts
    found = process.effort.lateness()
    assert (found.count, found.of) == (10 + 2, 32)
    assert found.worst == pytest.approx(0.95)
    assert process.effort.total() == (0, pytest.approx(0.945))


@pytest.mark.parametrize(
    ("warmup", "found"), [((), (3, 6)), (("start",), (1, 4)), (("start", "peak"), (0, 2))]
)
def test_seconds_in_which_it_did_all_it_could(
    warmup: tuple[str, ...], found: tuple[int, int]
) -> None:
    """A second is the unit: 0.8 s at all it can and 0.2 s at rest aren't one."""
    phases = (Phase("start", 1.5, 1, 1), Phase("peak", 2, 1, 1), Phase("rest", 3, 1, 1))
    process = Process(phases=phases, users=1, warmup=frozenset(warmup))
    for number in range(64):
        computed = 0.95 if number < 30 else (1.0 if number < 38 else 0.0)
        process.passes(0.1, computed=computed)
    assert process.effort.full() == found
