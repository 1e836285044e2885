"""Thresholds judged on a result: what is met, what it says, and that three places agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import synthetic
from artillery_files import read, with_config

from pytest_perfqa.errors import Inconclusive, RequirementMissed
from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.result.requirements import judge, require

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_perfqa.result.run_result import RunResult
    from pytest_perfqa.result.samples import Samples

PHASES = [
    {"name": "warm up", "duration": 10, "arrivalRate": 10},
    {"name": "plateau", "duration": 90, "arrivalRate": 10},
]


@pytest.fixture
def judged(tmp_path: Path) -> Any:
    """Give a function that puts thresholds from a file on a run made of numbers."""

    def of(recorded: Samples, *texts: str, scale: float = 1.0, **ensure: object) -> RunResult:
        keys = {"warmup": ["warm up"], "thresholds": list(texts)}
        file = with_config(phases=PHASES, perfqa=keys, ensure=ensure)
        scenario = read(tmp_path, file).scaled(scale)
        return synthetic.run(
            recorded,
            phases=[(phase.name, phase.duration) for phase in scenario.phases],
            warmup=["warm up"],
            time_scale=scale,
            thresholds=scenario.thresholds,
            window=scenario.window,
            ensure=scenario.ensure,
            max_error_rate=scenario.max_error_rate,
        )

    return of


DUE = np.arange(1, 1001) / 10


def trouble(start: float, end: float, scale: float = 1.0) -> Samples:
    """Give a run of ten requests a second, slow and failing for a while."""
    bad = (start < DUE) & (end >= DUE)
    return synthetic.samples(
        DUE * scale,
        response=np.where(bad, 0.88, 0.12) * scale,
        status=np.where(bad & (np.arange(len(DUE)) % 2 == 0), 503, 200),
    )


@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_what_was_met_and_when(judged: Any, scale: float) -> None:
    """Whether, and from when to when, in seconds of the run."""
    run = judged(
        trouble(30, 50, scale),
        "p95 > 500ms for 10s",
        "p95 > 500ms for 30s",
        "error_rate >= 50% for 10s",
        "5xx > 99",
        "5xx > 100",
        "pending > 5 for 10s",
        "pending > 10 for 10s",
        "throughput < 6/s for 10s",
        "error_rate > 1% after 51s",
        "max > 879ms within plateau",
        "p95 > 500ms for 10s within warm up",
        scale=scale,
    )
    found = {finding.text: finding for finding in judge(run)}
    spells = {
        text: finding.spell
        and (round(finding.spell.start / scale), round(finding.spell.end / scale))
        for text, finding in found.items()
    }
    assert {text: (finding.met, spells[text]) for text, finding in found.items()} == {
        "p95 > 500ms for 10s": (False, (30, 51)),
        "p95 > 500ms for 30s": (True, None),
        "error_rate >= 50% for 10s": (False, (31, 50)),
        "5xx > 99": (False, None),
        "5xx > 100": (True, None),
        "pending > 5 for 10s": (False, (30, 50)),
        "pending > 10 for 10s": (True, None),
        "throughput < 6/s for 10s": (False, (30, 50)),
        "error_rate > 1% after 51s": (True, None),
        "max > 879ms within plateau": (False, None),
        "p95 > 500ms for 10s within warm up": (True, None),
    }


def test_the_message_says_all_that_was_missed(judged: Any) -> None:
    """Requirements by the key that they stand under, each with what was found."""
    run = judged(
        trouble(30, 50),
        "p95 > 500ms for 10s",
        "5xx > 10",
        "error_rate > 5%",
        conditions=[{"expression": "http.codes.503 == 0"}],
    )
    with pytest.raises(RequirementMissed) as caught:
        require(run)
    assert str(caught.value) == (
        "ensure: http.codes.503 == 0: found http.codes.503 = 100; "
        "thresholds: p95 > 500ms for 10s, which is a failure: so it was from 30 s to 51 s; "
        "5xx > 10, which is a failure: status.5xx = 100, limit 10; "
        "error_rate > 5%, which is a failure: error_rate = 11.11 %, limit 5 %"
    )


def test_what_can_not_be_told_is_inconclusive(judged: Any) -> None:
    """A p99 needs 299 samples, in the file as in a test."""
    run = judged(synthetic.samples(np.arange(10, 100.0)), "p99 > 1s", "p50 > 1s")
    with pytest.raises(Inconclusive, match=r"E: p99 > 1s: p99 of latency .* 299 samples") as caught:
        require(run)
    assert caught.value.pools
    with pytest.raises(Inconclusive):
        assert run.latency.p99 <= "1s"


@pytest.mark.parametrize(
    "text", ["p95 of GET / > 1s for 5s", "error_rate > 5% within plateau", "mean > 1s after 50s"]
)
def test_nothing_is_no_pass(judged: Any, text: str) -> None:
    """A phase, endpoint or time without requests fails, whatever the limit."""
    (finding,) = judge(judged(synthetic.samples(np.arange(1, 9.0)), text))
    assert finding.met is False
    assert "no request" in finding.found


def test_the_three_places_agree(judged: Any) -> None:
    """A test, ensure and a threshold draw the line at the same place."""
    random = np.random.default_rng(5)
    for _ in range(20):
        response = random.gamma(2, 0.1, 900)
        outcome = random.choice([Outcome.ANSWERED, Outcome.TIMEOUT], 900, p=[0.98, 0.02])
        recorded = synthetic.samples(10 + np.arange(900) / 10, response, outcome=outcome)
        timeouts = int((outcome == Outcome.TIMEOUT).sum())
        limit = float(random.uniform(0.2, 0.9))
        run = judged(
            recorded,
            f"max > {limit:.9f}s",
            f"errors.timeout > {timeouts - 1}",
            f"errors.timeout > {timeouts}",
            conditions=[
                {"expression": f"http.response_time.max <= {limit * 1000:.6f}"},
                {"expression": f"errors.timeout <= {timeouts - 1}"},
                {"expression": f"errors.timeout <= {timeouts}"},
            ],
        )
        of_test = [
            bool(run.latency.max <= f"{limit:.9f}s"),
            bool(run.errors["timeout"] <= timeouts - 1),
            bool(run.errors["timeout"] <= timeouts),
        ]
        findings = judge(run)
        assert [one.met for one in findings if one.source == "ensure"] == of_test
        assert [one.met for one in findings if one.source == "thresholds"] == of_test
        assert of_test[1:] == [False, True]


def test_what_was_cut_off_is_no_failure(judged: Any) -> None:
    """Of the requests of the last seconds nobody knows what would have become of them."""
    outcome = np.where(DUE < 98, Outcome.ANSWERED, Outcome.PENDING)
    samples = synthetic.samples(DUE, 0.05, outcome=outcome)
    for text in ("errors > 0", "errors > 0%", "error_rate > 0%", "error_rate > 0% for 1s"):
        (finding,) = judge(judged(samples, text))
        assert finding.met, finding
    (finding,) = judge(judged(samples, maxErrorRate=0))
    assert finding.met, finding


def test_a_grace_period_ends_where_a_slice_begins(judged: Any) -> None:
    """What is due at its end is in it, at once as in windows; it is counted with the warm-up."""
    one = synthetic.samples(DUE, 0.05, status=np.where(np.isclose(DUE, 95), 503, 200))
    for text, is_met in (
        ("5xx > 0 after 95s", True),
        ("5xx > 0 after 94.9s", False),
        ("5xx > 0 for 1s after 95s", True),
        ("5xx > 0 for 1s after 94.9s", False),
    ):
        (finding,) = judge(judged(one, text))
        assert finding.met is is_met, text
