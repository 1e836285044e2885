"""Characterisation of simulated servers, in no time: what is claimed is right."""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_perfqa.capacity.character.alone import send_singles, try_quick_path
from pytest_perfqa.capacity.character.conclusion import conclude
from pytest_perfqa.capacity.character.growth import grow
from pytest_perfqa.capacity.character.held import hold
from pytest_perfqa.capacity.character.question import Question
from pytest_perfqa.capacity.character.seen import Seen
from pytest_perfqa.capacity.probing import accept_queue
from pytest_perfqa.capacity.probing.exchange import ProbeExchange
from pytest_perfqa.capacity.probing.probe import Drained
from pytest_perfqa.capacity.probing.volley import Volley
from pytest_perfqa.errors import DisturbedRun
from pytest_perfqa.load.wire.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_perfqa.capacity.character.kind import Character
    from pytest_perfqa.capacity.probing.probe import Until

GAP = 0.0003
QUICK = 0.001
NOISE = 0.0005
TICK = 0.01


class Simulated:
    """Stands in for a prober and the service behind it; its clock goes as far as it is asked to.

    Args:
        workers: of each replica; replicas take turns.
        service: mean service time in seconds.
        cv: its coefficient of variation, log-normal.
        delay: seconds, on average, that a proxy takes to pass a connection on; each takes its own,
            exponential, time, so that they come in another order.
    """

    peer = None

    def __init__(
        self,
        random: np.random.Generator,
        workers: int,
        service: float,
        cv: float,
        *,
        replicas: int = 1,
        is_synchronous: bool = True,
        delay: float = 0.0,
    ) -> None:
        self._random = random
        self._service = service
        self._spread = math.sqrt(math.log1p(cv**2))
        self._is_synchronous = is_synchronous
        self._free = [[0.0] * workers for _ in range(replicas)]
        self._delay = delay
        self._arriving: list[tuple[float, int, ProbeExchange, Volley, bool]] = []
        self._coming: list[tuple[float, int, ProbeExchange, Volley, int]] = []
        self.now = 0.0
        self.sent = 0

    @property
    def seconds_left(self) -> float:
        """Of the budget."""
        return 60.0 - self.now

    @property
    def requests_left(self) -> int:
        """Of those allowed."""
        return 1500 - self.sent

    def send(
        self,
        offsets: Sequence[float],
        *,
        until: Until | None = None,
        path: str | None = None,
        keep: bool = False,  # noqa: ARG002 - nothing is abandoned here
    ) -> Volley:
        """Send requests one after the other and wait for their ends."""
        volley = Volley(self.now, tuple(offsets))
        for index, offset in enumerate(offsets):
            due = volley.begin + offset
            self._go_on(max(due, self.now + GAP))
            one = ProbeExchange(index, due, begun=self.now, connected=self.now, sent=self.now)
            volley.exchanges.append(one)
            self.sent += 1
            arrival = self.now + self._random.exponential(self._delay)
            heapq.heappush(self._arriving, (arrival, self.sent, one, volley, path is not None))
        self._go_on(self.now)
        return self.wait(volley, until=until)

    def _arrive(self) -> None:
        arrival, number, one, volley, is_quick = heapq.heappop(self._arriving)
        end, status = self._end(arrival, number, is_quick=is_quick)
        heapq.heappush(self._coming, (end, number, one, volley, status))

    def _end(self, arrival: float, number: int, *, is_quick: bool) -> tuple[float, int]:
        if is_quick and not self._is_synchronous:
            return arrival + QUICK, 404
        free = self._free[number % len(self._free)]
        begin = max(arrival, heapq.heappop(free))
        centre = math.log(self._service) - self._spread**2 / 2
        end = begin + (QUICK if is_quick else self._random.lognormal(centre, self._spread))
        heapq.heappush(free, end)
        return end + self._random.exponential(NOISE), 404 if is_quick else 200

    def _go_on(self, moment: float) -> None:
        while self._arriving and self._arriving[0][0] <= moment:
            self._arrive()
        while self._coming and self._coming[0][0] <= moment:
            end, _, one, volley, one.status = heapq.heappop(self._coming)
            one.finished, one.outcome = end, Outcome.ANSWERED
            volley.finished.append(one)
        self.now = moment

    def wait(self, volley: Volley, *, until: Until | None = None) -> Volley:
        """Wait for the ends of a volley."""
        while volley.pending and self.seconds_left > 0 and not (until and until(volley, self.now)):
            events = [queue[0][0] for queue in (self._arriving, self._coming) if queue]
            self._go_on(min(*events, self.now + TICK))
        return volley

    def drain(self, **_: object) -> Drained:
        """Nothing is ever abandoned here."""
        return Drained(0.0, is_drained=True)


