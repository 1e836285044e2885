"""Apdex, availability, cold start, names: what each attribute says of runs made of numbers."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

import numpy as np
import pytest
from synthetic import run, samples

from pytest_perfqa.errors import Inconclusive, NoData
from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.result.attributes.fairness import Shares
from pytest_perfqa.result.samples import Samples, fold

if TYPE_CHECKING:
    from pytest_perfqa.result.run_result import RunResult

TEN = np.arange(1.0, 11.0)


def test_apdex_counts_what_satisfies_and_half_of_what_is_tolerable() -> None:
    """3 within 0.1 s, 4 within 0.4 s, the others slow, an error, or without an answer."""
    times = [0.05, 0.1, 0.02, 0.11, 0.3, 0.4, 0.2, 0.41, 0.01, 0.01]
    status = [200] * 8 + [500, 200]
    outcome = [Outcome.ANSWERED] * 9 + [Outcome.REFUSED]
    latency = run(samples(TEN, times, status=status, outcome=outcome)).latency
    assert latency.apdex("100.001ms") == (3 + 4 / 2) / 10
    assert latency.apdex(10) == 8 / 10


def test_apdex_follows_the_time_scale() -> None:
    """A text is at full scale, a number is not."""
    latency = run(samples(TEN, 0.1), time_scale=0.1).latency
    assert (latency.apdex("1.1s"), latency.apdex("0.5s"), latency.apdex(0.5)) == (1, 0.5, 1)


def test_shares_and_errors() -> None:
    """Of ten requests one was refused, one timed out, two got a 503."""
    outcome = [Outcome.REFUSED, Outcome.TIMEOUT] + [Outcome.ANSWERED] * 8
    result = run(samples(TEN, 0.1, status=[0, 0, 503, 503] + [200] * 6, outcome=outcome))
    assert (result.errors.total, result.errors.share) == (2, "20%")
    assert (result.status.share(503), result.status.share("2xx")) == (0.25, 0.75)
    assert result.availability.ratio == "60%"


def test_in_tells_whether_there_was_any() -> None:
    """Of what can be asked for; what can't be is an error, as it is with brackets."""
    outcome = [Outcome.REFUSED] + [Outcome.ANSWERED] * 9
    result = run(samples(TEN, 0.1, status=[0, 503] + [200] * 8, outcome=outcome))
    status, errors = result.status, result.errors
    for key in (*range(100, 600), *(f"{code}" for code in range(100, 600)), "2xx", "4xx", "5xx"):
        assert (key in status) == (status[key] > 0) == (str(key) in {"200", "503", "2xx", "5xx"})
    for kind in ("timeout", "refused", "reset", "tls", "expectation", "user code", "other"):
        assert (kind in errors) == (errors[kind] > 0) == (kind == "refused")
    assert 504 not in status
    assert "timeout" not in errors
    for counts, wanted in ((status, {200: 8, 503: 1}), (errors, {"refused": 1})):
        assert dict(counts) == dict(counts.items()) == wanted
        assert list(counts) == list(counts.keys()) == list(wanted)
        assert len(counts) == len(wanted)
        assert all(key in counts for key in counts)
        assert counts.get(next(iter(wanted))) == next(iter(wanted.values()))
    for stranger in ("tiemout", "answered", "", None, 504):
        with pytest.raises(NoData):
            assert stranger not in errors
    for stranger in ("5x", "6xx", 99, 600, 200.5, "ok", None):
        with pytest.raises(NoData):
            assert stranger not in status


def test_in_says_nothing_where_nothing_was() -> None:
    """No 504 among no answers is no reason to pass."""
    dead = run(samples(TEN, 0.1, outcome=Outcome.REFUSED))
    with pytest.raises(NoData):
        assert 504 not in dead.status
    assert "timeout" not in dead.errors
    with pytest.raises(NoData):
        assert "timeout" not in dead.between(3.5, 3.6).errors


def test_an_answer_that_was_not_expected_keeps_its_status_and_its_time() -> None:
    """Who expects a 200 and gets a 503 has a 5xx, and a failure: neither hides the other."""
    outcome = [Outcome.EXPECTATION] * 3 + [Outcome.CAPTURE] + [Outcome.ANSWERED] * 6
    times = [2.0, 2.0, 2.0] + [0.1] * 7
    result = run(samples(TEN, times, status=[503] * 3 + [200] * 7, outcome=outcome))
    assert result.status["5xx"] == 3
    assert result.status.share(503) == "30%"
    assert (result.errors["expectation"], result.errors["capture"]) == (3, 1)
    assert (result.failed, result.completed) == (4, 6)
    assert result.availability.ratio == "60%"
    assert result.latency.max == 2.0
    (window,) = result.windows(20.0)
    assert (window.status[503], window.status[200]) == (3, 7)
    assert result.timeline(20.0).bad.tolist() == [4]


