"""Base against head on pairs that are made of numbers: what is asked for, concluded and told."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from synthetic import readings, run, samples

from pytest_perfqa.base.verdicts import Verdict
from pytest_perfqa.compare.allowance import Allowance
from pytest_perfqa.door.baseline import AgainstBase
from pytest_perfqa.errors import (
    ConfigurationError,
    Inconclusive,
    InvalidRun,
    NoData,
    RequirementMissed,
)
from pytest_perfqa.measuring.comparison import Comparison, Stopwatch
from pytest_perfqa.measuring.comparisons import Comparisons
from pytest_perfqa.measuring.pairs import Contender, Pair
from pytest_perfqa.monitor.readings import Metric
from pytest_perfqa.report.text.against_base import compared_summary
from pytest_perfqa.scenario.records import Phase, Scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_perfqa.result.run_result import RunResult

REQUESTS = 200
SHOP = ("GET /", "POST /checkout")
Slices = "Callable[[np.random.Generator], RunResult]"


def sliced(
    slower: float = 1.0,
    *,
    checkout: float = 1.0,
    errors: float = 0.0,
    cpu: float = 1.0,
    endpoints: tuple[str, ...] = SHOP,
    broken: bool = False,
    known: bool = True,
) -> Callable[[np.random.Generator], RunResult]:
    """Give what makes slices of a service.

    Args:
        slower, checkout: factors on the times of all requests, and of those to the second endpoint.
        errors: the share of requests that are answered with 500.
        cpu: how many milliseconds of CPU time a request takes.
        broken: whether the second endpoint answers 404, always.
        known: whether what it uses is known.
    """

    def make(random: np.random.Generator) -> RunResult:
        due = np.arange(1, REQUESTS + 1) / 50
        endpoint = np.arange(REQUESTS) % len(endpoints)
        times = 0.02 * slower * np.exp(0.02 * random.standard_t(3) + 0.1 * random.normal(size=200))
        times[endpoint == 1] *= 2 * checkout
        status = np.where(random.random(REQUESTS) < errors, 500, 200)
        status[broken & (endpoint == 1)] = 404
        used = REQUESTS * cpu / 1000 * np.exp(0.01 * random.normal())
        looks = np.array([-1, 2, 6])
        seen = readings(
            looks, app={Metric.CPU: [0, used / 2, used], Metric.MEMORY: 5e7 * (1 + random.random())}
        )
        return run(
            samples(due, times, status=status, endpoint=endpoint),
            endpoints=endpoints,
            readings=seen if known else None,
        )

    return make


class Made:
    """Pairs of slices, as many as there is time for, each of which takes six seconds."""

    notes = ("shop: 1 of 21 slices were dropped and made again: it rained",)

    def __init__(self, base: Any, head: Any, most: int, pieces: int, clock: list[float]) -> None:
        self.pieces = ("piece",) * pieces
        self._sides = base, head
        self._most = most
        self._clock = clock

    def __iter__(self) -> Iterator[Pair]:
        random = np.random.default_rng(5)
        for _ in range(self._most):
            self._clock[0] += 6
            base, head = self._sides
            yield Pair(base(random), head(random))


def compared(
    base: Any, head: Any, *, most: int = 50, pieces: int = 1, tests: int = 1
) -> tuple[AgainstBase, Comparisons]:
    """Give what a test would be given."""
    comparisons = Comparisons(None, None, None)  # type: ignore[arg-type]
    seconds = [0.0]
    comparison = Comparison(
        "shop",
        Scenario("checkout", (Phase("steady", 4.0, 50, 50),), ()),
        Contender("shop (base)", "base (git:main)"),
        Contender("shop", "head"),
        lambda _: Made(base, head, most, pieces, seconds),  # type: ignore[arg-type, return-value]
        lambda _: None,
    )
    comparison._watch._clock = lambda: seconds[0]
    names = [f"test_{number}" for number in range(tests)]
    baseline = AgainstBase(comparisons, comparison, Allowance(names, 0.01), "test_0")
    return baseline, comparisons


def findings(comparisons: Comparisons) -> dict[str, Verdict | None]:
    """Give the verdict on all that was checked."""
    return {
        str(one.check): one.verdict
        for checked in comparisons.checked.values()
        for one in checked.findings
    }


def test_two_that_are_alike_pass_on_the_fewest_pairs() -> None:
    """What was asked passes; of endpoints nothing is said that was not shown."""
    baseline, comparisons = compared(sliced(), sliced())
    baseline.check("latency.p50", "latency.p95", "cpu_per_request", within="5%")
    assert len(baseline.pairs) < 20
    verdicts = findings(comparisons)
    assert verdicts["latency.p95"] is verdicts["cpu_per_request"] is Verdict.PASSED
    assert "latency.p95 of POST /checkout" in verdicts
    assert not any(name.startswith("cpu_per_request of") for name in verdicts)
    assert Verdict.FAILED not in verdicts.values()


def test_what_is_slower_fails_and_says_how_much_where_and_why() -> None:
    """Both levels, the interval, how many pairs in which time, CPU time, noise."""
    baseline, _ = compared(sliced(), sliced(1.2))
    with pytest.raises(RequirementMissed) as failed:
        baseline.check("latency.p95")
    first, *others = str(failed.value).splitlines()
    number = r"[+-]\d+\.\d"
    levels = r"latency\.p95: \d+\.\d+ ms, was \d+\.\d+ ms"
    pattern = rf"{levels}: {number} % \({number} to {number} %\), (\d+) pairs in (\d+) s, limit 5 %"
    assert (found := __import__("re").fullmatch(pattern, first))
    assert int(found[2]) == 6 * int(found[1]) == 6 * len(baseline.pairs)
    said = "\n".join(others)
    assert "cpu_per_request: " in said
    assert "slower without more CPU, it waits longer" in said
    assert "noise of this machine, from pair to pair: " in said
    assert "checkout on shop, head against base (git:main)" in said
    assert "it rained" in said


def test_slower_by_computing_is_told_apart() -> None:
    """The CPU time of an answer has grown, too."""
    baseline, _ = compared(sliced(), sliced(1.2, cpu=1.2))
    with pytest.raises(RequirementMissed, match="it computes more"):
        baseline.check("latency.p95")


def test_one_slower_endpoint_is_found_and_named() -> None:
    """Also where all requests together are hardly slower."""
    baseline, comparisons = compared(sliced(), sliced(checkout=1.15))
    with pytest.raises(RequirementMissed, match=r"\Alatency\.p50 of POST /checkout: "):
        baseline.check("latency.p50", within="7%")
    assert findings(comparisons)["latency.p50 of GET /"] is not Verdict.FAILED


def test_an_endpoint_can_be_asked_for() -> None:
    """Then nothing is said of the others."""
    baseline, comparisons = compared(sliced(), sliced(checkout=1.15))
    baseline.check("latency.p50", endpoint="GET /")
    assert list(findings(comparisons)) == ["latency.p50 of GET /"]


def test_more_cpu_at_equal_latency_is_found() -> None:
    """Where nobody waits for a CPU no latency tells it."""
    baseline, _ = compared(sliced(), sliced(cpu=1.12))
    baseline.check("latency.p95")
    with pytest.raises(RequirementMissed, match=r"\Acpu_per_request: "):
        baseline.check("cpu_per_request")


def test_errors_to_none_before_are_found_and_told() -> None:
    """A base of zero hides nothing; what was answered is said."""
    baseline, _ = compared(sliced(), sliced(errors=0.02))
    with pytest.raises(RequirementMissed) as failed:
        baseline.check("error_rate")
    first, *others = str(failed.value).splitlines()
    assert "was 0 of " in first
    assert "500" in "\n".join(others)


def test_no_errors_pass() -> None:
    """Though 0 is no base for a ratio."""
    compared(sliced(), sliced())[0].check("error_rate", "5xx")


def test_fewer_good_answers_are_for_the_worse() -> None:
    """Of shares and of figures that are the better the more there is."""
    baseline, comparisons = compared(sliced(), sliced(errors=0.2))
    for metric in ("2xx", "throughput"):
        with pytest.raises(RequirementMissed):
            baseline.check(metric)
    assert {one.worse for (_, asked) in comparisons.checked for one in asked} == {"lower"}


def test_an_improvement_is_told() -> None:
    """In the summary."""
    baseline, comparisons = compared(sliced(), sliced(0.8))
    baseline.check("latency.p95")
    lines = compared_summary(comparisons.checked.values())
    assert [line for line in lines if line.endswith("PASSED, better") and " latency.p95 " in line]


def test_what_cant_be_told_says_what_would_settle_it() -> None:
    """An option that would do, with its value."""
    baseline, comparisons = compared(sliced(), sliced(1.015), most=11)
    with pytest.raises(Inconclusive) as untold:
        baseline.check("latency.p50", within="1%")
    assert "would settle it: --perfqa-budget=" in str(untold.value)
    assert any("INCONCLUSIVE" in line for line in compared_summary(comparisons.checked.values()))


@pytest.mark.parametrize("most", [0, 1, 4])
def test_too_little_time_is_no_pass(most: int) -> None:
    """Fewer than ten pairs say nothing, and none nothing either."""
    baseline, _ = compared(sliced(), sliced(), most=most)
    with pytest.raises(Inconclusive, match=r"at least would settle it|no time for a single pair"):
        baseline.check("latency.p95", "error_rate")


def test_pairs_are_shared_and_the_same_question_is_asked_once() -> None:
    """The next check begins with those that there are; a repeated one takes no part of an error."""
    baseline, comparisons = compared(sliced(), sliced())
    baseline.check("latency.p50")
    pairs = len(baseline.pairs)
    baseline.check("p50", within=0.05)
    assert len(comparisons.checked) == 1
    baseline.check("latency.mean")
    assert len(baseline.pairs) == pairs
    assert comparisons.of_test("test_0") == list(comparisons.checked.values())


def test_ten_tests_need_more_pairs_than_one() -> None:
    """They share the error: each must be surer."""
    counts = []
    for tests in (1, 1000):
        baseline, _ = compared(sliced(), sliced(1.2), tests=tests)
        with pytest.raises(RequirementMissed):
            baseline.check("latency.p50", endpoint="GET /")
        counts.append(len(baseline.pairs))
    assert counts[0] < counts[1]


def test_a_ratio_is_an_estimate() -> None:
    """Of ten pairs at least; memory, too."""
    baseline, _ = compared(sliced(), sliced(1.2))
    found = baseline.ratio("latency.p95")
    assert len(baseline.pairs) == len(baseline.base) == len(baseline.head) == 10
    assert found.low < 1.2 < found.high
    assert found < 1.5
    assert found > 1.1
    assert baseline.ratio("memory").low < 1 < baseline.ratio("memory").high
    assert baseline.ratio("latency.p95", "GET /") > 1.1


@pytest.mark.parametrize(
    ("base", "head", "kind", "said"),
    [
        (sliced(broken=True), sliced(), NoData, r"\Abase \(git:main\): .* POST /checkout .*404"),
        (sliced(), sliced(broken=True), RequirementMissed, r"\Ahead: .* POST /checkout .*404"),
        (sliced(errors=1.0), sliced(), NoData, r"\Abase \(git:main\): .*500"),
    ],
)
def test_an_endpoint_that_one_of_them_does_not_have(
    base: Any, head: Any, kind: type[Exception], said: str
) -> None:
    """Which side, and what it answered; after one pair."""
    baseline, _ = compared(base, head)
    with pytest.raises(kind, match=said):
        baseline.check("latency.p95")
    assert len(baseline._comparison.made) == 1


def test_what_is_not_known_of_one_of_them() -> None:
    """Said after the first pair, with the side."""
    baseline, _ = compared(sliced(known=False), sliced())
    with pytest.raises(NoData, match=r"\Abase \(git:main\): "):
        baseline.check("cpu_per_request")
    assert len(baseline._comparison.made) == 1


def test_what_answers_nothing_for_some_time_is_no_pass() -> None:
    """The slices that are left out say nothing good of those that remain."""
    calls = itertools.count()

    def at_times(random: np.random.Generator) -> RunResult:
        return sliced(errors=1.0 if next(calls) % 4 == 3 else 0.0)(random)

    against, made = compared(sliced(), at_times)
    with pytest.raises(Inconclusive, match=r"cpu_per_request: head has none in \d+ of \d+ slices"):
        against.check("cpu_per_request")
    (checked,) = made.checked.values()
    assert checked.verdict is Verdict.INCONCLUSIVE
    assert "500" in checked.lines[-1]


def test_a_percentile_of_too_few_is_none() -> None:
    """It would be the longest time of all."""
    baseline, _ = compared(sliced(), sliced())
    with pytest.raises(Inconclusive, match="it takes 1000 requests in each slice, one has 200"):
        baseline.check("latency.p99.9")


@pytest.mark.parametrize(
    ("metrics", "more", "said"),
    [
        ((), {}, "one metric or more"),
        (("latncy.p95",), {}, "no metric 'latncy.p95'; accepted: "),
        (("latency.p95",), {"within": "5"}, "within: found '5'"),
        (("latency.p95",), {"within": 0}, "within: found 0"),
        (("latency.p95",), {"within": "60%"}, "within: found '60%'"),
        (("latency.p95",), {"within": "5ms"}, "within: found '5ms'"),
        (("memory",), {"endpoint": "GET /"}, "memory of GET /: it is of all requests together"),
    ],
)
def test_a_mistake_is_said_before_anything_is_measured(
    metrics: tuple[str, ...], more: dict[str, Any], said: str
) -> None:
    """With what is accepted."""
    baseline, _ = compared(sliced(), sliced())
    with pytest.raises(ConfigurationError, match="accepted: ") as wrong:
        baseline.check(*metrics, **more)
    assert said in str(wrong.value)
    assert not baseline._comparison.made


def test_an_unknown_endpoint_is_said() -> None:
    """With those that there are."""
    baseline, _ = compared(sliced(), sliced())
    with pytest.raises(NoData, match=r"no endpoint 'GET /basket'; there are: 'GET /'"):
        baseline.check("latency.p95", endpoint="GET /basket")


def test_what_ended_pairs_is_said_each_time() -> None:
    """Nothing is concluded from those before."""
    good = sliced()
    count = itertools.count()

    def disturbed(random: np.random.Generator) -> RunResult:
        if next(count) > 2:
            raise InvalidRun(["head: it rained"], is_final=True)
        return good(random)

    baseline, _ = compared(good, disturbed)
    for _ in range(2):
        with pytest.raises(InvalidRun, match="it rained"):
            baseline.check("latency.p95")


def test_time_between_is_not_counted() -> None:
    """Of a budget, and of what is told: other tests may run then."""
    now = [0.0]
    watch = Stopwatch(lambda: now[0])
    for _ in range(2):
        with watch:
            now[0] += 3
        now[0] += 100
    assert watch() == 6