class Scattered(Simulated):
    """Replicas don't take turns, each request goes to any of them: queues of their own."""

    def _end(self, arrival: float, number: int, *, is_quick: bool) -> tuple[float, int]:
        del number
        return super()._end(arrival, int(self._random.integers(8)), is_quick=is_quick)


class Threads(Simulated):
    """A thread for each request: where many begin, a quick one is kept from its answer, too."""

    def _end(self, arrival: float, number: int, *, is_quick: bool) -> tuple[float, int]:
        if not is_quick:
            return super()._end(arrival, number, is_quick=False)
        crowded = len(self._coming) > 16
        return arrival + (0.7 * self._service if crowded else QUICK), 404


class Interpreter(Simulated):
    """Threads without a bound that share an interpreter: the more, the longer each takes."""

    def _end(self, arrival: float, number: int, *, is_quick: bool) -> tuple[float, int]:
        del number
        crowd = len(self._coming)
        share = crowd / 100 * self._random.uniform(0.5, 1.5)
        if is_quick:
            return arrival + QUICK + (3 * self._service if crowd > 64 else 0.0), 404
        return arrival + self._service * (1 + share) + self._random.exponential(NOISE), 200


class Full(Simulated):
    """Workers with room for so many that wait; a quick request beyond is turned away at once."""

    def _end(self, arrival: float, number: int, *, is_quick: bool) -> tuple[float, int]:
        if is_quick and len(self._coming) > 8:
            return arrival + QUICK, 503
        return super()._end(arrival, number, is_quick=is_quick)


class Shared(Simulated):
    """Workers that are busy on two CPUs: together they take longer than alone."""

    def __init__(
        self, random: np.random.Generator, workers: int, service: float, cv: float
    ) -> None:
        super().__init__(random, workers, service, cv)
        self._workers = workers
        self._left: dict[int, tuple[float, ProbeExchange, Volley, int]] = {}
        self._waiting: list[tuple[int, ProbeExchange, Volley, bool]] = []
        self._worked = 0.0

    def _arrive(self) -> None:
        arrival, number, one, volley, is_quick = heapq.heappop(self._arriving)
        self._work_until(arrival)
        self._waiting.append((number, one, volley, is_quick))
        self._begin()

    def _begin(self) -> None:
        while self._waiting and len(self._left) < self._workers:
            number, one, volley, is_quick = self._waiting.pop(0)
            centre = math.log(self._service) - self._spread**2 / 2
            needed = QUICK if is_quick else self._random.lognormal(centre, self._spread)
            self._left[number] = needed, one, volley, 404 if is_quick else 200

    def _work_until(self, moment: float) -> None:
        while self._left:
            speed = min(1.0, 2 / len(self._left))
            first = min(self._left, key=lambda number: self._left[number][0])
            needed, one, volley, status = self._left[first]
            end = min(moment, self._worked + needed / speed)
            done = (end - self._worked) * speed
            self._left = {key: (one[0] - done, *one[1:]) for key, one in self._left.items()}
            self._worked = end
            if end == moment:
                break
            del self._left[first]
            heapq.heappush(self._coming, (end, first, one, volley, status))
            self._begin()
        self._worked = moment

    def _go_on(self, moment: float) -> None:
        while self._arriving and self._arriving[0][0] <= moment:
            self._arrive()
        self._work_until(moment)
        super()._go_on(moment)

    def wait(self, volley: Volley, *, until: Until | None = None) -> Volley:
        """Wait, a millisecond at a time."""
        while volley.pending and self.seconds_left > 0 and not (until and until(volley, self.now)):
            self._go_on(self.now + 0.001)
        return volley


class Disturbed(Simulated):
    """Beside others, who disturb so many of the bursts."""

    times = 0

    def send(self, offsets: Sequence[float], **named: Any) -> Volley:
        """Send them; who disturbs makes them wait."""
        volley = super().send(offsets, **named)
        if len(offsets) > 1 and self.times:
            self.times -= 1
            for one in volley.exchanges:
                one.finished += 0.1
            volley.disturbed = ("others took 2 s of its CPUs",)
        return volley


def characterized(prober: Simulated) -> Character:
    """Take the steps of ``characterize``."""
    seen = Seen(Question("http://simulated"), prober)  # type: ignore[arg-type]
    send_singles(seen)
    try_quick_path(seen)
    grow(seen)
    hold(seen)
    found = conclude(seen)
    kind, number = "whether it is synchronous", "how many requests it serves at one time"
    assert set(found.untold) <= {kind, number}
    assert (kind in found.untold) == (found.kind is None)
    if found.kind == "synchronous" or found.concurrency_limit is not None:
        assert (number in found.untold) == (found.concurrency_limit is None)
    return found


