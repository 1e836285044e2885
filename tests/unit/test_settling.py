"""At rest or not: what canary requests say, on a clock that only they move."""

from __future__ import annotations

import itertools
import os
import socket
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfqa.service.shared import backlog, settling
from pytest_perfqa.service.shared.readiness import ProbeResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

IDLE = 0.1


class Clock:
    """Time passes while something is waited for."""

    now = 0.0

    def monotonic(self) -> float:
        """Give the time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Take the place of the time of the machine."""
    clock = Clock()
    monkeypatch.setattr(settling, "time", clock)
    return clock


def canary(clock: Clock, answers: Iterator[ProbeResult]) -> Callable[[float], ProbeResult]:
    """Give a canary that is answered like this, one after the other, after its time."""

    def ask(limit: float) -> ProbeResult:
        answer = next(answers)
        clock.sleep(min(answer.seconds, limit))
        return answer

    return ask


def settles(
    clock: Clock,
    answers: Iterator[ProbeResult],
    *,
    idle: float = IDLE,
    replicas: tuple[str, ...] = (),
) -> bool:
    """Tell whether a service is found at rest within a minute."""
    return settling.wait_until_settled(
        canary(clock, answers), fast=settling.fast_seconds(idle), replicas=replicas, limit=60.0
    )


@pytest.mark.parametrize("idle", [0.001, 0.01, 0.1, 1.0])
def test_four_times_as_slow_as_at_rest_is_not_at_rest(clock: Clock, idle: float) -> None:
    """A queue of five before a canary is one; what the clock itself wavers by, 30 ms, is none."""
    limit = max(4 * idle, 0.03)
    for share, expected in ((0.5, True), (0.99, True), (1.01, False), (1.25, False), (9.0, False)):
        answers = itertools.repeat(ProbeResult(is_good=True, detail="200", seconds=share * limit))
        assert settles(clock, answers, idle=idle) is expected, share


def test_a_failure_is_not_at_rest_however_fast(clock: Clock) -> None:
    """A proxy turns canaries away in no time while its replicas are busy."""
    assert not settles(
        clock, itertools.repeat(ProbeResult(is_good=False, detail="503", seconds=0.001))
    )


def test_a_service_at_rest_is_found_so_at_once(clock: Clock) -> None:
    """It costs as many canaries as it takes, and not one more."""
    assert settles(clock, itertools.repeat(ProbeResult(is_good=True, detail="200", seconds=IDLE)))
    assert clock.now == pytest.approx(settling.canary_count(1) * IDLE)


@pytest.mark.parametrize("row", [1, 2, 3, 4])
def test_a_row_begins_anew_after_one_that_was_slow(clock: Clock, row: int) -> None:
    """Two good ones, by the one worker that is free, are not three in a row."""
    good = ProbeResult(is_good=True, detail="200", seconds=IDLE)
    slow = ProbeResult(is_good=True, detail="200", seconds=9 * IDLE)
    assert settles(clock, itertools.cycle([*[good] * row, slow])) is (row >= 3)


@pytest.mark.parametrize("back", [False, True])
def test_each_replica_must_have_answered(clock: Clock, *, back: bool) -> None:
    """One that a proxy has taken out is not at rest: it isn't there."""
    turns = ["a", "b", "c"] if back else ["a", "b"]
    answers = (
        ProbeResult(is_good=True, detail="200", seconds=IDLE, replica=one)
        for one in itertools.cycle(turns)
    )
    assert settles(clock, answers, replicas=("a", "b", "c")) is back


@given(st.integers(1, 64))
def test_canaries_go_round_all_replicas(replicas: int) -> None:
    """Whole rounds, with one more than there are replicas at least, and never fewer than three."""
    count = settling.canary_count(replicas)
    assert count % replicas == 0
    assert count >= max(3, replicas + 1)
    assert count - replicas < max(3, replicas + 2)


@given(st.integers(0, 9), st.lists(st.floats(0.001, 1.0), min_size=40, max_size=40))
def test_what_is_usual_at_rest_is_a_median(replicas: int, times: list[float]) -> None:
    """Of three canaries at least, of whole rounds over all replicas: one stray says nothing."""
    asked = []

    def ask(limit: float) -> ProbeResult:
        asked.append(limit)
        return ProbeResult(is_good=True, detail="200", seconds=times[len(asked) - 1])

    usual = settling.idle_seconds(ask, replicas, 7.0)
    assert set(asked) == {7.0}
    assert len(asked) >= 3
    assert len(asked) % max(1, replicas) == 0
    told = times[: len(asked)]
    assert sum(time < usual for time in told) <= len(told) / 2
    assert sum(time > usual for time in told) <= len(told) / 2


@pytest.mark.parametrize(
    ("time_scale", "limit"), [(1, 10.0), (0.1, 10.0), (0.04, 4.0), (0.01, 2.0)]
)
def test_what_drains_follows_the_scale_and_a_restart_does_not(
    time_scale: float, limit: float
) -> None:
    """Nobody waits for longer than a restart takes, nor for less than a proxy's whole second."""
    assert settling.limit_seconds(time_scale) == pytest.approx(limit)


@pytest.mark.parametrize(
    ("length", "seconds_each", "expected"),
    [
        (512, 0.15, True),  # 77 s of work
        (60, 0.15, True),
        (30, 0.15, False),  # 4.5 s: too near to 3 s to be sure of it
        (9, 0.15, False),
        (512, 0.003, False),
        (512, 60.0, True),  # nothing has left
        (12, 60.0, False),  # nothing has left, but one may have been about to
        (0, 1.0, False),
    ],
)
def test_a_queue_that_takes_much_longer_than_there_is_is_given_up(
    clock: Clock, length: int, seconds_each: float, *, expected: bool
) -> None:
    """What has left it within a sixth of the limit tells; and no more of it is spent on that."""

    def waiting() -> int:
        return max(0, length - int(clock.now / seconds_each))

    assert settling.is_out_of_reach(waiting, 3.0) is expected
    assert clock.now < 0.61


def test_a_queue_that_is_gone_is_looked_at_no_longer(clock: Clock) -> None:
    """A service at rest has none: nothing is lost."""
    lengths = iter([3, 1, 0])
    assert not settling.is_out_of_reach(lambda: next(lengths), 3.0)
    assert clock.now < 0.21


@pytest.mark.parametrize("count", [0, 3])
def test_connections_that_nobody_has_taken_wait(count: int) -> None:
    """Those that a client has given up, too: the server doesn't know yet."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
        assert backlog.waiting(os.getpid(), port) == count
        for client in clients:
            client.close()
        assert backlog.waiting(os.getpid(), port) == count
        for _ in range(count):
            server.accept()[0].close()
        assert backlog.waiting(os.getpid(), port) == 0


def test_who_is_gone_has_none_that_wait() -> None:
    """A replica may have been killed."""
    assert backlog.waiting(2**22 + 1, 80) == 0
