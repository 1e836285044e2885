"""What got what it asked for is one notion: whatever counts it, counts the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import run, samples

from pytest_perfqa.capacity.exchange import Exchange
from pytest_perfqa.load import record
from pytest_perfqa.load.record import Kind, Outcome
from pytest_perfqa.load.tally import Tallies, Tally
from pytest_perfqa.report.recorder import measured
from pytest_perfqa.scenario import Threshold
from pytest_perfqa.units import Unit

if TYPE_CHECKING:
    from pytest_perfqa.result import RunResult

OF_REQUESTS = sorted(set(Outcome) - {Outcome.UNEXPECTED})
STATUSES = (100, 101, 199, 200, 204, 304, 399, 400, 401, 404, 429, 499, 500, 503, 504, 599)

Ended = tuple[Outcome, int, int]


def is_good(outcome: Outcome, status: int) -> bool:
    """The definition, once more, in the plainest words."""
    if outcome is Outcome.EXPECTED:
        return True
    return outcome is Outcome.ANSWERED and 200 <= status <= 399


def requests(found: list[Ended]) -> RunResult:
    """Give a run of single requests that ended like this, two a second."""
    due = np.arange(len(found)) / 2
    outcome, status, weight = (list(column) for column in zip(*found, strict=True))
    return run(samples(due, 0.1, outcome=outcome, status=status, weight=weight))


def tally(result: RunResult, metric: str) -> Tally:
    """Count live, as a generator does."""
    threshold = Threshold(metric, 1, metric, ">", 0.5, Unit.RATIO)
    counted = Tallies([threshold], result.definition, lambda _: 0)
    counted.add(result.everything.rows)
    windows = counted.close(float(result.everything.ends.max()) + 1)
    return sum((one for (one,) in windows), Tally(0, 0))


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(st.sampled_from(OF_REQUESTS), st.sampled_from(STATUSES), st.integers(1, 3)),
        min_size=1,
        max_size=40,
    )
)
def test_every_figure_has_the_same_notion(found: list[Ended]) -> None:
    """Rates and counts, afterwards and live, on the whole, over time and in the report."""
    result = requests(found)
    ends = [(one, weight) for *one, weight in found if one[0] is not Outcome.PENDING]
    good = sum(weight for one, weight in ends if is_good(*one))
    over = sum(weight for _, weight in ends)

    if over:
        assert result.error_rate == pytest.approx((over - good) / over)
        assert result.availability.ratio == pytest.approx(good / over)
        assert result.latency.apdex(100) == pytest.approx(good / over)
    throughput = result.throughput.mean.evidence()
    assert throughput is not None
    assert throughput.samples == good
    assert tally(result, "error_rate") == Tally(over, over - good)
    assert tally(result, "throughput").part == good
    assert result.timeline(1.0).bad.sum() == over - good
    assert sum(measured(result).windows.bad) == over - good
    assert result.everything.as_expected.count == good


@pytest.mark.parametrize("outcome", OF_REQUESTS)
def test_scalars_and_records_agree(outcome: Outcome) -> None:
    """The generator judges one request at a time, a search too, and the rest by the thousand."""
    rows = np.zeros(601, record.RECORD)
    rows["outcome"], rows["status"] = outcome, np.arange(601)
    alone = [record.is_as_expected(outcome, status) for status in range(601)]
    assert record.as_expected(rows).tolist() == alone
    assert alone == [is_good(outcome, status) for status in range(601)]
    probes = [Exchange(0, 0.0, outcome=outcome, status=status) for status in range(601)]
    assert [one.is_good for one in probes] == alone


def flow(*arrivals: tuple[Outcome, int]) -> RunResult:
    """Give a run of arrivals that each sent a request with a 200 and one with this end."""
    rows: list[dict[str, Any]] = []
    for number, (outcome, status) in enumerate(arrivals):
        whole = Outcome.UNEXPECTED if outcome is Outcome.ANSWERED and status >= 400 else outcome
        rows += [
            {"due": number, "status": 200, "outcome": Outcome.ANSWERED, "kind": Kind.STEP},
            {"due": number + 0.1, "status": status, "outcome": outcome, "kind": Kind.STEP},
            {"due": number, "status": 0, "outcome": whole, "kind": Kind.ARRIVAL},
        ]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return run(samples(columns.pop("due"), 0.1, **columns))


def test_an_arrival_is_as_expected_if_all_of_its_requests_are() -> None:
    """One that was answered with a 503 is completed, as ever, and did not get what it asked for."""
    result = flow(
        (Outcome.ANSWERED, 200),
        (Outcome.ANSWERED, 503),
        (Outcome.EXPECTED, 404),
        (Outcome.TIMEOUT, 0),
    )
    assert (result.launched, result.completed, result.failed) == (4, 3, 1)
    arrivals = result.everything.arrivals
    assert record.as_expected(arrivals.rows).tolist() == [True, False, True, False]
    assert result.error_rate == pytest.approx(2 / 8)
    assert result.errors.total == 1
    assert {code: int(result.status[code]) for code in result.status} == {200: 5, 404: 1, 503: 1}