@pytest.fixture(autouse=True)
def no_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to connect to: all connections are accepted."""
    monkeypatch.setattr(accept_queue, "count_accepted", lambda _peer, most: most)


@pytest.mark.parametrize("cv", [0.01, 0.1, 0.3])
@pytest.mark.parametrize(("workers", "replicas"), [(1, 1), (4, 1), (12, 1), (17, 1), (1, 3)])
@pytest.mark.parametrize("is_synchronous", [True, False])
def test_kind_and_number_are_right(
    workers: int, replicas: int, cv: float, is_synchronous: bool
) -> None:
    """As on all of the real servers of docs/characterization.md with a CV of up to 0.3."""
    random = np.random.default_rng([workers, replicas, int(100 * cv)])
    service = float(random.choice([0.1, 0.4, 1.0]))
    prober = Simulated(
        random, workers, service, cv, replicas=replicas, is_synchronous=is_synchronous
    )
    found = characterized(prober)
    assert found.kind == ("synchronous" if is_synchronous else "asynchronous")
    assert found.concurrency_limit == workers * replicas
    assert found.service_time == pytest.approx(service, rel=max(0.05, cv))
    assert prober.now < 60
    if is_synchronous and replicas > 1 and cv < 0.05:
        assert found.replicas == replicas


def test_bursts_that_others_disturb_are_sent_again() -> None:
    """They say nothing of the service; where each is disturbed, nothing can be told."""
    prober = Disturbed(np.random.default_rng(1), 4, 0.2, 0.01)
    prober.times = 2
    found = characterized(prober)
    assert (found.kind, found.workers) == ("synchronous", 4)
    prober = Disturbed(np.random.default_rng(1), 4, 0.2, 0.01)
    prober.times = 99
    with pytest.raises(DisturbedRun, match="others took 2 s"):
        characterized(prober)


@pytest.mark.parametrize(
    ("workers", "service", "cv"),
    [(12, 0.08, 0.005), (12, 0.8, 0.05), (8, 0.1, 0.0), (4, 0.2, 0.3), (2, 0.05, 0.2)],
)
def test_a_proxy_that_reorders_connections(workers: int, service: float, cv: float) -> None:
    """As docker-proxy does those that come within about half a millisecond."""
    for seed in range(3):
        random = np.random.default_rng([workers, seed])
        found = characterized(Simulated(random, workers, service, cv, delay=0.0005))
        assert (found.kind, found.workers) == ("synchronous", workers)


@pytest.mark.parametrize(("workers", "replicas"), [(4, 2), (2, 4), (1, 8)])
@pytest.mark.parametrize("cv", [0.0, 0.05])
def test_workers_with_queues_of_their_own(workers: int, replicas: int, cv: float) -> None:
    """Counted in the first waves, or not told."""
    told = 0
    for seed in range(4):
        random = np.random.default_rng([workers, seed])
        found = characterized(Scattered(random, workers, 0.1, cv, replicas=replicas))
        assert found.concurrency_limit in {workers * replicas, None}
        told += found.concurrency_limit is not None
    assert told >= 3


@pytest.mark.parametrize("cv", [0.01, 0.2])
def test_a_quick_request_that_is_slow_but_overtakes_does_not_wait_for_a_worker(cv: float) -> None:
    """It was answered before any of those held was: no worker had become free for it."""
    found = characterized(Threads(np.random.default_rng(3), 256, 0.4, cv))
    assert found.kind == "asynchronous"
    assert found.workers is None
    assert found.untold == (), "that there is no bound is an answer"


def test_threads_that_share_an_interpreter_are_not_taken_for_workers() -> None:
    """Their completions fit no queue, and quick ones wait; but no two bursts look alike."""
    for seed in range(5):
        found = characterized(Interpreter(np.random.default_rng(seed), 1, 0.05, 0.0))
        assert found.kind != "synchronous"
        assert found.workers is None


def test_a_quick_request_that_is_turned_away_did_not_get_through() -> None:
    """It comes back before any of those held, too."""
    found = characterized(Full(np.random.default_rng(3), 4, 0.4, 0.1))
    assert found.kind == "synchronous"
    assert found.workers == 4


@pytest.mark.parametrize("workers", [3, 4, 8])
@pytest.mark.parametrize("cv", [0.01, 0.05, 0.2])
def test_workers_that_share_cpus_are_not_counted(workers: int, cv: float) -> None:
    """Their number can't be told, and isn't: neither 2, the CPUs, nor 0."""
    for seed in range(2):
        random = np.random.default_rng([workers, seed])
        found = characterized(Shared(random, workers, 0.2, cv))
        assert found.concurrency_limit in {workers, None}


def test_no_wrong_number_is_claimed_where_services_vary_much() -> None:
    """With CV 1: the number, or that it can't be told, and an interval that is right."""
    for seed in range(8):
        random = np.random.default_rng([8, seed])
        workers = int(random.choice([1, 2, 4, 8]))
        found = characterized(Simulated(random, workers, 0.4, 1.0))
        assert found.concurrency_limit in {workers, None}
        assert found.workers_interval is not None
        low, high = found.workers_interval
        assert low <= workers <= (high or workers)
