"""The perf tests of a session, and all that they share: options, agenda, services and runs.

What needs time to import is imported when it is needed: tests may be deselected, or only collected.
"""

from __future__ import annotations

import shutil
import signal
import threading
from functools import cached_property
from typing import TYPE_CHECKING

import pytest

from ..errors import ConfigurationError
from .marks import (
    BASELINE_FIXTURE,
    SERVICE_FIXTURE,
    asks_for_run,
    is_compared,
    is_perf_test,
    required_service,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..compare.allowance import Allowance
    from ..load.driver.warm import Warm
    from ..measuring.chosen import Options
    from ..measuring.runs import Cell, Watcher
    from ..measuring.session import PerfSession
    from ..report.outputs import Outputs
    from ..result.run_result import RunResult
    from .agenda import Agenda
    from .baseline import AgainstBase
    from .bases import Prepared
    from .loading import Loader
    from .screen import Screen

__tracebackhide__ = True

_CELL = pytest.StashKey["Cell | None"]()
_NO_BASE = (
    "perfqa: nothing to compare with; accepted: "
    "--perfqa-against=git:REF, FOLDER, URL or service:NAME"
)
_LOADER = pytest.StashKey["Loader"]()


class PerfTests:
    """What perf tests share: read, begun or made when the first of them needs it.

    Attributes:
        against: what services are compared with, as messages name it; None of nothing.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._options: Options | None = None
        self._agenda: Agenda | None = None
        self._session: PerfSession | None = None
        self._bases: Prepared | None = None
        self.against: str | None = None

    def options(self) -> Options:
        """Give the options, read once.

        Raises:
            pytest.UsageError: one of them can't be.
        """
        if self._options is None:
            from . import options

            try:
                self._options = options.read(self._config)
            except ConfigurationError as error:
                raise pytest.UsageError(*str(error).splitlines()) from None
        return self._options

    def collected(self, items: list[pytest.Item]) -> bool:
        """Take note of the selected tests, and check all that they need before anything starts.

        Returns:
            Whether there is a perf test among them.

        Raises:
            pytest.UsageError: with every mistake.
        """
        if perf_tests := list(filter(is_perf_test, items)):
            self._import_locust_for(items[0])
            self.prepare(perf_tests)
        return bool(perf_tests)

    def _import_locust_for(self, first: pytest.Item) -> None:
        """Begin to, if the first test needs it: that takes as long as all that we import before."""
        is_run = not self._config.option.collectonly and first.get_closest_marker("skip") is None
        compares = is_compared(first) and self.options().against is not None
        if is_run and (asks_for_run(first) or compares):
            self._warm.start()

    @cached_property
    def _warm(self) -> Warm:
        """What generators will be forked from."""
        from ..load.driver.warm import Warm
        from ..machine.children import Reaper

        warm = Warm(Reaper())
        self._config.add_cleanup(warm.reaper.close)
        self._config.add_cleanup(warm.close)
        return warm

    def prepare(self, items: list[pytest.Item]) -> None:
        """Read and check all that perf tests need.

        Raises:
            pytest.UsageError: with every mistake.
        """
        from .agenda import Agenda

        try:
            agenda = Agenda(self.options(), items)
            if not self._config.option.collectonly:
                agenda.check_programs()
                self._check_outputs()
            self._prepare_bases(agenda, items)
            self._agenda = agenda
        except ConfigurationError as error:
            raise pytest.UsageError(*str(error).splitlines()) from None

    def _prepare_bases(self, agenda: Agenda, items: list[pytest.Item]) -> None:
        """Make what services are compared with, where a test does; skip it where there is none."""
        if not agenda.compared:
            return
        from ..baseline.sources import side
        from . import bases

        source = bases.source_of(self.options())
        if source is None:
            for item in filter(is_compared, items):
                item.add_marker(pytest.mark.skip(reason=_NO_BASE))
            return
        self.against = side(source)
        if not self._config.option.collectonly:
            folder = self._warm.reaper.folder()
            self._config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
            tree, reaper = folder / "base", self._warm.reaper
            self._bases = bases.prepare_bases(source, self.options(), agenda, tree, reaper)

    @cached_property
    def _allowance(self) -> Allowance:
        """What all checks of the session share."""
        from ..compare.allowance import Allowance
        from ..compare.gate import FALSE_ALARM

        return Allowance(self.agenda.compared, FALSE_ALARM)

    def _check_outputs(self) -> None:
        from ..report.export.targets import targets

        options = self.options()
        targets(options.export, options.folder, options.spelled("export"))
        if options.report is not None:
            from ..report.html import folder

            folder.check_writable(options.report, options.spelled("report"))
        if options.keep is not None:
            from ..report.kept import check_keeping

            check_keeping(options.keep, options.spelled("keep"))
        if options.save is not None:
            from ..report.saved import check_saving

            check_saving(options.save, options.spelled("save"))

    @property
    def agenda(self) -> Agenda:
        """What the selected tests need; there is one wherever a perf test runs."""
        assert self._agenda is not None  # noqa: S101
        return self._agenda

    @property
    def begun(self) -> PerfSession | None:
        """The session that holds services and runs, None before a test has asked for any."""
        return self._session

    def session(self) -> PerfSession:
        """Give the session that holds services and runs; the first call makes it."""
        if self._session is None:
            _turn_sigterm_into_interrupt()
            if self.agenda.will_run:
                self._warm.start()  # it imports Locust while a service starts
            from ..measuring.session import PerfSession
            from .hook_caller import HookCaller

            found = self._bases
            self._session = PerfSession(
                {**self.agenda.configs, **(found.configs if found else {})},
                {**self.agenda.choices, **(found.choices if found else {})},
                self.options(),
                self.say,
                self._warm,
                tuple(self._watchers()),
                HookCaller(self._config),
                found.bases if found else None,
            )
            self._config.add_cleanup(self._session.close)
        return self._session

    def _watchers(self) -> Iterator[Watcher]:
        """Give who looks on while runs are made."""
        from ..report.terminal.live import LiveLine

        yield LiveLine(self._screen, len(self.agenda.runs), self.agenda.seconds)
        yield from self.outputs.exports

    @cached_property
    def outputs(self) -> Outputs:
        """What is left behind."""
        from ..report.export.targets import targets
        from ..report.outputs import Outputs

        options = self.options()
        exported = targets(options.export, options.folder)
        return Outputs(options.report, exported, options.keep, options.setting, save=options.save)

    def say(self, line: str) -> None:
        """Print a line of its own."""
        self._screen.line(f"perfqa: {line}")

    @cached_property
    def _screen(self) -> Screen:
        from .screen import Screen

        return Screen(self._config)

    def run(self, item: pytest.Item) -> RunResult:
        """Give the result of the scenario that a test is marked with; the run counts as the test's.

        Raises:
            ConfigurationError: it is marked with none, or that has mistakes.
            InvalidRun: the result can't be believed.
            PerfqaError: the run could not be made.
        """
        service = required_service(item)
        scenario = self.agenda.marked_scenario(item, service)
        runs = self.session().runs
        try:
            return runs.run(service, scenario)
        finally:
            item.stash[_CELL] = runs.cell(service, scenario)

    def baseline(self, request: pytest.FixtureRequest) -> AgainstBase:
        """Give what compares the service of a test with its base; both are started.

        Raises:
            ConfigurationError: there is no scenario, it has mistakes, or it can't be compared.
            PerfqaError: one of them can't be started; says which.
        """
        item = request.node
        if self.options().against is None:
            pytest.skip(_NO_BASE)
        if item.nodeid not in self.agenda.compared:
            raise ConfigurationError(
                f"{BASELINE_FIXTURE}: accepted as an argument of the test, or of a fixture that it "
                "names, not by request.getfixturevalue()"
            )
        from .baseline import AgainstBase

        service = required_service(item)
        scenario = self.agenda.marked_scenario(item, service)
        comparisons = self.session().comparisons
        comparisons.start(service)
        request.getfixturevalue(SERVICE_FIXTURE)  # what overrides it may prepare the service
        comparison = comparisons.comparison(service, scenario)
        return AgainstBase(comparisons, comparison, self._allowance, item.nodeid)

    def cell(self, item: pytest.Item) -> Cell | None:
        """Give the run that a test is about, if it has asked for it."""
        return item.stash.get(_CELL, None)

    def loader(self, item: pytest.Item) -> Loader:
        """Give what runs scenarios for a test; its runs count as the test's."""
        from .loading import Loader

        return item.stash.setdefault(
            _LOADER, Loader(self.session(), self.agenda, item, required_service(item))
        )

    def cells(self, item: pytest.Item) -> list[Cell]:
        """Give all runs that a test is about."""
        loader = item.stash.get(_LOADER, None)
        own = self.cell(item)
        others = [] if loader is None else [cell for cell in loader.cells if cell is not own]
        return others if own is None else [own, *others]


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
