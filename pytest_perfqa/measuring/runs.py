"""Runs of one session: each made once, unless it can't be believed or told from."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from ..base.verdicts import Verdict
from ..errors import InvalidRun
from ..machine.alone import alone
from ..monitor.quiet import AGAIN_SECONDS, LIMIT_SECONDS
from ..result.provenance import Provenance
from ..scenario.records import numbered
from ..service.shared.affinity import spare_cpus
from .repeating import Attempts, until_believed
from .run import Bench, run
from .telling import Telling, is_interrupted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..errors import Inconclusive
    from ..load.driver.generator import Progress
    from ..load.driver.warm import Warm
    from ..result.run_result import RunResult
    from ..scenario.records import Scenario
    from ..service.backend import Service
    from .chosen import Options
    from .services import Services
    from .telling import Listener

__tracebackhide__ = True


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
    def attempt(self) -> int:
        """How often it is made, the time that is next counted in."""
        return 1 + self.repeats + len(self.attempts.causes)

    @property
    def verdict(self) -> Verdict:
        """The gravest of all its tests."""
        return max((test.verdict for test in self.tests.values()), default=Verdict.UNTESTED)

    def judge(self, test: str, verdict: Verdict, said: str = "") -> None:
        """Count in what a test concludes; of one that speaks twice the graver counts."""
        before = self.tests.get(test)
        if before is None or verdict > before.verdict:
            self.tests[test] = Judgement(verdict, said)


class Runs:
    """Makes runs when they are first asked for.

    Attributes:
        cells: what was asked for, and what became of it.
    """

    def __init__(
        self,
        services: Services,
        options: Options,
        warm: Warm,
        watchers: tuple[Watcher, ...],
        listener: Listener,
    ) -> None:
        """Make runs on services.

        Args:
            warm: what generators are forked from.
            watchers: who looks on while runs are made.
            listener: who is told of each run before they look, and after.
        """
        self.cells: dict[Key, Cell] = {}
        self._services = services
        self._options = options
        self._warm = warm
        self._watchers = watchers
        self._listener = listener
        self._made = 0
        self._scenarios: dict[str, Scenario] = {}

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
        self._services.say(f"measuring {cell.attempts.what} again: {error}")
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
        self._services.say(f"measuring {cell.attempts.what} again: {error}")
        cell.result = _believed(cell, self._measure(cell))
        return True

    @property
    def _is_repeated(self) -> bool:
        return self._options.invalid == "remeasure"

    def _measure(self, cell: Cell) -> RunResult:
        """Make the run of a cell, until it can be believed; the cell has it, unless it had better.

        Raises:
            InvalidRun: it can't be, however often it is made.
        """

        def measure() -> RunResult:
            service = self._services.started(cell.key.service)
            with Telling(self._listener, service.name, cell.key.scenario, cell.attempt) as telling:
                made = self._run(service, cell, telling)
                telling.result = made
                made.notes = (*made.notes, *cell.attempts.notes)
                made.provenance = Provenance(self._setting(cell.key.service))
                if cell.result is None or cell.result.invalid:
                    cell.result = made
            if made.invalid and not is_interrupted(made):
                raise InvalidRun(made.invalid)
            return made

        return until_believed(cell.attempts, measure, self._services.say, wished=self._is_repeated)

    def _setting(self, service: str) -> dict[str, str]:
        """Say how runs on a service are made, as texts by name."""
        return {
            **self._services.setting(service),
            **self._options.setting,
            "time_scale": f"{self._services.time_scale(service):g}",
        }

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

    def make(self, service: str, scenario: Scenario, *, is_again: bool = False) -> RunResult:
        """Make a run of which only the caller knows; it is for the caller to tell what it is worth.

        Args:
            service: its name.
            scenario: at full scale.
            is_again: whether one before could not be believed: others are to be quiet first. That
                is not waited for long: the run belongs to others of the same minutes.

        Raises:
            PerfqaError: it could not be made.
            KeyboardInterrupt: it came during the run.
        """
        started = self._services.started(service)
        quiet = AGAIN_SECONDS if is_again else 0.0
        with self._machine(service, quiet) as (bench, notes):
            made = self._made_on(replace(bench, on_progress=None), started, scenario, notes)
        if made.aborted is not None and is_interrupted(made):
            raise KeyboardInterrupt(made.aborted.reason)
        made.provenance = Provenance(self._setting(service))
        return made

    def _run(self, service: Service, cell: Cell, telling: Telling) -> RunResult:
        quiet = LIMIT_SECONDS if cell.attempts.causes else 0.0
        with self._machine(service.name, quiet) as (bench, notes):
            telling.begin()
            return self._watched_run(bench, service, cell.key.definition, notes)

    @contextlib.contextmanager
    def _machine(self, service: str, quiet: float) -> Iterator[tuple[Bench, tuple[str, ...]]]:
        """Hold the machine for a load on a service; give the bench, and what is to be said.

        Args:
            quiet: for how many seconds others may be waited for.
        """
        config = self._services.configs[service]
        bench = Bench(
            reaper=self._services.reaper,
            time_scale=self._services.time_scale(service),
            processes=self._options.processes,
            cpus=spare_cpus(config.limits),
            max_error_rate=self._options.max_error_rate,
            on_progress=self._tell,
            warm=self._warm,
        )
        notes = self._services.settle_all()
        if quiet:
            self._services.wait_for_quiet(config, quiet)
        with contextlib.ExitStack() as machine:
            machine.enter_context(alone(self._services.say))
            self._services.loads(service)
            yield replace(bench, on_end=machine.close), notes

    def _watched_run(
        self,
        bench: Bench,
        service: Service,
        scenario: Scenario,
        notes: tuple[str, ...],
    ) -> RunResult:
        for watcher in self._watchers:
            watcher.begin(service.name, scenario.scaled(bench.time_scale))
        result = None
        try:
            result = self._made_on(bench, service, scenario, notes)
        finally:
            for watcher in self._watchers:
                watcher.end(result)
        return result

    def _made_on(
        self, bench: Bench, service: Service, scenario: Scenario, notes: tuple[str, ...]
    ) -> RunResult:
        config = self._services.configs[service.name]
        self._made += 1
        return run(
            bench,
            service,
            scenario,
            self._services.folder() / f"run-{self._made}",
            replica_header=config.replica_header,
            workers=config.workers,
            notes=notes,
        )

    def results(self) -> list[RunResult]:
        """Give the results of all runs that came to one."""
        return [cell.result for cell in self.cells.values() if cell.result is not None]

    def _tell(self, progress: Progress) -> None:
        for watcher in self._watchers:
            watcher.progress(progress)


def _believed(cell: Cell, result: RunResult) -> RunResult:
    if result.aborted is not None and is_interrupted(result):
        raise KeyboardInterrupt(result.aborted.reason)
    if result.invalid:
        raise cell.attempts.given_up(InvalidRun(result.invalid))
    return result
