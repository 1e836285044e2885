"""What got what it asked for is one notion: whatever counts it, counts the same."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import run, samples

from pytest_perfqa.base.conditions import Condition
from pytest_perfqa.base.units import Unit
from pytest_perfqa.capacity.probing.exchange import ProbeExchange
from pytest_perfqa.errors import RequirementMissed
from pytest_perfqa.load.wire.outcome import (
    Outcome,
    answered,
    as_expected,
    completed,
    ended,
    failed,
    is_as_expected,
    timed,
    timed_out,
    unexpected,
    with_status,
)
from pytest_perfqa.load.wire.plan import Example
from pytest_perfqa.load.wire.record import RECORD, RecordKind
from pytest_perfqa.load.wire.tally import Tallies, Tally
from pytest_perfqa.load.wire.watch import Aborted
from pytest_perfqa.report.record.recorder import measured
from pytest_perfqa.result.attributes.unexpected import Unexpected
from pytest_perfqa.result.requirements import judge, judge_own, require

if TYPE_CHECKING:
    from pytest_perfqa.result.run_result import RunResult
    from pytest_perfqa.result.samples import Samples

COMPLETED = {Outcome.ANSWERED, Outcome.EXPECTED}
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
    threshold = Condition(metric, 1, metric, ">", 0.5, Unit.RATIO)
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
        assert result.latency.apdex(9) == pytest.approx(good / over)
    throughput = result.throughput.mean.evidence()
    assert throughput is not None
    assert throughput.samples == good
    assert tally(result, "error_rate") == Tally(over, over - good)
    assert tally(result, "throughput").part == good
    assert result.timeline(1.0).bad.sum() == over - good
    assert sum(measured(result).windows.bad) == over - good
    assert result.everything.as_expected.count == good

    failures = sum(weight for one, weight in ends if one[0] not in COMPLETED)
    assert (result.failed, result.timeline(1.0).failed.sum()) == (failures, failures)
    assert result.completed == over - failures
    if over:
        assert result.errors.total == failures
    assert sum(counts.sum() for counts in result.timeline(1.0).errors.values()) == failures


@pytest.mark.parametrize("outcome", OF_REQUESTS)
def test_scalars_and_records_agree(outcome: Outcome) -> None:
    """The generator judges one request at a time, a search too, and the rest by the thousand."""
    rows = np.zeros(601, RECORD)
    rows["outcome"], rows["status"] = outcome, np.arange(601)
    alone = [is_as_expected(outcome, status) for status in range(601)]
    assert as_expected(rows).tolist() == alone
    over = outcome is not Outcome.PENDING
    assert unexpected(rows).tolist() == [over and not one for one in alone]
    assert alone == [is_good(outcome, status) for status in range(601)]
    probes = [ProbeExchange(0, 0.0, outcome=outcome, status=status) for status in range(601)]
    assert [one.is_good for one in probes] == alone


@pytest.mark.parametrize("outcome", Outcome)
def test_each_end_is_of_one_kind(outcome: Outcome) -> None:
    """What was completed, failed or has no end, and what was as expected, unexpected or neither."""
    rows = np.zeros(601, RECORD)
    rows["outcome"], rows["status"] = outcome, np.arange(601)
    pending = ~ended(rows)
    assert (completed(rows).astype(int) + failed(rows) + pending == 1).all()
    assert (as_expected(rows).astype(int) + unexpected(rows) + pending == 1).all()
    assert (answered(rows).astype(int) + timed_out(rows) + pending == timed(rows)).all()
    assert (with_status(rows) == answered(rows) & (rows["status"] > 0)).all()


def flow(*arrivals: tuple[Outcome, int]) -> RunResult:
    """Give a run of arrivals that each sent a request with a 200 and one with this end."""
    rows: list[dict[str, Any]] = []
    for number, (outcome, status) in enumerate(arrivals):
        whole = Outcome.UNEXPECTED if outcome is Outcome.ANSWERED and status >= 400 else outcome
        rows += [
            {"due": number, "status": 200, "outcome": Outcome.ANSWERED, "kind": RecordKind.STEP},
            {"due": number + 0.1, "status": status, "outcome": outcome, "kind": RecordKind.STEP},
            {"due": number, "status": 0, "outcome": whole, "kind": RecordKind.ARRIVAL},
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
    assert as_expected(arrivals.rows).tolist() == [True, False, True, False]
    assert result.error_rate == pytest.approx(2 / 8)
    assert result.errors.total == 1
    assert {code: int(result.status[code]) for code in result.status} == {200: 5, 404: 1, 503: 1}


def example(kind: str, at: float, said: str, endpoint: str = "GET /") -> Example:
    """Give the first of its kind."""
    return Example(endpoint, kind, at, said)


def test_what_was_not_as_expected_is_told_by_kind_and_place() -> None:
    """The most frequent first, each with its first example, of several generators the earliest."""
    outcome = [Outcome.ANSWERED] * 8 + [Outcome.TIMEOUT] * 2
    status = [401] * 3 + [401] * 2 + [200] * 3 + [0] * 2
    endpoint = [0] * 3 + [1] * 2 + [0] * 3 + [1] * 2
    due = np.arange(10.0)
    rows = samples(due, 0.1, outcome=outcome, status=status, endpoint=endpoint)
    names = ("GET /", "GET /b")
    examples = (
        example("401", 7.0, "no body"),
        example("401", 0.0204, '"no token"'),
        example("timeout", 8.5, "no answer within 1 s", "GET /b"),
    )
    found = Unexpected(rows, names, examples)
    assert (found.count, found.ended, found.is_all) == (7, 10, False)
    assert str(found) == (
        "7 of 10 requests were not answered as expected: "
        '3 x 401 at GET /, first: at 20 ms, "no token"; 2 x 401 at GET /b; '
        "2 x timeout at GET /b, first: at 8.5 s, no answer within 1 s"
    )
    assert str(run(rows, endpoints=names).unexpected).startswith("7 of 10 requests were not")
    answers = Unexpected(rows.where(rows.rows["outcome"] == Outcome.ANSWERED), names, examples)
    assert answers.summary == "5 of 8 answers were not as expected"
    assert list(answers.notes()) == [
        "5 of 8 answers were 4xx (5 x 401)",
        "not one of 2 requests to GET /b was answered as expected",
    ]


def test_no_more_kinds_are_told_than_one_reads() -> None:
    """However many there are; an unexpected answer has its status, and why it is none."""
    status = [401, 401, 403, 404, 405, 406, 500, 501]
    outcome = [Outcome.ANSWERED] * 6 + [Outcome.EXPECTATION, Outcome.CAPTURE]
    result = run(samples(np.arange(8.0), 0.1, status=status, outcome=outcome))
    assert str(result.unexpected) == (
        "8 of 8 answers were not as expected: 2 x 401 at GET /; 1 x 403 at GET /; "
        "1 x 404 at GET /; 1 x 405 at GET /; 1 x 406 at GET /; 2 more kinds"
    )
    assert set(result.unexpected.kinds) >= {
        ("500 (expectation)", "GET /"),
        ("501 (capture)", "GET /"),
    }


def with_404s(bad: int, good: int, **fields: Any) -> RunResult:
    """Give a run with so many 404s and so many 200s."""
    status = np.repeat([404, 200], [bad, good])
    return run(samples(np.arange(bad + good) / 10, 0.1, status=status), **fields)


def threshold(text: str) -> Condition:
    """Give a condition on the error rate of a part of the run, for a while."""
    return Condition(text, 1, "error_rate", ">", 0.5, Unit.RATIO, "GET /", lasting=1.0)


@pytest.mark.parametrize(
    ("bad", "good", "said", "met"),
    [
        (0, 20, {}, True),
        (1, 99, {}, True),
        (1, 98, {}, False),
        (7, 93, {"most": 0.07}, True),
        (8, 92, {"most": 0.07}, False),
        (1, 99, {"most": 0.0}, False),
        (99, 1, {"most": 1.0}, True),
        (20, 0, {"most": 1.0}, False),
        (10, 10, {"max_error_rate": 0.9}, True),
        (20, 0, {"max_error_rate": 1.0}, False),
        (10, 10, {"thresholds": (threshold("x"),)}, True),
        (20, 0, {"thresholds": (threshold("x"),)}, False),
        (20, 0, {"errors_expected": True}, None),
        (20, 0, {"aborted": Aborted(1.0, "x", "x")}, None),
    ],
)
def test_what_every_run_is_held_to(
    bad: int, good: int, said: dict[str, Any], *, met: bool | None
) -> None:
    """A share of errors, unless its scenario says another; that something is as expected, always.

    A run that was stopped has been judged by what stopped it.
    """
    most = said.pop("most", None)
    result = with_404s(bad, good, **said)
    if most is not None:
        result.max_error_rate = most
    own = [one for one in judge(result, held=True) if one.source == "own"]
    assert [one.met for one in own] == [met] * (met is not None)
    if met is False:
        with pytest.raises(RequirementMissed, match=f"{bad} of {bad + good} answers were not"):
            require(result, held=True)
    require(run(samples([0.0], status=404)), held=False)


def test_the_requirement_is_one_of_any_part_of_a_run() -> None:
    """Whoever leaves out a stretch of a run judges the rest."""
    result = with_404s(50, 50)
    assert judge_own(result.between(5, 10), 0.01).met
    assert judge_own(result.between(0, 4.95), 0.5).met is False
    assert judge_own(result.between(0, 4.95), None).found.startswith("50 of 50 answers were not")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (samples([]), "there was no request"),
        (samples([0.1], outcome=Outcome.PENDING), "none of 1 requests came to an end"),
        (
            samples([0.1, 0.2], outcome=Outcome.USER_CODE, kind=RecordKind.ARRIVAL, endpoint=255),
            "2 of 2 requests were not answered as expected: 2 x user code",
        ),
        # Nothing was asked for by arrivals that nothing stopped.
        (samples([0.1], kind=RecordKind.ARRIVAL), "there was no request"),
    ],
)
def test_a_run_without_an_answer_is_no_pass(rows: Samples, said: str) -> None:
    """Also where nothing was even asked."""
    (own,) = judge(run(rows), held=True)
    assert (own.met, own.found) == (False, said)


def test_half_of_each_arrival_is_not_what_it_asked_for() -> None:
    """Where every arrival stumbles once, none got what it came for, whatever the share."""
    result = flow(*[(Outcome.ANSWERED, 503)] * 3)
    result.max_error_rate = 0.6
    (own,) = judge(result, held=True)
    assert own.met is False
    assert "3 of 6 answers were not as expected, and not one of 3 arrivals was: 3 x" in own.found


def test_the_most_that_artillery_allows_counts_users() -> None:
    """maxErrorRate is of virtual users: one that was refused did not get what it asked for."""
    result = flow((Outcome.ANSWERED, 503), *[(Outcome.ANSWERED, 200)] * 3)
    for limit, met in ((0.24, False), (0.25, True)):
        scenario = replace(result.definition, max_error_rate=limit)
        result.definition = scenario
        (finding, _) = judge(result, held=True)
        assert finding.met is met
        assert finding.found == "25 % of virtual users did not get what they asked for"
