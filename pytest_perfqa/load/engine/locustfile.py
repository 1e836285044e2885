"""The generator process: Locust, in which arrivals are sent or users come and go.

Started by generator.py as ``python -m pytest_perfqa.load.engine.locustfile PLAN``. Locust patches
the standard library when it is imported, so this module is never imported in the pytest process.

It speaks in lines: ``ready`` on standard output, then one JSON object a second while it works,
``windows COUNTS`` where a threshold may stop the run, and ``done`` at the end; ``go MOMENT`` (of
the system-wide monotonic clock) and ``stop REASON`` on standard input. The end of standard input
means that pytest is gone: it stops at once. What the user's code prints goes to the log.
"""

from __future__ import annotations

import gc
import json
import math
import os
import resource
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import gevent
import locust
import numpy as np
from gevent import os as gevent_os
from gevent.event import AsyncResult, Event
from locust import User, task
from locust.env import Environment

from ...machine.priority import prefer
from ..wire.outcome import (
    COMPLETED,
    FAILED,
    Outcome,
    failed,
    latencies,
    unexpected,
    with_status,
)
from ..wire.plan import Plan, Summary, endpoints
from ..wire.record import RECORD, Recorder, RecordKind
from ..wire.tally import Tallies
from ..wire.watch import aborting
from . import locust_stats
from .account import Account
from .clock import Idle
from .closed import Crowd, count_tasks, passes_of, shape_of, share_fixed_counts
from .dispatcher import Dispatcher
from .effort import EVERY, Effort
from .flows import Flows
from .locust_internals import get_parser, keep_tagged_tasks, tell_running, wait_until_spawned
from .user_classes import UserArrivals, Users, load_user_classes, repeatable
from .user_requests import Requests, bound_requests

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_STATUSES = 1000  # codes have three digits
_LINES_EVERY = 10  # a line of progress for about so many looks at the records
_ROUNDING = 1e-9
_GARBAGE_THRESHOLD = 100_000
# Locust's users leave cycles behind: a hundred thousand of their objects take 0.1 s to free, which
# was seen as lag, so a few at a time are.
_USERS_GARBAGE_THRESHOLD = 2_000


class Driver(Protocol):
    """What sends the load."""

    def run(self, start: float) -> Summary:
        """Work, from the moment ``start`` to the end of the last answer."""

    def stop(self, reason: str) -> None:
        """Begin nothing more, and end what is under way as pending."""


class Arrivals(User):  # type: ignore[misc]  # Locust is untyped here
    """The one user that Locust sees while arrivals are sent."""

    fixed_count = 1

    @task  # type: ignore[untyped-decorator]
    def wait_for_all(self) -> None:
        """Wait until the run is over."""
        Event().wait()


