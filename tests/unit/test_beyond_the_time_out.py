"""A limit that no request can get to, since the time-out ends it before, is a mistake: no pass."""

from __future__ import annotations

import copy
import math
import operator
import pickle
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from artillery_files import problems, read, with_config
from synthetic import run, samples

from pytest_perfqa.base.units import Quantity, Unit
from pytest_perfqa.errors import ConfigurationError
from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.load.wire.record import RecordKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_perfqa.result.run_result import RunResult

COMPARE = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]


def a_run(longest: float = 0.407, **definition: Any) -> RunResult:
    """Give a run whose requests took up to 407 ms."""
    times = np.linspace(0.1, longest, 400)
    return run(samples(np.arange(400) / 10, times), **definition)


FIGURES: dict[str, Callable[[RunResult], Quantity]] = {
    "p95": lambda result: result.latency.p95,
    "response": lambda result: result.response.p50,
    "p99.5": lambda result: result.latency.percentile(99),
    "of the sample": lambda result: result.latency.sample_percentile(99.9),
    "mean": lambda result: result.latency.mean,
    "min": lambda result: result.latency.min,
    "max": lambda result: result.latency.max,
    "phase": lambda result: result.phase("steady").latency.p90,
    "endpoint": lambda result: result.endpoint("GET /").latency.p90,
    "between": lambda result: result.between(5, 35).response.mean,
    "window": lambda result: result.windows(10.0)[1].p95,
    "window of a phase": lambda result: result.phase("steady").windows(40.0)[0].p50,
    "service time": lambda result: result.pending.service_time,
    "wait": lambda result: result.pending.wait.max,
    "cold start": lambda result: result.cold_start().extra,
    "difference": lambda result: result.latency.p95 - result.latency.p50,
    "distance": lambda result: abs(result.latency.p50 - result.latency.p95),
    "sum": lambda result: sum([result.latency.p95, result.response.p95]),
    "multiple": lambda result: 2 * result.latency.p95 / 1.5,
    "opposite": lambda result: -result.latency.p95,
    "kept": lambda result: pickle.loads(pickle.dumps(result.latency.max)),  # noqa: S301
    "copied": lambda result: copy.deepcopy(result.latency.p95),
}


@pytest.mark.parametrize("name", FIGURES)
def test_two_hundred_is_seconds_and_no_request_gets_there(name: str) -> None:
    """With every operator, from both sides, whatever kind of number it is."""
    figure = FIGURES[name](a_run())
    for limit in (
        *(200, 200.0, -200, math.inf, np.float64(200), np.int64(200), Fraction(200)),
        *("200s", "4 min", Quantity(200, Unit.SECOND), pytest.approx(200)),
    ):
        ordered = COMPARE if not hasattr(limit, "rel") else COMPARE[4:]
        for compare in ordered:
            with pytest.raises(ConfigurationError, match="time-out is 10 s"):
                compare(figure, limit)
            if not isinstance(limit, Fraction):  # which compares floats by itself
                with pytest.raises(ConfigurationError, match="time-out is 10 s"):
                    compare(limit, figure)


def test_the_message_says_what_to_write() -> None:
    """In milliseconds, for it was probably meant so; of a text, that is clear already."""
    p95 = a_run().latency.p95
    with pytest.raises(ConfigurationError) as caught:
        assert p95 < 200
    assert str(caught.value) == (
        "p95 of latency of the run can't get to 200 s: the run's time-out is 10 s (http.timeout); "
        'a bare number is in seconds: write "200ms" for milliseconds'
    )
    with pytest.raises(ConfigurationError, match=r"20 s: .*; take a limit within it"):
        assert p95 < "20s"
    with pytest.raises(ConfigurationError, match=r'write "1500\.5ms"'):
        assert p95 != pytest.approx(1500.5, rel=0.1)


def test_no_tolerance_is_as_wide_as_that() -> None:
    """200 ms more or less is one thing, 200 s are another: anything would do."""
    p95 = a_run().latency.p95
    assert p95 == pytest.approx(0.4, abs=0.2)
    for approximately in (pytest.approx(0.4, abs=200), pytest.approx(0.4, abs=11, rel=0.1)):
        for mistaken in (
            lambda one=approximately: p95 == one,
            lambda one=approximately: one == p95,
            lambda one=approximately: p95 != one,
        ):
            with pytest.raises(ConfigurationError, match="time-out is 10 s"):
                mistaken()


