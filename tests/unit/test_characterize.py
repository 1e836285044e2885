"""Characterisation on small servers in this process, whose kind and workers are known."""

from __future__ import annotations

import contextlib
import queue
import random
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from pytest_perfqa.capacity.character.characterize import characterize
from pytest_perfqa.capacity.character.question import Question, question
from pytest_perfqa.errors import ConfigurationError, ServiceError
from pytest_perfqa.report.text.character import character_details, characters_summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A tenth of the budget goes into the search for a limit of the queue.
SECONDS, BUDGET = 0.06, 6.0


class Server:
    """Serves / with some workers from one queue; they take so long, the first time longer.

    Args:
        is_quick: whether other paths are answered at once, by a worker where it is synchronous.
        queue_limit: how many wait; more are answered with 503.
        silent_after: no answers after so many requests to /.
        queues: each with so many workers; requests go to any of them.
        seconds: of service. Where a thread that is kept waiting by others on this machine could be
            taken for a slice or a wait, they are more.
    """

    def __init__(
        self,
        workers: int,
        *,
        is_synchronous: bool = True,
        is_quick: bool = True,
        queue_limit: int | None = None,
        cold: float = 0.0,
        silent_after: int | None = None,
        status: int = 200,
        queues: int = 1,
        seconds: float = SECONDS,
    ) -> None:
        self._is_synchronous = is_synchronous
        self._is_quick = is_quick
        self._limit = None if queue_limit is None else queue_limit + workers
        self._cold = cold
        self._silent_after = silent_after
        self._status = status
        self._seconds = seconds
        self._waiting: list[queue.SimpleQueue[tuple[socket.socket, bool]]] = [
            queue.SimpleQueue() for _ in range(queues)
        ]
        self._random = random.Random(1)
        self._inside = self.asked = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()
        for waiting in self._waiting * workers:
            threading.Thread(target=self._work, args=[waiting], daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self._receive(sock)

    def _receive(self, sock: socket.socket) -> None:
        head = sock.recv(65536)
        is_slow = head.startswith(b"GET / ") or not self._is_quick
        if not head:
            sock.close()
        elif not is_slow and not self._is_synchronous:
            self._answer(sock, 404)
        elif self._limit is not None and self._inside >= self._limit:
            self._answer(sock, 503)
        else:
            self._inside += 1
            self._random.choice(self._waiting).put((sock, is_slow))

    def _work(self, waiting: queue.SimpleQueue[tuple[socket.socket, bool]]) -> None:
        while True:
            sock, is_slow = waiting.get()
            if is_slow:
                self.asked += 1
                time.sleep(self._seconds + (self._cold if self.asked == 1 else 0))
            self._inside -= 1
            if self._silent_after is None or self.asked <= self._silent_after:
                self._answer(sock, self._status if is_slow else 404)

    def _answer(self, sock: socket.socket, status: int) -> None:
        with contextlib.suppress(OSError), sock:
            sock.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())

    def close(self) -> None:
        """Accept no more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start servers; they end with the test."""
    servers = []

    def start(workers: int, **properties: object) -> Server:
        servers.append(Server(workers, **properties))  # type: ignore[arg-type]
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.mark.timed
def test_synchronous_workers_are_counted(serve: Callable[..., Server]) -> None:
    """Their number, the time of one request, and so the rate: all with intervals and evidence."""
    found = characterize(Question(serve(3).url, budget=BUDGET, service="toy"))
    assert (found.kind, found.workers, found.concurrency_limit) == ("synchronous", 3, 3)
    assert found.workers_interval == (3, 3)
    low, high = found.service_time_interval
    assert SECONDS <= low <= found.service_time <= high < 1.5 * SECONDS
    assert found.saturation_rate == pytest.approx(3 / found.service_time)
    assert found.saturation_rate_interval is not None
    assert found.scalability is not None
    assert len(found.staircases) >= 2
    assert sum(step.is_good for step in found.staircases[-1].steps) == found.staircases[-1].size
    assert any("had to wait" in line for line in found.evidence)
    assert found.wall < BUDGET
    assert "synchronous" in character_details(found)
    assert "toy" in characters_summary([found])[1]


