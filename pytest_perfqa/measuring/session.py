"""The services and runs of one pytest session: each service started once, each run made once."""

from __future__ import annotations

import contextlib
import math
import shutil
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ..base.verdicts import Verdict
from ..capacity.character.characterize import characterize
from ..capacity.character.question import question
from ..capacity.limits.breaking_point import find_breaking_point
from ..capacity.probing.target import Declared, Target
from ..errors import InvalidRun, PerfqaError
from ..machine.alone import alone
from ..machine.priority import preferred
from ..monitor.quiet import AGAIN_SECONDS, LIMIT_SECONDS, wait_for_quiet
from ..monitor.sampler import onlooking
from ..scenario.records import numbered
from ..service import selection
from ..service.shared import settling
from ..service.shared.affinity import allowed_cpus, on_cpus, service_cpus, spare_cpus
from .repeating import Attempts, until_believed
from .run import Bench, is_apart, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from ..capacity.character.kind import Character
    from ..capacity.character.question import Question
    from ..capacity.limits.breaking_point import Inquiry
    from ..capacity.limits.found import BreakingPoint
    from ..capacity.probing.target import ProbeRequest
    from ..errors import Inconclusive
    from ..load.driver.generator import Progress
    from ..load.driver.warm import Warm
    from ..monitor.surroundings import Around
    from ..result.run_result import RunResult
    from ..scenario.records import Scenario
    from ..service.backend import Service
    from ..service.config import ServiceConfig
    from ..service.selection import Choice
    from .chosen import Options

__tracebackhide__ = True

T = TypeVar("T")


@dataclass
class Search:
    """A breaking point that was looked for, and what became of it.

    Attributes:
        target: the request, such as ``GET /heavy``.
        tests: those that asked.
        notes: what is to be said about the service.
    """

    service: str
    target: str
    tests: set[str] = field(default_factory=set)
    notes: tuple[str, ...] = ()
    found: BreakingPoint | None = None
    error: BaseException | None = None
    verdict: Verdict = Verdict.UNTESTED

    def judge(self, verdict: Verdict) -> None:
        """Count in the verdict of the test."""
        self.verdict = max(self.verdict, verdict)


class Watcher(Protocol):
    """Somebody who looks on while runs are made; what it does must not disturb them."""

    def begin(self, service: str, scenario: Scenario) -> None:
        """Take note that a run begins; the scenario is given as it runs, scaled."""

    def progress(self, progress: Progress) -> None:
        """Take note of where the run stands, about once a second."""

    def end(self, result: RunResult | None) -> None:
        """Take note that it has ended; None if it did not come to a result."""


@dataclass(frozen=True)
class Key:
    """Which run: a service under a scenario, of which no other has the name."""

    service: str
    scenario: str
    definition: Scenario = field(hash=False, repr=False)


@dataclass(frozen=True)
class Judgement:
    """What a test concluded from a run, and why if it isn't PASSED."""

    verdict: Verdict
    said: str = ""


@dataclass
class Cell:
    """A run that was asked for, and what became of it.

    Attributes:
        repeats: how often it was made again, because tests could not tell.
        attempts: those at a run that can be believed.
        tests: what tests concluded from it, by their ids.
        held: whether any of them holds it to the requirement that every run has.
    """

    key: Key
    result: RunResult | None = None
    error: BaseException | None = None
    tests: dict[str, Judgement] = field(default_factory=dict)
    repeats: int = 0
    held: bool = False

    def __post_init__(self) -> None:
        self.attempts = Attempts(f"{self.key.scenario} on {self.key.service}")

    @property
    def verdict(self) -> Verdict:
        """The gravest of all its tests."""
        return max((test.verdict for test in self.tests.values()), default=Verdict.UNTESTED)

    def judge(self, test: str, verdict: Verdict, said: str = "") -> None:
        """Count in what a test concludes; of one that speaks twice the graver counts."""
        before = self.tests.get(test)
        if before is None or verdict > before.verdict:
            self.tests[test] = Judgement(verdict, said)


