"""Locust's closed model over our phases, against real servers."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from test_generator import Load, Received, Server, answer, flow, get

from pytest_perfqa.load.driver.generator import generate
from pytest_perfqa.result import validity
from pytest_perfqa.result.samples import read_samples
from pytest_perfqa.scenario.records import Phase, Scenario, Think
from pytest_perfqa.scenario.schedule import crowd, shard_users

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from pathlib import Path

    from pytest_perfqa.load.driver.warm import Warm
    from pytest_perfqa.machine.children import Reaper

SECONDS, SERVICE_SECONDS = 0.5, 0.05
CODE = """
from locust import *
class Someone(FastHttpUser):
    def on_start(self): self.client.get("/start")
    @task
    def work(self): self.client.get("/")
    def on_stop(self): self.client.get("/stop")
"""


class Busy:
    """Counts how many requests a server has at once."""

    def __init__(self, seconds: float = SERVICE_SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._now = 0
        self.most = 0
        self.seen: list[tuple[float, int]] = []

    def __call__(self, connection: socket.socket, one: Received) -> None:
        """Answer after the service time."""
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
            self.seen.append((one.at, self._now))
        time.sleep(self._seconds)
        with self._lock:
            self._now -= 1
        connection.sendall(answer())


def causes(load: Load) -> list[str]:
    """Give all reasons not to believe a load."""
    found = validity.examine(load.summaries, load.samples, load.scenario.model)
    return [*validity.causes(found, load.samples.arrivals.count)]


@pytest.fixture
def put(tmp_path: Path, reaper: Reaper, warm: Warm) -> Callable[..., Load]:
    """Give the function that puts users, of flows or of code, on a server."""

    def put(
        what: Any,
        url: str,
        *phases: Phase,
        users: int = 10,
        timeout: float = 20,
        is_invalid: bool = False,
        is_alone: bool = True,
        **o: Any,
    ) -> Load:
        file = None
        if isinstance(what, str):
            file = tmp_path / "users.py"
            file.write_text(textwrap.dedent(what))
        one = Scenario(
            "s",
            phases or (Phase("p", SECONDS, 1, 1),),
            () if file else (what,),
            timeout=timeout,
            locustfile=file,
            users=users,
        )
        out = tmp_path / "out"
        out.mkdir()
        recording = generate(one, url, out, reaper=reaper, warm=warm, **o)
        load = Load(one, recording, *read_samples(recording))
        assert load.samples.arrivals.count == sum(s.launched for s in load.summaries)
        assert all(s.planned == s.launched and not s.missed for s in load.summaries)
        found = causes(load)
        if not is_alone:  # others may have had the CPU
            found = [one for one in found if not re.search("late|used", one)]
        assert bool(found) == is_invalid, found
        return load

    return put


@pytest.mark.timed
@pytest.mark.parametrize("processes", [1, 3])
@pytest.mark.parametrize("what", [flow(get("/")), CODE], ids=["flow", "locustfile"])
def test_as_many_users_as_asked_for(put: Any, what: Any, processes: int) -> None:
    """Never more at once, yet all of them; each sends when it has its answer."""
    busy = Busy()
    with Server(busy) as server:
        load = put(what, server.url, processes=processes)
        paths = server.paths()
    assert busy.most == 10
    most = 10 * SECONDS / SERVICE_SECONDS + 10
    assert 0.6 * most < paths["/"] <= most
    assert load.outcomes(arrivals=True) == {"ANSWERED": paths["/"]}
    assert len(load.of("GET /")) == paths["/"]
    assert load.samples.rows["lag"].max() < 0.05
    if isinstance(what, str):
        assert paths["/start"] == paths["/stop"] == 10


@pytest.mark.timed
def test_think_times_are_kept(put: Any) -> None:
    """Of flows, and of the user's own wait_time: ten users that think for 0.2 s."""
    code = CODE.replace("    def on_start", "    wait_time = constant(0.2)\n    def on_start")
    for what in (flow(get("/"), Think(0.2)), code):
        busy = Busy(0.001)
        with Server(busy) as server:
            if isinstance(what, str):
                load = put_again(put, what, server.url)
            else:
                load = put(what, server.url)
            # Each has time for two, and begins a third.
            assert 20 <= server.paths()["/"] <= 30
        assert "ANSWERED" in load.outcomes(arrivals=True)


def put_again(put: Any, what: Any, url: str) -> Load:
    """Put a second load in the same test."""
    folder = next(
        cell.cell_contents for cell in put.__closure__ if hasattr(cell.cell_contents, "glob")
    )
    (folder / "out").rename(folder / "before")
    load: Load = put(what, url)
    return load


@pytest.mark.timed
def test_ramps_and_pauses(put: Any) -> None:
    """Users come and go with the rates; in a pause there are none."""
    busy = Busy(0.02)
    phases = (
        Phase("up", 0.6, 0, 5),
        Phase("top", 0.3, 5, 5),
        Phase("pause", 0.3),
        Phase("low", 0.6, 1, 1),
    )
    with Server(busy) as server:
        load = put(flow(get("/")), server.url, *phases)
    start = load.recording.start
    at = np.array([moment - start for moment, _ in busy.seen])
    most = np.array([number for _, number in busy.seen])
    assert busy.most == 10
    assert most[at < 0.18].max() <= 4
    assert not ((at > 0.96) & (at < 1.2)).any()
    assert most[at > 1.2].max() == 2
    counts = np.bincount(load.samples.arrivals.rows["phase"])
    # A pass may have begun in the instant before its user was told to go.
    assert counts[2] <= 2
    assert min(counts[[0, 1, 3]]) > 10


