"""The user's own Locust classes under open arrivals, against real servers."""

from __future__ import annotations

import collections
import contextlib
import re
import socket
import textwrap
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from generators import generators
from test_generator import (
    Load,
    Received,
    Server,
    answer,
    check_account,
    put_load,
    serve,
)
from waiting import wait_for

from pytest_perfqa.errors import GeneratorError, InvalidRun
from pytest_perfqa.load.driver.generator import Progress, generate
from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.load.wire.record import NAMED_ENDPOINTS, OTHER_ENDPOINTS, RecordKind
from pytest_perfqa.result.samples import merged_endpoints
from pytest_perfqa.scenario.records import Phase, Scenario

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_perfqa.load.driver.warm import Warm
    from pytest_perfqa.machine.children import Reaper

HEAD = "from locust import *\nfrom locust import events\nimport locust, gevent, time\n"


@pytest.fixture
def put(tmp_path: Path, reaper: Reaper, warm: Warm) -> Callable[..., Load]:
    """Give the function that lets arrivals run user code, on a server, and checks the account."""

    def put(
        code: str, url: str, *, count: int = 40, seconds: float = 0.4, timeout: float = 20, **o: Any
    ) -> Load:
        file = tmp_path / "code" / "users.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(HEAD + textwrap.dedent(code))
        rate = count / seconds
        one = Scenario(
            "s", (Phase("p", seconds, rate, rate),), (), timeout=timeout, locustfile=file
        )
        out = tmp_path / "out"
        out.mkdir(exist_ok=True)
        return put_load(one, url, out, reaper, warm=warm, **o)

    return put


@pytest.fixture
def log(tmp_path: Path) -> Callable[[], str]:
    """Give the function that reads what the generator printed."""
    return (tmp_path / "out" / "generator-0.log").read_text


@pytest.mark.parametrize("kind", ["HttpUser", "FastHttpUser"])
def test_each_arrival_is_a_user_that_does_one_task(put: Any, kind: str) -> None:
    """It begins, does one thing and ends, each once; every request is recorded with its name."""
    code = f"""
    class Someone({kind}):
        host = "http://example.com:1"
        def on_start(self): self.client.get("/start")
        @task
        def buy(self): self.client.post("/buy", data="abc", name="buy it")
        def on_stop(self): self.client.get("/stop")
    """
    with serve(answer(b"fine", "X-Replica: r1")) as server:
        load = put(code, server.url, replica_header="x-replica")
        assert server.paths() == {"/start": 40, "/buy": 40, "/stop": 40}
    assert set(load.endpoints) == {"GET /start", "POST buy it", "GET /stop"}
    assert load.outcomes() == {"ANSWERED": 120}
    assert load.outcomes(arrivals=True) == {"ANSWERED": 40}
    assert load.replicas == ("r1",)
    rows = load.of("POST buy it")
    assert set(rows["status"]) == {200}
    assert set(rows["size"]) == {4}
    assert not [cause for cause in load.causes if "late" not in cause]
    # The first counts from the arrival's time, those after it from their own sends.
    first = load.of("GET /start")
    assert (first["intended"] * 100).round(6).tolist() == list(range(1, 41))
    assert first["lag"].max() > 0
    assert np.median(first["lag"]) < 0.1  # one may come while the machine stands still
    assert rows["lag"].max() == 0


def test_classes_are_drawn_by_weight_and_tasks_as_locust_does(put: Any) -> None:
    """Abstract ones and those of no weight never; the same seed draws the same."""
    code = """
    class Base(FastHttpUser):
        abstract = True
        @task(3)
        def a(self): self.client.get(f"/{type(self).__name__}/a")
        @task(1)
        def b(self): self.client.get(f"/{type(self).__name__}/b")
    class Often(Base): weight = 3
    class Seldom(Base): weight = 1
    class Never(Base): weight = 0
    """
    seen = []
    for _ in range(2):
        with serve(answer()) as server:
            put(code, server.url, count=400, seconds=0.8)
            seen.append(server.paths())
    assert seen[0] == seen[1]
    paths = seen[0]
    assert set(paths) == {"/Often/a", "/Often/b", "/Seldom/a", "/Seldom/b"}
    assert 250 < paths["/Often/a"] + paths["/Often/b"] < 350
    assert 250 < paths["/Often/a"] + paths["/Seldom/a"] < 350