@pytest.mark.timed
def test_a_limited_route_of_an_asynchronous_service(serve: Callable[..., Server]) -> None:
    """What is held doesn't keep others from being answered: no workers, but a limit."""
    found = characterize(Question(serve(4, is_synchronous=False, seconds=0.15).url, budget=BUDGET))
    assert (found.kind, found.workers, found.concurrency_limit) == ("asynchronous", None, 4)


@pytest.mark.timed
def test_workers_with_queues_of_their_own(serve: Callable[..., Server]) -> None:
    """Some queues get more than others: no common queue, but counted in the first waves."""
    found = characterize(Question(serve(2, queues=3).url, budget=BUDGET))
    assert (found.kind, found.workers) == ("synchronous", 6)
    assert any("queues of their own" in line for line in found.evidence)


@pytest.mark.timed
def test_without_a_quick_path_the_kind_is_not_told(serve: Callable[..., Server]) -> None:
    """The number is: how many are served at one time."""
    found = characterize(Question(serve(2, is_quick=False).url, budget=BUDGET))
    assert (found.kind, found.workers, found.concurrency_limit) == (None, 2, 2)
    assert any("no quick path" in line for line in found.evidence)


@pytest.mark.timed
def test_no_bound_met(serve: Callable[..., Server]) -> None:
    """With more workers than requests at one time, it is that many or more."""
    server = serve(64, is_synchronous=False, seconds=0.2)
    found = characterize(Question(server.url, budget=BUDGET, concurrency=32))
    assert (found.concurrency_limit, found.saturation_rate) == (None, None)
    assert found.workers_interval is not None
    assert found.workers_interval[1] is None
    assert any("no bound up to" in line for line in found.evidence)


@pytest.mark.timed
def test_a_full_queue_is_found(serve: Callable[..., Server]) -> None:
    """8 in the system: 2 served, 6 waiting; what comes then gets a 503."""
    found = characterize(Question(serve(2, queue_limit=6).url, budget=BUDGET))
    assert (found.queue_limit, found.beyond_queue) == (6, "503")
    assert (found.kind, found.workers) == ("synchronous", 2)


@pytest.mark.timed
def test_a_cold_start_is_told_apart(serve: Callable[..., Server]) -> None:
    """The first request of all takes longer, and doesn't count as service time."""
    found = characterize(Question(serve(2, cold=0.3).url, budget=BUDGET))
    assert found.cold_start is not None
    assert 0.2 < found.cold_start < 0.4
    assert found.service_time < 1.5 * SECONDS
    assert found.workers == 2


def test_it_stops_where_the_service_stops_answering(serve: Callable[..., Server]) -> None:
    """Within the budget, with what is known till then, and without hammering on."""
    server = serve(2, silent_after=12)
    found = characterize(Question(server.url, budget=2.5))
    assert found.wall < 3.5
    assert server.asked < 100
    assert any("did not answer as before" in line for line in found.evidence)


def test_bounds_are_kept(serve: Callable[..., Server]) -> None:
    """No more requests than allowed, and not more at one time."""
    found = characterize(
        Question(serve(40, is_synchronous=False).url, budget=BUDGET, requests=60, concurrency=16)
    )
    assert found.requests <= 60
    assert max(staircase.size for staircase in found.staircases) <= 16


def test_a_path_without_good_answers_is_an_error(serve: Callable[..., Server]) -> None:
    """There is no character of errors."""
    with pytest.raises(ServiceError, match="500"):
        characterize(Question(serve(1, status=500).url, budget=BUDGET))


@pytest.mark.parametrize("budget", ["0s", "never", "5/s", -1, float("inf")])
def test_a_question_that_cannot_be(budget: str | float) -> None:
    """All mistakes at once, with what is accepted."""
    with pytest.raises(ConfigurationError) as caught:
        question(
            "http://127.0.0.1:1",
            "ping",
            service="toy",
            time_scale=1.0,
            ready=None,
            replica_header=None,
            budget=budget,
            requests=3,
            concurrency=1,
            quick="x",
        )
    said = str(caught.value)
    assert all(f"perf_characterize: {name}=" in said for name in ("path", "budget", "requests"))
    assert all(f"perf_characterize: {name}=" in said for name in ("concurrency", "quick"))
