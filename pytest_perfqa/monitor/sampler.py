"""Looks at all parts of a service at regular moments while a load is on."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING, Self

from ..errors import PerfqaError
from . import cgroup
from .disturbance import disturbances
from .engine_stream import EngineStream
from .readings import Metric, Readings, ReadingSeries, Track
from .source import SelfObserved, failure
from .surroundings import Around
from .tree import ProcessTable, ProcessTree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ..machine.children import Reaper
    from ..service.backend import Leader, Service
    from .source import Reading, Source

__tracebackhide__ = True

# What looks may take of one CPU, at CPU and threads, at all else of the parts, and at who is beside
# them: together below 2 %.
_QUICK_SHARE = 0.006
_THOROUGH_SHARE = 0.006
_AROUND_SHARE = 0.006
# Long enough for clock ticks to be no more than noise, short enough to tell phases apart.
_WINDOW_SECONDS = 0.5
_SHORTEST_SECONDS = 0.05
_PATIENCE_SECONDS = 10.0
_NICE = 10


class Monitor:
    """A thread that looks at the parts of a service from ``__enter__`` to ``__exit__``.

    Whatever goes wrong in it ends up in the readings, as the reason why figures are missing.

    Attributes:
        looks: how often it has looked since the first time.
    """

    def __init__(
        self,
        service: Service,
        *,
        reaper: Reaper,
        interval: float = 1.0,
        cpus: frozenset[int] | None = None,
        beside: Mapping[str, Leader] | None = None,
    ) -> None:
        """Prepare to look every ``interval`` seconds, from ``cpus``, or as often as it may cost.

        Args:
            beside: what serves the service but was started elsewhere, by name.
        """
        self._service = service
        self._beside = dict(beside or {})
        self._reaper = reaper
        self._interval = max(interval, _SHORTEST_SECONDS)
        self._cpus = cpus
        self._sources: dict[str, Source] = {}
        self._tracks: dict[str, dict[Metric, Track]] = {}
        self._failed: dict[str, str] = {}
        self._reason = ""
        self._around: Around | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="perfqa monitor", daemon=True)
        self._cpu_seconds = 0.0
        self._seconds = 0.0
        self.looks = 0

    def __enter__(self) -> Self:
        try:
            table = ProcessTable()
            leaders = {**self._beside, **self._service.leaders}
            self._sources = _sources(leaders, table, self._reaper)
            if not self._sources:
                self._reason = "resources are not known: the processes of the service aren't"
            self._around = Around(
                self._service,
                self._sources,
                table,
                self._reaper,
                beside=self._beside,
                shortest=_WINDOW_SECONDS / 2,
            )
            self._thread.start()
        except Exception as error:  # noqa: BLE001  (the run must go on, whatever fails here)
            self._reason = failure(error)
        return self

    def __exit__(self, *exception: object) -> None:
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(_PATIENCE_SECONDS)
        for source in self._sources.values():
            with contextlib.suppress(PerfqaError, OSError):
                source.close()

    def readings(self, start: float) -> Readings:
        """Give what it has seen; times count from ``start`` on ``time.monotonic``."""
        missing = {
            name: {**source.missing, **dict.fromkeys(Metric, self._failed[name])}
            if name in self._failed
            else dict(source.missing)
            for name, source in self._sources.items()
        }
        parts = {
            name: {
                metric: ReadingSeries.of(track, start)
                for metric, track in self._tracks.get(name, {}).items()
                if name not in self._failed and track.moments
            }
            for name in self._sources
        }
        notes = dict.fromkeys(filter(None, (source.note for source in self._sources.values())))
        failures = (f"{name}: {reason}" for name, reason in self._failed.items())
        found = Readings(
            parts,
            missing,
            cpu=self._cpu_seconds / self._seconds if self._seconds else 0.0,
            interval=self._seconds / self.looks if self.looks else 0.0,
            notes=(*notes, *failures, *(self._around.notes if self._around else ())),
            beside=frozenset(self._beside),
            disturbances=disturbances(self._around.windows if self._around else (), start),
        )
        return found.without(self._reason) if self._reason else found

    def _run(self) -> None:
        try:
            _step_back(self._cpus)
            self._look_until_stopped()
        except Exception as error:  # noqa: BLE001  (the run must go on, whatever fails here)
            self._reason = failure(error)

    def _look_until_stopped(self) -> None:
        if self._around is None or not (self._sources or self._around.can_see):
            return
        quick = _Pace(self._interval, _QUICK_SHARE)
        thorough = _Pace(self._interval, _THOROUGH_SHARE)
        around = _Pace(_WINDOW_SECONDS, _AROUND_SHARE)
        with thorough.look():  # the first look of all has to read every process there is
            self._look(_quick)
            self._look(_thorough)
            self._around.look()
        with self._accounted():
            while not self._stopping.wait(min(quick.left, around.left)):
                if quick.is_due:
                    with quick.look():
                        self._look(_quick)
                    self.looks += 1
                if thorough.is_due:
                    with thorough.look():
                        self._look(_thorough)
                if around.is_due:
                    with around.look():
                        self._around.look()
        self._around.look()
        self._look(_quick)
        if thorough.is_due or thorough.looks == 1:  # one look is no rate
            self._look(_thorough)

    @contextlib.contextmanager
    def _accounted(self) -> Iterator[None]:
        """Account for the time with the load; the first look comes before it, the last after."""
        begun, cpu_begun = time.monotonic(), time.thread_time()
        try:
            yield
        finally:
            self._seconds = time.monotonic() - begun
            self._cpu_seconds = time.thread_time() - cpu_begun

    def _look(self, ask: Callable[[Source, float], Iterable[Reading]]) -> None:
        now = time.monotonic()
        for name, source in self._sources.items():
            if name in self._failed:
                continue
            tracks = self._tracks.setdefault(name, {})
            try:
                for moment, metric, value in ask(source, now):
                    tracks.setdefault(metric, Track()).add(moment, value)
            except Exception as error:  # noqa: BLE001  (other parts can still be looked at)
                self._failed[name] = failure(error)


class _Pace:
    """When to look next: after an interval, or later if looking has taken its share of a CPU.

    Attributes:
        looks: how many there have been.
    """

    def __init__(self, interval: float, share: float) -> None:
        self.looks = 0
        self._interval = interval
        self._share = share
        self._spent = 0.0
        self._begun = self._next = time.monotonic()

    @property
    def left(self) -> float:
        """Seconds until the next look."""
        return max(0.0, self._next - time.monotonic())

    @property
    def is_due(self) -> bool:
        """Whether it is time; a little early counts, so that two paces fall together."""
        return self.left < self._interval / 4

    @contextlib.contextmanager
    def look(self) -> Iterator[None]:
        """Account for a look, and plan the next one."""
        before = time.thread_time()
        yield
        self.looks += 1
        self._spent += time.thread_time() - before
        # From the planned moment on, so that looks keep their rate; unless that is long past.
        planned = max(self._next + self._interval, time.monotonic())
        self._next = max(planned, self._begun + self._spent / self._share)


def _step_back(cpus: frozenset[int] | None) -> None:
    """Have this thread, and no other, leave the service its CPUs and the generator the first go."""
    if cpus:
        os.sched_setaffinity(0, cpus)
    thread = threading.get_native_id()
    nice = max(_NICE, os.getpriority(os.PRIO_PROCESS, thread))
    os.setpriority(os.PRIO_PROCESS, thread, nice)


def _quick(source: Source, moment: float) -> Iterable[Reading]:
    return source.quick(moment)


def _thorough(source: Source, moment: float) -> Iterable[Reading]:
    return source.thorough(moment)


@contextlib.contextmanager
def onlooking(service: Service, reaper: Reaper) -> Iterator[Around]:
    """Give what looks at who is beside a service, when it is told to and by whoever tells it.

    Raises:
        ServiceError: what is declared to stand beside it doesn't run.
    """
    beside, table = service.beside, ProcessTable()
    sources: dict[str, Source] = {}
    try:
        sources = _sources({**beside, **service.leaders}, table, reaper)
        yield Around(service, sources, table, reaper, beside=beside)
    finally:
        for source in sources.values():
            with contextlib.suppress(PerfqaError, OSError):
                source.close()


def _sources(
    leaders: Mapping[str, Leader], table: ProcessTable, reaper: Reaper
) -> dict[str, Source]:
    found = {name: _source(leader, table, reaper) for name, leader in leaders.items()}
    return {name: source for name, source in found.items() if source is not None}


def _source(leader: Leader, table: ProcessTable, reaper: Reaper) -> Source | None:
    if isinstance(leader, SelfObserved):
        return leader.source()
    if leader.pid is None:
        return None
    if leader.container is None:
        return ProcessTree(lambda: leader.pid if leader.alive else None, table)
    layout = cgroup.find_layout(leader.pid, leader.container)
    if layout is not None:
        return cgroup.ContainerCgroup(layout)
    return EngineStream(leader.container, reaper)
