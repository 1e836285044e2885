"""May a run be believed? Every reason not to is said, with what would help."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfqa.errors import InvalidRun, Lasting
from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.load.wire.plan import FELL_BEHIND, Lateness, Summary
from pytest_perfqa.load.wire.record import RecordKind
from pytest_perfqa.result.samples import ROW, Samples
from pytest_perfqa.result.validity import Generator, causes, examine

if TYPE_CHECKING:
    from pytest_perfqa.scenario.records import Model

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
    ("late", "lag", "invalid"),
    [
        (11, 0.05, False),  # one hiccup and a hundredth
        (12, 0.05, True),
        (500, 0.009, False),
    ],
)
def test_lateness_counts_when_it_shows_in_the_figures(
    late: int, lag: float, *, invalid: bool
) -> None:
    """More than a hundredth of the arrivals, by more than 10 ms."""
    assert bool(reasons(of=samples(late, lag))) == invalid


SUMMARIES = st.builds(
    Summary,
    planned=st.integers(990, 1010),
    launched=st.integers(990, 1000),
    skipped=st.integers(0, 5),
    missed=st.integers(0, 5),
    replicas=st.just(()),
    cpu=st.floats(0, 10),
    wall=st.just(10.0),
    waited=st.floats(0, 10),
    stopped=st.sampled_from([None, FELL_BEHIND, "a user raised StopTest: enough"]),
    full=st.integers(0, 10),
    seconds=st.just(10),
    late=st.none()
    | st.builds(Lateness, st.integers(0, 100), st.just(100), st.floats(0, 1), st.floats(0, 1)),
)
#: What a service can do to a request; that the generator runs out of something is its own doing.
ENDS = [one for one in Outcome if not one.is_generators]


@given(
    summary=SUMMARIES,
    late=st.integers(0, 30),
    lag=st.floats(0, 1),
    model=st.sampled_from(["open", "closed"]),
    data=st.data(),
)
def test_how_the_service_did_makes_no_difference(
    summary: Summary, late: int, lag: float, model: Model, data: st.DataObject
) -> None:
    """Quick or slow, well or not at all: with the same generator the causes are the same.

    So a run is never made again because of what came out of it, and one that would make a test
    fail stays as it is, however often others are repeated.
    """
    quick = samples(late, lag, response=0.001)
    other = Samples(quick.rows.copy())
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    other.rows["response"] = random.lognormal(data.draw(st.floats(-7, 4)), 1.0, ARRIVALS)
    other.rows["status"] = random.choice([0, 200, 404, 503], ARRIVALS)
    ends = data.draw(st.lists(st.sampled_from(ENDS), min_size=1, max_size=4))
    other.rows["outcome"] = random.choice(np.array(ends), ARRIVALS)

    def found(recorded: Samples) -> list[tuple[str, type]]:
        generator = examine((summary,), recorded, model)
        return [(said, type(said)) for said in causes(generator, recorded.arrivals.count)]

    assert found(other) == found(quick)


def when_late(**shares: float) -> Summary:
    """Give the account of a process that was late for half of some time, and did this then."""
    return replace(SUMMARY, late=Lateness(100, ARRIVALS, 0.05, behind=0.5, **shares))


@pytest.mark.parametrize(
    ("summary", "said", "lasts"),
    [
        # Of the run as a whole, where nothing else is known.
        (replace(SUMMARY, waited=2.0), "waited for a CPU 20% of the time, others were", False),
        (replace(SUMMARY, cpu=9.5), "used 95% of a CPU, all it can; use more generator", True),
        (replace(SUMMARY, cpu=8.5, waited=1.5), "used 85% of a CPU, all it can", True),
        (SUMMARY, "held up by something else", False),
        # Of the time that it was late.
        (when_late(computed=0.97), "used 97% of a CPU, all it can; use more", True),
        (when_late(computed=0.85, waited=0.15), "used 85% of a CPU, all it can", True),
        (when_late(computed=0.4), "used 40% of a CPU at the time; use more generator", False),
        (when_late(computed=0.1, waited=0.5), "the generator waited for a CPU 50%", False),
        (
            when_late(computed=0.5, waited=0.4),
            "used 50% of a CPU at the time, and waited for a CPU 40% of the time, others were",
            False,
        ),
        (when_late(blocked=0.5), "was held up 50% of the time by code that lets nothing", False),
        (when_late(computed=0.2, waited=0.05), "20% of a CPU and was held up by something", False),
    ],
)
def test_why_it_was_late(summary: Summary, said: str, *, lasts: bool) -> None:
    """Its own work, the lack of a CPU, or neither; only the first is the same again."""
    (cause,) = causes(examine((summary,), samples(late=100)), ARRIVALS)
    assert said in cause
    assert isinstance(cause, Lasting) == lasts
    assert InvalidRun([cause]).is_worth_repeating != lasts


def test_the_process_that_was_late_explains_it() -> None:
    """Not one that worked more, but was not late."""
    waiting = replace(SUMMARY, late=Lateness(90, 500, 0.05, 0.5, waited=0.5))
    working = replace(SUMMARY, cpu=9.5, late=Lateness(10, 500, 0.02, 0.5, computed=0.9))
    said = "; ".join(causes(examine((working, waiting), samples(late=100)), 2 * ARRIVALS))
    assert "the generator waited for a CPU 50% of the time" in said


def test_the_busiest_process_explains_it() -> None:
    """One of four processes that does all it can isn't hidden by three idle ones."""
    summaries = (replace(SUMMARY, cpu=9.5), *[replace(SUMMARY, cpu=0.1)] * 3)
    assert examine(summaries, samples()).cpu == pytest.approx(0.95)


