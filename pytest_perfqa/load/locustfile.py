"""The generator process: Locust with one user, which sends open-model arrivals.

Started by generator.py as ``python -m pytest_perfqa.load.locustfile PLAN``. Locust patches the
standard library when it is imported, so this module is never imported in the pytest process.

It speaks in lines: ``ready`` on standard output, then one JSON object a second while it works and
``done`` at the end; ``go MOMENT`` (of the system-wide monotonic clock) and ``stop REASON`` on
standard input. The end of standard input means that pytest is gone: it stops at once.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent
import numpy as np
from gevent import os as gevent_os
from gevent.event import AsyncResult
from locust import User, task
from locust.env import Environment

from . import locust_stats
from .dispatcher import Dispatcher
from .plan import Plan, Summary, endpoints
from .record import Kind, Outcome, Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

_WATCH = 0.5
_LINES_EVERY = 2  # a line of progress for so many looks at the records
_GARBAGE_THRESHOLD = 100_000


class Arrivals(User):  # type: ignore[misc]  # Locust is untyped here
    """The one Locust user of a generator: its task is the whole schedule."""

    fixed_count = 1

    @task  # type: ignore[untyped-decorator]
    def dispatch(self) -> None:
        """Send all arrivals, then let the process end."""
        generator: Generator = self.environment.parsed_options
        try:
            generator.finish(generator.dispatcher.run(generator.start.get()))
        except Exception:  # noqa: BLE001 - whatever it is, this process must end and say why
            # Locust would go on without its user, and this process never end.
            traceback.print_exc()
            os._exit(1)
        self.environment.runner.quit()


class Generator:
    """One plan at work: the dispatcher, its recorder, and the lines to and from pytest."""

    def __init__(self, plan: Plan, recorder: Recorder) -> None:
        self.plan = plan
        self.recorder = recorder
        self.dispatcher = Dispatcher(plan, recorder)
        self.start: AsyncResult[float] = AsyncResult()
        self.labels = endpoints(plan.scenario)
        self.environment = Environment(
            user_classes=[Arrivals], host=plan.url, parsed_options=self, catch_exceptions=False
        )
        self._answered = self._errors = 0

    def run(self) -> None:
        """Be ready, wait for the start, work, and end."""
        runner = self.environment.create_local_runner()
        gevent.spawn(self._listen)
        _say("ready")
        start = self.start.get()
        runner.start(1, spawn_rate=1)
        watcher = gevent.spawn(self._watch, start)
        runner.greenlet.join()
        watcher.kill()

    def finish(self, summary: Summary) -> None:
        """Write the account of the run."""
        self._look()
        summary.write(self.plan.summary_path)

    def _listen(self) -> None:
        for line in _lines(0):
            command, _, argument = line.partition(" ")
            if command == "go":
                self.start.set(float(argument))
            elif command == "stop":
                self.dispatcher.stop(argument)
        os._exit(1)  # pytest is gone: nobody will read what is still to come

    def _watch(self, start: float) -> None:
        gevent.sleep(max(0.0, start - time.monotonic()))
        looks = 0
        while True:
            gevent.sleep(_WATCH)
            fresh = self._look()
            looks += 1
            if looks % _LINES_EVERY == 0:
                _say(json.dumps(self._progress(time.monotonic() - start, fresh)))

    def _look(self) -> Any:
        fresh = self.recorder.drain()
        locust_stats.feed(self.environment, self.labels, fresh)
        requests = fresh[fresh["kind"] != Kind.ARRIVAL]
        answered = requests["outcome"] == Outcome.ANSWERED
        self._answered += int(answered.sum())
        self._errors += int((~answered | (requests["status"] >= 500)).sum())
        return requests

    def _progress(self, elapsed: float, fresh: Any) -> dict[str, float | int | None]:
        response = fresh["response"]
        return {
            "elapsed": round(elapsed, 3),
            "launched": self.dispatcher.launched,
            "pending": self.dispatcher.running,
            "answered": self._answered,
            "errors": self._errors,
            "p95": float(np.quantile(response, 0.95)) if len(response) else None,
        }


def _lines(descriptor: int) -> Iterator[str]:
    """Read lines without ever blocking the loop."""
    gevent_os.make_nonblocking(descriptor)
    rest = b""
    while data := gevent_os.nb_read(descriptor, 4096):
        *whole, rest = (rest + data).split(b"\n")
        yield from (line.decode() for line in whole)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _raise_descriptor_limit() -> None:
    # Every pending request holds a socket, and the usual soft limit is only 1024.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main(path: str) -> None:
    """Run the plan in a file."""
    _raise_descriptor_limit()
    plan = Plan.read(Path(path))
    with Recorder(plan.records_path) as recorder:
        generator = Generator(plan, recorder)
        # A collection in the middle of a run is a pause in the schedule. What is loaded by now
        # stays; what an exchange leaves behind is freed by reference counting.
        gc.collect()
        gc.freeze()
        gc.set_threshold(_GARBAGE_THRESHOLD)
        generator.run()
    _say("done")


if __name__ == "__main__":
    main(sys.argv[1])