def test_nested_tasks(put: Any) -> None:
    """A set brings one of its tasks, a sequence all of them once; interrupt and the like end it."""
    code = """
    class Steps(SequentialTaskSet):
        wait_time = constant(0.01)
        def on_start(self): self.client.get("/steps")
        @task
        def one(self): self.client.get("/one")
        @task
        class Two(TaskSet):
            @task
            def deep(self):
                self.client.get("/two")
                self.interrupt()
        @task
        def three(self): self.client.get("/three")
        def on_stop(self): self.client.get("/steps-end")
    class Set(TaskSet):
        @task
        def only(self): self.client.get("/only")
    def stopping(user):
        user.client.get("/stopping")
        raise locust.exception.StopUser
    class Someone(FastHttpUser):
        tasks = [Steps, Set, stopping]
        def on_stop(self): self.client.get("/end")
    """
    with serve(answer()) as server:
        load = put(code, server.url)
        paths = server.paths()
    assert load.outcomes(arrivals=True) == {"ANSWERED": 40}
    assert paths["/end"] == 40
    assert paths["/steps"] + paths["/only"] + paths["/stopping"] == 40
    assert min(paths["/steps"], paths["/only"], paths["/stopping"]) > 0
    for path in ("/one", "/two", "/three", "/steps-end"):
        assert paths[path] == paths["/steps"]


def _drop(connection: socket.socket, one: Received) -> object:  # noqa: PLR0911
    match one.path:
        case "/reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return True
        case "/closed":
            return True
        case "/cut":
            connection.sendall(answer(b"x" * 10)[:-7])
            return True
        case "/garbage":
            connection.sendall(b"what is this?\r\n\r\n")
            return True
        case "/silent":
            return False
        case "/drip":
            with contextlib.suppress(OSError):
                for byte in answer(b"x" * 200):
                    time.sleep(0.05)
                    connection.sendall(bytes([byte]))
            return True
        case "/loop":
            connection.sendall(answer(b"", "Location: /loop", status="302 Found"))
            return False
        case path if path.startswith("/status/"):
            connection.sendall(answer(status=f"{path[8:]} X"))
            return False
    connection.sendall(answer())
    return False


# What the service did, and what must be recorded, whichever client asked.
DROPPED = {
    "/reset": ("RESET", 0),
    "/closed": ("CLOSED", 0),
    "/cut": ("CLOSED", None),
    "/garbage": ("PROTOCOL", None),
    "/silent": ("TIMEOUT", 0),
    "/drip": ("TIMEOUT", None),
    "/loop": ("REDIRECT", None),
    "/status/404": ("ANSWERED", 404),
    "/status/503": ("ANSWERED", 503),
    "/ok": ("ANSWERED", 200),
}


@pytest.mark.parametrize("kind", ["HttpUser", "FastHttpUser"])
def test_what_the_server_did_is_what_is_recorded(put: Any, kind: str) -> None:
    """By outcome and status; and each request is sent once, even if told to try again."""
    tasks = "\n".join(
        f"        lambda user: user.client.get({path!r}, name={path!r})," for path in DROPPED
    )
    code = f"class Someone({kind}):\n    max_retries = 5\n    tasks = [\n{tasks}\n    ]\n"
    with Server(_drop) as server:
        load = put(code, server.url, count=100, seconds=1, timeout=2)
        paths = server.paths()
    for path, (outcome, status) in DROPPED.items():
        rows = load.of(f"GET {path}")
        found = collections.Counter(zip(rows["outcome"], rows["status"], strict=True))
        assert len(found) == 1, (path, found)
        ((code_found, status_found),) = found
        assert Outcome(code_found).name == outcome, (path, load.examples())
        if status is not None:
            assert status_found == status
        if path != "/loop":
            assert paths[path] == len(rows), path
    whole = load.outcomes(arrivals=True)
    refused = [len(load.of(f"GET /status/{status}")) for status in (404, 503)]
    assert (whole["ANSWERED"], whole["UNEXPECTED"]) == (len(load.of("GET /ok")), sum(refused))
    (summary,) = load.summaries
    told = [note for note in summary.notes if "max_retries of Someone is not kept" in note]
    assert len(told) == (kind == "FastHttpUser")