@pytest.mark.parametrize(
    ("served", "longest"),
    [
        ("1111111111", 0),
        ("0000000000", 10),
        ("1110011111", 2),
        ("1001100011", 3),
        ("1111111100", 2),
        ("0111111111", 1),
    ],
)
def test_the_longest_outage(served: str, longest: float) -> None:
    """From the first request that was not served to the next that was, or the end."""
    status = np.where(np.array(list(served)) == "1", 200, 503)
    result = run(samples(TEN, 0.1, status=status), time_scale=0.5)
    assert result.availability.longest_outage == longest
    assert result.availability.longest_outage == f"{2 * longest}s"


@pytest.mark.parametrize("status", [400, 404, 499, 500, 501, 503, 599])
@pytest.mark.parametrize("count", [1, 3, 10])
def test_what_is_not_served_is_no_service(status: int, count: int) -> None:
    """Ratio, outage, budget and error rate are of one mind about every status."""
    result = run(samples(TEN, 0.1, status=[200] * (10 - count) + [status] * count))
    availability = result.availability
    assert availability.ratio == pytest.approx(1 - count / 10)
    assert availability.ratio + result.error_rate == pytest.approx(1)
    assert availability.longest_outage == count
    assert availability.budget_spent("50%") == pytest.approx(count / 10 / 0.5)
    # Each window has one request, so time is spent as requests are.
    assert availability.budget_spent("50%", window=1.0) == pytest.approx(count / 10 / 0.5)


def test_a_window_that_just_meets_the_objective_spends_nothing() -> None:
    """Nine of ten are 90 %; eight are not."""
    due = np.arange(1, 101) / 10
    nine = run(samples(due, 0.1, status=np.where(np.arange(100) % 10 == 0, 503, 200)))
    eight = run(samples(due, 0.1, status=np.where(np.arange(100) % 5 == 0, 503, 200)))
    assert nine.availability.budget_spent("90%", window=1.0) == 0
    assert eight.availability.budget_spent("90%", window=1.0) == pytest.approx(10)


def test_answers_of_one_moment_end_an_outage_together() -> None:
    """Of two requests at once one was served: the service was there."""
    due = np.repeat(TEN, 2)
    status = np.where((np.arange(20) % 2 == 0) & (due > 2) & (due < 6), 503, 200)
    assert run(samples(due, 0.1, status=status)).availability.longest_outage == 0


def test_the_error_budget_by_requests_and_by_time() -> None:
    """One bad request in a quiet second weighs little among requests, as much in time."""
    due = np.concatenate([np.arange(0, 9, 0.1), [9.5]])
    availability = run(samples(due, 0.1, status=np.where(due < 9, 200, 503))).availability
    assert availability.budget_spent("90%") == pytest.approx(1 / 91 / 0.1)
    assert availability.budget_spent("90%", window=1.0) == pytest.approx(1.0)
    assert availability.budget_spent(0.9, window="5s") == 0
    for impossible in ("100%", 0, 1.5):
        with pytest.raises(ValueError, match="objective"):
            availability.budget_spent(impossible)
    with pytest.raises(ValueError, match="window"):
        availability.budget_spent("90%", window=0)


def test_folded_rows_count_as_what_they_stand_for() -> None:
    """Availability and Apdex of a folded table are those of its requests."""
    random = np.random.default_rng(1)
    rows = samples(
        np.arange(50_000) / 1000, 0.05, status=random.choice([200, 503], 50_000, p=[0.9, 0.1])
    ).rows
    whole, folded = run(Samples(rows)), run(Samples(fold(rows)))
    assert len(folded._samples.rows) < 500
    assert folded.availability.ratio == whole.availability.ratio
    assert folded.latency.apdex(0.1) == whole.latency.apdex(0.1)
    assert folded.latency.p95.high == pytest.approx(whole.latency.p95.high, rel=0.01)
    spent = folded.availability.budget_spent("95%", window="5s")
    assert spent == whole.availability.budget_spent("95%", window="5s")