def test_neither_chains_nor_sums_hide_it() -> None:
    """Wherever it stands, it is no limit."""
    one, other = a_run().latency.p95, a_run().latency.p50
    for mistaken in (
        lambda: 0.1 < one < 200,
        lambda: "100ms" < one < "11s",
        lambda: one < other + 200,
        lambda: one - 200 < 0,
        lambda: 200 - one > 0,
        lambda: one + "20s",
        lambda: one in [200],
        lambda: max(one, 200),
    ):
        with pytest.raises(ConfigurationError):
            mistaken()


def test_shares_and_apdex_take_no_such_limit_either() -> None:
    """All requests stay within it: the share is 100 % whatever the service does."""
    latency = a_run().latency
    for figure in (latency.share_below, latency.apdex):
        for limit in (200, "200s", 10.001):
            with pytest.raises(ConfigurationError, match="latency of the run can't get to"):
                figure(limit)
        assert figure("10s") == figure(10) == 1


def test_differences_of_differences_reach_further() -> None:
    """From 10 s less to 10 s more there are 20."""
    result = a_run()
    less, more = (result.latency.p50 - result.latency.p95, result.latency.p95 - result.latency.p50)
    assert more - less < 19
    assert less - more > "-19s"
    assert result.latency.p95 - result.latency.p50 < 9
    with pytest.raises(ConfigurationError):
        assert result.latency.p95 - result.latency.p50 < 11
    with pytest.raises(ConfigurationError):
        assert more - less < 21


def test_what_a_request_can_get_to_is_a_limit() -> None:
    """The time-out itself, and another run's figure, which had its own."""
    one, slow = a_run(), a_run(longest=50, timeout=60)
    for within in (10, 10.0, "10s", "10000ms", 0.4, "400ms", 0):
        assert one.latency.max <= within or one.latency.max > within
    for compare in COMPARE:
        compare(one.latency.max, slow.latency.max)
        compare(one.latency.max, 3 * slow.latency.max)
        compare(one.latency.max, slow.latency.sample_percentile(99))
        compare(slow.latency.max, 59)
    assert one.latency.p95 < slow.latency.p95
    assert one.latency.p95 == pytest.approx(one.latency.p95)
    assert one.latency.max != pytest.approx(slow.latency.max)


def test_it_follows_the_time_scale() -> None:
    """At a tenth, a request ends after 1 s; a text is as at full scale."""
    p95 = a_run(time_scale=0.1, timeout=1.0).latency.p95
    assert p95 < "10s"
    assert p95 <= 1
    for limit in ("10.1s", 1.1, 200):
        with pytest.raises(ConfigurationError, match=r"1 s \(http.timeout, 10 s at full scale\)"):
            assert p95 < limit
    # In binary, a tenth of 4600 ms is a little longer than one of 4.6 s.
    assert a_run(time_scale=0.1, timeout=4.6 * 0.1).latency.max < "4600ms"


def test_requests_that_timed_out_change_nothing() -> None:
    """They took the time-out and the moment until it was noticed."""
    outcome = np.where(np.arange(400) % 2, Outcome.ANSWERED, Outcome.TIMEOUT)
    latency = run(samples(np.arange(400) / 10, 10.0 + outcome / 4, outcome=outcome)).latency
    assert latency.max > "10s"
    with pytest.raises(ConfigurationError):
        assert latency.p95 < 200


@pytest.mark.parametrize("late", [{"lag": 30.0}, {"response": 25.0}])
def test_where_something_took_longer_the_time_out_is_no_end(late: dict[str, float]) -> None:
    """The generator was late, or redirects were followed, each with a time-out of its own."""
    latency = run(samples(np.arange(400) / 10, **late)).latency
    assert latency.p95 < 200
    assert latency.share_below("1 min") == 1


def test_nobody_knows_how_long_the_users_own_code_takes() -> None:
    """A locustfile may record anything, and ``on_start`` counts."""
    assert a_run(locustfile=Path("users.py")).latency.p95 < 200


def test_a_virtual_user_of_several_steps_waits_for_longer_than_a_request() -> None:
    """Five requests of up to 10 s each: 40 s in the queue are possible."""
    kinds = np.full(400, RecordKind.ARRIVAL)
    pending = run(samples(np.arange(400) / 10, 0.2, kind=kinds)).pending
    assert pending.wait.max < 40
    assert pending.service_time < 40


def test_other_quantities_have_no_time_out() -> None:
    """A run, an outage, a recovery last as long as they last."""
    result = a_run()
    assert result.duration < 200
    assert result.availability.longest_outage < 200
    assert result.throughput.mean < 200
    assert result.launched > 200


