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
# Modules of the first stage whose tests take a second each, besides those of the plugin.
_SLOW = {"test_report_browser", "test_generator", "test_locustfile_users", "test_stages"}


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
    items[:] = parts[True]
    if hasattr(config, "workerinput"):
        items[:] = spread(parts[True], config.workerinput["workercount"])
    if parts[False]:
        config.hook.pytest_deselected(items=parts[False])


def spread(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """Have each worker begin with its part of what takes long: what is left at the end is short.

    Each begins with as many tests as any other, in their order, and takes from others' ends.
    """
    containers, slow, quick = (
        [item for item in items if pace(item) == wanted] for wanted in range(3)
    )
    # They have the engine one after the other: by one worker, none waits for it.
    parts = [containers]
    for left in range(workers - 1, 0, -1):
        parts.append(slow[: -(-len(slow) // left)])
        del slow[: len(parts[-1])]
    parts[0] += slow  # of a worker that is alone
    ordered: list[pytest.Item] = []
    for number, part in enumerate(parts):
        size = (len(items) - len(ordered)) // (workers - number)
        rest = max(0, size - len(part))
        ordered += part + quick[:rest]
        del quick[:rest]
    return ordered + quick


def pace(item: pytest.Item) -> int:
    """Tell tests of containers (0) and others that take long (1) from the rest (2)."""
    if "docker" in item.path.name:
        return 0
    return 1 if item.path.parent.name == "plugin" or item.path.stem in _SLOW else 2


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
