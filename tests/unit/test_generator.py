"""The load generator, for real, against servers that misbehave in every way they can."""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import gzip
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest
from generators import generators
from waiting import wait_for

from pytest_perfqa.errors import ConfigurationError, GeneratorError
from pytest_perfqa.load.driver.generator import Progress, Recording, generate
from pytest_perfqa.load.wire.outcome import Outcome, as_expected
from pytest_perfqa.load.wire.plan import Plan, Summary
from pytest_perfqa.load.wire.record import RecordKind
from pytest_perfqa.result import validity
from pytest_perfqa.result.samples import Samples, quantile, read_samples
from pytest_perfqa.scenario.records import (
    Capture,
    Expectation,
    Flow,
    Loop,
    Payload,
    Phase,
    Request,
    Scenario,
    Step,
    Think,
)
from pytest_perfqa.scenario.schedule import schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_perfqa.load.driver.warm import Warm
    from pytest_perfqa.machine.children import Reaper

HUGE = 50_000_000
LONGEST_TEST = 60


@pytest.fixture(autouse=True)
def _nothing_hangs() -> Iterator[None]:
    """Fail a test that takes a minute, instead of waiting for ever."""

    def give_up(*_: object) -> None:
        raise TimeoutError(f"the test took more than {LONGEST_TEST} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(LONGEST_TEST)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@dataclasses.dataclass(frozen=True)
class Received:
    """A request as a server saw it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int
    at: float

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


class Server:
    """Answers with whatever its function sends; keeps every connection open until told otherwise.

    The function gets the socket and the request. If it returns True, the connection is closed.
    """

    def __init__(self, answer: Callable[[socket.socket, Received], object]) -> None:
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.received: list[Received] = []
        self.connections = 0
        self.closed_by_client = 0
        self._sockets: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._socket, *self._sockets):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def paths(self) -> collections.Counter[str]:
        """Count requests by path."""
        return collections.Counter(one.path for one in self.received)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._sockets.add(connection)
                self.connections += 1
                number = self.connections
                threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        rest = b""
        with contextlib.suppress(OSError):
            while True:
                while b"\r\n\r\n" not in rest:
                    if not (data := connection.recv(65536)):
                        self.closed_by_client += 1
                        return
                    rest += data
                head, _, rest = rest.partition(b"\r\n\r\n")
                line, *lines = head.decode().split("\r\n")
                method, target, _ = line.split(" ")
                headers = {k.lower(): v for k, v in (one.split(": ", 1) for one in lines)}
                length = int(headers.get("content-length", 0))
                while len(rest) < length:
                    rest += connection.recv(65536)
                body, rest = rest[:length], rest[length:]
                one = Received(method, target, headers, body, number, time.monotonic())
                self.received.append(one)
                if self._answer(connection, one):
                    break
        connection.close()


def answer(body: bytes = b"ok", *headers: str, status: str = "200 OK") -> bytes:
    """Give a whole answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def serve(*data: bytes, close: bool = False) -> Server:
    """Start a server that sends the same to each request, in one or several packets."""

    def send(connection: socket.socket, _: Received) -> bool:
        for number, part in enumerate(data):
            if number:
                time.sleep(0.01)
            connection.sendall(part)
        return close

    return Server(send)


def get(url: str = "/", **parts: Any) -> Request:
    """Give a request; its endpoint is named after method and URL, unless ``label`` says."""
    method = parts.pop("method", "GET")
    return Request(method, url, parts.pop("label", f"{method} {url}"), **parts)


def flow(*steps: Step, weight: float = 1) -> Flow:
    """Give a flow."""
    return Flow("", weight, steps)


def scenario(*flows: Flow, count: int = 40, seconds: float = 0.4, **options: Any) -> Scenario:
    """Give a scenario of one phase of so many arrivals, with a timeout that nobody runs into."""
    rate = count / seconds
    phases = options.pop("phases", (Phase("p", seconds, rate, rate),))
    return Scenario("s", phases, flows or (flow(get()),), **{"timeout": 20.0} | options)


@dataclasses.dataclass(frozen=True)
class Load:
    """What came out of one load."""

    scenario: Scenario
    recording: Recording
    samples: Samples
    replicas: tuple[str, ...]
    endpoints: tuple[str, ...]

    @property
    def summaries(self) -> tuple[Summary, ...]:
        """The accounts of the generators."""
        return self.recording.summaries

    @property
    def causes(self) -> list[str]:
        """Why it can't be believed."""
        one = validity.examine(self.summaries, self.samples)
        return list(validity.causes(one, self.samples.arrivals.count))

    def of(self, label: str) -> Any:
        """Give the records of an endpoint."""
        number = self.endpoints.index(label)
        return self.samples.requests.rows[self.samples.requests.rows["endpoint"] == number]

    def outcomes(self, *, arrivals: bool = False) -> collections.Counter[str]:
        """Count how requests, or arrivals, ended."""
        rows = (self.samples.arrivals if arrivals else self.samples.requests).rows
        return collections.Counter(Outcome(one).name for one in rows["outcome"])

    def examples(self) -> dict[str, str]:
        """Give what was told of the first of each kind of what was not as expected."""
        told: dict[str, str] = {}
        for one in (one for each in self.summaries for one in each.examples):
            told[one.kind] = "; ".join(filter(None, (told.get(one.kind), one.said)))
        return told


def check_account(load: Load) -> None:
    """Every arrival of the schedule is launched, skipped or missed; each launched one is recorded
    exactly once, at its own time."""
    for one in load.summaries:
        assert one.planned == one.launched + one.skipped + one.missed
    times = schedule(load.scenario).times
    assert sum(one.planned for one in load.summaries) == len(times)
    arrivals = load.samples.arrivals
    assert arrivals.count == sum(one.launched for one in load.summaries)
    intended = np.sort(arrivals.rows["intended"])
    nearest = np.unique(np.searchsorted(times, intended - 1e-6))
    assert len(nearest) == len(intended), "an arrival was recorded twice"
    assert np.abs(times[nearest] - intended).max(initial=0) < 1e-6


@pytest.fixture
def put(tmp_path: Path, reaper: Reaper, warm: Warm) -> Callable[..., Load]:
    """Give the function that puts a load on a server and checks the account."""

    def put(one: Scenario, url: str, **options: Any) -> Load:
        return put_load(one, url, tmp_path, reaper, warm=warm, **options)

    return put


def put_load(one: Scenario, url: str, path: Path, reaper: Reaper, **options: Any) -> Load:
    """Put a load on a server and check the account."""
    recording = generate(one, url, path, reaper=reaper, **options)
    load = Load(one, recording, *read_samples(recording))
    check_account(load)
    return load


# ---- what a server can do to a request ------------------------------------------------------


def _reset(connection: socket.socket) -> bool:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return True


def _parts(*parts: bytes, close: bool = False) -> Callable[[socket.socket], bool]:
    def send(connection: socket.socket) -> bool:
        for part in parts:
            connection.sendall(part)
            time.sleep(0.01)
        return close

    return send


def _forever(start: bytes, line: bytes) -> Callable[[socket.socket], bool]:
    def send(connection: socket.socket) -> bool:
        connection.sendall(start)
        while True:
            connection.sendall(line * 100)

    return send


def _silent(_: socket.socket) -> bool:
    return False


_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
_DRIP = answer(b"byte by byte")
A, P = Outcome.ANSWERED, Outcome.PROTOCOL
# What the server does, and what must be recorded: outcome, status, size of the body.
BEHAVIOURS: dict[str, tuple[Callable[[socket.socket], bool], Outcome, int, int]] = {
    "/ok": (_parts(answer(b"fine")), A, 200, 4),
    "/503": (_parts(answer(b"no", status="503 Busy")), A, 503, 2),
    "/empty": (_parts(answer(b"")), A, 200, 0),
    "/split-head": (
        _parts(b"HTTP/1.1 200 OK\r\nContent-Le", b"ngth: 3\r\n\r\nab", b"c"),
        A,
        200,
        3,
    ),
    "/split-body": (_parts(answer(b"x" * 10)[:-7], b"x" * 7), A, 200, 10),
    "/drip": (_parts(*(_DRIP[n : n + 1] for n in range(len(_DRIP)))), A, 200, 12),
    "/chunked": (_parts(_CHUNKED + b"3\r\nabc\r\n", b"4\r\ndefg\r\n", b"0\r\n\r\n"), A, 200, 7),
    "/until-close": (_parts(b"HTTP/1.1 200 OK\r\n\r\nabc", b"def", close=True), A, 200, 6),
    "/http10": (_parts(b"HTTP/1.0 200 OK\r\n\r\nabc", close=True), A, 200, 3),
    "/http10-length": (_parts(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc"), A, 200, 3),
    "/interim": (_parts(b"HTTP/1.1 103 Early\r\nX: 1\r\n\r\n" + answer(b"fine")), A, 200, 4),
    "/continue": (
        _parts(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 P\r\n\r\n", answer(b"fine")),
        A,
        200,
        4,
    ),
    "/204": (_parts(b"HTTP/1.1 204 No Content\r\n\r\n"), A, 204, 0),
    "/304": (_parts(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"), A, 304, 0),
    "/excess": (_parts(answer(b"fine") + b"and garbage"), A, 200, 4),
    "/excess-later": (_parts(answer(b"fine"), b"and garbage"), A, 200, 4),
    "/excess-answer": (_parts(answer(b"fine") + answer(b"no", status="500 X")), A, 200, 4),
    "/chunked-excess": (_parts(_CHUNKED + b"3\r\nabc\r\n0\r\n\r\ngarbage"), A, 200, 3),
    "/chunked-answer": (
        _parts(_CHUNKED + b"3\r\nabc\r\n0\r\n\r\n" + answer(b"no", status="500 X")),
        A,
        200,
        3,
    ),
    "/large-head": (
        _parts(answer(b"fine", *(f"X-{n}: {'x' * 90}" for n in range(1000)))),
        A,
        200,
        4,
    ),
    "/reset": (_reset, Outcome.RESET, 0, 0),
    "/closed": (_parts(close=True), Outcome.CLOSED, 0, 0),
    "/cut-head": (_parts(b"HTTP/1.1 200 OK\r\nConte", close=True), Outcome.CLOSED, 0, 0),
    "/cut": (_parts(answer(b"x" * 10)[:-7], close=True), Outcome.CLOSED, 200, 3),
    "/chunked-cut": (_parts(_CHUNKED + b"9\r\nabc", close=True), Outcome.CLOSED, 200, 3),
    "/silent": (_silent, Outcome.TIMEOUT, 0, 0),
    "/stuck": (_parts(answer(b"x" * 10)[:-7]), Outcome.TIMEOUT, 200, 3),
    "/garbage": (_parts(b"what is this?\r\n\r\n"), P, 0, 0),
    "/999": (_parts(answer(b"", status="999 X")), P, 0, 0),
    "/two-lengths": (_parts(answer(b"fine", "Content-Length: 5")), P, 0, 0),
    "/bad-chunk": (_parts(_CHUNKED + b"zz\r\nabc"), P, 200, 0),
    "/endless-head": (_forever(b"HTTP/1.1 200 OK\r\n", b"X-More: and more\r\n"), P, 0, 0),
    "/endless-line": (_forever(b"HTTP/1.1 200 OK\r\nX: ", b"more and more"), P, 0, 0),
    "/endless-trailers": (_forever(_CHUNKED + b"0\r\n", b"X-More: and more\r\n"), P, 200, 0),
}


def _behave(connection: socket.socket, one: Received) -> bool:
    return BEHAVIOURS[one.path][0](connection)


@pytest.fixture(scope="module", params=["callback", "callback kept", "greenlet", "greenlet kept"])
def behaved(
    request: pytest.FixtureRequest,
    reaper: Reaper,
    warm: Warm,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Load, Server]]:
    """Give one load over all behaviours: with and without a greenlet, and kept connections."""
    way: str = request.param
    paths = [path for path in BEHAVIOURS if not ("kept" in way and path == "/excess-later")]
    checks = (Expectation("statusCode", [200, 204, 304, 503]),) if "greenlet" in way else ()
    one = scenario(
        *(flow(get(path, expectations=checks)) for path in paths),
        # Endless answers cost CPU until they are cut off: more of them than 75/s fill two CPUs.
        count=120,
        seconds=1.6,
        timeout=0.7,
        seed=44,  # by which each comes twice or more
        keep_connections="kept" in way,
    )
    with Server(_behave) as server:
        folder = tmp_path_factory.mktemp("load")
        yield put_load(one, server.url, folder, reaper, warm=warm), server


@pytest.mark.timed
@pytest.mark.parametrize("path", BEHAVIOURS)
def test_what_the_server_did_is_what_is_recorded(behaved: tuple[Load, Server], path: str) -> None:
    """Outcome, status and size of every request, and no request sent twice."""
    load, server = behaved
    _, outcome, status, size = BEHAVIOURS[path]
    if load.scenario.keep_connections and path == "/excess-later":
        pytest.skip("on a kept connection, whose answer it is can't be known")
    (first,) = load.scenario.flows[0].steps
    if status == 503 and isinstance(first, Request) and first.expectations:
        outcome = Outcome.EXPECTED
    rows = load.of(f"GET {path}")
    assert len(rows) > 0
    found = collections.Counter(
        zip(rows["outcome"].tolist(), rows["status"].tolist(), rows["size"].tolist(), strict=True)
    )
    assert found == {(outcome, status, size): len(rows)}
    assert server.paths()[path] == len(rows)


@pytest.mark.timed
def test_misbehaviour_costs_no_punctuality_and_no_descriptor(
    behaved: tuple[Load, Server],
) -> None:
    """Generator on schedule; every connection that isn't kept is closed by the end."""
    load, server = behaved
    lag = load.samples.arrivals.rows["lag"]
    assert quantile(lag.astype(float), np.ones(len(lag)), 0.9) < 0.05
    assert not [cause for cause in load.causes if "late" not in cause]
    assert load.samples.requests.rows["response"].max() < 2.0
    if not load.scenario.keep_connections:
        assert server.connections == len(load.samples.rows)


def test_connections_are_closed_even_if_the_server_keeps_them(put: Any) -> None:
    """A server that ignores "Connection: close" doesn't use up descriptors."""
    with serve(answer()) as server:
        open_files = []

        def look(_: Progress) -> None:
            open_files.extend(child.num_fds() for child in generators())

        load = put(scenario(count=250, seconds=2.5), server.url, on_progress=look)
        assert load.outcomes() == {"ANSWERED": 250}
        assert server.connections == 250
        # What isn't closed is open in each of the looks; what is late is open in one.
        assert len(open_files) > 1
        assert min(open_files) < 60
        assert all(one.headers["connection"] == "close" for one in server.received)


# ---- punctuality ----------------------------------------------------------------------------


@pytest.mark.timed
def test_a_stall_shows_in_latency_and_holds_up_no_arrival(put: Any) -> None:
    """Open model: arrivals go on at their times while the server stands still for 0.8 s."""
    stalled = threading.Event()

    def stall(connection: socket.socket, _: Received) -> None:
        begun = server.received[0].at
        now = time.monotonic() - begun
        if 0.4 < now < 1.2:
            stalled.set()
            time.sleep(1.2 - now)
        connection.sendall(answer())

    with Server(stall) as server:
        load = put(scenario(count=180, seconds=2), server.url)
    assert stalled.is_set()
    assert load.outcomes() == {"ANSWERED": 180}
    weights = load.samples.rows["weight"]
    assert quantile(load.samples.latency, weights, 0.99) > 0.65
    assert quantile(load.samples.latency, weights, 0.3) < 0.3
    held = (load.samples.latency > 0.1).mean()
    assert 0.3 < held < 0.5  # 0.8 s of 2 s
    sent = np.array([one.at for one in server.received]) - load.recording.start
    gaps = np.diff(np.sort(sent))
    assert gaps.max() < 0.3
    assert ((sent > 0.5) & (sent < 1.1)).sum() == pytest.approx(54, abs=8)


@pytest.mark.timed
def test_latency_counts_time_that_a_late_generator_lost(put: Any) -> None:
    """A generator that is stopped for a while sends late, says so, and the run is INVALID."""

    def freeze(start: float) -> None:
        time.sleep(start + 0.2 - time.monotonic())
        for child in generators():
            frozen.append(child.pid)
            child.suspend()
            time.sleep(0.7)
            child.resume()

    frozen: list[int] = []
    with serve(answer()) as server:
        load = put(scenario(count=120, seconds=1.2), server.url, on_start=freeze)
    assert frozen
    assert load.outcomes() == {"ANSWERED": 120}
    late = (load.samples.rows["lag"] > 0.05).sum()
    assert 40 < late < 100
    assert any("late" in cause for cause in load.causes)
    assert quantile(load.samples.latency, load.samples.rows["weight"], 0.95) > 0.3


def test_far_more_than_one_process_can_send_is_invalid(put: Any) -> None:
    """The account still adds up, and says which arrivals were late or never sent."""
    with serve(answer()) as server:
        load = put(scenario(count=5000, seconds=0.1), server.url)
    assert sum(one.planned for one in load.summaries) == 5000
    assert any("late" in cause or "never sent" in cause for cause in load.causes)


@pytest.mark.parametrize("processes", [2, 3])
def test_several_generators_share_the_arrivals_exactly(put: Any, processes: int) -> None:
    """No arrival is lost or sent twice, replicas are numbered alike, payload rows go round."""
    rows = tuple((f"r{n}",) for n in range(10))

    def name(connection: socket.socket, one: Received) -> None:
        connection.sendall(answer(b"ok", f"X-Replica: {one.path[-1]}"))

    one = scenario(
        flow(get("/{{ row }}")),
        count=100,
        payloads=(Payload(("row",), rows, "sequence"),),
        keep_connections=True,
    )
    with Server(name) as server:
        load = put(one, server.url, processes=processes, replica_header="X-Replica")
    assert len(load.summaries) == processes
    assert load.outcomes() == {"ANSWERED": 100}
    assert server.paths() == {f"/r{n}": 10 for n in range(10)}
    named = collections.Counter(load.replicas[n] for n in load.samples.rows["replica"])
    assert named == {str(n): 10 for n in range(10)}


@pytest.mark.timed
def test_arrivals_beyond_the_most_users_are_skipped_and_counted(put: Any) -> None:
    """The limit is one on all processes together; what is skipped is no record."""
    busy: list[int] = []
    working = set()

    def slow(connection: socket.socket, one: Received) -> None:
        working.add(one.connection)
        busy.append(len(working))
        time.sleep(0.25)
        working.discard(one.connection)
        connection.sendall(answer())

    one = scenario(phases=(Phase("p", 1, 100, 100, max_vusers=3),))
    with Server(slow) as server:
        load = put(one, server.url, processes=2)
    assert max(busy) == 3
    skipped = sum(summary.skipped for summary in load.summaries)
    assert 80 <= skipped <= 94
    assert len(server.received) == 100 - skipped


# ---- what a virtual user does ---------------------------------------------------------------


def test_redirects_are_followed_once_and_bounded(put: Any) -> None:
    """303 after POST becomes GET, 307 keeps method and body, loops and other hosts are failures."""

    def redirect(connection: socket.socket, one: Received) -> None:
        def to(where: str, status: str = "302 Found") -> bytes:
            return answer(b"", f"Location: {where}", status=status)

        hop = int(one.target.rpartition("=")[2]) if "hop=" in one.target else 0
        time.sleep(0.3 if one.path == "/post" else 0)
        connection.sendall(
            {
                "/post": to("/done", "303 See Other"),
                "/keep": to("done", "307 Temporary Redirect"),
                "/away": to("http://192.0.2.1/x"),
                "/tls": to(server.url.replace("http", "https")),
                "/broken": to("http://[x"),
                "/loop": to("/loop"),
                "/ten": to(f"/ten?hop={hop + 1}") if hop < 10 else answer(),
                "/whole": to(f"{server.url}/done"),
            }.get(one.path, answer(b"done"))
        )

    body: dict[str, Any] = {"method": "POST", "json": {"a": 1}, "has_json": True}
    urls = ["/away", "/tls", "/broken", "/loop", "/ten", "/whole"]
    flows = [flow(get("/post", **body)), flow(get("/keep", **body)), *(flow(get(u)) for u in urls)]
    flows.append(flow(get("/loop", label="not followed", follow_redirects=False)))
    with Server(redirect) as server:
        load = put(scenario(*flows, count=90), server.url)
    seen = collections.Counter((one.method, one.path, one.body) for one in server.received)

    def ends(label: str) -> set[tuple[int, int]]:
        rows = load.of(label)
        assert len(rows)
        return set(zip(rows["outcome"].tolist(), rows["status"].tolist(), strict=True))

    answered, refused = Outcome.ANSWERED, Outcome.REDIRECT
    for label in ("POST /post", "POST /keep", "GET /ten", "GET /whole"):
        assert ends(label) == {(answered, 200)}
    for label in ("GET /away", "GET /tls", "GET /broken", "GET /loop"):
        assert ends(label) == {(refused, 302)}
    assert ends("not followed") == {(answered, 302)}
    posts = len(load.of("POST /post"))
    assert seen["POST", "/post", b'{"a": 1}'] == posts
    assert seen["POST", "/done", b'{"a": 1}'] == len(load.of("POST /keep"))
    assert seen["GET", "/done", b""] == posts + len(load.of("GET /whole"))
    assert seen["GET", "/ten", b""] == 11 * len(load.of("GET /ten"))
    loops = 11 * len(load.of("GET /loop")) + len(load.of("not followed"))
    assert seen["GET", "/loop", b""] == loops
    # The first hop counts as response, not as lateness of the generator.
    assert load.of("POST /post")["response"].min() > 0.3
    assert np.median(load.of("POST /post")["lag"]) < 0.2
    assert not [cause for cause in load.causes if "late" not in cause]


def test_the_path_of_an_address_goes_before_every_request(put: Any) -> None:
    """Sent at once, or by a virtual user; a redirect has it already, and Host nothing of it."""

    def talk(connection: socket.socket, one: Received) -> None:
        moved = one.path == "/base/old"
        status = "302 Found" if moved else "200 OK"
        connection.sendall(answer(b"", "Location: /base/new" if moved else "X: y", status=status))

    with Server(talk) as server:
        put(
            scenario(flow(get("/a")), flow(get("/b"), get("/old")), count=20), f"{server.url}/base/"
        )
    assert {one.path for one in server.received} == {
        f"/base/{it}" for it in ("a", "b", "old", "new")
    }
    assert {f"http://{one.headers['host']}" for one in server.received} == {server.url}


def test_captures_and_cookies_go_into_the_next_step(put: Any) -> None:
    """JSONPath, header and regular expression; a cookie is kept, changed and dropped."""
    document = gzip.compress(json.dumps({"user": {"id": 7, "tags": ["x", "y"]}}).encode())

    def talk(connection: socket.socket, one: Received) -> None:
        connection.sendall(
            {
                "/login": answer(
                    document,
                    "Content-Encoding: gzip",
                    "X-Token: t-1",
                    "Set-Cookie: sid=a=b; Path=/; HttpOnly",
                    "set-cookie: old=1",
                ),
                "/page": answer(
                    b"<a href='/next/42'>",
                    "Set-Cookie: old=; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
                    "Set-Cookie: sid=c; Max-Age=60",
                ),
            }.get(one.path, answer())
        )

    steps = (
        get(
            "/login",
            cookies={"mine": "1"},
            captures=(
                Capture("id", "json", "$.user.id"),
                Capture("tags", "json", "$.user.tags"),
                Capture("token", "header", "x-token"),
            ),
        ),
        get("/page", captures=(Capture("n", "regexp", r"/next/(\d+)", 1),)),
        get(
            "/next/{{ n }}",
            method="POST",
            headers={"X-Token": "{{ token }}"},
            json={"id": "{{ id }}"},
            has_json=True,
        ),
        Loop((get("/tag/{{ $loopElement }}/{{ $loopCount }}"),), over="tags"),
    )
    with Server(talk) as server:
        load = put(scenario(flow(*steps), count=10), server.url)
    assert load.outcomes() == {"ANSWERED": 50}
    assert load.outcomes(arrivals=True) == {"ANSWERED": 10}
    assert server.paths() == dict.fromkeys(
        ("/login", "/page", "/next/42", "/tag/x/0", "/tag/y/1"), 10
    )
    assert server.connections == 10  # a virtual user keeps its connection
    for one in server.received:
        cookies = one.headers.get("cookie")
        assert cookies == {"/login": "mine=1", "/page": "mine=1; sid=a=b; old=1"}.get(
            one.path, "mine=1; sid=c"
        )
        if one.path == "/next/42":
            assert one.headers["x-token"] == "t-1"
            assert json.loads(one.body) == {"id": 7}


def test_misses_are_failures_with_a_cause(put: Any) -> None:
    """Expectations, captures, unknown variables and bad groups: each ends its pass, all counted."""
    data = b'{"a": null, "b": 1}'

    def wants(label: str, kind: Any, value: Any) -> Flow:
        return flow(get("/", label=label, expectations=(Expectation(kind, value),)))

    def takes(label: str, *captures: Capture) -> Flow:
        return flow(get("/", label=label, captures=captures), get("/after", label="after"))

    wanted = {
        "status": Outcome.EXPECTATION,
        "type": Outcome.EXPECTATION,
        "has": Outcome.EXPECTATION,
        "hasn't": Outcome.EXPECTATION,
        "equal": Outcome.EXPECTATION,
        "no variable": Outcome.OTHER,
        "json": Outcome.CAPTURE,
        "header": Outcome.CAPTURE,
        "group": Outcome.OTHER,
        "met": Outcome.ANSWERED,
        "null": Outcome.ANSWERED,
        "loose": Outcome.ANSWERED,
    }
    flows = (
        wants("status", "statusCode", 201),
        wants("type", "contentType", "text/html"),
        wants("has", "hasProperty", "c"),
        wants("hasn't", "notHasProperty", "b"),
        wants("equal", "equals", ["a", "b"]),
        wants("no variable", "equals", ["{{ nothing }}", "b"]),
        takes("json", Capture("x", "json", "$.c")),
        takes("header", Capture("x", "header", "x-none")),
        takes("group", Capture("x", "regexp", "(b)", 5)),
        wants("met", "contentType", "json"),
        wants("null", "hasProperty", "$.a"),
        takes("loose", Capture("x", "json", "$.c", strict=False)),
    )
    with serve(answer(data, "Content-Type: application/json; charset=utf-8")) as server:
        load = put(scenario(*flows, count=120), server.url)
    for label, outcome in wanted.items():
        assert set(load.of(label)["outcome"].tolist()) == {outcome}, label
        assert set(load.of(label)["status"].tolist()) == {200}, label
    assert len(load.of("after")) == len(load.of("loose")) > 0
    assert set(load.examples()) == {"200 (expectation)", "200 (capture)", "other"}


def test_what_was_asked_for_is_as_expected_whatever_its_status(put: Any) -> None:
    """An expect that is met, and only that: without one, 4xx and 5xx are not, 3xx are."""
    answers = {
        "/200": "200 OK",
        "/304": "304 Not Modified",
        "/404": "404 Not Found",
        "/503": "503 Service Unavailable",
    }

    def talk(connection: socket.socket, one: Received) -> bool:
        connection.sendall(answer(b"" if one.path == "/304" else b"ok", status=answers[one.path]))
        return False

    def wants(path: str, value: Any) -> Request:
        return get(path, label=f"{path} asked", expectations=(Expectation("statusCode", value),))

    flows = [flow(get(path)) for path in answers]
    flows += [flow(wants("/404", [404, 410])), flow(wants("/503", 503)), flow(wants("/404", 200))]
    flows += [
        flow(get("/200", label="all"), wants("/404", 404)),
        flow(get("/404", label="one of two"), get("/200", label="goes on")),
        flow(get("/404", label="then a miss"), wants("/200", 201)),
    ]
    with Server(talk) as server:
        load = put(scenario(*flows, count=100), server.url)
    assert {
        label: {(Outcome(row["outcome"]).name, bool(as_expected(row))) for row in load.of(label)}
        for label in load.endpoints
    } == {
        "GET /200": {("ANSWERED", True)},
        "GET /304": {("ANSWERED", True)},
        "GET /404": {("ANSWERED", False)},
        "GET /503": {("ANSWERED", False)},
        "/404 asked": {("EXPECTED", True), ("EXPECTATION", False)},
        "/503 asked": {("EXPECTED", True)},
        "/200 asked": {("EXPECTATION", False)},
        "all": {("ANSWERED", True)},
        "one of two": {("ANSWERED", False)},
        "goes on": {("ANSWERED", True)},
        "then a miss": {("ANSWERED", False)},
    }
    rows = load.samples.rows
    whole = rows[rows["kind"] == RecordKind.ARRIVAL]
    assert {Outcome(one).name for one in whole["outcome"]} == {
        "ANSWERED",
        "UNEXPECTED",
        "EXPECTATION",
    }


@pytest.mark.timed
def test_think_and_loops_take_their_time_and_their_number(put: Any) -> None:
    """Think time is no latency and no lateness; a loop of 3 sends 3."""
    steps = (Think(0.3), get("/a"), Think(0.3), Loop((get("/b"),), count=3))
    with serve(answer()) as server:
        load = put(scenario(flow(*steps), count=20), server.url)
    assert server.paths() == {"/a": 20, "/b": 60}
    rows = load.samples.rows
    whole = rows[rows["kind"] == RecordKind.ARRIVAL]
    assert len(whole) == 20
    assert 0.6 < np.median(whole["response"]) < 0.9
    assert np.median(whole["lag"]) < 0.1
    assert np.median(load.samples.requests.latency) < 0.1
    sent = np.sort([one.at for one in server.received if one.path == "/a"])
    assert sent[0] - load.recording.start == pytest.approx(0.02 + 0.3, abs=0.1)


def test_flows_are_drawn_by_weight_and_repeat_with_the_seed(
    tmp_path: Path, reaper: Reaper, warm: Warm
) -> None:
    """Also variables and payload rows: the same seed sends the same requests."""
    one = scenario(
        flow(get("/a/{{ v }}/{{ row }}"), weight=3),
        flow(get("/b/{{ v }}/{{ row }}"), weight=1),
        count=200,
        variables={"v": (1, 2)},
        payloads=(Payload(("row",), tuple((n,) for n in range(5)), "random"),),
        seed=3,
    )
    runs = []
    for number, seed in enumerate((3, 3, 4)):
        (tmp_path / str(number)).mkdir()
        with serve(answer()) as server:
            again = dataclasses.replace(one, seed=seed)
            folder = tmp_path / str(number)
            put_load(again, server.url, folder, reaper, processes=1 + number, warm=warm)
            runs.append(server.paths())
    assert runs[0] == runs[1] != runs[2]
    assert len(runs[0]) >= 17
    first = sum(count for path, count in runs[0].items() if path.startswith("/a"))
    assert first == pytest.approx(150, abs=25)


# ---- connections ----------------------------------------------------------------------------


@pytest.mark.timed
def test_connections_closed_between_requests_are_opened_anew(put: Any) -> None:
    """Kept connections that the server closes while idle fail no request."""
    with serve(answer(), close=True) as server:
        load = put(scenario(count=20, keep_connections=True), server.url)
        assert load.outcomes() == {"ANSWERED": 20}
        assert server.connections == 20


@pytest.mark.timed
def test_connections_that_are_kept_are_used_again(put: Any) -> None:
    """Each request finds the one before it answered."""
    with serve(answer()) as server:
        load = put(scenario(count=20, seconds=1, keep_connections=True), server.url)
        assert load.outcomes() == {"ANSWERED": 20}
        assert server.connections < 5


def test_bodies_of_any_size(put: Any) -> None:
    """50 MB answers, 20 MB uploads, HEAD, and an answer that comes before the upload's end."""
    chunk = b"x" * 1_000_000

    def large(connection: socket.socket, one: Received) -> None:
        if one.method == "HEAD":
            connection.sendall(answer(b"x" * 500)[:-500])
        elif one.method == "POST":
            connection.sendall(answer(str(len(one.body)).encode()))
        else:
            connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {HUGE}\r\n\r\n".encode())
            for _ in range(HUGE // len(chunk)):
                connection.sendall(chunk)

    flows = (
        flow(get("/")),
        flow(get("/", method="HEAD")),
        flow(
            get(
                "/",
                method="POST",
                body="y" * 20_000_000,
                captures=(Capture("n", "regexp", "^20000000$"),),
            )
        ),
    )
    with Server(large) as server:
        load = put(scenario(*flows, count=9, seed=1), server.url)
    assert load.outcomes() == {"ANSWERED": 9}
    assert set(load.of("GET /")["size"].tolist()) == {HUGE}
    assert set(load.of("HEAD /")["size"].tolist()) == {0}
    assert len(load.of("POST /"))


def test_an_answer_before_the_end_of_the_upload_counts(put: Any) -> None:
    """413, then closed with most of the request unread: the answer is what the server did."""
    listener = socket.create_server(("127.0.0.1", 0))

    def refuse() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connection.recv(1000)
                connection.sendall(answer(b"", status="413 Too Large"))
                connection.close()

    threading.Thread(target=refuse, daemon=True).start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with listener:
        load = put(scenario(flow(get(method="POST", body="y" * 10_000_000)), count=5), url)
    assert load.samples.rows["status"].tolist() == [413] * 5


def test_a_closed_port_is_refused_at_once(put: Any) -> None:
    """Nothing listens: every arrival is recorded, as refused, on time."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        told: list[Progress] = []
        one = scenario(count=120, seconds=1.2)
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        load = put(one, url, on_progress=told.append)
    assert load.outcomes() == {"REFUSED": 120}
    # Who is refused has no latency, while the run goes as at its end.
    assert told
    assert {progress.p95 for progress in told} == {None}
    assert told[-1].errors == {"refused": told[-1].failed}
    assert "ECONNREFUSED" in load.examples()["refused"]
    assert not [cause for cause in load.causes if "late" not in cause]


def test_localhost_is_where_the_service_listens(put: Any) -> None:
    """The name may mean ::1 first while the service is on 127.0.0.1."""
    with serve(answer()) as server:
        load = put(scenario(count=10), server.url.replace("127.0.0.1", "localhost"))
    assert load.outcomes() == {"ANSWERED": 10}


def test_what_can_not_be_loaded_is_a_configuration_error(put: Any) -> None:
    """Other schemes and more endpoints than a record can name, before anything starts."""
    with pytest.raises(ConfigurationError, match="https://HOST:PORT"):
        put(scenario(), "ftp://127.0.0.1:1")
    many = [flow(get(f"/{n}")) for n in range(256)]
    with pytest.raises(ConfigurationError, match="256 endpoints"):
        put(scenario(*many), "http://127.0.0.1:1")


# ---- ends that come early -------------------------------------------------------------------


class Process:
    """A generator process driven by hand, as ``generate`` does it."""

    def __init__(self, plan: Plan, *prefix: str) -> None:
        plan.write()
        self._plan = plan
        argv = [
            *prefix,
            sys.executable,
            "-m",
            "pytest_perfqa.load.engine.locustfile",
            str(plan.path),
        ]
        self._log = (plan.directory / "log").open("wb")
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log
        )
        assert self.line() == b"ready\n"

    def tell(self, line: str) -> None:
        """Send a command."""
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def line(self) -> bytes:
        """Read what it says next."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def end(self) -> Load:
        """Wait until it is done, and read what it left."""
        while line := self.line():
            if line == b"done\n":
                break
        assert line == b"done\n", (self._plan.directory / "log").read_text()
        self.process.communicate(timeout=10)
        self._log.close()
        summaries = (Summary.read(self._plan.summary_path),)
        recording = Recording(None, 0.0, summaries, (self._plan.records_path,))  # type: ignore[arg-type]
        return Load(self._plan.scenario, recording, *read_samples(recording))


@pytest.mark.parametrize("way", ["single", "steps", "think", "waiting"])
def test_a_stop_in_the_middle_leaves_nothing_unaccounted(tmp_path: Path, way: str) -> None:
    """What is under way is pending, the rest is missed, and it ends at once."""
    one = {
        "single": scenario(count=9000, seconds=60, timeout=60.0),
        "steps": scenario(flow(get("/"), get("/b")), count=9000, seconds=60, timeout=60.0),
        "think": scenario(flow(Think(60), get("/")), count=9000, seconds=60),
        # The next arrival is a minute away.
        "waiting": scenario(
            phases=(Phase("p", 0.25, 200, 200), Phase("pause", 60), Phase("q", 1, 5, 5))
        ),
    }[way]

    def hold(connection: socket.socket, _: Received) -> None:
        if way == "waiting":
            connection.sendall(answer())

    with Server(hold) as server:
        process = Process(Plan(one, server.url, tmp_path))
        started = time.monotonic() + 0.05
        process.tell(f"go {started!r}")
        time.sleep(0.5)
        if way == "waiting":
            wait_for(lambda: len(server.received) == 50)
        stopped = time.monotonic()
        process.tell("stop enough")
        load = process.end()
    ended = time.monotonic()
    assert ended - stopped < 5
    check_account(load)
    (summary,) = load.summaries
    assert summary.stopped == "enough"
    assert summary.missed > 0
    if way == "waiting":
        assert load.outcomes() == {"ANSWERED": 50}
    else:
        assert 0 < summary.launched <= 150 * (ended - started) + 1
        assert load.outcomes(arrivals=True) == {"PENDING": summary.launched}
        assert not load.examples()
    assert any("enough" in cause for cause in load.causes)


def test_a_stop_among_arrivals_that_have_not_begun(tmp_path: Path) -> None:
    """Virtual users stopped before their first step are accounted for; nothing waits for them."""
    one = scenario(flow(get("/"), get("/b")), count=90_000, seconds=30)
    with serve(answer()) as server:
        process = Process(Plan(one, server.url, tmp_path))
        process.tell(f"go {time.monotonic() - 10.5!r}")  # hopelessly late from the start
        load = process.end()
    check_account(load)
    (summary,) = load.summaries
    assert "behind its schedule" in (summary.stopped or "")
    assert load.outcomes(arrivals=True).total() == summary.launched


def test_a_generator_ends_when_pytest_is_gone(tmp_path: Path) -> None:
    """The end of its input ends it."""
    with serve(answer()) as server:
        process = Process(Plan(scenario(count=2400, seconds=60), server.url, tmp_path))
        process.tell(f"go {time.monotonic()!r}")
        assert process.process.stdin is not None
        process.process.stdin.close()
        assert process.process.wait(timeout=20) == 1
        assert process.process.stdout is not None
        process.process.stdout.close()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_generator_that_dies_or_hangs_is_an_error(put: Any, how: signal.Signals) -> None:
    """With its end and its log; the other generator is ended too."""
    pids: set[int] = set()

    def kill(_: float) -> None:
        pids.update(child.pid for child in generators())
        os.kill(min(pids), how)

    expected = "killed by SIGKILL; the end of its log" if how == signal.SIGKILL else "said nothing"
    one = scenario(count=1200, seconds=30)
    with serve(answer()) as server, pytest.raises(GeneratorError, match=expected):
        put(one, server.url, processes=2, on_start=kill, silence=1.5)
    assert len(pids) == 2
    assert not [pid for pid in pids if psutil.pid_exists(pid)]


def test_a_generator_that_can_not_start_is_an_error_with_its_log(put: Any) -> None:
    """A host that has no address: the log says so."""
    with pytest.raises(GeneratorError, match=r"exited with code 1(?s:.*)gaierror"):
        put(scenario(), "http://no-such-host.invalid:80")


def test_too_few_descriptors_are_the_generators_fault(tmp_path: Path) -> None:
    """Arrivals that found no descriptor are recorded as such, and the run is INVALID."""

    def slow(connection: socket.socket, _: Received) -> None:
        time.sleep(0.35)
        connection.sendall(answer())

    with Server(slow) as server:
        plan = Plan(scenario(count=150, seconds=0.75), server.url, tmp_path)
        process = Process(plan, "prlimit", "--nofile=48:48")
        process.tell(f"go {time.monotonic() + 0.05!r}")
        load = process.end()
    check_account(load)
    outcomes = load.outcomes()
    assert outcomes["NO_DESCRIPTORS"] > 30
    assert outcomes["ANSWERED"] > 20
    assert outcomes.total() == 150
    assert any("ulimit -n" in cause for cause in load.causes)


@pytest.mark.timed
def test_too_few_ports_are_the_generators_fault(tmp_path: Path) -> None:
    """In a network namespace of its own with 40 ports, all in use or in TIME_WAIT."""
    # Else ports of the loopback are used again after a second.
    setup = (
        "ip link set lo up && echo 50000 50039 > /proc/sys/net/ipv4/ip_local_port_range && "
        "echo 0 > /proc/sys/net/ipv4/tcp_tw_reuse && exec "
    )
    try:
        subprocess.run(
            ["unshare", "-n", "sh", "-c", setup + "true"],  # noqa: S607
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no network namespace: {error}")
    program = (
        "import subprocess, sys, socket, threading\n"
        "s = socket.create_server(('127.0.0.1', 8000), backlog=200)\n"
        "def serve():\n"
        "    while True:\n"
        "        c, _ = s.accept(); c.recv(9999)\n"
        "        c.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n')\n"
        "threading.Thread(target=serve, daemon=True).start()\n"
        "sys.exit(subprocess.run(sys.argv[1:]).returncode)\n"
    )
    plan = Plan(scenario(count=100), "http://127.0.0.1:8000", tmp_path)
    inside = setup + '"$@"'
    process = Process(
        plan, "unshare", "-n", "sh", "-c", inside, "sh", sys.executable, "-c", program
    )
    process.tell(f"go {time.monotonic() + 0.05!r}")
    load = process.end()
    check_account(load)
    assert load.outcomes()["NO_PORTS"] >= 50
    assert any("ip_local_port_range" in cause for cause in load.causes)


def test_an_interrupt_gives_back_what_was_recorded(tmp_path: Path, reaper: Reaper) -> None:
    """KeyboardInterrupt ends the load at once; the account adds up."""

    def interrupt(_: Progress) -> None:
        raise KeyboardInterrupt

    one = scenario(count=3000, seconds=60)
    with serve(answer()) as server:
        started = time.monotonic()
        recording = generate(one, server.url, tmp_path, reaper=reaper, on_progress=interrupt)
        took = time.monotonic() - started
    assert recording.aborted is not None
    assert recording.aborted.interrupted
    assert 0.5 < recording.aborted.at < took < 20
    load = Load(one, recording, *read_samples(recording))
    check_account(load)
    assert load.summaries[0].missed > 2000
    generator = validity.examine(load.summaries, load.samples, "open", recording.aborted)
    assert not [cause for cause in validity.causes(generator, load.samples.arrivals.count)
                if "stopped" in cause or "never sent" in cause]  # fmt: skip


def test_progress_tells_what_the_answers_were(tmp_path: Path, reaper: Reaper) -> None:
    """Codes, kinds of errors and what became of arrivals, added up over processes."""
    statuses = ["200 OK", "404 Not Found", "503 Gone"]
    told: list[Progress] = []

    def vary(connection: socket.socket, one: Received) -> None:
        number = int(one.path[1:])
        if number < len(statuses):
            connection.sendall(answer(status=statuses[number]))
        else:
            connection.close()

    flows = [flow(get(f"/{number}")) for number in range(3)]
    flows += [flow(get("/0"), get("/3"))]
    with Server(vary) as server:
        generate(
            scenario(*flows, count=240, seconds=1.2),
            server.url,
            tmp_path,
            reaper=reaper,
            processes=2,
            on_progress=told.append,
        )
    last = told[-1]
    assert set(last.status) == {"200", "404", "503"}
    (lost,) = last.errors.values()
    assert last.failed == lost > 10
    assert last.completed > 40
    # Arrivals of two requests are one arrival each.
    assert sum(last.status.values()) >= last.completed + last.failed
    assert last.launched == last.completed + last.failed + last.pending
    assert last.bad == last.status["404"] + last.status["503"] + lost