ENSURE = {
    "p95 of old": ({"p95": 20000}, "http.response_time.p95 < 20000"),
    "thresholds": ({"thresholds": [{"http.response_time.mean": 10001}]}, "mean < 10001"),
    "condition": ({"conditions": [{"expression": "http.response_time.max < 3e4"}]}, "30000"),
    "mirrored": ({"conditions": [{"expression": "30000 > http.response_time.max"}]}, "30000"),
    "chain": ({"conditions": [{"expression": "1 < http.response_time.max < 20 * 1000"}]}, "20000"),
    "in seconds": (
        {"conditions": [{"expression": "http.response_time.p95 / 1000 < 200"}]},
        "nothing gets to 200, in milliseconds",
    ),
    "difference": (
        {"conditions": [{"expression": "http.response_time.p95 - http.response_time.p50 < 2e4"}]},
        "20000",
    ),
    "within": (
        {
            "conditions": [
                {"expression": "vusers.failed == 0 or not (http.response_time.p95 >= 12000)"}
            ]
        },
        "12000",
    ),
    "only told": (
        {"conditions": [{"expression": "http.response_time.p95 < 12000", "strict": False}]},
        "12000",
    ),
}


@pytest.mark.parametrize("name", ENSURE)
@pytest.mark.parametrize("place", ["ensure", "plugins"])
def test_ensure_is_checked_when_the_file_is_read(tmp_path: Path, name: str, place: str) -> None:
    """In milliseconds, with the line; with a longer time-out it is fine."""
    ensure, said = ENSURE[name]
    keys = {"ensure": ensure} if place == "ensure" else {"plugins": {"ensure": ensure}}
    (found,) = problems(tmp_path, with_config(**keys))
    assert said in found
    assert found.endswith("the time-out is 10 s (http.timeout)")
    assert int(found.partition(":")[0]) > 4
    assert read(tmp_path, with_config(http={"timeout": 200}, **keys)).ensure


def test_what_says_something_is_no_mistake(tmp_path: Path) -> None:
    """Limits within the time-out, other metrics, and sums with what has no end."""
    conditions = [
        "http.response_time.p95 < 10000 and http.requests < 99999",
        "http.response_time.p95 / 1000 < 10",
        "http.response_time.p95 + http.requests < 99999",
        "http.response_time.p95 % 7 < 99999",
        "http.response_time.p95 / http.response_time.p50 < 30000",
        "http.response_time.p95 < http.response_time.p50 + 30000",
        "http.request_rate < 20000 and errors.timeout != 30000",
    ]
    ensure = {"conditions": [{"expression": one} for one in conditions], "p99": 200}
    assert len(read(tmp_path, with_config(ensure=ensure)).ensure) == len(conditions) + 1


@pytest.mark.parametrize("text", ["p95 > 11s", "max > 1 min", "response.mean > 11s for 1s"])
@pytest.mark.parametrize("key", ["thresholds", "abort"])
def test_thresholds_are_checked_when_the_file_is_read(tmp_path: Path, text: str, key: str) -> None:
    """A condition of failure that can't be met is none."""
    text = "mean > 11s for 1s" if key == "abort" and "for" not in text else text
    (found,) = problems(tmp_path, with_config(perfqa={key: text}))
    assert f"{text!r}: nothing gets to " in found
    assert read(tmp_path, with_config(http={"timeout": "1 min"}, perfqa={key: text})).thresholds


def test_each_environment_is_checked_with_its_own_time_out(tmp_path: Path) -> None:
    """A shorter one makes the same limit a mistake there; all mistakes are told together."""
    data = with_config(
        http={"timeout": 60},
        ensure={"p95": 20000},
        perfqa={"thresholds": ["p50 > 9s", "eror_rate > 5%"]},
        environments={"quick": {"http": {"timeout": 5}}, "slow": {"http": {"timeout": 90}}},
    )
    found = problems(tmp_path, data)
    assert len(found) == 3
    assert sum("(in environment 'quick')" in one for one in found) == 2
    assert not any("slow" in one for one in found)


def test_a_locustfile_has_times_of_its_own(tmp_path: Path) -> None:
    """What it records need not end with the time-out."""
    (tmp_path / "users.py").write_text("import locust\nclass Me(locust.User):\n    pass\n")
    data = with_config(ensure={"p95": 20000}, perfqa={"locustfile": "users.py"})
    del data["scenarios"]
    assert read(tmp_path, data).ensure
