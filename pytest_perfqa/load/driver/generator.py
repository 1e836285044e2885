"""Runs the generator processes of one load, from the pytest process."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ...base.address import Address
from ...errors import ConfigurationError, GeneratorError
from ...machine.children import await_end, ending
from ..wire.plan import Plan, Summary, endpoints, longest_pass
from ..wire.record import WHOLE_ARRIVAL
from ..wire.watch import Aborted, AbortWatch
from .warm import Warm, last_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from ...machine.children import Reaper
    from ...scenario.records import Scenario
    from ..wire.watch import Crossing

__tracebackhide__ = True

_READY_SECONDS = 60.0
# Until every process has heard of the start, on a busy machine, too: whoever hears late is late.
_HEAD_START = 0.05
_SLACK_SECONDS = 30.0
# It says where it stands every second.
_SILENCE_SECONDS = 30.0
_PATIENCE_SECONDS = 2.0
_STOP_SECONDS = 15.0
_WINDOWS = b"windows "
_INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Progress:
    """Where a load stands.

    Attributes:
        elapsed: seconds since the start of the run.
        launched, pending, completed, failed: arrivals so far.
        p95: of the latency, in seconds, of what was answered or timed out in the last second; None
            if nothing was. Of several processes, that of the one in which it is highest.
        status: answers so far by code, such as ``"503"``.
        errors: requests so far without an answer, or without an expected one, by kind.
        bad: requests so far that ended and did not get what they asked for.
    """

    elapsed: float
    launched: int
    pending: int
    completed: int
    failed: int
    p95: float | None
    status: Mapping[str, int] = field(default_factory=dict)
    errors: Mapping[str, int] = field(default_factory=dict)
    bad: int = 0


@dataclass(frozen=True)
class Recording:
    """What the generator processes left behind.

    Attributes:
        started_at: the wall clock at the start of the run.
        start: the same moment on ``time.monotonic``.
        summaries: one account per process.
        records: one file of records per process.
        aborted: why it was ended before its time, if it was.
    """

    started_at: datetime
    start: float
    summaries: tuple[Summary, ...]
    records: tuple[Path, ...]
    aborted: Aborted | None = None


def generate(
    scenario: Scenario,
    url: str,
    directory: Path,
    *,
    reaper: Reaper,
    warm: Warm | None = None,
    processes: int = 1,
    cpus: frozenset[int] | None = None,
    prefer: bool = False,
    replica_header: str | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_start: Callable[[float], None] | None = None,
    silence: float = _SILENCE_SECONDS,
) -> Recording:
    """Put the load of a scenario, already scaled, on ``url`` and wait for its end.

    A threshold with ``abort`` that is crossed ends it early. So does KeyboardInterrupt, which is
    not raised again: what has been recorded until then is given back as well.

    Args:
        directory: an empty folder for plans, records and logs.
        warm: what the processes are forked from; it is made for this load by default.
        processes: among how many processes the arrivals are split.
        cpus: where the processes may run.
        prefer: whether they are to run before others there, as far as that is permitted.
        on_progress: called about once a second.
        on_start: called with the moment of ``time.monotonic`` that the run starts at.
        silence: a process that says nothing for so many seconds is taken to hang.

    Raises:
        ConfigurationError: this load can't be made: not plain HTTP, or too many endpoints.
        GeneratorError: a process could not start, died, or did not end in time.
    """
    _require_possible(scenario, url)
    directory = directory.resolve()  # the processes run in it
    processes = _useful(processes, scenario)
    plans = [
        Plan(scenario, url, directory, replica_header, shard, processes, prefer)
        for shard in range(processes)
    ]
    # Users of a closed model are ended a request's time after the last phase.
    rest = longest_pass(scenario) if scenario.model == "open" else scenario.timeout
    limit = scenario.duration + rest + _SLACK_SECONDS
    with contextlib.ExitStack() as stack:
        warm = warm or stack.enter_context(Warm(reaper))
        generators = [stack.enter_context(_Generator(plan, warm, cpus)) for plan in plans]
        crew = stack.enter_context(_Crew(generators))
        crew.wait_for("ready", _READY_SECONDS, _READY_SECONDS, None)
        started_at, start = datetime.now(UTC), time.monotonic() + _HEAD_START
        for generator in generators:
            generator.tell(f"go {start!r}")
        if on_start is not None:
            on_start(start)
        watch = AbortWatch(scenario, processes)
        aborted = _until_done(crew, watch, start, limit, silence, on_progress)
    return Recording(
        started_at,
        start,
        tuple(Summary.read(plan.summary_path) for plan in plans),
        tuple(plan.records_path for plan in plans),
        aborted,
    )


def _until_done(
    crew: _Crew,
    watch: AbortWatch,
    start: float,
    limit: float,
    silence: float,
    on_progress: Callable[[Progress], None] | None,
) -> Aborted | None:
    def judge() -> Crossing | None:
        return crew.tell_windows(watch)

    try:
        crossing = crew.wait_for("done", limit, silence, on_progress, judge)
    except KeyboardInterrupt:
        aborted = Aborted(time.monotonic() - start, _INTERRUPTED)
    else:
        if crossing is None:
            return None
        at = time.monotonic() - start
        aborted = Aborted(at, crossing.reason, crossing.threshold, crossing.spell)
    crew.stop(aborted.reason)
    try:
        crew.wait_for("done", _STOP_SECONDS, _STOP_SECONDS, None)
    except GeneratorError as error:
        if aborted.interrupted:
            raise KeyboardInterrupt(aborted.reason) from error
        raise
    return aborted


def _require_possible(scenario: Scenario, url: str) -> None:
    try:
        Address.read(url)
    except ValueError:
        raise ConfigurationError(
            f"no load can be put on {url!r}; accepted: http://HOST:PORT or https://HOST:PORT"
        ) from None
    if (number := len(endpoints(scenario))) > WHOLE_ARRIVAL:
        raise ConfigurationError(
            f"the scenario has {number} endpoints; accepted: up to {WHOLE_ARRIVAL} "
            "(give requests that belong together one name)"
        )


def _useful(processes: int, scenario: Scenario) -> int:
    """Take no more processes than there are users to give: one with none would do nothing."""
    limits = [phase.max_vusers for phase in scenario.phases if phase.max_vusers is not None]
    limits += [scenario.users] if scenario.users is not None else []
    return max(1, min([processes, *limits]))


class _Generator:
    """One generator process."""

    def __init__(self, plan: Plan, warm: Warm, cpus: frozenset[int] | None) -> None:
        self._plan = plan
        self._warm = warm
        self._cpus = cpus
        self._unread = b""
        self.said: set[str] = set()
        self.heard_at = time.monotonic()
        self.progress: dict[str, Any] = {}
        self.windows: list[list[list[float]]] = []

    def __enter__(self) -> _Generator:
        self._plan.write()
        self._log = self._plan.directory / f"generator-{self._plan.shard}.log"
        self.process = self._warm.fork(self._plan.path, log=self._log, cpus=self._cpus)
        return self

    def __exit__(self, *exception: object) -> None:
        self._warm.end(self.process)

    def tell(self, line: str) -> None:
        """Send a command; a process that has died is noticed by ``wait_for``."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(line.encode() + b"\n")

    def hear(self, descriptor: int) -> None:
        """Take in what it prints.

        Raises:
            GeneratorError: it ended before it said that it was done.
        """
        data = os.read(descriptor, 65536)
        if not data and "done" not in self.said:
            await_end(self.process, _PATIENCE_SECONDS)
            raise GeneratorError(
                f"the load generator {ending(self.process)}; the end of its log:\n{self.log_end()}"
            )
        self.heard_at = time.monotonic()
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            if line.startswith(b"{"):
                self.progress = json.loads(line)
            elif line.startswith(_WINDOWS):
                self.windows += json.loads(line.removeprefix(_WINDOWS))
            else:
                self.said.add(line.decode())

    def log_end(self) -> str:
        """Give the last lines of its log."""
        return last_lines(self._log)


