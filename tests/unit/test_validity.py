"""May a run be believed? Every reason not to is said, with what would help."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pytest_perfqa.load.plan import Summary
from pytest_perfqa.load.record import Kind, Outcome
from pytest_perfqa.samples import ROW, Samples
from pytest_perfqa.validity import Generator, causes, examine

ARRIVALS = 1000
SUMMARY = Summary(ARRIVALS, ARRIVALS, 0, 0, (), cpu=1.0, wall=10.0)


def samples(late: int = 0, lag: float = 0.05, response: float = 0.1) -> Samples:
    """Give a thousand answers, some of them to requests that were sent late."""
    rows = np.zeros(ARRIVALS, ROW)
    rows["weight"] = 1
    rows["status"] = 200
    rows["response"] = response
    rows["lag"][:late] = lag
    return Samples(rows)


def reasons(summary: Summary = SUMMARY, of: Samples | None = None) -> str:
    """Give all reasons not to believe a run."""
    recorded = samples() if of is None else of
    generator = examine((summary,), recorded)
    return "; ".join(causes(generator, recorded.arrivals.count))


def test_a_run_on_schedule_is_believed() -> None:
    """There is nothing to say."""
    assert reasons() == ""


@pytest.mark.parametrize(
    ("late", "lag", "response", "invalid"),
    [
        (11, 0.05, 0.1, False),  # one hiccup and a hundredth
        (12, 0.05, 0.1, True),
        (500, 0.009, 0.1, False),  # below 10 ms, and below 5 % of the median latency
        (499, 0.05, 2.0, False),
        (499, 0.11, 2.0, True),
    ],
)
def test_lateness_counts_when_it_shows_in_the_figures(
    late: int, lag: float, response: float, *, invalid: bool
) -> None:
    """More than a hundredth of the arrivals, by more than 10 ms and 5 % of the median."""
    assert bool(reasons(of=samples(late, lag, response))) == invalid


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"waited": 2.0}, "waited for a CPU 20% of the time"),
        ({"cpu": 9.5}, "used 95% of a CPU, all it can; use more generator processes"),
        ({}, "held up by something else"),
    ],
)
def test_why_it_was_late(changes: dict[str, float], said: str) -> None:
    """The lack of a CPU, the generator's own work, or neither."""
    assert said in reasons(replace(SUMMARY, **changes), samples(late=100))


def test_the_busiest_process_explains_it() -> None:
    """One of four processes that does all it can isn't hidden by three idle ones."""
    summaries = (replace(SUMMARY, cpu=9.5), *[replace(SUMMARY, cpu=0.1)] * 3)
    assert examine(summaries, samples()).cpu == pytest.approx(0.95)


def test_arrivals_that_were_not_sent() -> None:
    """Missed arrivals, and the reason for stopping early."""
    said = reasons(replace(SUMMARY, planned=ARRIVALS + 5, missed=5, stopped="it was tired"))
    assert "stopped early: it was tired" in said
    assert "5 of 1005 arrivals were never sent" in said


@pytest.mark.parametrize(
    ("outcome", "help_said"),
    [(Outcome.NO_DESCRIPTORS, "ulimit -n"), (Outcome.NO_PORTS, "http.pool")],
)
def test_what_the_generator_ran_out_of(outcome: Outcome, help_said: str) -> None:
    """One request is enough: the service never saw it."""
    recorded = samples()
    recorded.rows["outcome"][0] = outcome
    said = reasons(of=recorded)
    assert f"1 requests failed on the generator's side: {outcome.label}" in said
    assert help_said in said


def test_an_account_that_does_not_add_up() -> None:
    """As many records as launched arrivals, or nothing can be believed."""
    generator = examine((SUMMARY,), samples())
    assert isinstance(generator, Generator)
    assert "999 recorded" in "; ".join(causes(generator, ARRIVALS - 1))


def test_what_comes_late_within_an_arrival_is_not_the_schedules_fault() -> None:
    """Its second request waits for the first to be answered: only the arrival can be late."""
    rows = np.zeros(3 * ARRIVALS, ROW)
    rows["weight"], rows["status"], rows["response"] = 1, 200, 0.1
    rows["kind"] = np.tile([Kind.STEP, Kind.STEP, Kind.ARRIVAL], ARRIVALS)
    rows["lag"] = np.tile([0.0, 0.5, 0.0], ARRIVALS)
    assert examine((SUMMARY,), Samples(rows)).late == 0
    rows["lag"] = np.tile([0.0, 0.0, 0.5], ARRIVALS)
    assert examine((SUMMARY,), Samples(rows)).late == ARRIVALS
    assert examine((SUMMARY,), Samples(rows), "closed").late == 0
