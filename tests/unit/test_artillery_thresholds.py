"""The grammar of config.perfqa.thresholds and abort: what is read, and every mistake at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from artillery_files import problems, read, with_config

from pytest_perfqa.base.units import Unit

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_perfqa.base.conditions import Condition

PHASES = [
    {"name": "warm up", "duration": 5, "arrivalRate": 1},
    {"name": "plateau", "duration": "1 min", "arrivalRate": 1},
]


def with_thresholds(**keys: object) -> dict[str, Any]:
    """Give a file of two phases with these keys under perfqa."""
    return with_config(phases=PHASES, http={"timeout": "1 min"}, perfqa=keys)


def one(folder: Path, text: str) -> Condition:
    """Read one threshold."""
    (found,) = read(folder, with_thresholds(thresholds=text)).thresholds
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p95 > 250ms for 10s", ("latency.p95", ">", 0.25, Unit.SECOND, {"lasting": 10.0})),
        ("error_rate>50% for 10s", ("error_rate", ">", 0.5, Unit.RATIO, {"lasting": 10.0})),
        ("5xx > 0", ("status.5xx", ">", 0, Unit.COUNT, {})),
        ("status.503 >= 1 %", ("status.503", ">=", 0.01, Unit.RATIO, {})),
        ("pending > 100 for 0.5 min", ("pending", ">", 100, Unit.COUNT, {"lasting": 30.0})),
        (
            "p95 of GET / > 6s within plateau",
            ("latency.p95", ">", 6, Unit.SECOND, {"endpoint": "GET /", "phase": "plateau"}),
        ),
        (
            "response.p99.9 > 1 min after 20s within 'warm up' for 2s of \"GET /\"",
            (
                "response.p99.9",
                ">",
                60,
                Unit.SECOND,
                {"endpoint": "GET /", "phase": "warm up", "lasting": 2.0, "after": 20.0},
            ),
        ),
        ("median <= 1us", ("latency.p50", "<=", 1e-6, Unit.SECOND, {})),
        ("throughput < 50/s after 5s", ("throughput", "<", 50, Unit.PER_SECOND, {"after": 5.0})),
        ("errors.ETIMEDOUT > 3", ("errors.timeout", ">", 3, Unit.COUNT, {})),
        ("errors > 1%", ("errors", ">", 0.01, Unit.RATIO, {})),
        ("max > 30s, abort", ("latency.max", ">", 30, Unit.SECOND, {"abort": True})),
        ("5xx > 1% for 2s ,  abort", ("status.5xx", ">", 0.01, Unit.RATIO,
                                      {"lasting": 2.0, "abort": True})),
    ],
)  # fmt: skip
def test_a_condition_is_read(
    tmp_path: Path, text: str, expected: tuple[str, str, float, Unit, dict[str, Any]]
) -> None:
    """Every word has its place in the record, the rest its default."""
    if "after 20s" in text:
        text = text.replace("after 20s", "after 2s")
        expected[4]["after"] = 2.0
    found = one(tmp_path, text)
    assert (found.metric, found.operator, found.limit, found.unit) == pytest.approx(expected[:4])
    defaults = {"endpoint": None, "phase": None, "lasting": None, "after": 0.0, "abort": False}
    assert {key: getattr(found, key) for key in defaults} == defaults | expected[4]


def test_abort_is_a_threshold_that_stops(tmp_path: Path) -> None:
    """One condition or several; they stand after the others."""
    keys = {"abort": ["5xx > 0", "error_rate > 50% for 10s"], "thresholds": ["mean > 2s"]}
    found = read(tmp_path, with_thresholds(**keys)).thresholds
    assert [(one.text, one.abort) for one in found] == [
        ("mean > 2s", False),
        ("5xx > 0", True),
        ("error_rate > 50% for 10s", True),
    ]


def test_times_and_rates_follow_the_time_scale(tmp_path: Path) -> None:
    """A limit is as it would be at full scale; counts and shares stay."""
    keys = ["p95 > 6s for 10s after 20s", "throughput < 5/s", "5xx > 3", "error_rate > 2%"]
    scenario = read(tmp_path, with_thresholds(thresholds=keys)).scaled(0.1)
    times, rate, count, share = scenario.thresholds
    assert (times.limit, times.lasting, times.after) == pytest.approx((0.6, 1.0, 2.0))
    assert (rate.limit, count.limit, share.limit) == pytest.approx((50, 3, 0.02))
    assert scenario.window == pytest.approx(0.1)


MISTAKES = {
    "p95 > 250 for 10s": "'250' is not a quantity such as '250ms'",
    "eror_rate > 5%": "unknown metric 'eror_rate'; accepted: [latency.|response.]{p50, ",
    "p100 > 5s": "unknown metric 'p100'",
    "p0 > 5s": "unknown metric 'p0'",
    "errors.cheese > 3": "unknown metric 'errors.cheese'",
    "latency > 3s": "unknown metric 'latency'",
    "p95 of GET /x > 6s": "unknown endpoint 'GET /x'; accepted: 'GET /'",
    "p95 > 6s within plato": "unknown phase 'plato'; accepted: 'warm up', 'plateau'; did you",
    "p95 = 3s": "found '='; accepted: >, >=, <, <=",
    "p95": "it compares nothing; accepted: such as 'p95 of GET /items > 250ms for 10s'",
    "> 5": "no metric",
    "p95 of  > 5s": "nothing follows 'of'",
    "p95 > ": "'' is not a quantity",
    "5xx > 0 for 0.5s": "'for': found 0.5s; accepted: whole seconds from 1",
    "5xx > 0 for 10": "'for': '10' is not a quantity",
    "5xx > 0 for 2 min": "'for': 120 s never pass; accepted: at most 65 s",
    "p95 > 1s after 0s": "'after': found 0s; accepted: a time above 0",
    "p95 > 1s after 100s": "'after': 100 s is when all is over; accepted: below 65 s",
    "p95 > 1s after 5s within warm up": "'after': 5 s is when all is over; accepted: below 5 s",
    "error_rate > 150%": "found 150%; accepted: a limit of at least 0 and at most 100 %",
    "p95 > -1s": "found -1s; accepted: a limit of at least 0",
    "error_rate > 3": "'3' is not a quantity such as '1%'",
    "pending > 5%": "'5%' is not a quantity such as '12'",
    "pending of GET / > 3": "'pending' counts virtual users, who belong to no one endpoint",
    "p95 of GET / of GET / > 1s": "'of' is there twice",
    "5xx > 0 stop": "'0 stop' is not a quantity",
    "error_rate > 50%, abort": "to stop a run it must last",
    "throughput < 3/s, abort": "to stop a run it must last",
    "5xx < 3, abort": "to stop a run it must last",
}  # fmt: skip


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    """Each with its line, what was found and what is accepted, once."""
    found = problems(tmp_path, with_thresholds(thresholds=[*MISTAKES, 5], abort=["p95 > 1s"]))
    assert len(found) == len(MISTAKES) + 2
    for number, (text, said) in enumerate(MISTAKES.items()):
        line = 13 + number
        (message,) = [one for one in found if one.startswith(f"{line}: ")]
        assert message.startswith(f"{line}: config.perfqa.thresholds[{number}]: ")
        assert said in message, text
    assert any("thresholds[29]: found 5; accepted: a text" in one for one in found)
    assert any("abort[0]: 'p95 > 1s': to stop a run it must last" in one for one in found)


def test_endpoints_of_a_locustfile_are_not_known(tmp_path: Path) -> None:
    """They can't be checked, so they aren't."""
    (tmp_path / "users.py").write_text("from locust import HttpUser\nclass A(HttpUser): pass\n")
    keys = {"locustfile": "users.py", "thresholds": ["p95 of GET /x > 1s"]}
    data = with_config(phases=PHASES, perfqa=keys)
    del data["scenarios"]
    assert read(tmp_path, data).thresholds[0].endpoint == "GET /x"