@pytest.mark.parametrize("kind", ["HttpUser", "FastHttpUser"])
def test_addresses_that_can_not_be_reached(put: Any, kind: str) -> None:
    """Nobody listens, or no such name: a user may ask other addresses in full."""
    code = f"""
    class Someone({kind}):
        tasks = [
            lambda user: user.client.get("/", name="refused"),
            lambda user: user.client.get("http://no-such-host.invalid/", name="name"),
        ]
        def on_stop(self):
            with self.rest("GET", "/", name="rest") as response: pass
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    load = put(code, url)
    examples = load.examples()
    assert set(load.outcomes()) == {"REFUSED", "UNREACHABLE"}, examples
    assert len(set(load.of("GET rest")["outcome"])) == 1
    assert load.outcomes()["REFUSED"] > 40


@pytest.mark.parametrize("kind", ["HttpUser", "FastHttpUser"])
def test_the_users_judgement_is_an_expectation(put: Any, kind: str) -> None:
    """A response declared a failure; one of 404 declared good is an answer as expected."""
    code = f"""
    class Someone({kind}):
        @task
        def judge(self):
            with self.client.get("/ok", catch_response=True) as response:
                response.failure("too dull")
            with self.client.get("/status/404", catch_response=True) as response:
                response.success()
            with self.client.get("/ok", name="own", catch_response=True) as response:
                gevent.sleep(0.5)
                response.failure(KeyError("x"))
    """
    with Server(_drop) as server:
        load = put(code, server.url)
    assert load.outcomes() == {"EXPECTATION": 80, "EXPECTED": 40}
    assert load.outcomes(arrivals=True) == {"EXPECTATION": 40}
    assert "too dull" in load.examples()["200 (expectation)"]
    # The user's code thought about it for a while: that is not the service's doing.
    assert load.of("GET own")["response"].max() < 0.5


@pytest.mark.parametrize("kind", ["HttpUser", "FastHttpUser"])
def test_the_first_refusal_is_kept_as_far_as_it_was_read(put: Any, kind: str) -> None:
    """The error and the beginning of the body; a body that nobody has read is not called empty."""
    code = f"""
    class Someone({kind}):
        @task
        def ask(self):
            self.client.get("/status/401", name="read")
            self.client.get("/status/403", name="stream", stream=True)
    """
    with Server(_drop) as server:
        load = put(code, server.url)
    told = load.examples()
    assert set(told) == {"401", "403"}
    assert told["401"].endswith(', "ok"')
    assert "no body" not in told["403"]


@pytest.mark.parametrize("where", ["__init__", "on_start", "task", "on_stop"])
def test_exceptions_in_the_users_code(put: Any, where: str) -> None:
    """Every arrival fails with an example, whatever it had got done; the run goes on."""
    code = f"""
    class Someone(FastHttpUser):
        def __init__(self, environment):
            super().__init__(environment)
            if {where == "__init__"}: raise LookupError("out of cheese")
        def on_start(self):
            if {where == "on_start"}: raise LookupError("out of cheese")
        @task
        def task(self):
            self.client.get("/")
            if {where == "task"}: raise LookupError("out of cheese")
        def on_stop(self):
            self.client.get("/stop")
            if {where == "on_stop"}: raise LookupError("out of cheese")
    """
    with serve(answer()) as server:
        load = put(code, server.url)
        began = where in {"task", "on_stop"}
        assert server.paths() == ({"/": 40, "/stop": 40} if began else {})
    assert load.outcomes(arrivals=True) == {"USER_CODE": 40}
    assert load.examples() == {"user code": "LookupError: out of cheese"}


def test_other_protocols_listeners_and_modules(put: Any, tmp_path: Path, log: Any) -> None:
    """Events of the user's own are records; listeners fire; its own modules and files are found."""
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "mine.py").write_text("def value(): return 7\n")
    (tmp_path / "code" / "data.txt").write_text("data")
    code = """
    import mine
    assert open("data.txt").read() == "data"
    seen = []
    @events.init.add_listener
    def init(environment, **_): print("init", environment.host is not None)
    @events.test_start.add_listener
    def start(environment, **_): print("{start}")
    @events.request.add_listener
    def request(name, **_): seen.append(name)
    @events.test_stop.add_listener
    def stop(environment, **_):
        total = environment.stats.total
        print("test_stop", len(seen), total.num_requests, total.num_failures)
    class Rpc(User):
        @task
        def call(self):
            import mine
            send = self.environment.events.request.fire
            gevent.sleep(0.01)
            send(request_type="grpc", name="call", response_time=10, response_length=mine.value(),
                 exception=None)
            def child():
                send(request_type="grpc", name="child", response_time=5, response_length=0,
                     exception=RuntimeError("no"))
            gevent.spawn(child).join()
    """
    with serve(answer()) as server:
        load = put(code, server.url)
    assert load.endpoints == ("grpc call", "grpc child")
    # It has no status: that it went well is what the user said.
    assert load.outcomes() == {"EXPECTED": 40, "OTHER": 40}
    assert load.outcomes(arrivals=True) == {"OTHER": 40}
    rows = load.of("grpc call")
    assert rows["response"] == pytest.approx([0.010] * 40)
    assert set(rows["size"]) == {7}
    assert log().split("\n")[:3] == ["init True", "{start}", "test_stop 80 80 40"]