def cut_off(more: int = 0) -> RunResult:
    """Six requests that ended, two of them badly, and some that were under way at the end."""
    outcome = [Outcome.ANSWERED] * 5 + [Outcome.TIMEOUT] + [Outcome.PENDING] * more
    times = [0.2] * 5 + [5.0] + [0.1] * more
    status = [503] + [200] * (5 + more)
    return run(samples(np.arange(6.0 + more) / 2, times, outcome=outcome, status=status))


FIGURES = {
    "errors": lambda found: found.errors.total,
    "timeouts": lambda found: found.errors["timeout"],
    "share of errors": lambda found: found.errors.share,
    "share of time-outs": lambda found: found.errors.share_of("timeout"),
    "error rate": lambda found: found.error_rate,
    "availability": lambda found: found.availability.ratio,
    "outage": lambda found: found.between(0, 2).availability.longest_outage,
    "budget": lambda found: found.availability.budget_spent("90%"),
    "apdex": lambda found: found.latency.apdex(1.0),
    "in time": lambda found: found.latency.share_below(1.0),
    "shortest": lambda found: found.latency.min,
    "failed": lambda found: found.failed,
    "completed": lambda found: found.completed,
}


@pytest.mark.parametrize("name", FIGURES)
def test_what_was_cut_off_is_neither_good_nor_bad(name: str) -> None:
    """Every figure of good and bad ones is the same without those that were under way."""
    figure = FIGURES[name]
    assert float(figure(cut_off(4))) == float(figure(cut_off()))
    assert cut_off(4).pending.at_end == 4
    assert cut_off(4).launched == 10
    assert list(cut_off(4).errors) == ["timeout"]


def test_availability_is_all_but_the_error_rate() -> None:
    """What is not the one is the other, whatever was under way."""
    for more in range(4):
        found = cut_off(more)
        assert found.availability.ratio + found.error_rate == pytest.approx(1)
        assert found.error_rate == pytest.approx(2 / 6)


def test_of_what_never_ended_nothing_is_known() -> None:
    """No figure of good or bad ones passes where all were cut off."""
    nothing = run(samples(TEN, 0.1, outcome=Outcome.PENDING))
    asked = [name for name in FIGURES if name not in {"failed", "completed"}]
    for name in asked:
        with pytest.raises(NoData, match=r"come to an end|was answered"):
            FIGURES[name](nothing)
    with pytest.raises(NoData, match="'pending' is no kind of error"):
        _ = nothing.errors["pending"]


def test_who_has_waited_for_too_long_already_is_not_in_time() -> None:
    """Two were cut off after 0.1 s, two after 3 s: within a second are five of eight."""
    outcome = [Outcome.ANSWERED] * 5 + [Outcome.TIMEOUT] + [Outcome.PENDING] * 4
    times = [0.2] * 5 + [5.0, 0.1, 0.1, 3.0, 3.0]
    found = run(samples(TEN, times, outcome=outcome))
    assert found.latency.share_below(1.0) == 5 / 8
    assert found.latency.share_below(10.0) == 5 / 6


def test_a_replica_that_gave_no_answer_has_a_share_of_none() -> None:
    """It is one of those that there are, though no answer names it."""
    names = {"10.0.0.1": "app#1", "10.0.0.2": "app#2"}
    shares = Shares(samples(TEN, replica=0), ("10.0.0.1",), names)
    assert shares.counts == {"app#1": 10, "app#2": 0}
    assert shares["app#2"] == 0


def cold(first: int, count: int, *, slow: float = 0.5) -> np.ndarray:
    """Give answers in about 20 ms, the first ones slower."""
    times = np.random.default_rng(7).normal(0.02, 0.002, count)
    times[:first] = slow
    return times


def test_a_cold_start_is_found() -> None:
    """The first took 480 ms longer than the others."""
    found = run(samples(np.arange(100.0), cold(1, 100))).cold_start()
    assert found
    assert found.extra == pytest.approx(0.48, abs=0.005)
    assert (found.first, found.rest, found.p_value) == (1, 99, 0.01)


def test_a_cold_start_of_each_of_three_workers() -> None:
    """All of the first three are slow; of five, two are not."""
    result = run(samples(np.arange(100.0), cold(3, 100)))
    assert result.cold_start(3)
    assert not result.cold_start(5)


def test_a_cold_start_in_the_warm_up_is_one() -> None:
    """Warm-up is where it shows."""
    answers = samples(np.arange(100.0), cold(1, 100))
    result = run(answers, phases=[("warm up", 20), ("rest", 80)], warmup=["warm up"])
    assert result.cold_start()
    assert not result.phase("rest").cold_start()


