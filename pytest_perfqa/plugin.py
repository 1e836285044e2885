"""The door to pytest: options, markers, fixtures and hooks.

Thin, and free where no perf test is selected: everything else is imported when one is.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from .capacity.character.kind import Character
    from .capacity.limits.found import BreakingPoint
    from .door.agenda import Agenda
    from .door.loading import Loader
    from .door.screen import Screen
    from .load.driver.warm import Warm
    from .measuring.chosen import Options
    from .measuring.session import Cell, PerfSession, Watcher
    from .report.outputs import Outputs
    from .result.run_result import RunResult
    from .service.backend import Service

# Our own frames tell a user nothing: pytest leaves those of such modules out of tracebacks.
__tracebackhide__ = True

_SERVICE_FIXTURE = "perf_service"
_RUN_FIXTURE = "perf_run"
_DOOR = "perfqa-door"
_LOADER = pytest.StashKey["Loader"]()
_OPTIONS = (
    ("services", "NAMES", "only these services, separated by commas"),
    ("backend", "auto|process|docker", "what services run on; auto takes docker where it can"),
    ("url", "URL", "test this running address instead of the services in files"),
    ("environment", "NAME", "which of the scenarios' environments to use"),
    ("time-scale", "FACTOR", "multiply times and divide rates by this; 1 by default"),
    ("processes", "N", "load generator processes; 1 by default"),
    ("inconclusive", "fail|pass|remeasure", "what becomes of tests that can't tell; fail"),
    (
        "xdist",
        "run|skip",
        "under pytest-xdist, run perf tests when all others are done; or skip them",
    ),
    ("invalid", "remeasure|error", "what becomes of runs that can't be believed; remeasure"),
    ("report", "DIR", "write a report in HTML and JSON to this folder"),
    ("export", "TARGETS", "graphite:HOST:PORT[/PREFIX] (live) or openmetrics:FILE; or both, a,b"),
)
_MARKERS = (
    "perfqa(services=, scenario=, environment=, errors='expected'): what a perf test is about",
    "exploratory: perf tests that get to know a service",
    "endurance: perf tests of a load that lasts",
    "concurrent_users: perf tests of bursts of users",
    "spike: perf tests of sudden peaks",
    "characterization: perf tests of what kind of service it is",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options, each with an ini twin."""
    group = parser.getgroup("perfqa", "performance and availability of HTTP services")
    for name, metavar, text in _OPTIONS:
        group.addoption(f"--perfqa-{name}", metavar=metavar, default=None, help=text)
        parser.addini(f"perfqa_{name.replace('-', '_')}", f"the same as --perfqa-{name}")
    group.addoption(
        "--perfqa-allow-remote",
        action="store_true",
        help="let load go to hosts that are neither loopback nor private",
    )
    parser.addini("perfqa_allow_remote", "the same as --perfqa-allow-remote", type="bool")
    parser.addini("perfqa_services_dir", "where services are described", default="services")
    parser.addini(
        "perfqa_max_error_rate",
        "the share of requests that may be other than expected if a scenario doesn't say; 1%",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers and open the door."""
    for line in _MARKERS:
        config.addinivalue_line("markers", line)
    door = Door(config)
    config.pluginmanager.register(door, _DOOR)
    if hasattr(config, "workerinput") or config.getoption("dist", "no") != "no":
        from .door import distributed

        config.pluginmanager.register(distributed.plugin(config, door))


class Door:
    """The hooks, and what they remember about this session."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._options: Options | None = None
        self._agenda: Agenda | None = None
        self._session: PerfSession | None = None
        self._lines: list[str] = []
        self._annotations: list[str] = []

    def options(self) -> Options:
        """Give the options, read once.

        Raises:
            pytest.UsageError: one of them can't be.
        """
        if self._options is None:
            from .door import options
            from .errors import ConfigurationError

            try:
                self._options = options.read(self._config)
            except ConfigurationError as error:
                raise pytest.UsageError(*str(error).splitlines()) from None
        return self._options

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make one test per service out of each perf test."""
        if _SERVICE_FIXTURE not in metafunc.fixturenames:
            return
        from .door.marks import services_for

        nothing = pytest.param(None, id="none")
        names: tuple[object, ...] = (nothing,)
        # An option that can't be is said when the tests are selected, with all other mistakes.
        with contextlib.suppress(pytest.UsageError):
            names = services_for(metafunc.definition, self.options()) or (nothing,)
            if names == (nothing,) and self.options().only:
                skip = pytest.mark.skip(reason="perfqa: none of its services was chosen")
                names = (pytest.param(None, id="none", marks=skip),)
        metafunc.parametrize(_SERVICE_FIXTURE, names, indirect=True, scope="session")

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Read and check all that the selected tests need, before anything starts."""
        is_worker = hasattr(self._config, "workerinput")  # where none of them runs
        if not is_worker and (items := self.perf_tests(session.items)):
            self._import_locust_for(session.items[0])
            self.prepare(items)

    def _import_locust_for(self, first: pytest.Item) -> None:
        """Begin to, if the first test needs it: that takes as long as all that we import before."""
        from .door.marks import asks_for_run

        is_run = not self._config.option.collectonly and first.get_closest_marker("skip") is None
        if is_run and asks_for_run(first):
            self._warm.start()

    @cached_property
    def _warm(self) -> Warm:
        """What generators will be forked from."""
        from .load.driver.warm import Warm
        from .machine.children import Reaper

        warm = Warm(Reaper())
        self._config.add_cleanup(warm.reaper.close)
        self._config.add_cleanup(warm.close)
        return warm

    def perf_tests(self, items: list[pytest.Item]) -> list[pytest.Item]:
        """Give those of some tests that need a service."""
        return list(filter(_is_perf_test, items))

    def prepare(self, items: list[pytest.Item]) -> None:
        """Read and check all that perf tests need.

        Raises:
            pytest.UsageError: with every mistake.
        """
        from .door.agenda import Agenda
        from .errors import ConfigurationError

        try:
            agenda = Agenda(self.options(), items)
            if not self._config.option.collectonly:
                agenda.check_programs()
                self._check_outputs()
            self._agenda = agenda
        except ConfigurationError as error:
            raise pytest.UsageError(*str(error).splitlines()) from None

    def _check_outputs(self) -> None:
        from .report.export.targets import targets

        options = self.options()
        targets(options.export, options.folder, options.spelled("export"))
        if options.report is not None:
            from .report.html import folder

            folder.check(options.report, options.spelled("report"))

    def pytest_report_collectionfinish(self) -> str | None:
        """Say how much load is to come."""
        if self._agenda is None:
            return None
        from .door.announcement import announcement

        return announcement(self._agenda, self.options().time_scale)

    @property
    def agenda(self) -> Agenda:
        """What the selected tests need; there is one wherever a perf test runs."""
        assert self._agenda is not None  # noqa: S101
        return self._agenda

    def session(self) -> PerfSession:
        """Give the session that holds services and runs; the first call makes it."""
        if self._session is None:
            _turn_sigterm_into_interrupt()
            if self.agenda.will_run:
                self._warm.start()  # it imports Locust while a service starts
            from .measuring.session import PerfSession

            self._session = PerfSession(
                self.agenda.configs,
                self.agenda.choices,
                self.options(),
                self.say,
                self._warm,
                tuple(self._watchers()),
            )
            self._config.add_cleanup(self._session.close)
        return self._session

    def _watchers(self) -> Iterator[Watcher]:
        """Give who looks on while runs are made."""
        from .report.terminal.live import LiveLine

        yield LiveLine(self._screen, len(self.agenda.runs), self.agenda.seconds)
        yield from self._outputs.exports

    @cached_property
    def _outputs(self) -> Outputs:
        from .report.export.targets import targets
        from .report.outputs import Outputs

        options = self.options()
        return Outputs(options.report, targets(options.export, options.folder))

    def say(self, line: str) -> None:
        """Print a line of its own."""
        self._screen.line(f"perfqa: {line}")

    @cached_property
    def _screen(self) -> Screen:
        from .door.screen import Screen

        return Screen(self._config)

    def _cell(self, item: pytest.Item) -> Cell | None:
        """Give the run that a test is about, if it has asked for it."""
        asks = _RUN_FIXTURE in getattr(item, "fixturenames", ())
        if self._session is None or self._agenda is None or not asks:
            return None
        from .door.marks import service_of

        service = service_of(item)
        return self._session.cell(service, self._agenda.scenario_for(item)) if service else None

    def loader(self, item: pytest.Item, service: str) -> Loader:
        """Give what runs scenarios for a test; its runs count as the test's."""
        from .door.loading import Loader

        item.stash[_LOADER] = Loader(self.session(), self.agenda, item, service)
        return item.stash[_LOADER]

    def _cells(self, item: pytest.Item) -> list[Cell]:
        """Give all runs that a test is about."""
        loader = item.stash.get(_LOADER, None)
        own = self._cell(item)
        others = [] if loader is None else [cell for cell in loader.cells if cell is not own]
        return others if own is None else [own, *others]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Stop a service once no test needs it any more."""
        done = yield
        if self._agenda is not None and self._session is not None:
            from .door.marks import service_of

            service = service_of(item)
            if service is not None and self._agenda.no_longer_needed(service):
                self._session.stop(service)
        return done

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Hold the runs to the requirements in their scenario files, too."""
        if self._session is None or not _is_perf_test(item):
            return (yield)
        from .door.remeasuring import UNDECIDED, Requirements, judge_again

        def cells() -> list[Cell]:
            return self._cells(item)

        try:
            with Requirements(item, cells):
                return (yield)
        except UNDECIDED as error:
            judge_again(item, error, self._session, self._cell(item), cells)
        return None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note the verdict, and put the evidence beside a failure."""
        if call.excinfo is not None:
            from .report.terminal.failure import explain

            explain(call.excinfo.value, _encoding(self._config))
        report = yield
        if call.excinfo is not None and report.failed:
            from .report.terminal.failure import truths

            report.sections.extend(truths(call.excinfo.value, _encoding(self._config)))
        if self._session is None or not _is_perf_test(item):
            return report
        from .door.judging import judge

        judge(item, report, call, self._session, self._cells(item), self.options().inconclusive)
        return report

    def pytest_assertrepr_compare(self, op: str, left: object, right: object) -> list[str] | None:
        """Say what stands behind a comparison of a quantity that does not hold."""
        if not any(hasattr(type(side), "evidence") for side in (left, right)):
            return None
        from .report.terminal.assertion import comparison

        return comparison(op, left, right, _encoding(self._config))

    def _annotate(self, report: pytest.TestReport) -> None:
        """Note a failure for the page of a CI."""
        verdict = getattr(report, "perfqa_verdict", None)
        if verdict is None or not report.failed or os.environ.get("GITHUB_ACTIONS") != "true":
            return
        from .report.ci.github import annotation

        path, line, name = report.location
        crash = getattr(report.longrepr, "reprcrash", None)
        said = crash.message if crash else report.longreprtext
        self._annotations.append(annotation(path, (line or 0) + 1, f"{verdict}: {name}", said))

    def pytest_report_teststatus(
        self, report: pytest.CollectReport | pytest.TestReport
    ) -> tuple[str, str, str] | None:
        """Call INVALID and INCONCLUSIVE by their names."""
        name = getattr(report, "perfqa_verdict", "")
        if name == "INVALID":
            return "error", "I", name
        if name == "INCONCLUSIVE":
            return ("failed" if report.failed else "inconclusive"), "?", name
        return None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_logreport(
        self, report: pytest.TestReport
    ) -> Generator[None, object, object]:
        """Have INVALID told as an error, whenever it was found."""
        self._annotate(report)
        when = report.when
        if getattr(report, "perfqa_verdict", "") == "INVALID" and when == "call":
            # What is told by JUnit XML as an error is what comes before the call.
            report.when = "setup"
        try:
            return (yield)
        finally:
            report.when = when

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Write what is to be left behind, however the session ended."""
        if self._session is None:
            return
        interrupted = exitstatus == pytest.ExitCode.INTERRUPTED
        written = self._outputs.write(self._session, interrupted=interrupted)
        self._lines = [*_summary(self._session), *written]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print one line per run, and mark failures where GitHub shows them."""
        if self._lines:
            terminalreporter.section("perfqa")
        for line in (*self._lines, *self._annotations):
            terminalreporter.write_line(line)
        for report in terminalreporter.stats.get("inconclusive", ()):
            reason = report.longrepr[2].removeprefix("Skipped: ")
            terminalreporter.write_line(f"{report.nodeid}: {reason}")


def _summary(session: PerfSession) -> list[str]:
    """Give a line per run and search, and services side by side."""
    from .report.comparison import compare, conclude
    from .report.terminal import summary as terminal
    from .report.text import breaking_points, character, side_by_side

    lines = terminal.summary(session.cells.values()) if session.cells else []
    lines += breaking_points.summary(session.searches.values()) if session.searches else []
    lines += character.summary(session.characterised()) if session.characters else []
    compared = compare(session.results())
    lines += side_by_side.summary(compared)
    lines += side_by_side.overall(conclude(compared, session.breaking_points()))
    return lines


def _encoding(config: pytest.Config) -> str:
    """Give what the terminal can print."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    file = getattr(reporter, "_tw", None) and reporter._tw._file
    return getattr(file, "encoding", None) or "ascii"


def _is_perf_test(item: pytest.Item) -> bool:
    return _SERVICE_FIXTURE in getattr(item, "fixturenames", ())


def _turn_sigterm_into_interrupt() -> None:
    """Make SIGTERM end pytest as Ctrl-C does: fixtures are torn down, services stopped."""
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return  # somebody has other plans with it

    def interrupt(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt("SIGTERM")

    signal.signal(signal.SIGTERM, interrupt)


def _door(config: pytest.Config) -> Door:
    door = config.pluginmanager.get_plugin(_DOOR)
    assert isinstance(door, Door)  # noqa: S101 - registered by pytest_configure
    return door


@pytest.fixture(scope="session")
def perf_service(request: pytest.FixtureRequest) -> Service:
    """The started service configuration that this test is about."""
    if not hasattr(request, "param"):
        from .errors import ConfigurationError

        raise ConfigurationError(
            "perf tests are made one per service when they are collected; accepted: their fixtures "
            "as arguments of the test, or of a fixture that it names, not request.getfixturevalue()"
        )
    return _door(request.config).session().service(request.param)


@pytest.fixture
def perf_run(request: pytest.FixtureRequest, perf_service: Service) -> RunResult:
    """The result of the marked scenario on the service; one run for all tests that ask for it."""
    door = _door(request.config)
    scenario = door.agenda.scenario_for(request.node)
    assert scenario is not None  # noqa: S101 - else the agenda could not have been made
    return door.session().run(perf_service.name, scenario)


@pytest.fixture
def perf_breaking_point(
    request: pytest.FixtureRequest, perf_service: Service
) -> Callable[..., BreakingPoint]:
    """Call it with a path or a scenario file: how much of it does the service take?

    With ``burst_within="10s"`` the largest burst, with ``slo="p95 <= 2s"`` the highest rate at
    which that holds, with neither the highest rate at which the queue stays bounded; see
    ``pytest_perfqa.capacity.limits.breaking_point.inquiry`` for all arguments.
    """

    def find(what: str, **asked: Any) -> BreakingPoint:
        from .capacity.limits.breaking_point import inquiry
        from .door.agenda import request_of

        return (
            _door(request.config)
            .session()
            .breaking_point(
                perf_service.name,
                request_of(what, request.node),
                inquiry(**asked),
                test=request.node.nodeid,
            )
        )

    return find


@pytest.fixture
def perf_characterize(
    request: pytest.FixtureRequest, perf_service: Service
) -> Callable[..., Character]:
    """Call it with a path: what kind of service is it, and how many workers has it?"""
    return functools.partial(_door(request.config).session().characterize, perf_service.name)


@pytest.fixture
def perf_load(request: pytest.FixtureRequest, perf_service: Service) -> Loader:
    """Call it to run a scenario with parameters of the test's own; gives the result."""
    return _door(request.config).loader(request.node, perf_service.name)
