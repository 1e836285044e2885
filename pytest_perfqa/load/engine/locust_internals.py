"""What is used of Locust though its documentation doesn't have it: here, and nowhere else.

Any release may change it. tests/unit/test_internals.py uses each name and says which is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gevent
from locust.argument_parser import get_parser
from locust.contrib.fasthttp import LocustBadStatusCode
from locust.stats import StatsError
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING, DefaultTaskSet
from locust.util.load_locustfile import load_locustfile

if TYPE_CHECKING:
    from gevent import Greenlet
    from gevent.pool import Group

__all__ = [
    "DefaultTaskSet",
    "LocustBadStatusCode",
    "StatsError",
    "begin",
    "content_kept",
    "get_parser",
    "keep_tagged_tasks",
    "load_locustfile",
    "next_task",
    "send_away",
    "start_user",
    "tell_running",
    "user_greenlets",
    "wait_until_spawned",
]


def begin(user: Any) -> Any:
    """Let a user run in the current greenlet, as ``User.run`` does; give its set of tasks."""
    user._state = LOCUST_STATE_RUNNING
    user._greenlet = gevent.getcurrent()
    user._taskset_instance = root = DefaultTaskSet(user)
    return root


def next_task(tasks: Any) -> Any:
    """Give the task of a set that was scheduled, else the one that is picked."""
    queue = tasks._task_queue
    return queue.popleft() if queue else tasks.get_next_task()


def start_user(user: Any, environment: Any) -> Greenlet:
    """Let a user run as one of the runner's."""
    user.start(user_greenlets(environment))
    return user.greenlet


def send_away(user: Any, *, is_at_work: bool) -> None:
    """Let a user end after what it is doing; one that only waits ends at once."""
    if is_at_work or user._state == LOCUST_STATE_RUNNING:
        user._state = LOCUST_STATE_STOPPING
    elif user._state != LOCUST_STATE_STOPPING:
        gevent.spawn(user.stop)


def user_greenlets(environment: Any) -> Group:
    """Give the greenlets of the users that the runner knows."""
    return environment.runner.user_greenlets


def wait_until_spawned(runner: Any) -> None:
    """Wait until all users that were asked for have been started."""
    runner.spawning_greenlet.join()


def keep_tagged_tasks(environment: Any) -> None:
    """Drop tasks whose tags say so, as runners do before their first user."""
    environment._filter_tasks_by_tags()


def content_kept(response: Any) -> object:
    """Give the body of an answer to HttpSession, which is one of requests', if it has been read."""
    return getattr(response, "_content", None)


def tell_running(runner: Any) -> None:
    """Have a runner say that it runs, which it does not by itself without users of its own."""
    runner.update_state("running")