def test_who_took_as_long_as_the_first_speaks_against_a_cold_start() -> None:
    """With one more of 40 that is as slow, chance puts one of both first with 2 in 40."""
    times = cold(1, 40)
    times[20] = times[0]
    assert run(samples(np.arange(40.0), times)).cold_start().p_value == pytest.approx(2 / 40)


def test_no_cold_start_is_a_small_difference() -> None:
    """Slower than all the others, but by nothing that matters."""
    assert not run(samples(np.arange(100.0), cold(1, 100, slow=0.0239))).cold_start()


@pytest.mark.parametrize(("first", "needed"), [(1, 19), (2, 5), (3, 3)])
def test_a_cold_start_needs_enough_to_compare_with(first: int, needed: int) -> None:
    """As many as make 5 % possible at all; with fewer nobody can tell."""
    assert run(samples(np.arange(first + needed), cold(first, first + needed))).cold_start(first)
    few = run(samples(np.arange(first + needed - 1), cold(first, first + needed - 1)))
    with pytest.raises(Inconclusive, match=f"at least {needed} more"):
        bool(few.cold_start(first))


def test_false_cold_starts_are_rare() -> None:
    """Of 1,000 runs of heavy-tailed answers without one, 5 % at most."""
    random = np.random.default_rng(20261123)
    draws = (random.lognormal(-4, 0.5, 60) for _ in range(1000))
    found = [bool(run(samples(np.arange(60.0), times)).cold_start()) for times in draws]
    assert sum(found) <= 50


def test_nothing_is_said_of_nothing() -> None:
    """Every attribute of a slice without samples is an error."""
    nothing = run(samples(TEN)).between(20, 30)
    questions = {
        "p95": lambda: nothing.latency.p95,
        "mean": lambda: nothing.latency.mean,
        "max": lambda: nothing.latency.max,
        "share": lambda: nothing.latency.share_below("1s"),
        "apdex": lambda: nothing.latency.apdex("1s"),
        "status": lambda: nothing.status["5xx"],
        "status share": lambda: nothing.status.share("5xx"),
        "errors": lambda: nothing.errors.total,
        "error share": lambda: nothing.errors.share,
        "throughput": lambda: nothing.throughput.offered,
        "availability": lambda: nothing.availability.ratio,
        "outage": lambda: nothing.availability.longest_outage,
        "budget": lambda: nothing.availability.budget_spent("99%"),
        "cold start": nothing.cold_start,
        "phase": lambda: nothing.phase("peak"),
        "endpoint": lambda: nothing.endpoint("GET /x"),
    }
    for ask in questions.values():
        with pytest.raises(NoData):
            ask()


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("latncy", "latency"),
        ("latency.p59", "p95"),
        ("throughput.offerd", "offered"),
        ("availability.rate", "ratio"),
    ],
)
def test_a_slip_of_the_pen_is_an_error_that_says_what_was_meant(path: str, meant: str) -> None:
    """A misspelt attribute is no attribute."""
    found = run(samples(TEN))
    asked = operator.attrgetter(path)
    with pytest.raises(AttributeError, match=rf"did you mean .*{meant}.*There are: .*{meant}"):
        asked(found)


def test_names_are_asked_for_quietly() -> None:
    """Libraries that look for protocols by name are not answered with a list."""
    assert not hasattr(run(samples(TEN)), "__array__")
    assert not hasattr(run(samples(TEN)).latency, "_repr_html_")


@pytest.mark.parametrize(
    "name", ["errors", "status", "replicas", "throughput", "pending", "latency"]
)
@pytest.mark.parametrize("other", [0, 0.5, "1%"])
def test_what_is_no_number_is_not_compared_with_one(name: str, other: object) -> None:
    """``errors != 0`` would be true whatever happened; the message says what to compare."""
    one = getattr(run(samples(np.arange(30.0))), name)
    for compare in (operator.eq, operator.ne, operator.lt, operator.ge, operator.gt, operator.le):
        with pytest.raises(TypeError, match=r"compare one of its figures \(\."):
            compare(one, other)
    assert one == one  # noqa: PLR0124
    assert one != object()
    assert one is not None


def test_counts_are_compared_with_mappings() -> None:
    """As any mapping is."""
    one = run(samples(np.arange(30.0)))
    assert one.status == {200: 30}
    assert one.errors == {}
    assert one.errors != {"timeout": 1}