@pytest.mark.timed
def test_stop_test_and_quit_end_the_run(put: Any) -> None:
    """Locust's ways to stop everything: the rest is missed, and nothing is unaccounted for."""
    for end in (
        "raise locust.exception.StopTest('enough')",
        "self.environment.runner.quit()",
    ):
        code = f"""
        class Someone(FastHttpUser):
            count = 0
            @task
            def go(self):
                Someone.count += 1
                if Someone.count == 20: {end}
                self.client.get("/")
        """
        with serve(answer()) as server:
            began = time.monotonic()
            load = put(code, server.url, count=800, seconds=20)
        assert time.monotonic() - began < 10
        (summary,) = load.summaries
        assert 20 <= summary.launched < 30
        assert summary.missed == 800 - summary.launched
        assert summary.stopped
        assert load.outcomes()["ANSWERED"] >= 19


def test_arrivals_are_split_over_processes(put: Any) -> None:
    """Exactly; each numbers its endpoints as it meets them, together each name has one number."""
    code = """
    import itertools, os
    names = itertools.count(os.getpid())
    class Someone(FastHttpUser):
        @task
        def go(self): self.client.get(f"/{next(names) % 7}")
    """
    with serve(answer()) as server:
        load = put(code, server.url, count=100, processes=3)
        paths = server.paths()
    assert [one.planned for one in load.summaries] == [34, 33, 33]
    assert len(load.endpoints) == 7
    for path, count in paths.items():
        assert len(load.of(f"GET {path}")) == count


def test_more_endpoints_than_there_are_numbers(put: Any) -> None:
    """The first 254 have names, the rest is "(other)", in one process and in several."""
    code = """
    import itertools
    names = itertools.count()
    class Someone(FastHttpUser):
        @task
        def go(self): self.client.get(f"/{next(names)}")
    """
    with serve(answer()) as server:
        load = put(code, server.url, count=400, seconds=0.8)
    assert len(load.endpoints) == NAMED_ENDPOINTS + 1
    assert load.endpoints[-1] == OTHER_ENDPOINTS
    assert len(load.of(OTHER_ENDPOINTS)) == 400 - NAMED_ENDPOINTS
    # Those that are answered first have names.
    assert all(len(load.of(one)) == 1 for one in load.endpoints[:-1])
    first = tuple(f"a{n}" for n in range(200))
    merged = merged_endpoints([first, (*(f"b{n}" for n in range(200)), OTHER_ENDPOINTS)])
    assert merged == (*first, *(f"b{n}" for n in range(54)), OTHER_ENDPOINTS)
    assert merged_endpoints([first, first]) == first
    assert merged_endpoints([(OTHER_ENDPOINTS, "a"), ("b",)]) == ("a", "b", OTHER_ENDPOINTS)