def test_arrivals_that_were_not_sent() -> None:
    """Missed arrivals, and the reason for stopping early."""
    summary = replace(SUMMARY, planned=ARRIVALS + 5, missed=5, stopped="it was tired")
    said = reasons(summary)
    assert "stopped early: it was tired" in said
    assert "5 of 1005 arrivals were never sent" in said
    assert not InvalidRun(causes(examine((summary,), samples()), ARRIVALS)).is_worth_repeating
    behind = replace(summary, stopped=FELL_BEHIND)
    assert InvalidRun(causes(examine((behind,), samples()), ARRIVALS)).is_worth_repeating


@pytest.mark.parametrize(
    ("summary", "said"),
    [
        (replace(SUMMARY, cpu=9.0), "used 90% of a CPU: answers waited for it to read them"),
        (replace(SUMMARY, cpu=5.0, full=3, seconds=10), "90% of a CPU or more in 3 of 10 s"),
        (replace(SUMMARY, cpu=8.9), ""),
        (replace(SUMMARY, cpu=5.0, full=1, seconds=10), ""),  # a peak of one second
        (replace(SUMMARY, cpu=1.0, full=4, seconds=300), ""),  # and a hundredth
    ],
)
def test_a_closed_model_on_a_generator_that_does_all_it_can(summary: Summary, said: str) -> None:
    """Nothing is late there, but answers wait; in an open model, lag would tell."""
    closed = list(causes(examine((summary,), samples(), "closed"), ARRIVALS))
    assert bool(closed) == bool(said)
    assert said in "; ".join(closed)
    assert all(isinstance(cause, Lasting) for cause in closed)
    assert not list(causes(examine((summary,), samples(), "open"), ARRIVALS))


@pytest.mark.parametrize(("late", "invalid"), [(2, False), (3, True)])
def test_a_closed_model_has_looks_to_be_on_time_for(late: int, *, invalid: bool) -> None:
    """A process that is late for its clock is late for answers, too."""
    looks = Lateness(late, 100, 0.3, 0.5, computed=0.1, waited=0.4)
    generator = examine((replace(SUMMARY, late=looks),), samples(), "closed")
    said = "; ".join(causes(generator, ARRIVALS))
    assert bool(said) == invalid
    if invalid:
        assert "more than 10 ms late to see to its users at 3 of 100 looks (worst 300 ms)" in said
        assert "waited for a CPU 40% of the time" in said


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
    assert not InvalidRun(causes(examine((SUMMARY,), recorded), ARRIVALS)).is_worth_repeating


def test_an_account_that_does_not_add_up() -> None:
    """As many records as launched arrivals, or nothing can be believed."""
    generator = examine((SUMMARY,), samples())
    assert isinstance(generator, Generator)
    assert "999 recorded" in "; ".join(causes(generator, ARRIVALS - 1))


def test_what_comes_late_within_an_arrival_is_not_the_schedules_fault() -> None:
    """Its second request waits for the first to be answered: only the arrival can be late."""
    rows = np.zeros(3 * ARRIVALS, ROW)
    rows["weight"], rows["status"], rows["response"] = 1, 200, 0.1
    rows["kind"] = np.tile([RecordKind.STEP, RecordKind.STEP, RecordKind.ARRIVAL], ARRIVALS)
    rows["lag"] = np.tile([0.0, 0.5, 0.0], ARRIVALS)
    assert examine((SUMMARY,), Samples(rows)).late == 0
    rows["lag"] = np.tile([0.0, 0.0, 0.5], ARRIVALS)
    assert examine((SUMMARY,), Samples(rows)).late == ARRIVALS
    assert examine((SUMMARY,), Samples(rows), "closed").late == 0
