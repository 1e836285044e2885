"""Service level objectives: how they read, and when their verdict is certain."""

from __future__ import annotations

from collections import Counter

import pytest

from pytest_perfqa.capacity.limits.slo import Sample, parse_slo
from pytest_perfqa.errors import ConfigurationError


def sample(
    planned: int,
    good: tuple[float, ...] = (),
    statuses: dict[int, int] | None = None,
    unanswered: int = 0,
    ages: tuple[float, ...] = (),
) -> Sample:
    """A sample with these answers; ``statuses`` are those of requests that failed."""
    counted = Counter(statuses or {})
    failed = counted.total() + unanswered
    return Sample(planned, good, failed, counted + Counter({200: len(good)}), ages)


@pytest.mark.parametrize(
    ("text", "found", "met"),
    [
        # No error allowed: the first is one too many, and only the last good answer is proof.
        ("error_rate == 0%", sample(3, (1, 1)), None),
        ("error_rate == 0%", sample(3, (1, 1, 1)), True),
        ("error_rate == 0%", sample(3, (), {503: 1}), False),
        ("error_rate <= 0", sample(3, (), unanswered=1), False),
        ("error_rate == 0%", sample(3, (1, 1), {404: 1}), False),
        # A share: certain as soon as the rest can't change it.
        ("error_rate <= 10%", sample(20, (1,) * 17, {503: 1}), None),
        ("error_rate <= 10%", sample(20, (1,) * 18), True),
        ("error_rate <= 10%", sample(20, (1,) * 18, {503: 2}), True),
        ("error_rate < 10%", sample(20, (1,) * 18, {503: 2}), False),
        ("error_rate <= 10%", sample(20, (), {503: 3}), False),
        # As a number of them, too.
        ("errors <= 10 %", sample(20, (), {503: 3}), False),
        ("errors <= 2", sample(20, (1,) * 18, {503: 2}), True),
        ("errors <= 2", sample(20, (), {503: 2}, unanswered=1), False),
        # Of one status, as a number or a share.
        ("5xx == 0", sample(2, (1,), {404: 1}), True),
        ("5xx == 0", sample(2, (), {502: 1}), False),
        ("503 <= 1", sample(3, (1,), {503: 1, 502: 1}), True),
        ("5xx <= 1%", sample(100, (1,) * 98, {503: 2}), False),
        # Percentiles: age counts before it completes, and a failure is slower than any limit.
        ("p95 <= 2s", sample(20, (1.0,) * 19), True),
        ("p95 <= 2s", sample(20, (1.0,) * 10, ages=(2.1, 2.1)), False),
        ("p95 <= 2s", sample(20, (1.0,) * 10, ages=(2.1, 1.0)), None),
        ("p95 <= 2s", sample(20, (1.0,) * 10, {503: 2}), False),
        ("p95 <= 2s", sample(20, (2.0,) * 20), True),
        ("p95 < 2s", sample(20, (2.0,) * 20), False),
        ("median <= 2s", sample(4, (1.0, 1.0, 9.0, 9.0)), True),
        ("max <= 2s", sample(4, (1.0,), ages=(2.1,)), False),
        # The mean is known at the end, unless what has been waited for is too much already.
        ("mean <= 2s", sample(4, (1.0, 1.0, 1.0)), None),
        ("mean <= 2s", sample(4, (1.0, 1.0, 1.0, 5.0)), True),
        ("mean <= 2s", sample(4, (1.0, 1.0), ages=(3.1, 3.1)), False),
        ("mean <= 2s", sample(2, (), {503: 2}), False),
        # All must hold.
        ("p95 <= 2s and error_rate <= 1%", sample(1, (1.0,)), True),
        ("p50 <= 2s and 5xx == 0", sample(3, (1.0, 1.0), {500: 1}), False),
    ],
)
def test_judged_as_early_as_it_is_certain(text: str, found: Sample, met: bool | None) -> None:
    """The same verdict as on the complete sample, only sooner."""
    judgement = parse_slo(text).judge(found)
    assert judgement.met is met
    assert bool(judgement.why) is (met is False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "accepted: conditions"),
        ("fast", "'fast': is no condition"),
        ("p95 >= 2s", "bounds from above, '>=' does not"),
        ("p95 == 2s", "bounds from above, '==' does not"),
        ("p95 <= 2", "'2' needs a unit, such as '2s'"),
        ("p95 <= 2%", "wrong unit; use one such as '2s'"),
        ("error_rate <= 2s", "wrong unit; use one such as '1%'"),
        ("error_rate < 0%", "can't be met"),
        ("p95 <= 0s", "no answer takes no time"),
        ("p0 <= 1s", "'p0' is no metric"),
        ("latency <= 1s", "'latency' is no metric"),
        ("p95 <= 1s and 9xx == 0", "'9xx' is no metric"),
    ],
)
def test_what_can_not_be(text: str, message: str) -> None:
    """What was found and what is accepted."""
    with pytest.raises(ConfigurationError, match="accepted") as raised:
        parse_slo(text)
    assert message in str(raised.value)


def test_all_mistakes_are_said_at_once() -> None:
    """Not one after the other."""
    with pytest.raises(ConfigurationError, match=r"'fast'.*'p95 >= 1s'"):
        parse_slo("fast and p95 >= 1s")


def test_times_follow_the_time_scale_shares_do_not() -> None:
    """A text states a requirement at full scale."""
    slo = parse_slo("p95 <= 2s and error_rate <= 1%").scaled(0.1)
    assert [condition.limit for condition in slo.conditions] == [pytest.approx(0.2), 0.01]
    assert slo.text == "p95 <= 2s and error_rate <= 1%"
