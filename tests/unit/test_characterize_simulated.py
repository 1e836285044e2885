"""Characterisation of simulated servers, in no time: what is claimed is right."""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pytest_perfqa.capacity import accept_queue
from pytest_perfqa.capacity.alone import send_singles, try_quick_path
from pytest_perfqa.capacity.conclusion import conclude
from pytest_perfqa.capacity.exchange import Exchange
from pytest_perfqa.capacity.growth import grow
from pytest_perfqa.capacity.held import hold
from pytest_perfqa.capacity.probe import Drained, Volley
from pytest_perfqa.capacity.question import Question
from pytest_perfqa.capacity.seen import Seen
from pytest_perfqa.load.record import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_perfqa.capacity.character import Character
    from pytest_perfqa.capacity.probe import Until

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
        self._arriving: list[tuple[float, int, Exchange, Volley, bool]] = []
        self._coming: list[tuple[float, int, Exchange, Volley, int]] = []
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
            one = Exchange(index, due, begun=self.now, connected=self.now, sent=self.now)
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


def characterized(prober: Simulated) -> Character:
    """Take the steps of ``characterize``."""
    seen = Seen(Question("http://simulated"), prober)  # type: ignore[arg-type]
    send_singles(seen)
    try_quick_path(seen)
    grow(seen)
    hold(seen)
    return conclude(seen)


@pytest.fixture(autouse=True)
def no_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing to connect to: all connections are accepted."""
    monkeypatch.setattr(accept_queue, "accepted", lambda _peer, most: most)


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
