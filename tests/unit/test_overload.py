"""Is an overload found, and nothing else? Simulated services, most of them constant.

Workers whose services take equally long finish in waves, which are no fluctuation: a queue before
them is known to one request. What is promised here is what docs/statistics.md has in its tables.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
import simulated as sim
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic import queue, run, samples

from pytest_perfqa.errors import Inconclusive
from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.queues.fifo import departures, reached_by_chance
from pytest_perfqa.result.attributes.growth import LOOKS, WINDOWS, Looks, growth
from pytest_perfqa.result.attributes.queueing import Pending
from pytest_perfqa.scenario.spans import Spans

if TYPE_CHECKING:
    from collections.abc import Callable


def verdict(pending: Pending) -> str:
    """Say what a run looks like."""
    try:
        return "grows" if pending.grows else "not"
    except Inconclusive:
        return "undecided"


def asked_for(pending: Pending) -> int | None:
    """Give how many arrivals would settle it by the message; None if it is settled."""
    try:
        _ = pending.grows
    except Inconclusive as told:
        said = str(told)
    else:
        return None
    found = re.search(r"it needs about ([\d,]+)$", said)
    assert found, said
    return int(found[1].replace(",", ""))


def test_four_workers_of_a_second_each_get_six_a_second() -> None:
    """Half too much, for 12 s: 28 of 72 are pending at the end, 24 of them wait."""
    arrivals = np.arange(1, 73) / 6
    found = run(samples(arrivals, queue(arrivals, 1.0, 4)), phases=[("over", 12.0)])
    assert found.pending.grows
    assert not found.pending.drains
    assert found.pending.now == 28
    assert found.pending.service_time == 1.0
    assert found.pending.wait.max == pytest.approx(17 / 3)


@st.composite
def steady(draw: st.DrawFn, loads: st.SearchStrategy[float]) -> tuple[np.ndarray, np.ndarray]:
    """Arrivals at equal distances to constant services, and their ends.

    Services take 10 ms to 10 s and differ by at most a few percent, as real ones do; the first
    arrival comes at any moment, and all workers may get one at once, or nobody a first one.
    """
    workers = draw(st.integers(1, 12), label="workers")
    load = draw(loads, label="load")
    number = draw(st.integers(60, 300), label="arrivals")
    seconds = 10 ** draw(st.floats(-2, 1), label="log of seconds")
    deviation = draw(st.sampled_from([0.0, 0.003, 0.02]), label="CV")
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1), label="seed"))
    arrivals = (np.arange(number) + random.uniform()) / (workers * load)
    if draw(st.booleans(), label="burst"):
        arrivals = np.concatenate([np.arange(workers) * 1e-3 / workers, arrivals])
    services = 1 + deviation * random.standard_normal(len(arrivals))
    arrivals.sort()
    return arrivals * seconds, departures(arrivals, services, workers) * seconds


@given(steady(st.floats(np.log(1.25), np.log(50)).map(np.exp)))
def test_an_overload_of_a_quarter_or_more_is_found(simulated: tuple) -> None:
    """On constant services, with 60 arrivals or more, from one to twelve workers."""
    assert verdict(sim.pending(*simulated)) == "grows"


@given(steady(st.floats(0.05, 0.9)))
def test_a_tenth_of_room_is_never_a_queue(simulated: tuple) -> None:
    """Not even where all workers are taken at once at the start."""
    assert verdict(sim.pending(*simulated)) != "grows"


@given(steady(st.floats(1.25, 20)), st.floats(1.2, 12))
def test_a_proxy_that_gives_up_hides_no_overload(simulated: tuple, limit: float) -> None:
    """Who has waited for so many service times gets a 504, and the work is done all the same."""
    arrivals, ends = simulated
    seconds = float(np.min(ends - arrivals))
    assert verdict(sim.pending(arrivals, ends, limit * seconds)) == "grows"


def test_who_gives_up_together_is_no_fluctuation() -> None:
    """Six workers in step: with each of their waves those are known to be gone who gave up."""
    arrivals = np.concatenate([np.arange(6) / 6000, (np.arange(60) + 0.637) / 7.5])
    assert sim.pending(arrivals, departures(arrivals, 1.0, 6), 1.75).grows


@settings(max_examples=30)
@given(
    st.sampled_from([sim.exponential, sim.gamma(0.5), sim.gamma(0.2)]),
    st.sampled_from([sim.even, sim.poisson]),
    st.sampled_from([1, 4, 12]),
    st.floats(0.3, 0.9),
    st.integers(0, 2**32 - 1),
)
def test_room_is_no_growth_whatever_the_service(
    take: sim.Services, come: sim.Arrivals, workers: int, load: float, seed: int
) -> None:
    """Of 20 runs at 90 % of capacity or below two would be a chance of one in a thousand."""
    simulated = sim.queue(np.random.default_rng(seed), (20, 200), come, take, workers, load)
    assert sum(verdict(sim.pending(*one)) == "grows" for one in zip(*simulated, strict=True)) <= 1


@pytest.mark.parametrize(
    ("come", "take", "workers", "length"),
    [
        (sim.poisson, sim.constant, 12, 120),
        (sim.poisson, sim.constant, 40, 400),
        (sim.uneven, sim.constant, 12, 60),
        (sim.even, sim.gamma(0.1), 40, 60),
        (sim.even, sim.gamma(0.1), 12, 60),
    ],
)
def test_fluctuation_is_seen_beneath_the_waves(
    come: sim.Arrivals, take: sim.Services, workers: int, length: int
) -> None:
    """That of arrivals, and of services that are constant but for a tenth: 1 % false alarms."""
    shape = (300, length)
    simulated = sim.queue(np.random.default_rng(3), shape, come, take, workers, 0.9)
    said = [verdict(sim.pending(*one)) for one in zip(*simulated, strict=True)]
    assert said.count("grows") <= 3


def test_few_random_arrivals_to_many_workers_tell_little() -> None:
    """Nobody has waited yet, for there were workers that nobody had taken: no "no" to 25 %."""
    simulated = sim.queue(np.random.default_rng(3), (100, 60), sim.poisson, sim.constant, 40, 1.25)
    said = [verdict(sim.pending(*one)) for one in zip(*simulated, strict=True)]
    assert said.count("not") <= 10


def test_chance_explains_more_the_more_services_spread() -> None:
    """Even arrivals, ten at work: 2, the square of the spread, and 1.5 times what it is of ten."""
    nobody, came = np.zeros(WINDOWS * LOOKS), np.linspace(0, 100, WINDOWS * LOOKS)
    for spread in (0.0, 0.05, 0.1):
        looks = Looks.of(nobody, service=0.1, taken=0.1, level=nobody, came=came, spread=spread)
        limit = float(growth(looks, 100, 0.0, 10.0).limit)
        longest = reached_by_chance(spread**2, 0.1, 1 / 500) * 1.3
        assert limit == pytest.approx(2 + longest + 15 * spread)


@pytest.mark.parametrize("length", [60, 200])
@pytest.mark.parametrize("load", [3.0, 10.0, 30.0])
@pytest.mark.parametrize("workers", [1, 12])
@pytest.mark.parametrize("take", [sim.exponential, sim.gamma(0.2)], ids=["exponential", "CV 0.2"])
def test_what_is_flooded_is_never_told_to_keep_up(
    take: sim.Services, workers: int, load: float, length: int
) -> None:
    """Whose quickest answers waited for long, too: in 19 of 20 runs there is no such answer."""
    random = np.random.default_rng(5)
    simulated = sim.queue(random, (60, length), sim.poisson, take, workers, load)
    said = [verdict(sim.pending(*one)) for one in zip(*simulated, strict=True)]
    assert said.count("not") <= 3
    assert said.count("grows") >= (50 if length == 200 else 0)


def test_the_study_waits_for_a_proxy_of_60_seconds() -> None:
    """One worker of 5 s, and 1,251 within a minute: 12 get an answer, 1,239 a 504."""
    arrivals = np.arange(1, 1252) / 20
    times = queue(arrivals, 5.0)
    status = np.where(times <= 60, 200, 504)
    found = run(samples(arrivals, np.minimum(times, 60), status=status))
    assert (found.status[200], found.status[504]) == (12, 1239)
    assert found.pending.grows
    assert not found.pending.drains


def turned_away(arrivals: np.ndarray, ends: np.ndarray, limit: float, share: float) -> Pending:
    """Watch a run among whose arrivals stand others, so many for each, who are refused at once."""
    others = np.linspace(0, arrivals[-1], int(share * len(arrivals)))
    times = np.concatenate([np.minimum(ends - arrivals, limit), np.zeros(len(others))])
    recorded = samples(
        np.concatenate([arrivals, others]),
        times,
        status=np.where(times >= limit, 504, 200),
        outcome=[Outcome.ANSWERED] * len(arrivals) + [Outcome.REFUSED] * len(others),
    )
    return Pending(recorded, Spans(((0.0, float(arrivals[-1])),)))


@given(steady(st.floats(1.25, 20)), st.floats(1.2, 12), st.floats(0, 20))
def test_who_is_turned_away_at_once_hides_no_overload(
    simulated: tuple, limit: float, share: float
) -> None:
    """However many they are: most of those who were let in are not served."""
    arrivals, ends = simulated
    seconds = float(np.min(ends - arrivals))
    assert verdict(turned_away(arrivals, ends, limit * seconds, share)) == "grows"


@given(steady(st.floats(0.05, 0.9)), st.floats(0, 20))
def test_who_is_turned_away_at_once_makes_no_queue(simulated: tuple, share: float) -> None:
    """Nor do they wait."""
    assert verdict(turned_away(*simulated, np.inf, share)) != "grows"


def test_few_that_are_let_in_tell_nothing() -> None:
    """However many there are besides."""
    arrivals = np.arange(1, 24) / 10
    with pytest.raises(Inconclusive, match="has 23, 230 besides were turned away at once"):
        _ = turned_away(arrivals, arrivals + 0.05, np.inf, 10).grows


def test_the_study_has_a_proxy_that_holds_512() -> None:
    """One worker of 5 s; 504s free places after 60 s, and what finds none is refused."""
    rates = np.concatenate([np.linspace(5, 15, 300), np.full(300, 15), np.linspace(15, 50, 300)])
    rates = np.concatenate([rates, np.full(300, 50), np.linspace(28, 2, 300)])
    number = np.floor(np.cumsum(rates) * 0.1)
    arrivals = np.repeat(np.arange(1500) * 0.1, np.diff(number, prepend=0).astype(int))
    held: list[float] = []
    times, free = np.zeros(len(arrivals)), 0.0
    for place, moment in enumerate(arrivals):
        held = [end for end in held if end > moment]
        if len(held) < 512:
            free = max(free, moment) + 5
            times[place] = min(free - moment, 60)
            held.append(moment + times[place])
    found = run(
        samples(
            arrivals,
            np.maximum(times, 0.001),
            status=np.where(times < 60, 200, 504),
            outcome=np.where(times > 0, Outcome.ANSWERED, Outcome.CLOSED),
        ),
        phases=[("all", 150.0)],
    )
    assert found.launched > 3600
    assert found.status[200] == 12
    assert found.errors["closed"] > 2000
    assert found.pending.grows
    assert not found.pending.drains


@pytest.mark.parametrize("number", range(100, 170, 5))
def test_one_worker_whose_quickest_answers_waited_too(number: int) -> None:
    """Nearly five times too much: up to 24 of the first quarter wait for each other."""
    arrivals = np.arange(1, number + 1) / 4.6
    assert sim.pending(arrivals, departures(arrivals, 1.0, 1)).grows


@pytest.mark.parametrize("workers", [12, 40, 100])
def test_what_is_under_way_when_a_run_is_cut_off_does_not_wait(workers: int) -> None:
    """Nobody knows when it would have ended: a service at 80 % of its capacity has no queue."""
    arrivals = np.arange(1, 2.5 * workers) / (0.8 * workers)
    end = float(arrivals[-1])
    times = queue(arrivals, 1.0, workers)
    cut = arrivals + times > end
    assert cut.sum() > 0.7 * workers
    outcome = np.where(cut, Outcome.PENDING, Outcome.ANSWERED)
    found = run(samples(arrivals, np.where(cut, end - arrivals, times), outcome=outcome))
    assert not found.between(0, end).pending.grows


def test_a_stretch_as_short_as_a_service_tells_nothing() -> None:
    """40 workers, one too few by a quarter: the 41st of 60 is the first that waits for anybody."""

    def over(number: int) -> Pending:
        arrivals = np.arange(1, number + 1) / 50
        return sim.pending(arrivals, departures(arrivals, 1.0, 40))

    asked = asked_for(over(60))
    assert asked is not None
    assert 100 <= asked <= 160
    assert over(asked).grows


@pytest.mark.parametrize("cold", [1.5, 2.0, 3.0])
@pytest.mark.parametrize("load", [0.5, 1.25, 1.5])
@pytest.mark.parametrize("first", [1, 4])
def test_a_cold_start_is_no_fluctuation(cold: float, load: float, first: int) -> None:
    """The first request of one of four workers, or of each, takes longer, and no other."""
    arrivals = np.arange(1, 73) / (4 * load)
    times = queue(arrivals, np.where(np.arange(72) < first, cold, 1.0), 4)
    found = run(samples(arrivals, times)).pending
    assert verdict(found) == ("grows" if load > 1 else "not")


def test_a_slice_of_a_long_overload_grows() -> None:
    """What has waited since before the slice is no growth, what comes on top of it is."""
    arrivals = np.arange(1, 1001) / 5
    over = run(samples(arrivals, queue(arrivals, 1.0, 4)))
    assert over.between(100, 115).pending.grows
    # 30 s at twice the capacity; from then on half of it.
    arrivals = np.concatenate([np.arange(1, 241) / 8, 30 + np.arange(1, 121) / 2])
    spike = run(samples(arrivals, queue(arrivals, 1.0, 4)), phases=[("peak", 30), ("rest", 60)])
    assert spike.phase("peak").pending.grows
    assert not spike.phase("rest").pending.grows
    assert not spike.pending.grows
    assert spike.pending.drains


ASKING: dict[str, tuple[sim.Arrivals, sim.Services, int, float]] = {
    "exponential, even arrivals, 50 %": (sim.even, sim.exponential, 4, 0.5),
    "gamma, even arrivals, 90 %": (sim.even, sim.gamma(0.5), 4, 0.9),
    "constant, random arrivals, 90 %": (sim.poisson, sim.constant, 4, 0.9),
    "exponential, random arrivals, 125 %": (sim.poisson, sim.exponential, 1, 1.25),
}


@pytest.mark.parametrize("kind", ASKING.values(), ids=ASKING)
def test_what_is_asked_for_settles_it(kind: tuple) -> None:
    """Of runs with as many arrivals as undecided ones ask for, most are; of an eighth, few."""
    random = np.random.default_rng(9)

    def settled(numbers: list[int]) -> float:
        runs: Callable = sim.queue
        longer = (runs(random, (1, number), *kind) for number in numbers)
        return float(np.mean([verdict(sim.pending(c[0], e[0])) != "undecided" for c, e in longer]))

    first = map(sim.pending, *sim.queue(random, (60, 60), *kind))
    asked = [number for number in map(asked_for, first) if number]
    assert len(asked) > 20
    assert settled(asked) >= 0.75
    assert settled([max(number // 8, 24) for number in asked]) <= 0.35