class GeneratorProcess:
    """One plan at work: Locust, the account, and the lines to and from pytest."""

    def __init__(self, plan: Plan, recorder: Recorder, say: Lines) -> None:
        self.plan = plan
        self.recorder = recorder
        self._window = plan.scenario.window
        self._every = _looks(self._window)
        # Only code of the user's can block the loop.
        idle = None if plan.scenario.locustfile is None else Idle()
        self.account = Account(plan, recorder, Effort(plan, self._every, idle=idle))
        self.labels = endpoints(plan.scenario)
        self._say = say
        self._start: AsyncResult[float] = AsyncResult()
        self._statuses = np.zeros(_STATUSES, dtype=np.int64)
        self._errors = np.zeros(len(Outcome), dtype=np.int64)
        self._bad = 0
        self._arrivals = np.zeros(len(Outcome), dtype=np.int64)
        self._tallies = self.tallies()
        self._summary: Summary | None = None
        classes = [] if plan.scenario.locustfile is None else self._load(plan.scenario.locustfile)
        build = self._open if plan.scenario.model == "open" else self._closed
        self.environment, self.driver = build(classes)
        self.runner = self.environment.create_local_runner()
        if classes:
            noted = Requests(self.account)
            self.environment.events.request.add_listener(noted.on_request)
            bound_requests(plan.scenario.timeout, noted)
        self.environment.events.test_stopping.add_listener(
            lambda **_: self._stop("the locustfile ended the test")
        )
        self.environment.events.init.fire(
            environment=self.environment, runner=self.runner, web_ui=None
        )

    def tallies(self) -> Tallies:
        """Give an empty count of what may stop the run."""
        scenario = self.plan.scenario
        return Tallies(aborting(scenario), scenario, self.account.number_of)

    def _load(self, path: Path) -> list[Any]:
        classes = load_user_classes(path)
        repeatable(self.plan.scenario.seed, self.plan.shard)
        for one in classes:
            one.host = self.plan.url
        return classes

    def _environment(self, classes: list[Any], **options: Any) -> Any:
        parser = get_parser(default_config_files=[])
        parsed, _ = parser.parse_known_args(["--headless", "--host", self.plan.url])
        return Environment(
            user_classes=classes,
            events=locust.events,
            host=self.plan.url,
            parsed_options=parsed,
            **options,
        )

    def _open(self, classes: list[Any]) -> tuple[Any, Driver]:
        environment = self._environment([Arrivals, *classes])
        if not classes:
            flows = Flows(self.plan, self.account)
            return environment, Dispatcher(self.plan, self.account, flows)
        arrivals = UserArrivals(
            self.account,
            Users(self.account, environment),
            classes,
            seed=self.plan.scenario.seed,
            timeout=self.plan.scenario.timeout,
            stop_test=self._stop,
        )
        return environment, Dispatcher(self.plan, self.account, arrivals)

    def _closed(self, classes: list[Any]) -> tuple[Any, Driver]:
        abandon = None
        if classes:
            classes = share_fixed_counts(classes, self.plan)
            count_tasks(self.account, self._stop)
        else:
            flows = Flows(self.plan, self.account)
            classes = [passes_of(flows, self.account, self.plan)]
            abandon = flows.abandon
        environment = self._environment(classes, shape_class=shape_of(self.plan))
        users = Users(self.account, environment)
        crowd = Crowd(self.plan, self.account, environment, users, abandon=abandon)
        return environment, crowd

    def run(self) -> None:
        """Be ready, wait for the start, work, and end."""
        gevent.spawn(self._listen)
        worker = gevent.spawn(self._drive)
        if self.plan.scenario.model == "open":
            self.runner.start(1, spawn_rate=1)
            wait_until_spawned(self.runner)
        else:
            self._start_closed()
        self._say("ready")
        start = self._start.get()
        watcher = gevent.spawn(self._watch, start)
        worker.join()
        self.runner.quit()
        watcher.kill()
        self._finish()

    def _start_closed(self) -> None:
        """Do what Locust's runner does before its first user; the users are the crowd's."""
        keep_tagged_tasks(self.environment)
        self.environment.events.test_start.fire(environment=self.environment)
        tell_running(self.runner)

    def _stop(self, reason: str) -> None:
        if self._summary is None:
            self.driver.stop(reason)

    def _drive(self) -> None:
        try:
            self._summary = self.driver.run(self._start.get())
        except Exception:  # noqa: BLE001 - whatever it is, this process must end and say why
            traceback.print_exc()
            os._exit(1)

    def _finish(self) -> None:
        self._look()
        self.environment.events.quitting.fire(environment=self.environment, reverse=True)
        if self._summary is not None:
            effort = self.account.effort
            full, seconds = effort.full()
            replace(
                self._summary,
                late=effort.lateness(),
                full=full,
                seconds=seconds,
                nice=os.getpriority(os.PRIO_PROCESS, 0),
            ).write(self.plan.summary_path)
        self.environment.events.quit.fire(exit_code=0)

    def _listen(self) -> None:
        for line in _lines(0):
            command, _, argument = line.partition(" ")
            if command == "go":
                self._start.set(float(argument))
            elif command == "stop":
                self.driver.stop(argument)
        os._exit(1)  # pytest is gone: nobody will read what is still to come

    def _watch(self, start: float) -> None:
        recent: list[NDArray[np.float64]] = []
        looks = 0
        while True:
            # In step with the run's clock, so that windows are looked at when they end.
            gevent.sleep(max(0.0, start + (looks + 1) * self._every - time.monotonic()))
            now = time.monotonic() - start
            looks = max(looks + 1, int(now / self._every))
            pending = self.account.running
            self.account.effort.look(now)
            fresh = self._look()
            self._tell_windows(now, fresh, pending)
            recent.append(latencies(fresh))
            if len(recent) >= _LINES_EVERY * EVERY / self._every:
                times = np.concatenate(recent)
                recent.clear()
                self._say(json.dumps(self._progress(now, times)))

    def _tell_windows(self, now: float, fresh: Any, pending: int) -> None:
        if not self._tallies.thresholds:
            return
        self._tallies.add(fresh)
        ended = int(now / self._window + _ROUNDING)
        if now - ended * self._window < self._every / 2:
            self._tallies.note_pending(ended - 1, pending)
        # An answer that has just come may not be recorded yet.
        windows = self._tallies.close(now - self._every / 2)
        if windows:
            counts = [[[tally.total, tally.part] for tally in window] for window in windows]
            self._say(f"windows {json.dumps(counts)}")

    def _look(self) -> Any:
        fresh = self.recorder.drain()
        self.account.effort.sent(fresh)
        if self.plan.scenario.locustfile is None:  # else Locust's own listener has counted them
            locust_stats.feed(self.environment, self.labels, fresh)
        requests = fresh[fresh["kind"] != RecordKind.ARRIVAL]
        failures = requests["outcome"][failed(requests)]
        codes = requests["status"][with_status(requests)]
        self._statuses += np.bincount(codes, minlength=_STATUSES)[:_STATUSES]
        self._errors += np.bincount(failures, minlength=len(Outcome))
        self._bad += int(unexpected(requests).sum())
        arrivals = fresh["outcome"][fresh["kind"] != RecordKind.STEP]
        self._arrivals += np.bincount(arrivals, minlength=len(Outcome))
        return requests

    def _progress(self, elapsed: float, times: NDArray[np.float64]) -> dict[str, Any]:
        return {
            "elapsed": round(elapsed, 3),
            "launched": self.account.launched,
            "pending": self.account.running,
            "completed": int(self._arrivals[[*COMPLETED]].sum()),
            "failed": int(self._arrivals[[*FAILED]].sum()),
            "status": {
                str(code): int(self._statuses[code]) for code in self._statuses.nonzero()[0]
            },
            "errors": {one.label: int(self._errors[one]) for one in FAILED if self._errors[one]},
            "bad": self._bad,
            "p95": float(np.quantile(times, 0.95)) if len(times) else None,
        }


