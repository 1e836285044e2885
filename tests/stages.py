"""The two stages of ``scripts/all_tests.py``: tests that may run beside others, then the timed.

The options say which stage this is, and where to write down what came of it.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import repeated

#: What a stage takes of the tests that are selected, by its name.
IS_TIMED = {"beside": False, "alone": True}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("stages", "this repository's tests, in two stages")
    group.addoption("--stage", choices=sorted(IS_TIMED), help="only tests of this stage")
    group.addoption("--stage-told", metavar="FILE", type=Path, help="write what came of it here")


def pytest_configure(config: pytest.Config) -> None:
    """Take notes, where they are wanted and all tests are known."""
    file = config.getoption("stage_told")
    if file is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Notes(file))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what isn't of this stage, of what the user has selected."""
    stage = config.getoption("stage")
    if stage is None:
        return
    parts: dict[bool, list[pytest.Item]] = {True: [], False: []}
    for item in items:
        is_timed = item.get_closest_marker("timed") is not None
        parts[is_timed == IS_TIMED[stage]].append(item)
    # They have the engine one after the other: begun first, by one worker, none waits for it.
    items[:] = parts[True] if IS_TIMED[stage] else sorted(parts[True], key=rank)
    if parts[False]:
        config.hook.pytest_deselected(items=parts[False])


def rank(item: pytest.Item) -> int:
    """Give what comes first where several take tests: what takes long."""
    if "docker" in item.path.name:
        return 0
    return 1 if item.path.parent.name == "plugin" else 2


class Notes:
    """What the last lines of all stages are made of."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._bad: list[str] = []
        self._repeated: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what failed, and what was run again."""
        self._note(report)
        self._repeated += repeated.lines(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what can't be read."""
        self._note(report)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.failed:
            word = "FAILED" if report.when == "call" else "ERROR"
            self._bad.append(f"{getattr(report, 'perfqa_verdict', None) or word} {report.nodeid}")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write it down, and whether it was to go no further."""
        told = {
            "bad": list(dict.fromkeys(self._bad)),
            "repeated": self._repeated,
            "stopped": bool(session.shouldfail or session.shouldstop),
        }
        self._file.write_text(json.dumps(told))