@pytest.mark.parametrize("kind", ["HttpUser", "FastHttpUser"])
def test_a_thousand_arrivals_leak_no_descriptors(put: Any, kind: str) -> None:
    """Every arrival has connections of its own, which end with it, even if the server keeps them;
    so do those of users that failed."""
    code = f"""
    class Someone({kind}):
        @task
        def go(self):
            self.client.get("/")
            self.client.get("/")
            raise ValueError
    """
    open_files: list[int] = []

    def look(_: Progress) -> None:
        open_files.extend(child.num_fds() for child in generators())

    count = 1000
    seconds = 5 if kind == "HttpUser" else 3
    with serve(answer()) as server:
        load = put(code, server.url, count=count, seconds=seconds, on_progress=look)
        assert server.connections == count
        wait_for(lambda: server.closed_by_client == server.connections)
    assert load.outcomes() == {"ANSWERED": 2 * count}
    # A leak grows, so it is there in each of the last looks; what a stalled machine has open isn't.
    assert min(open_files[-2:]) < 80


def test_users_that_never_end_are_pending(put: Any) -> None:
    """The run does not wait for them for ever, and says so."""
    code = """
    import sys
    sys.modules["pytest_perfqa.load.engine.user_classes"]._PATIENCE_SECONDS = 0.5
    class Someone(FastHttpUser):
        @task
        def go(self):
            while True:
                try:
                    self.client.get("/silent", name="/")
                    gevent.sleep(1000)
                except BaseException:
                    if self.environment.stats: raise
    """
    with serve(answer()) as server:
        load = put(code, server.url, timeout=0.5)
    assert load.outcomes(arrivals=True) == {"PENDING": 40}
    assert "arrivals had not ended" in load.summaries[0].notes[0]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import no_such_module\nclass A(User): pass", "No module named 'no_such_module'"),
        ("class A: pass", "users.py has no user class that is not abstract"),
        ("class A(HttpUser):\n    abstract = True", "has no user class"),
        ("raise SystemExit(3)\nclass A(HttpUser): pass", "exited with code 3"),
    ],
)
def test_a_file_that_can_not_be_run(put: Any, code: str, expected: str) -> None:
    """The end of the log says why."""
    with serve(answer()) as server, pytest.raises(GeneratorError, match=expected):
        put(code, server.url)


def test_a_class_without_tasks_is_an_error_of_the_users_code(put: Any) -> None:
    """As Locust says it, for every arrival."""
    with serve(answer()) as server:
        load = put("class Someone(HttpUser): pass", server.url)
    assert load.outcomes(arrivals=True) == {"USER_CODE": 40}
    assert "No tasks defined on Someone" in load.examples()["user code"]


def test_records_of_users(put: Any) -> None:
    """Each arrival has a record of its own beside those of its requests."""
    with serve(answer()) as server:
        code = "class A(HttpUser):\n    @task\n    def go(self): self.client.get('/')\n"
        load = put(code, server.url)
    check_account(load)
    kinds = collections.Counter(load.samples.rows["kind"].tolist())
    assert kinds == {RecordKind.STEP: 40, RecordKind.ARRIVAL: 40}
    assert generate is not None


# ---- code that holds the generator up --------------------------------------------------------

COMPUTES = """
def work():
    end = time.thread_time() + 0.03
    while time.thread_time() < end: pass
"""
BLOCKS = """
import gevent.monkey
def work(): gevent.monkey.get_original("time", "sleep")(0.03)
"""
WORKS = """
class Someone(FastHttpUser):
    @task
    def go(self):
        work()
        self.client.get("/")
"""


@pytest.mark.timed
@pytest.mark.parametrize(
    ("code", "said", "passes"),
    [
        (COMPUTES, r"arrivals were sent .* used (8|9|10)\d% of a CPU, all it can", False),
        (BLOCKS, r"arrivals were sent .* was held up [6-9]\d% of the time by code that", True),
    ],
)
def test_code_that_holds_the_generator_up_is_named(
    put: Any, code: str, said: str, *, passes: bool
) -> None:
    """30 ms of it at 40/s is more than there is time for; nobody else is to blame."""
    with serve(answer()) as server:
        load = put(code + WORKS, server.url, seconds=1)
    assert re.search(said, "; ".join(load.causes))
    assert InvalidRun(load.causes).is_worth_repeating is passes