class _Crew:
    """All generator processes of one load, listened to at once."""

    def __init__(self, generators: list[_Generator]) -> None:
        self._generators = generators
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> _Crew:
        for generator in self._generators:
            self._selector.register(generator.process.stdout, selectors.EVENT_READ, data=generator)
        return self

    def __exit__(self, *exception: object) -> None:
        self._selector.close()

    def wait_for(
        self,
        word: str,
        limit: float,
        silence: float,
        on_progress: Callable[[Progress], None] | None,
        judge: Callable[[], Crossing | None] = lambda: None,
    ) -> Crossing | None:
        """Listen until every process has said ``word``, or ``judge`` finds a reason to stop.

        Raises:
            GeneratorError: one died, was silent for ``silence`` seconds, or ``limit`` passed.
        """
        started = time.monotonic()
        while late := [one for one in self._generators if word not in one.said]:
            now = time.monotonic()
            if now > started + limit:
                raise GeneratorError(
                    f"{len(late)} of {len(self._generators)} load generators did not say "
                    f"{word!r} within {limit:.0f} s; the end of a log:\n{late[0].log_end()}"
                )
            for one in late:
                if now > max(started, one.heard_at) + silence:
                    raise GeneratorError(
                        f"a load generator said nothing for {silence:.0f} s; the end of its log:\n"
                        f"{one.log_end()}"
                    )
            heard = list(self._hear())
            if on_progress is not None and any(one.progress for one in heard):
                on_progress(self._progress())
            crossing = judge()
            if crossing is not None:
                return crossing
        return None

    def tell_windows(self, watch: AbortWatch) -> Crossing | None:
        """Hand over what was counted in the windows since the last time."""
        found = None
        for number, generator in enumerate(self._generators):
            windows, generator.windows = generator.windows, []
            found = found or watch.hear(number, windows)
            if "done" in generator.said:
                watch.ended(number)
        return found

    def stop(self, reason: str) -> None:
        """Let no more arrivals be sent, and end those under way as pending."""
        for generator in self._generators:
            generator.tell(f"stop {reason}")

    def _hear(self) -> Iterator[_Generator]:
        for key, _ in self._selector.select(timeout=1.0):
            generator: _Generator = key.data
            generator.hear(key.fd)
            if "done" in generator.said:
                self._selector.unregister(key.fileobj)
            yield generator

    def _progress(self) -> Progress:
        reports = [generator.progress for generator in self._generators if generator.progress]
        slowest = [report["p95"] for report in reports if report["p95"] is not None]
        return Progress(
            elapsed=max(report["elapsed"] for report in reports),
            p95=max(slowest, default=None),
            **{
                name: sum(report[name] for report in reports)
                for name in ("launched", "pending", "completed", "failed", "bad")
            },
            status=dict(sum((Counter(report["status"]) for report in reports), Counter[str]())),
            errors=dict(sum((Counter(report["errors"]) for report in reports), Counter[str]())),
        )
