"""Under pytest-xdist: perf tests run when all others are done, one after the other.

Loads must not overlap, and what other tests do to the machine at the same time would show in the
figures. So workers leave perf tests out, and tell the controller which there are; once the last of
the other tests has ended, in whatever worker and however they were spread, the controller collects
them, and runs them as pytest without xdist does. Only hooks of pytest and xdist are used for that.
"""

from __future__ import annotations

import os
import warnings
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from .marks import is_perf_test

if TYPE_CHECKING:
    from collections.abc import Generator

    from .perf_tests import PerfTests

__tracebackhide__ = True

SKIP = "skip"
_KEY = "perfqa"
_DISTRIBUTES = "dsession"
# The name that xdist gives to the first worker.
_FIRST = "gw0"


def plugin(config: pytest.Config, perf_tests: PerfTests) -> Worker | Controller:
    """Give the hooks that this process needs: a worker of xdist, or that which has workers."""
    return Worker(config, perf_tests) if hasattr(config, "workerinput") else Controller(perf_tests)


class Worker:
    """The hooks of a worker: perf tests are left out there."""

    def __init__(self, config: Any, perf_tests: PerfTests) -> None:
        self._config = config
        self._perf_tests = perf_tests

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Take perf tests away before xdist tells what there is to be run here."""
        items = list(filter(is_perf_test, session.items))
        if not items:
            return
        try:
            options = self._perf_tests.options()
            if options.xdist == SKIP:
                reason = f"perfqa: not under pytest-xdist ({options.spelled('xdist')})"
                for item in items:
                    item.add_marker(pytest.mark.skip(reason=reason))
                return
            # Each worker finds the same, one is enough to tell it in time.
            if self._config.workerinput["workerid"] == _FIRST:
                self._perf_tests.prepare(items)
        except pytest.UsageError as error:
            self._tell(error)
        left_out = set(items)
        session.items[:] = [item for item in session.items if item not in left_out]
        self._config.workeroutput[_KEY] = [
            [os.path.relpath(item.path, self._config.rootpath), item.nodeid] for item in items
        ]

    def _tell(self, error: pytest.UsageError) -> None:
        """Have the controller say what is wrong before it has any test run."""
        lines = [str(line) for line in error.args]
        report = pytest.CollectReport(_KEY, "failed", "\n".join(lines), [], perfqa_mistakes=lines)
        self._config.hook.pytest_collectreport(report=report)


class Controller:
    """The hooks of the process that the workers report to: it runs the perf tests."""

    def __init__(self, perf_tests: PerfTests) -> None:
        self._perf_tests = perf_tests
        # Files by the tests in them, in the order in which workers have them.
        self._told: dict[str, str] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Raise what a worker has found wrong.

        Raises:
            pytest.UsageError: with every mistake.
        """
        if mistakes := getattr(report, "perfqa_mistakes", None):
            raise pytest.UsageError(*mistakes)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Note which perf tests a worker has left out."""
        told = getattr(node, "workeroutput", {}).get(_KEY, ())
        self._told |= {nodeid: path for path, nodeid in told}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Run the perf tests once the workers are done with all others."""
        done = yield
        if self._told:
            self._perf_tests.say(f"perf tests, now that all others are done: {len(self._told)}")
            self._collect(session)
            _run(session)
        return done

    def _collect(self, session: pytest.Session) -> None:
        config = session.config
        others, arguments, verbose = session.testscollected, config.args, config.option.verbose
        # As if there were no xdist; what is to be warned of, workers have warned of.
        left_out = [config.pluginmanager.get_plugin(name) for name in (_DISTRIBUTES, "warnings")]
        collection = config.pluginmanager.subset_hook_caller("pytest_collection", left_out)
        paths = dict.fromkeys(self._told.values())
        config.args = [str(config.rootpath / path) for path in paths]
        config.option.verbose = min(verbose, -1)  # how many tests there are has been said
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                collection(session=session)
        finally:
            config.args, config.option.verbose = arguments, verbose
        session.testscollected += others

    @pytest.hookimpl(wrapper=True)
    def pytest_collection_modifyitems(
        self, items: list[pytest.Item]
    ) -> Generator[None, object, object]:
        """Select what the workers have selected, in their order, whatever others would do.

        Raises:
            pytest.UsageError: not all of it is there.
        """
        if not self._told:
            return (yield)
        found = {item.nodeid: item for item in items}
        if missing := self._told.keys() - found.keys():
            raise pytest.UsageError(
                "perfqa: perf tests that workers of xdist have found are not to be found again: "
                f"{', '.join(sorted(missing))}; run perf tests without -n"
            )
        selected = [found[nodeid] for nodeid in self._told]
        items[:] = selected
        done = yield
        items[:] = selected
        return done


def _run(session: pytest.Session) -> None:
    """Run all tests of a session, as pytest does.

    Raises:
        pytest.Session.Failed, pytest.Session.Interrupted: it is to be ended before.
    """
    for item, following in pairwise([*session.items, None]):
        assert item is not None  # noqa: S101 - only the last is none
        session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