@pytest.mark.timed
@pytest.mark.parametrize("what", [flow(get("/")), CODE], ids=["flow", "locustfile"])
def test_users_sent_away_between_two_passes_lose_none(put: Any, what: Any) -> None:
    """Locust kills a user that waits; one that has just begun again must be accounted for."""
    phases = [Phase(f"{n}", 0.02, *((1, 1) if n % 2 else ())) for n in range(60)]
    with Server(Busy(0.001)) as server:
        load = put(what, server.url, *phases, users=20)  # it compares launched with recorded
    assert load.samples.arrivals.count > 150


@pytest.mark.parametrize("what", [flow(get("/")), CODE], ids=["flow", "locustfile"])
def test_the_last_passes_are_finished_but_not_for_ever(put: Any, what: Any) -> None:
    """A request's time after the last phase what is under way is pending, and accounted for."""
    with Server(Busy(0.5)) as server:
        load = put(what, server.url, Phase("p", 0.75, 1, 1), users=4, timeout=5.0, is_alone=False)
        assert set(load.outcomes(arrivals=True)) == {"ANSWERED"}
        paths = server.paths()
    assert paths["/"] == load.samples.arrivals.count


def test_a_think_that_is_too_long_is_pending(put: Any) -> None:
    """Nobody waits for users that think beyond the time-out of a request."""
    with Server(Busy(0.01)) as server:
        began = time.monotonic()
        load = put(
            flow(get("/"), Think(60), get("/b")), server.url, users=5, timeout=1.0, is_alone=False
        )
    assert time.monotonic() - began < 10
    assert load.outcomes(arrivals=True) == {"PENDING": 5}


@pytest.mark.timed
def test_users_that_fail(put: Any) -> None:
    """An exception in a task is an arrival that failed, one in on_start a user that is gone."""
    code = """
    from locust import *
    class Fails(FastHttpUser):
        wait_time = constant(0.1)
        fixed_count = 2
        @task
        def work(self):
            self.client.get("/")
            raise KeyError("task")
    class Gone(FastHttpUser):
        def on_start(self): raise KeyError("start")
        @task
        def work(self): pass
    """
    with Server(Busy(0.001)) as server:
        load = put(code, server.url, users=5)
        asked = server.paths()["/"]
    assert 7 < asked <= 2 * (SECONDS / 0.1 + 1)
    assert load.outcomes(arrivals=True) == {"USER_CODE": asked + 3}
    assert load.outcomes() == {"ANSWERED": asked}


@pytest.mark.parametrize(
    ("phases", "expected"),
    [
        ([(10, 1, 1)], [(0, 4), (10, 0)]),
        ([(10, 5, 5), (5, 0, 0), (10, 5, 5)], [(0, 4), (10, 0), (15, 4), (25, 0)]),
        ([(8, 0, 1)], [(0, 1), (3, 2), (5, 3), (7, 4), (8, 0)]),
        ([(8, 1, 0)], [(0, 4), (1, 3), (3, 2), (5, 1), (8, 0)]),
        ([(4, 1, 1), (4, 2, 2), (4, 2, 2)], [(0, 2), (4, 4), (12, 0)]),
        ([(4, 0.01, 0.01), (4, 9, 9)], [(0, 1), (4, 4), (8, 0)]),
    ],
)
def test_how_many_users_when(
    phases: list[tuple[float, float, float]], expected: list[tuple[float, int]]
) -> None:
    """The highest rate stands for all of them; any rate at all for one."""
    made = tuple(Phase(str(n), *one) for n, one in enumerate(phases))
    one = Scenario("s", made, (), users=4)
    assert [(round(at, 6), users) for at, users in crowd(one)] == expected
    scaled = crowd(one.scaled(0.1))
    assert [users for _, users in scaled] == [users for _, users in expected]


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_users_are_split_exactly(count: int) -> None:
    """At any number, and nobody goes because somebody comes."""
    before = [0] * count
    for users in range(30):
        parts = [shard_users(users, index, count) for index in range(count)]
        assert sum(parts) == users
        assert all(new >= old for new, old in zip(parts, before, strict=True))
        before = parts


@pytest.mark.timed
def test_a_generator_that_does_all_it_can_is_invalid(put: Any) -> None:
    """Users wait for it, not for the service: what they take for response times is its own."""
    computes = """
    import time
    from locust import *
    class Someone(FastHttpUser):
        @task
        def work(self):
            self.client.get("/")
            end = time.thread_time() + 0.02
            while time.thread_time() < end: pass
    """
    with Server(Busy(0.001)) as server:
        load = put(computes, server.url, Phase("p", 1.5, 1, 1), users=5, is_invalid=True)
    said = "; ".join(causes(load))
    assert re.search(r"the generator used (9|10)\d% of a CPU: answers waited", said), said


def test_what_begins_at_the_end_of_a_phase_is_in_it() -> None:
    """As everywhere; in a process of its own, since the account is one of gevent's."""
    code = """
from types import SimpleNamespace
from pytest_perfqa.load.engine.account import Account
from pytest_perfqa.scenario.records import Phase, Scenario
scenario = Scenario("s", (Phase("a", 0.3), Phase("b", 0.3), Phase("c", 0.3)), ())
account = Account(SimpleNamespace(scenario=scenario, replica_header=None), None)
account.start = 12345.678
moments = (0.0, 0.3, 0.30001, 0.6, 0.60001, 0.9, 0.95)
print(*(account.phase_at(account.start + moment) for moment in moments))
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["0", "0", "1", "1", "2", "2", "2"]
