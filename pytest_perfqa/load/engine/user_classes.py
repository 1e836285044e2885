"""The user's own Locust classes: found in their file, and run once for each arrival."""

from __future__ import annotations

import os
import random
import time
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from gevent import Greenlet, GreenletExit
from locust import SequentialTaskSet, TaskSet
from locust.clients import HttpSession
from locust.contrib.fasthttp import FastHttpSession
from locust.exception import (
    InterruptTaskSet,
    RescheduleTask,
    RescheduleTaskImmediately,
    StopTest,
    StopUser,
)

from ..wire.outcome import Outcome
from .flows import draw
from .locust_internals import DefaultTaskSet, begin, load_locustfile, next_task
from .user_requests import Arrival, bind, without_resending

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .account import Account

_RESCHEDULED = (RescheduleTask, RescheduleTaskImmediately)
# What ends a task, a set of tasks or a user without being an error.
ENDINGS = (StopUser, InterruptTaskSet, *_RESCHEDULED)
# Nothing was answered and nobody came to an end for so long, beyond the time-out of a request.
_PATIENCE_SECONDS = 30.0
_KILL_SECONDS = 5.0


def load_user_classes(path: Path) -> list[Any]:
    """Import a locustfile, as Locust does, from its own folder.

    Raises:
        ValueError: there is no class in it that Locust would run.
    """
    os.chdir(path.parent)
    classes, _ = load_locustfile(str(path))
    runnable = [one for one in classes.values() if one.weight > 0 or one.fixed_count > 0]
    if not runnable:
        raise ValueError(f"{path} has no user class that is not abstract and has a weight")
    return runnable


class Users:
    """Makes instances of the user's classes, and sees to what they leave behind."""

    def __init__(self, account: Account, environment: Any) -> None:
        self._account = account
        self._environment = environment

    def new(self, user_class: Any) -> Any:
        """Make an instance whose client sends nothing twice."""
        user = user_class(self._environment)
        if without_resending(getattr(user, "client", None)):
            self._account.notes[
                f"max_retries of {user_class.__name__} is not kept: no request is sent again"
            ] = None
        return user

    def dispose(self, user: Any) -> None:
        """Close a user's connections, unless it shares them with others."""
        client = getattr(user, "client", None)
        if isinstance(client, FastHttpSession) and user.client_pool is None:
            client.client.close()
        elif isinstance(client, HttpSession) and user.pool_manager is None:
            for adapter in client.adapters.values():
                _close_pools(getattr(adapter, "poolmanager", None))
            client.close()

    def error(self, user: Any, error: BaseException) -> None:
        """Tell Locust of an exception in a user's code, as its own loop does."""
        self._environment.events.user_error.fire(
            user_instance=user, exception=error, tb=error.__traceback__
        )


def _close_pools(manager: Any) -> None:
    """Close the connections of urllib3's pools: it does so only when they are collected."""
    for key in manager.pools.keys() if manager is not None else ():
        pool = manager.pools.get(key)
        if pool is not None:
            pool.close()


class UserArrivals:
    """Arrivals that each are a new user: its start, one task, its end."""

    def __init__(
        self,
        account: Account,
        users: Users,
        classes: list[Any],
        *,
        seed: int,
        timeout: float,
        stop_test: Callable[[str], None],
    ) -> None:
        self._account = account
        self._users = users
        self._classes = classes
        # A fixed count of users has no sense where users come and go: all are drawn by weight.
        self._weights = list(accumulate(max(one.weight, 0) or 1 for one in classes))
        self._seed = seed
        self._patience = timeout + _PATIENCE_SECONDS
        self._stop_test = stop_test
        self._at_work: dict[Greenlet, Arrival] = {}
        self._heard = 0.0

    def begin(self, index: int, due: float, phase: int) -> None:
        """Send an arrival on its way."""
        number = draw(self._weights, f"{self._seed}:user:{index}")
        arrival = Arrival(due, phase, scheduled=True)
        greenlet = Greenlet(self._pass, self._classes[number], arrival)
        bind(greenlet, arrival)
        self._account.began()
        self._at_work[greenlet] = arrival
        greenlet.rawlink(self._ended)
        greenlet.start()

    def drain(self) -> None:
        """Wait until all have ended, but not for those from whom nothing is heard any more."""
        while self._at_work and not self._account.idle.wait(self._patience):
            if time.monotonic() > self._heard + self._patience:
                self._account.notes[
                    f"{len(self._at_work)} arrivals had not ended {self._patience:g} s after the "
                    "last that did; they are pending"
                ] = None
                self.abandon()
                self._account.idle.wait(_KILL_SECONDS)
                break
        for greenlet in list(self._at_work):  # they would not even let themselves be killed
            self._at_work[greenlet].failed(Outcome.PENDING, "the run ended")
            self._ended(greenlet)

    def abandon(self) -> None:
        """End what is under way as pending."""
        for greenlet, arrival in list(self._at_work.items()):
            arrival.failed(Outcome.PENDING, "the run ended")
            greenlet.kill(block=False)

    def close(self) -> None:
        """Do nothing: every user has had its own connections."""

    def _ended(self, greenlet: Greenlet) -> None:
        arrival = self._at_work.pop(greenlet, None)
        if arrival is not None:
            self._heard = time.monotonic()
            arrival.note(self._account)

    def _pass(self, user_class: Any, arrival: Arrival) -> None:
        arrival.began = time.monotonic()
        user = None
        try:
            user = self._users.new(user_class)
            run_once(user)
        except GreenletExit:
            pass  # it has been told that it is pending
        except StopTest as error:
            self._stop_test(f"a user raised StopTest: {error}")
        except Exception as error:  # noqa: BLE001 - whatever the user's code does is recorded
            arrival.raised(error)
            if user is not None:
                self._users.error(user, error)
        finally:
            if user is not None:
                self._users.dispose(user)


def run_once(user: Any) -> None:
    """Let a user begin, do one task, and end; its exceptions are the caller's."""
    root = begin(user)
    try:
        user.on_start()
    except (GreenletExit, StopUser):
        user.on_stop()
        return
    try:
        _run_next(root)
    except ENDINGS:
        pass
    finally:
        user.on_stop()


def _run_next(owner: Any) -> None:
    """Do one of a set's tasks."""
    chosen = next_task(owner)
    if is_task_set(chosen):
        _run_set(chosen(owner.user if isinstance(owner, DefaultTaskSet) else owner))
    else:
        owner.execute_task(chosen)


def _run_set(tasks: Any) -> None:
    """Do one task of a nested set, or all of a sequence, once."""
    try:
        tasks.on_start()
    except InterruptTaskSet:
        return
    try:
        for number in range(len(tasks.tasks) if isinstance(tasks, SequentialTaskSet) else 1):
            if number:
                tasks.wait()
            try:
                _run_next(tasks)
            except _RESCHEDULED:
                continue
    except InterruptTaskSet:
        pass
    finally:
        tasks.on_stop()


def is_task_set(task: Any) -> bool:
    """Tell a set of tasks from a task."""
    return isinstance(task, type) and issubclass(task, TaskSet)


def repeatable(seed: int, shard: int) -> None:
    """Let Locust pick the same tasks in every run: it does with the one generator of Python."""
    random.seed(f"{seed}:{shard}")
