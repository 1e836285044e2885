"""Locust's own model: so many users, each doing one thing after the other.

It slows down with the service: nothing is due that the service does not let begin. So there is no
schedule to keep, and every pass that begins is an arrival, due when it begins.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from functools import wraps
from itertools import count
from typing import TYPE_CHECKING, Any

import gevent
from gevent import GreenletExit
from gevent.hub import get_hub
from locust import LoadTestShape, TaskSet, User, constant, task
from locust.exception import StopTest

from ...scenario.schedule import crowd, shard_users
from ..wire.outcome import Outcome
from .clock import Alarm
from .locust_internals import DefaultTaskSet, send_away, start_user, user_greenlets
from .user_classes import ENDINGS, Users, is_task_set
from .user_requests import Arrival, arrival_of, bind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..wire.plan import Plan, Summary
    from .account import Account
    from .flows import Flows

_KILL_SECONDS = 5.0


class PhaseShape(LoadTestShape):  # type: ignore[misc]  # Locust is untyped here
    """The phases of a scenario as Locust asks for them.

    Locust asks once a second, which is too seldom for phases of a few seconds: here it is asked
    whenever the number of users changes.
    """

    def __init__(self, steps: tuple[tuple[float, int], ...]) -> None:
        super().__init__()
        self.steps = steps

    def tick(self) -> tuple[int, float] | None:
        """Give the number of users at this moment, and how many to start in a second."""
        now = self.get_run_time()
        if now >= self.steps[-1][0]:
            return None
        users = [users for moment, users in self.steps if moment <= now][-1]
        return users, float(max(users, 1))


def shape_of(plan: Plan) -> PhaseShape:
    """Give the shape of one generator's part of all users."""
    return PhaseShape(
        tuple(
            (moment, shard_users(users, plan.shard, plan.shards))
            for moment, users in crowd(plan.scenario)
        )
    )


class Crowd:
    """The users of one generator process: as many at any time as the shape says."""

    def __init__(
        self,
        plan: Plan,
        account: Account,
        environment: Any,
        users: Users,
        *,
        abandon: Callable[[], None] | None = None,
    ) -> None:
        self._account = account
        self._environment = environment
        self._users = users
        self._abandon = abandon
        self._steps: tuple[tuple[float, int], ...] = environment.shape_class.steps
        self._classes = list(environment.user_classes)
        self._timeout = plan.scenario.timeout
        self._alarm = Alarm()
        self._alive: list[Any] = []
        self._stopped: str | None = None
        environment.events.user_error.add_listener(self._on_user_error)

    def run(self, start: float) -> Summary:
        """Let users come and go, from ``start`` to the end of the shape, and wait for the last."""
        self._account.open(start)
        self._alarm.wait_until(start)
        self._environment.shape_class.reset_time()
        for moment, users in self._steps:
            self._alarm.wait_until(start + moment)
            if self._stopped is not None:
                break
            self._become(users)
        self._finish()
        self._alarm.close()
        return self._account.summary(self._account.launched, self._stopped)

    def stop(self, reason: str) -> None:
        """Begin nothing more, and end what is under way as pending."""
        if self._stopped is None:
            self._stopped = reason or "it was told to"
            self._alarm.interrupt()

    def _become(self, number: int) -> None:
        while len(self._alive) < number:
            self._start(self._next_class())
        while len(self._alive) > number:
            self._send_away(self._alive.pop())

    def _next_class(self) -> Any:
        """Give the class that is furthest below its share; a fixed count comes first."""
        there = {one: sum(type(user) is one for user in self._alive) for one in self._classes}
        for one in self._classes:
            if there[one] < one.fixed_count:
                return one
        weighted = [one for one in self._classes if not one.fixed_count] or self._classes
        return min(weighted, key=lambda one: (there[one] + 1) / (one.weight or 1))

    def _start(self, user_class: Any) -> None:
        user = self._users.new(user_class)
        self._alive.append(user)
        greenlet = start_user(user, self._environment)
        bind(greenlet, None)
        greenlet.rawlink(lambda _: self._ended(user))

    def _ended(self, user: Any) -> None:
        if user in self._alive:
            self._alive.remove(user)
        gevent.spawn(self._users.dispose, user)

    def _send_away(self, user: Any) -> None:
        send_away(user, is_at_work=arrival_of(user.greenlet) is not None)

    def _finish(self) -> None:
        while self._alive:
            self._send_away(self._alive.pop())
        greenlets = user_greenlets(self._environment)
        if self._stopped is None:
            deadline = time.monotonic() + self._timeout
            greenlets.join(self._timeout)
            # A user that Locust has killed may have left its pass behind.
            self._account.idle.wait(max(0.0, deadline - time.monotonic()))
        if self._abandon is not None:
            # Its passes end by themselves, each with its record.
            get_hub().loop.run_callback(self._abandon)
            self._account.idle.wait(_KILL_SECONDS)
        greenlets.kill(block=True, timeout=_KILL_SECONDS)

    def _on_user_error(self, user_instance: Any, exception: BaseException, **_: Any) -> None:
        """Account for a user that failed before it did anything: Locust lets it go."""
        if isinstance(user_instance, User):
            now = time.monotonic()
            arrival = Arrival(now, self._account.phase_at(now), scheduled=False)
            self._account.began()
            arrival.raised(exception)
            arrival.note(self._account)


def passes_of(flows: Flows, account: Account, plan: Plan) -> Any:
    """Give a Locust class whose users walk through the flows, again and again."""
    numbers = count(plan.shard, plan.shards)

    class Passes(User):  # type: ignore[misc]
        wait_time = constant(0)

        @task  # type: ignore[untyped-decorator]
        def walk(self) -> None:
            """Run one pass."""
            now = time.monotonic()
            flows.walk(next(numbers), now, account.phase_at(now))

    return Passes


def count_tasks(account: Account, stop_test: Callable[[str], None]) -> None:
    """Make an arrival of every task that Locust's users in this process do."""

    @contextmanager
    def counted() -> Iterator[None]:
        now = time.monotonic()
        greenlet = gevent.getcurrent()
        outer = arrival_of(greenlet)
        if outer is not None:  # a task called by a task
            yield
            return
        arrival = Arrival(now, account.phase_at(now), scheduled=False)
        account.began()
        bind(greenlet, arrival)
        try:
            yield
        except ENDINGS:
            raise
        except GreenletExit:
            arrival.failed(Outcome.PENDING, "the run ended")
            raise
        except StopTest as error:
            stop_test(f"a user raised StopTest: {error}")
            raise
        except Exception as error:
            arrival.raised(error)
            raise
        finally:
            bind(greenlet, None)
            arrival.note(account)

    for kind in (TaskSet, DefaultTaskSet):
        kind.execute_task = _counting(kind.execute_task, counted)


def _counting(original: Callable[..., None], counted: Callable[[], Any]) -> Callable[..., None]:
    @wraps(original)
    def execute_task(self: Any, chosen: Any) -> None:
        if is_task_set(chosen):  # its own tasks are counted
            original(self, chosen)
        else:
            with counted():
                original(self, chosen)

    return execute_task


def share_fixed_counts(classes: list[Any], plan: Plan) -> list[Any]:
    """Split users of a fixed count over the generators; give the classes that this one runs."""
    for one in classes:
        if one.fixed_count:
            one.fixed_count = shard_users(one.fixed_count, plan.shard, plan.shards)
            one.weight = 1 if one.fixed_count else 0
    return [one for one in classes if one.weight > 0] or classes