@dataclass
class PerfSession:
    """Starts services and makes runs when they are first asked for; ends everything at the end.

    Attributes:
        configs: the configurations, at full scale, by name.
        choices: the backend that each of them runs on.
        say: prints a line for the user.
        warm: what generators are forked from.
        watchers: who looks on while runs are made.
    """

    configs: Mapping[str, ServiceConfig]
    choices: Mapping[str, Choice]
    options: Options
    say: Callable[[str], None]
    warm: Warm
    watchers: tuple[Watcher, ...] = ()
    cells: dict[Key, Cell] = field(default_factory=dict)

    characters: dict[Question, Character | BaseException] = field(default_factory=dict)
    searches: dict[tuple[Target, Inquiry], Search] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._reaper = self.warm.reaper
        self._services: dict[str, Service] = {}
        self._failed: dict[str, PerfqaError] = {}
        self._loaded: set[str] = set()
        self._directory: Path | None = None
        self._runs = 0
        self._patience = LIMIT_SECONDS
        self._scenarios: dict[str, Scenario] = {}

    def service(self, name: str) -> Service:
        """Give the started service of a configuration; it is started once.

        Raises:
            PerfqaError: it can't be started; the same error every time it is asked for.
        """
        if name in self._failed:
            raise self._failed[name]
        if name not in self._services:
            try:
                self._services[name] = self._start(self.configs[name])
            except PerfqaError as error:
                self._failed[name] = error
                raise
        return self._services[name]

    def time_scale(self, service: str) -> float:
        """Give the factor on times that everything about a service has."""
        return self.configs[service].time_scale(self.options.time_scale)

    def _start(self, config: ServiceConfig) -> Service:
        return selection.start(
            config.scaled(self.time_scale(config.name)),
            self.choices[config.name],
            self._folder() / config.name,
            reaper=self._reaper,
        )

    def run(self, service: str, scenario: Scenario) -> RunResult:
        """Give the result of a scenario on a service; one that can be believed is made once.

        Raises:
            InvalidRun: the result can't be believed, however often it was made.
            PerfqaError: the run could not be made; the same error every time.
            KeyboardInterrupt: it came during the run; the cell holds what was recorded until then.
        """
        key = self._key(service, scenario)
        cell = self.cells.get(key)
        if cell is None:
            cell = self.cells[key] = Cell(key)
            try:
                self._measure(cell)
            except InvalidRun:
                pass  # whoever asks is told
            except BaseException as error:
                cell.error = error
                raise
        if cell.error is not None:
            raise cell.error
        if cell.result is None:
            raise AssertionError("a cell holds a result or an error")
        return _believed(cell, cell.result).guarded

    def measure_again(self, cell: Cell, error: Inconclusive) -> None:
        """Make a run once more that could not be told from, and pool in those before.

        Raises:
            InvalidRun: the new run can't be believed, however often it was made.
            PerfqaError: it could not be made.
        """
        earlier = cell.result
        if earlier is None:
            raise AssertionError("what is made again has been made")
        cell.repeats += 1
        self.say(f"measuring {cell.attempts.what} again: {error}")
        cell.result = _believed(cell, self._measure(cell)).pooled_with(earlier)

    def measure_spoiled(self, cell: Cell, error: InvalidRun) -> bool:
        """Make a run again of which a test found that it can't be believed, if that is worth it.

        Nothing of the run before is pooled in.

        Returns:
            Whether it was made.

        Raises:
            InvalidRun: the new run can't be believed, however often it was made.
            PerfqaError: it could not be made.
        """
        if not (self._is_repeated and cell.attempts.another(error)):
            return False
        self.say(f"measuring {cell.attempts.what} again: {error}")
        cell.result = _believed(cell, self._measure(cell))
        return True

    @property
    def _is_repeated(self) -> bool:
        return self.options.invalid == "remeasure"

    def _measure(self, cell: Cell) -> RunResult:
        """Make the run of a cell, until it can be believed; the cell has it, unless it had better.

        Raises:
            InvalidRun: it can't be, however often it is made.
        """

        def measure() -> RunResult:
            made = self._run(
                self.service(cell.key.service),
                cell.key.definition,
                is_quiet=not cell.attempts.causes,
            )
            made.notes = (*made.notes, *cell.attempts.notes)
            if cell.result is None or cell.result.invalid:
                cell.result = made
            if made.invalid and not is_interrupted(made):
                raise InvalidRun(made.invalid)
            return made

        return self._until_believed(cell.attempts, measure)

    def running(self, name: str) -> Service | None:
        """Give a service if it has been started."""
        return self._services.get(name)

    def cell(self, service: str, scenario: Scenario | None) -> Cell | None:
        """Give what became of a run, None if nobody has asked for it."""
        return self.cells.get(self._key(service, scenario)) if scenario else None

    def _key(self, service: str, scenario: Scenario) -> Key:
        """Tell a scenario from others of its name: two files, or values that are printed alike."""
        for name, known in self._scenarios.items():
            if known == scenario:
                return Key(service, name, replace(scenario, name=name))
        name = numbered(scenario.name, self._scenarios)
        self._scenarios[name] = scenario
        return Key(service, name, replace(scenario, name=name))

    def _run(self, service: Service, scenario: Scenario, *, is_quiet: bool = True) -> RunResult:
        config = self.configs[service.name]
        bench = Bench(
            reaper=self._reaper,
            time_scale=self.time_scale(service.name),
            processes=self.options.processes,
            cpus=spare_cpus(config.limits),
            max_error_rate=self.options.max_error_rate,
            on_progress=self._tell,
            warm=self.warm,
        )
        notes = self._settle_all()
        if not is_quiet:
            self._wait_for_quiet(config)
        with contextlib.ExitStack() as machine:
            machine.enter_context(alone(self.say))
            self._loaded.add(service.name)
            self._runs += 1
            return self._watched_run(replace(bench, on_end=machine.close), service, scenario, notes)

    def _watched_run(
        self,
        bench: Bench,
        service: Service,
        scenario: Scenario,
        notes: tuple[str, ...],
    ) -> RunResult:
        config = self.configs[service.name]
        for watcher in self.watchers:
            watcher.begin(service.name, scenario.scaled(bench.time_scale))
        folder = self._folder() / f"run-{self._runs}"
        result = None
        try:
            result = run(
                bench,
                service,
                scenario,
                folder,
                replica_header=config.replica_header,
                workers=config.workers,
                notes=notes,
            )
        finally:
            for watcher in self.watchers:
                watcher.end(result)
        return result

    def characterize(self, service: str, path: str = "/", **limits: Any) -> Character:
        """Find out what kind of service it is; the same question is asked once.

        Args:
            service: its name.
            path: what is asked for.
            limits: see ``capacity.character.question.question``.

        Raises:
            ConfigurationError: an argument can't be.
            InvalidRun: the measurement can't be believed.
            ServiceError: the service does not answer.
        """
        started = self.service(service)
        config = self.configs[service]
        asked = question(
            started.url,
            path,
            service=service,
            time_scale=self.time_scale(service),
            ready=config.ready.path,
            replica_header=config.replica_header,
            **limits,
        )
        if asked not in self.characters:
            self.say(f"characterising {service} {path}, for {asked.budget:g} s at most")
            attempts = Attempts(f"the character of {service} {path}")

            def measure() -> Character:
                with self._undisturbed(service, attempts) as (around, notes):
                    found = characterize(asked, around.since)
                    return replace(found, notes=(*notes, *around.notes))

            try:
                self.characters[asked] = self._until_believed(attempts, measure)
            except BaseException as error:
                self.characters[asked] = error
                raise
        found = self.characters[asked]
        if isinstance(found, BaseException):
            raise found
        return found

    def characterised(self, service: str | None = None) -> list[Character]:
        """Give what was found out about a service, or about all."""
        found = [one for one in self.characters.values() if not isinstance(one, BaseException)]
        return [one for one in found if service is None or one.service == service]

    def breaking_point(
        self, service: str, request: ProbeRequest, asked: Inquiry, test: str = ""
    ) -> BreakingPoint:
        """Look for how much a service takes; the same question is asked once.

        Args:
            service: its name.
            request: what is sent.
            asked: see ``capacity.limits.breaking_point.inquiry``.
            test: who asks.

        Raises:
            Inconclusive: the budget ran out before anything could be told.
            InvalidRun: the generator could not make the load.
            ServiceError: the service fails at rest, dies, or doesn't come to rest.
        """
        started, config = self.service(service), self.configs[service]
        target = Target(
            started.url,
            request,
            service,
            canary=config.ready.path,
            replica_header=config.replica_header,
            # Without the header, no answer tells which replica gave it.
            replicas=tuple(started.replicas) if config.replica_header else (),
            time_scale=self.time_scale(service),
            declared=Declared(
                config.workers_of(request.path),
                math.inf if config.patience is None else config.patience,
            ),
        )
        search = self.searches.get((target, asked))
        if search is not None:
            search.tests.add(test)
            if search.error is not None:
                raise search.error
        else:
            search = self.searches[target, asked] = Search(service, target.name, {test})
            self.say(
                f"{asked.capacity.value} of {service}, {target.name}: {asked.budget:g} s at most"
            )
            attempts = Attempts(f"{asked.capacity.value} of {service}, {target.name}")

            def measure() -> BreakingPoint:
                with self._undisturbed(service, attempts) as (around, notes):
                    search.notes = notes
                    found = find_breaking_point(target, asked, around.since)
                    search.notes = (*notes, *around.notes)
                    return found

            try:
                search.found = self._until_believed(attempts, measure)
            except BaseException as error:
                search.error = error
                raise
        assert search.found is not None  # noqa: S101 - where there is no error
        return search.found

    def _until_believed(self, attempts: Attempts, measure: Callable[[], T]) -> T:
        return until_believed(attempts, measure, self.say, wished=self._is_repeated)

    def results(self) -> list[RunResult]:
        """Give the results of all runs that came to one."""
        return [cell.result for cell in self.cells.values() if cell.result is not None]

    def breaking_points(self) -> list[BreakingPoint]:
        """Give all that were found."""
        return [one.found for one in self.searches.values() if one.found is not None]

    def searches_of(self, test: str) -> list[Search]:
        """Give the breaking points that a test looked for."""
        return [search for search in self.searches.values() if test in search.tests]

    @contextlib.contextmanager
    def _undisturbed(
        self, service: str, attempts: Attempts
    ) -> Iterator[tuple[Around, tuple[str, ...]]]:
        """Hold the machine for probes of a service; give who is beside it, and what is to be said.

        Not while what was before comes to rest, or others do.

        Raises:
            ServiceError: a part of it died, or what stands beside it doesn't run.
        """
        config = self.configs[service]
        cpus = spare_cpus(config.limits)
        self.warm.settle()
        notes = (*self._settle_all(), *attempts.notes)
        if attempts.causes:
            self._wait_for_quiet(config)
        with alone(self.say):
            self._loaded.add(service)
            probed = self._services[service]
            with (
                on_cpus(cpus),
                onlooking(probed, self._reaper) as around,
                # Not before all is settled: a service that is started again must not inherit it.
                preferred() if is_apart(probed, cpus) else contextlib.nullcontext(),
            ):
                yield around, (probed.limits_note, *notes)
        probed.check()

    def _wait_for_quiet(self, config: ServiceConfig) -> None:
        """Wait until others leave the CPUs alone that a service and its load are to have.

        Who has waited in vain waits less the next time: they mean to stay.
        """
        is_quiet = wait_for_quiet(
            self._services.values(),
            (service_cpus(config.limits) or allowed_cpus(), spare_cpus(config.limits)),
            self._reaper,
            self.say,
            self._patience,
        )
        self._patience = LIMIT_SECONDS if is_quiet else AGAIN_SECONDS

    def _tell(self, progress: Progress) -> None:
        for watcher in self.watchers:
            watcher.progress(progress)

    def _settle_all(self) -> tuple[str, ...]:
        """Let every service that has been under load drain: they share the CPU."""
        notes = [
            self._services[name].settle(settling.limit_seconds(self.time_scale(name)))
            for name in sorted(self._loaded)
        ]
        self._loaded.clear()
        return tuple(note for note in notes if note)

    def _folder(self) -> Path:
        if self._directory is None:
            self._directory = self._reaper.folder()
        return self._directory

    def stop(self, name: str) -> None:
        """Stop a service that nobody needs any more; say so if that can't be done."""
        self._loaded.discard(name)
        service = self._services.pop(name, None)
        if service is not None:
            try:
                service.stop()
            except PerfqaError as error:
                self.say(f"service {name} could not be stopped: {error}")

    def close(self) -> None:
        """Stop everything and remove all files; a second call does nothing."""
        try:
            for name in list(self._services):
                self.stop(name)
            self.warm.close()
        finally:
            self._reaper.close()
            if self._directory is not None:
                shutil.rmtree(self._directory, ignore_errors=True)
                self._directory = None


def is_interrupted(result: RunResult) -> bool:
    """Whether the user ended it."""
    return result.aborted is not None and result.aborted.interrupted


def _believed(cell: Cell, result: RunResult) -> RunResult:
    if result.aborted is not None and is_interrupted(result):
        raise KeyboardInterrupt(result.aborted.reason)
    if result.invalid:
        raise cell.attempts.given_up(InvalidRun(result.invalid))
    return result