def _looks(window: float) -> float:
    """Give a time of about a tenth of a second that windows are a multiple of, or a part."""
    # Looking at new records holds up arrivals for as long as it takes: little and often is best.
    if window >= EVERY:
        return window / math.ceil(window / EVERY - _ROUNDING)
    return window * max(1, round(EVERY / window))


class Lines:
    """Lines to pytest, on what was standard output."""

    def __init__(self) -> None:
        self._descriptor = os.dup(1)
        os.dup2(2, 1)

    def __call__(self, line: str) -> None:
        """Send a line."""
        data = line.encode() + b"\n"
        while data:
            data = data[os.write(self._descriptor, data) :]


def _lines(descriptor: int) -> Iterator[str]:
    """Read lines without ever blocking the loop."""
    gevent_os.make_nonblocking(descriptor)
    rest = b""
    while data := gevent_os.nb_read(descriptor, 4096):
        *whole, rest = (rest + data).split(b"\n")
        yield from (line.decode() for line in whole)


def warm_up(generator: GeneratorProcess) -> None:
    """Do once what is slow the first time (measured: 8 ms), so that no arrival waits for it."""
    environment = generator.environment
    if generator.labels:
        locust_stats.feed(environment, generator.labels, np.zeros(1, RECORD))
        environment.stats.clear_all()
    np.quantile(np.concatenate([latencies(np.zeros(2, RECORD))]), 0.95)
    generator.tallies().add(np.zeros(2, RECORD))


def _raise_descriptor_limit() -> None:
    # Every pending request holds a socket, and the usual soft limit is only 1024.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main(path: str) -> None:
    """Run the plan in a file."""
    _raise_descriptor_limit()
    say = Lines()
    plan = Plan.read(Path(path))
    if plan.prefer:
        prefer(session=True)
    with Recorder(plan.records_path) as recorder:
        generator = GeneratorProcess(plan, recorder, say)
        # A collection in the middle of a run is a pause in the schedule. What is loaded by now
        # stays; what an exchange leaves behind is freed by reference counting.
        warm_up(generator)
        gc.collect()
        gc.freeze()
        flows = plan.scenario.locustfile is None
        gc.set_threshold(_GARBAGE_THRESHOLD if flows else _USERS_GARBAGE_THRESHOLD)
        generator.run()
    say("done")


if __name__ == "__main__":
    main(sys.argv[1])
