"""What the selected tests need: read and checked before any of it starts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..capacity.probing.target import ProbeRequest, only_request
from ..errors import ConfigurationError, FileProblems, PrerequisiteMissing, Problem
from ..measuring.faults import part_problem
from ..scenario.artillery import read_scenario
from ..scenario.variation import labelled
from ..service import selection
from .marks import (
    BASELINE_FIXTURE,
    LOAD_FIXTURE,
    MARKER,
    RUN_FIXTURE,
    Wish,
    asks_for_run,
    is_asked_for,
    is_compared,
    scenario_path,
    service_of,
    wish,
)
from .titles import Titles

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import pytest

    from ..measuring.chosen import Options
    from ..scenario.records import Scenario
    from ..service.config import ServiceConfig

__tracebackhide__ = True

_NEEDS = f"needs @pytest.mark.{MARKER}(scenario='FILE.yaml')"
_UNMARKED = f"{RUN_FIXTURE} {_NEEDS}"
# Tests with these find out something themselves; how long that takes, nobody knows before.
SEARCH_FIXTURES = frozenset({"perf_breaking_point", "perf_characterize"})


def request_of(what: str, item: pytest.Item) -> ProbeRequest:
    """Give the request that a path, or the only step of a scenario file, stands for.

    Raises:
        ConfigurationError: it is neither, or a scenario that is more than one request.
    """
    if what.startswith("/"):
        return ProbeRequest(what)
    if not what.endswith((".yaml", ".yml")):
        raise ConfigurationError(f"{what!r}: accepted: a path such as '/heavy', or a scenario file")
    path = scenario_path(what, item.path.parent)
    return only_request(read_scenario(path, None), path)


class Agenda:
    """The services and runs that tests need.

    Attributes:
        configs: the configurations of all services needed, by name.
        choices: the backends that they run on.
        runs: pairs of a service and a key of ``scenarios``, each once, in the order of the tests.
        scenarios: by path and environment.
        tests: how many tests still need each service.
        searches: how many tests find out themselves what a service can do.
        compared: which service and scenario tests compare with a base, by their ids.
        will_run: whether a test asks for runs, of its own parameters or not.
    """

    def __init__(self, options: Options, items: Iterable[pytest.Item]) -> None:
        """Read all that these tests need.

        Raises:
            ConfigurationError: with every mistake in markers, scenario and service files.
        """
        self._options = options
        self._mistakes: dict[str, None] = {}
        self._problems: set[Problem] = set()
        self._broken: set[tuple[Path, str | None]] = set()
        self._known = options.known_services()
        self.configs: dict[str, ServiceConfig] = {}
        self.choices: dict[str, selection.Choice] = {}
        self.scenarios: dict[tuple[Path, str | None], Scenario] = {}
        self._titles = Titles()
        self.runs: dict[tuple[str, tuple[Path, str | None]], None] = {}
        self.tests: dict[str, int] = {}
        self.searches = 0
        self.compared: dict[str, tuple[str, tuple[Path, str | None]]] = {}
        self.will_run = False
        self._check_names(options.only or (), options.spelled("services"))
        for item in items:
            self._add(item)
        self._titles.give(path for path, _ in self.scenarios)
        for name in self.tests:
            self._read_service(name)
        for service, key in self.runs:
            if service in self.choices and selection.knows_parts(self.choices[service]):
                self._problems.update(self._fault_problems(service, key))
        self._raise_mistakes()

    def check_programs(self) -> None:
        """Make sure that what the services are started with is installed.

        Raises:
            ConfigurationError: with every program that is missing and the command that helps.
        """
        missing: dict[str, list[str]] = {}
        for name, config in self.configs.items():
            try:
                selection.check_prerequisites(config, self.choices[name])
            except PrerequisiteMissing as error:
                missing.setdefault(str(error), []).append(str(config.path))
            except ConfigurationError as error:
                self._note(error)
        for what, files in missing.items():
            self._mistakes[f"{', '.join(files)}: {what}"] = None
        self._raise_mistakes()
        for service, key in self.runs:
            self._problems.update(self._fault_problems(service, key))
        self._raise_mistakes()

    @property
    def seconds(self) -> float:
        """How long arrivals will come, in all runs together."""
        return sum(
            self.scenarios[key].duration * self.time_scale(service) for service, key in self.runs
        )

    def time_scale(self, service: str) -> float:
        """Give the factor on times that everything about a service has."""
        config, wanted = self.configs.get(service), self._options.time_scale
        return wanted if config is None else config.time_scale(wanted)

    def marked_scenario(self, item: pytest.Item, service: str) -> Scenario:
        """Give the scenario that a test is marked with, be it since it runs, for a service.

        Raises:
            ConfigurationError: there is none, or with every mistake in it.
        """
        key = self._key(wish(item))
        if key is None:
            raise ConfigurationError(_UNMARKED)
        return self._checked(service, key)

    def _named(self, key: tuple[Path, str | None]) -> Scenario:
        path, environment = key
        scenario = replace(self.scenarios[key], name=self._titles[path])
        if environment is None or environment == self._options.environment:
            return scenario
        # Other tests may be about the same file as it is, or in another of its environments.
        return replace(scenario, name=labelled(scenario.name, f"environment={environment}"))

    def scenario(
        self, item: pytest.Item, service: str, file: str | None, environment: str | None
    ) -> Scenario:
        """Give the scenario in a file, or else in that of the test's marker, for a service.

        Raises:
            ConfigurationError: with every mistake in it.
        """
        wanted = wish(item)
        path = wanted.scenario
        if file is not None:
            path = scenario_path(file, item.path.parent)
        if path is None:
            raise ConfigurationError(
                f"{LOAD_FIXTURE}(): no scenario; accepted: {LOAD_FIXTURE}('FILE.yaml'), or "
                f"@pytest.mark.{MARKER}(scenario='FILE.yaml')"
            )
        return self._checked(
            service, (path, environment or self._options.environment or wanted.environment)
        )

    def _checked(self, service: str, key: tuple[Path, str | None]) -> Scenario:
        """Give a scenario for a service, read now if no test was known to need it.

        Raises:
            ConfigurationError: with every mistake in it.
        """
        if key not in self.scenarios:
            self.scenarios[key] = read_scenario(*key)
            self._titles.give(path for path, _ in self.scenarios)
        problems = list(self._fault_problems(service, key))
        if problems:
            raise FileProblems(problems)
        return self._named(key)

    def no_longer_needed(self, service: str) -> bool:
        """Note that a test of this service is done; tell whether it was the last."""
        self.tests[service] = self.tests.get(service, 0) - 1
        return self.tests[service] <= 0

    def _key(self, wanted: Wish) -> tuple[Path, str | None] | None:
        if wanted.scenario is None:
            return None
        return wanted.scenario, self._options.environment or wanted.environment

    def _add(self, item: pytest.Item) -> None:
        where = item.nodeid.partition("[")[0]
        try:
            wanted = wish(item)
        except ConfigurationError as error:
            self._mistakes[f"{where}: {error}"] = None
            return
        service = service_of(item)
        if service is None:
            self._check_any()
        elif self._options.url is None and wanted.services and service not in wanted.services:
            self._mistakes[
                f"{where}: {MARKER}(services={list(wanted.services)}): accepted: on the test "
                "itself, not on one of its parameters"
            ] = None
        elif self._check_names([service], where):
            self.tests[service] = self.tests.get(service, 0) + 1
            asked = getattr(item, "fixturenames", ())
            self.searches += not SEARCH_FIXTURES.isdisjoint(asked)
            self.will_run |= asks_for_run(item)
            if is_compared(item):
                self._add_comparison(item, service, self._key(wanted), where)
            if is_asked_for(item, RUN_FIXTURE):
                self._add_run(service, self._key(wanted), where)
            elif not {RUN_FIXTURE, LOAD_FIXTURE}.isdisjoint(asked):
                self._read_scenario(self._key(wanted))

    def _add_run(self, service: str, key: tuple[Path, str | None] | None, where: str) -> None:
        if key is None:
            self._mistakes[f"{where}: {_UNMARKED}"] = None
            return
        self._read_scenario(key)
        self.runs[service, key] = None

    def _add_comparison(
        self,
        item: pytest.Item,
        service: str,
        key: tuple[Path, str | None] | None,
        where: str,
    ) -> None:
        if key is None:
            self._mistakes[f"{where}: {BASELINE_FIXTURE} {_NEEDS}"] = None
            return
        self._read_scenario(key)
        self.will_run |= self._options.against is not None
        self.compared[item.nodeid] = service, key

    def _read_scenario(self, key: tuple[Path, str | None] | None) -> None:
        if key is not None and key not in self.scenarios and key not in self._broken:
            try:
                self.scenarios[key] = read_scenario(*key)
            except ConfigurationError as error:
                self._broken.add(key)
                self._note(error)

    def _read_service(self, name: str) -> None:
        try:
            config = self._known[name]()
            self.choices[name] = selection.choose(config, self._options.backend)
            self.configs[name] = config
        except ConfigurationError as error:
            self._note(error)

    def _fault_problems(self, service: str, key: tuple[Path, str | None]) -> Iterator[Problem]:
        if service not in self.configs or key not in self.scenarios:
            return
        faults = [fault for fault in self.scenarios[key].faults if fault.part]
        if not faults:
            return
        parts = selection.part_names(self.configs[service], self.choices[service])
        for fault in faults:
            if parts is not None and (problem := part_problem(fault.part, service, parts)):
                message = f"config.perfqa.faults: {fault.text}: {problem}"
                yield Problem(key[0], fault.line, message)

    def _note(self, error: ConfigurationError) -> None:
        if isinstance(error, FileProblems):
            self._problems |= set(error.problems)
        else:
            self._mistakes[str(error)] = None

    def _check_any(self) -> None:
        if not self._known:
            self._mistakes[
                f"there are no services in {self._options.services_dir}; accepted: folders with a "
                "service.yaml there, or another folder named by perfqa_services_dir"
            ] = None

    def _check_names(self, names: Iterable[str], where: str) -> bool:
        strangers = [name for name in names if name not in self._known]
        if strangers:
            known = ", ".join(self._known) or f"none in {self._options.services_dir}"
            found = ", ".join(map(repr, strangers))
            self._mistakes[f"{where}: no service {found}; accepted: {known}"] = None
        return not strangers

    def _raise_mistakes(self) -> None:
        lines = [*map(str, sorted(self._problems)), *self._mistakes]
        if lines:
            raise ConfigurationError("\n".join(lines))
