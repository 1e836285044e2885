"""Uses each name of Locust's and geventhttpclient's that no documentation has; run as a script.

Locust patches the standard library when it is imported: not in the process of these tests. Prints,
for each package, what doesn't do what it did.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections import deque
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import gevent
import locust
from gevent.server import StreamServer
from geventhttpclient.useragent import RetriesExceeded, UserAgent
from locust import HttpUser, User, constant, tag, task
from locust.env import Environment

from pytest_perfqa.load.engine import geventhttpclient_internals, locust_internals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS = 5.0
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"


class Worker(User):  # type: ignore[misc]
    """A user that goes on for as long as it may."""

    wait_time = constant(0)
    done = 0

    @tag("wanted")  # type: ignore[untyped-decorator]
    @task  # type: ignore[untyped-decorator]
    def work(self) -> None:
        """Work until nobody wants it."""
        self.done += 1
        locust_internals.send_away(self, is_at_work=True)

    @task  # type: ignore[untyped-decorator]
    def idle(self) -> None:
        """Do nothing."""


def environment(*classes: Any) -> Any:
    """Give an environment with a runner."""
    found = Environment(user_classes=list(classes) or [Worker], host="http://127.0.0.1:1")
    found.create_local_runner()
    return found


def state() -> None:
    """User._state, ._greenlet and ._taskset_instance."""
    user = Worker(environment())
    attributes = ("_state", "_greenlet", "_taskset_instance")
    assert [getattr(user, name) for name in attributes] == [None, None, None]
    root = locust_internals.begin(user)
    root.schedule_task(Worker.work)
    with contextlib.suppress(locust.exception.StopUser):
        root.run()
    assert user.done == 1
    assert user.greenlet is gevent.getcurrent()


def task_queue() -> None:
    """TaskSet._task_queue."""
    root = locust_internals.DefaultTaskSet(Worker(environment()))
    assert root._task_queue == deque()
    assert locust_internals.next_task(root) in Worker.tasks
    root.schedule_task(print)
    assert locust_internals.next_task(root) is print


def tags() -> None:
    """Environment._filter_tasks_by_tags."""

    class Tagged(Worker):
        pass

    wanted = environment(Tagged)
    wanted.tags = ["wanted"]
    locust_internals.keep_tagged_tasks(wanted)
    assert [one.__name__ for one in Tagged.tasks] == ["work"]


def greenlets() -> None:
    """User.start and runner.user_greenlets."""
    here = environment()
    greenlet = locust_internals.start_user(Worker(here), here)
    assert greenlet in locust_internals.user_greenlets(here)
    greenlet.join()


def spawning() -> None:
    """runner.spawning_greenlet and .update_state."""
    runner = environment().runner
    runner.start(1, spawn_rate=100)
    locust_internals.wait_until_spawned(runner)
    assert runner.state == "running"
    runner.quit()
    locust_internals.tell_running(runner)
    assert runner.state == "running"


def parser() -> None:
    """locust.argument_parser.get_parser."""
    options, _ = locust_internals.get_parser(default_config_files=[]).parse_known_args(
        ["--headless", "--host", "http://here"]
    )
    assert (options.headless, options.host) == (True, "http://here")


def locustfiles() -> None:
    """locust.util.load_locustfile."""
    with TemporaryDirectory() as folder:
        file = Path(folder, "users.py")
        file.write_text("from locust import User\nclass Mine(User):\n    tasks = [lambda _: 0]\n")
        classes, _ = locust_internals.load_locustfile(str(file))
    assert list(classes) == ["Mine"]


def errors() -> None:
    """locust.stats.StatsError and LocustBadStatusCode."""
    kind = locust_internals.StatsError
    assert kind.create_key("GET", "/", "x") != kind.create_key("GET", "/", "y")
    error = kind("GET", "/", "x")
    error.occurred()
    assert error.occurrences == 1
    assert issubclass(locust_internals.LocustBadStatusCode, Exception)


def content_of_requests() -> None:
    """Response._content of requests."""
    with answering(ANSWER + b"ok") as url:
        user = type("Asker", (HttpUser,), {"host": url, "tasks": [print]})(environment())
        response = user.client.get(url, stream=True)
        assert locust_internals.content_kept(response) is False
        assert response.content == b"ok"
        assert locust_internals.content_kept(response) == b"ok"


@contextlib.contextmanager
def answering(answer: bytes, asked: list[bytes] | None = None) -> Iterator[str]:
    """Give the address of what reads a request, answers so, and hangs up."""

    def serve(peer: Any, _: object) -> None:
        data = peer.recv(4096)
        if asked is not None:
            asked.append(data)
        peer.sendall(answer)
        peer.close()

    server = StreamServer(("127.0.0.1", 0), serve)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.stop()


def llhttp() -> None:
    """HTTPResponse._on_..., ._body_buffer and .get_code."""
    parse = geventhttpclient_internals.ResponseParser("GET")
    parse.feed(ANSWER + b"ok")
    assert (parse.status, parse.finished, parse.take_body()) == (200, True, b"ok")
    assert parse._header_bytes == len("Content-Length") + len("2")
    try:
        parse.feed(ANSWER)
    except geventhttpclient_internals.HTTPParseError:
        return
    raise AssertionError("an answer after the answer is taken in")


def resending() -> None:
    """UserAgent.max_retries, .clientpool.get_client and HTTPClient._connection_pool.size."""
    asked: list[bytes] = []
    with answering(b"", asked) as url:
        agent = UserAgent(max_retries=3)
        assert geventhttpclient_internals.send_once(agent)
        assert not geventhttpclient_internals.send_once(agent)
        with contextlib.suppress(geventhttpclient_internals.HTTPConnectionClosed):
            agent.urlopen(url)
        agent.close()
    assert len(asked) == 1, f"sent {len(asked)} times"


def causes() -> None:
    """RetriesExceeded.original."""
    error = OSError()
    wrapped = RetriesExceeded("http://here", 1, original=error)
    assert geventhttpclient_internals.error_within(wrapped) is error
    assert geventhttpclient_internals.error_within(error) is None


def content_of_fast_users() -> None:
    """CompatResponse._cached_content."""
    with answering(ANSWER + b"ok") as url:
        response = UserAgent().urlopen(url)
        assert geventhttpclient_internals.content_cached(response) is None
        assert response.content == b"ok"
        assert geventhttpclient_internals.content_cached(response) == b"ok"


def statuses() -> None:
    """geventhttpclient.useragent.BadStatusCode."""
    with answering(ANSWER.replace(b"200", b"503") + b"no") as url:
        try:
            UserAgent().urlopen(url)
        except geventhttpclient_internals.BadStatusCode:
            return
    raise AssertionError("a 503 is no error")


USES: dict[str, tuple[Callable[[], None], ...]] = {
    "locust": (
        state,
        task_queue,
        tags,
        greenlets,
        spawning,
        parser,
        locustfiles,
        errors,
        content_of_requests,
    ),
    "geventhttpclient": (llhttp, resending, causes, content_of_fast_users, statuses),
}


def broken(use: Callable[[], None]) -> str | None:
    """Say what is no longer so."""
    try:
        with gevent.Timeout(SECONDS):
            use()
    except (Exception, gevent.Timeout) as error:  # noqa: BLE001 - whatever it is, it is said
        return f"{use.__doc__} {type(error).__name__}: {error}"
    return None


if __name__ == "__main__":
    said = {name: [what for use in uses if (what := broken(use))] for name, uses in USES.items()}
    sys.stdout.write(json.dumps(said))
