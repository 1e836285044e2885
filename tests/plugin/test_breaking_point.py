"""perf_breaking_point: on real servers, shared by tests, told in the summary."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from inner import QUARTER, inner

if TYPE_CHECKING:
    from inner import Told
    from project import Project

# Two at work, three wait, others are turned away; but /ping is always answered at once.
ROOM = """
import http.server, sys, threading, time

room, workers = threading.Semaphore(5), threading.Semaphore(2)

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/ping":
            self.answer(200)
        elif not room.acquire(blocking=False):
            self.answer(503)
        else:
            with workers:
                time.sleep(0.05)
            room.release()
            self.answer(200)

    do_POST = do_GET

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass

http.server.ThreadingHTTPServer.request_queue_size = 128
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
server.daemon_threads = True
server.serve_forever()
"""
ROOM_SERVICE = """
ready: /ping
endpoint: app
process: {{app: {{command: "python {folder}/room.py {{port}}"}}}}
"""
GUNICORN = """
import time

def app(environ, start):
    if environ["PATH_INFO"] == "/":
        time.sleep(0.1)
    start("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""
GUNICORN_SERVICE = """
ready: /ping
endpoint: app
process:
  app: {{command: "python -m gunicorn -w 4 --chdir {folder} -b 127.0.0.1:{{port}} four:app"}}
"""


@pytest.fixture
def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def room(project: Project) -> Project:
    """A service with room for five requests."""
    folder = project.service("room", ROOM_SERVICE)
    (folder / "room.py").write_text(ROOM)
    return project


def on_rooms(
    name: str,
    text: str,
    files: dict[str, str] | None = None,
    *,
    arguments: tuple[str, ...] = (),
) -> pytest.MarkDecorator:
    """Have tests run on a service of that name with room for five requests."""
    return inner(
        text,
        {f"services/{name}/room.py": ROOM, **(files or {})},
        services={name: ROOM_SERVICE},
        arguments=arguments,
    )


@on_rooms(
    "room",
    """
    @pytest.mark.parametrize("again", [1, 2])
    def test_room(perf_breaking_point, again):
        found = perf_breaking_point("/", burst_within="10ms")
        assert (found.size, found.cause, found.confirmed) == (5, "5xx", True)
        assert found.rate == "500/s" and found.high == "600/s"
        assert [probe.verdict.name for probe in found.probes] == [
            "FAILED", "FAILED", "PASSED"
        ]
    """,
)
def test_burst_capacity(told: Told) -> None:
    """Found on a real service, told in a line; one search for all tests that ask the same."""
    told.assert_outcomes(passed=2)
    told.session.fnmatch_lines(
        [
            "perfqa: burst capacity of room, GET /: 600 s at most",
            "service  breaking point *",
            "room *GET /, within 10 ms, error_rate == 0% *500/s *500/s *600/s *5xx *PASSED",
        ]
    )
    assert str(told.session).count("burst capacity of room") == 1


@on_rooms(
    "room",
    """
    def test_room(perf_breaking_point):
        found = perf_breaking_point("/", burst_within="40ms")
        assert found.rate == pytest.approx(125)
        assert found.rate == "125/s"
        assert found.measured_rate == pytest.approx(500)
    """,
    arguments=QUARTER,
)
def test_figures_are_at_full_scale(told: Told) -> None:
    """A window is shorter under a time scale, the rate found is the same at every scale."""
    told.assert_outcomes(passed=1)
    told.session.fnmatch_lines(["rates of breaking points are at full scale"])


@pytest.mark.timed
def test_an_address_that_someone_else_serves(room: Project, free_port: int) -> None:
    """Nothing is known of it but its answers: the canaries ask the path itself."""
    command = [sys.executable, str(room.path / "services/room/room.py"), str(free_port)]
    with subprocess.Popen(command) as server:
        try:
            room.test("""
                def test_room(perf_breaking_point):
                    assert perf_breaking_point("/", burst_within="10ms").size == 5
            """)
            room.run(f"--perfqa-url=http://127.0.0.1:{free_port}").assert_outcomes(passed=1)
        finally:
            server.kill()


@on_rooms(
    "hall",
    """
    def test_room(perf_breaking_point):
        assert perf_breaking_point("/", burst_within="10ms").rate >= "1000/s"
    """,
)
def test_a_failed_requirement_shows_the_probes(told: Told) -> None:
    """What was found stands beside the assertion."""
    told.assert_outcomes(failed=1)
    told.stdout.fnmatch_lines(
        ["*perfqa breaking point*", "*burst capacity of hall GET /: 500/s*", "*FAILED*503*"]
    )
    told.session.fnmatch_lines(["hall *FAILED"])


ONE = """
config: {phases: [{duration: 1, arrivalRate: 1}]}
scenarios: [{flow: [{post: {url: /orders, json: {a: 1}}}]}]
"""
TWO = """
config: {phases: [{duration: 1, arrivalRate: 1}]}
scenarios: [{flow: [{get: {url: /}}, {get: {url: /ping}}]}]
"""


@on_rooms(
    "hall",
    """
    from pytest_perfqa import ConfigurationError

    def test_order(perf_breaking_point):
        found = perf_breaking_point("order.yaml", burst_within="10ms")
        assert (found.target, found.size) == ("POST /orders", 5)

    def test_two(perf_breaking_point):
        with pytest.raises(ConfigurationError, match="two.yaml.*one flow of one request"):
            perf_breaking_point("two.yaml", burst_within="10ms")
        with pytest.raises(ConfigurationError, match="accepted: a path"):
            perf_breaking_point("heavy")
        with pytest.raises(ConfigurationError, match="is no condition"):
            perf_breaking_point("/", slo="fast")
    """,
    {"order.yaml": ONE, "two.yaml": TWO},
)
def test_a_scenario_of_one_request_is_what_is_sent(told: Told) -> None:
    """Its method, headers and body; a scenario of more is an error that says so."""
    told.assert_outcomes(passed=2)


@on_rooms(
    "hall",
    """
    def test_room(perf_breaking_point):
        perf_breaking_point("/", burst_within="10ms", budget=0.05)
    """,
)
def test_an_inconclusive_search_fails_and_says_so(told: Told) -> None:
    """A budget in which nothing can be told."""
    told.assert_outcomes(failed=1)
    told.stdout.fnmatch_lines(["*INCONCLUSIVE: the budget ran out*"])
    told.session.fnmatch_lines(["hall *INCONCLUSIVE"])


@inner(
    """
    def test_four(perf_breaking_point):
        found = perf_breaking_point("/", budget="60s")
        assert found.rate == pytest.approx(4 / 0.1, rel=0.05)
        assert found.confirmed and found.low < found.rate < found.high
        assert found.wall < 60
    """,
    {"services/four/four.py": GUNICORN},
    services={"four": GUNICORN_SERVICE},
)
def test_sustained_capacity_of_a_gunicorn(told: Told) -> None:
    """Four workers of 0.1 s: 40 per second, to 5 %, in less than a minute."""
    told.assert_outcomes(passed=1)
