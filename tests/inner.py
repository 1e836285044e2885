"""Inner projects that tests share: one pytest, one service, one generator, told one by one.

A test that has pytest run on a small project says what it puts there, and asserts on what became
of that, and only that::

    from inner import Told, inner
    from toy_project import steady

    @inner(
        '''
        @pytest.mark.perfqa(scenario="steady.yaml")
        def test_it(perf_run):
            assert perf_run.status["5xx"] > 0
        ''',
        {"steady.yaml": steady(duration=0.3, rate=60)},
    )
    def test_a_failure_is_one(told: Told) -> None:
        told.assert_outcomes(failed=1)
        told.stdout.fnmatch_lines(["E *5xx*"])

All selected tests that agree in arguments, ini file and environment are run by one pytest, on one
project, when the first of them asks for ``told``, in whichever of several processes. They are
timed, unless ``among_others`` says that they assert on counts and messages only. So

- files of one name must be of one text (it is an error if they aren't); tests that name equal
  scenarios share a run, and those that must not use another name;
- tests run on the service ``toy`` unless they are marked with others, which ``services`` describes;
- a test that is about how pytest ends, about all that it prints, or that disturbs its service or
  others, needs a project of its own (the fixtures ``toy`` and ``project``).

With parameters, the mark goes to each of them: ``pytest.param(..., marks=inner(...))``.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pickle
import re
import subprocess
import textwrap
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import forks
import pytest
from repeated import MEASURED_IN_VAIN, TOLD_BY
from toy_project import PLUGINS, ProjectFolder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

MARKER = "inner"
# Of those that run at a quarter of their times, or can't tell and pass, or look at JUnit's file.
QUARTER = ("--perfqa-time-scale=0.25", "--perfqa-inconclusive=pass", "--junitxml=junit.xml")
# How long a pytest may take for one test of each, in seconds; what it takes in all is far less.
_MOST_PER_TEST = 30
_REPORTS = "reports.jsonl"
_PRINTED = "printed.txt"
# Writes what pytest tells of each test, in the words it prints.
_RECORDER = f"""
import json, pathlib
import pytest

REPORTS = pathlib.Path(__file__).with_name("{_REPORTS}")

class Recorder:
    def __init__(self, config):
        self.config = config

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report):
        category, _, word = self.config.hook.pytest_report_teststatus(
            report=report, config=self.config
        )
        told = dict(
            nodeid=report.nodeid,
            when=report.when,
            category=category,
            word=word if isinstance(word, str) else word[0],
            text=report.longreprtext,
            sections=report.sections,
            properties=report.user_properties,
        )
        with REPORTS.open("a") as file:
            print(json.dumps(told, default=str), file=file)

def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(config))
"""


@dataclass(frozen=True)
class Inner:
    """What a test puts into a shared project.

    Attributes:
        text: of a test file.
        files: texts of further files, by name.
        services: texts of service files besides that of ``toy``, by name.
        shared: what the pytest is started with; those that agree in it share one.
        is_timed: others must not disturb it.
    """

    text: str
    files: Mapping[str, str]
    services: Mapping[str, str]
    shared: tuple[tuple[str, ...], str, tuple[tuple[str, str], ...]]
    is_timed: bool


def inner(
    text: str,
    files: Mapping[str, str] | None = None,
    *,
    services: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
    ini: str = "",
    environment: Mapping[str, str] | None = None,
    among_others: bool = False,
) -> pytest.MarkDecorator:
    """Mark a test with what it puts into a project that it shares.

    Args:
        text: of a test file; pytest is imported in it.
        files: texts of further files in its folder, by name.
        services: texts of service files besides that of ``toy``, by name.
        arguments: of the command line.
        ini: lines of ``pytest.ini``.
        environment: variables.
        among_others: it isn't timed, and told however much others disturb it: see the module of
            that name.
    """
    plugins = ("-p", "among_others") if among_others else ()
    shared = (*plugins, *arguments), ini, tuple(sorted((environment or {}).items()))
    mark: pytest.MarkDecorator = getattr(pytest.mark, MARKER)
    return mark(Inner(text, files or {}, services or {}, shared, is_timed=not among_others))


@dataclass(frozen=True)
class Report:
    """What pytest told of one phase of an inner test.

    Attributes:
        name: of the test, such as ``test_it[toy]``.
        category: how it is counted: passed, failed, error, skipped, inconclusive, ...
        word: how it is printed, such as PASSED or INVALID.
        text: why it failed.
        sections: what stands beside that, with their titles.
        properties: what JUnit XML has of it.
    """

    name: str
    when: str
    category: str
    word: str
    text: str
    sections: Sequence[tuple[str, str]]
    properties: Mapping[str, Any]

    def __str__(self) -> str:
        sections = "".join(f"---- {title} ----\n{text}\n" for title, text in self.sections)
        return f"{self.word or self.when} {self.name}\n{self.text}\n{sections}"


@dataclass
class Told:
    """What became of the inner tests of one test.

    Attributes:
        path: the project.
        file: the name of the test file.
        reports: of each phase of each test in it.
        session: all that the pytest printed, of the others' tests, too.
        code: with which it ended.
    """

    path: Path
    file: str
    session: pytest.LineMatcher
    code: int
    reports: list[Report] = field(default_factory=list)

    @property
    def stdout(self) -> pytest.LineMatcher:
        """What was told of these tests: their outcomes, errors and sections."""
        return pytest.LineMatcher("".join(map(str, self.reports)).splitlines())

    @property
    def outcomes(self) -> Mapping[str, int]:
        """How many were passed, failed, error, ..."""
        return Counter(report.category for report in self.reports if report.category)

    def assert_outcomes(self, **expected: int) -> None:
        """Compare how many were passed, failed, error, ... with what was expected."""
        assert self.outcomes == expected

    def starts(self, service: str) -> int:
        """How often a service has been started, for all tests of the project."""
        return ProjectFolder(self.path).starts(service)

    def verdicts(self) -> Mapping[str, str]:
        """Give the word for each test, the last one if there are several, by its name."""
        return {report.name: report.word for report in self.reports if report.word}


@dataclass(frozen=True)
class Made:
    """What became of the part of a test, or why that isn't known; and from when to when."""

    told: Told | Exception
    stretch: tuple[float, float]


class InnerSessions:
    """Runs each shared project once, when the first of its tests asks, in whichever process.

    Who asks again is being repeated, and has its own part run again, alone.
    """

    def __init__(self, items: Iterable[pytest.Item], folders: pytest.TempPathFactory) -> None:
        self._folders = folders
        self._items = [item for item in items if item.get_closest_marker(MARKER) is not None]
        self._made: dict[str, Made] = {}
        self._asked: set[str] = set()

    def told(self, item: pytest.Item) -> Told:
        """Give what became of the part of one test.

        Raises:
            AssertionError: the pytest of its project told nothing of any test.
            subprocess.TimeoutExpired: it didn't come to its end.
        """
        name = item.nodeid
        if name in self._asked:
            self._made |= self._make([item])
        elif name not in self._made:
            self._made |= self._shared(item)
        self._asked.add(name)
        made = self._made[name]
        item.stash[TOLD_BY] = {name: made.stretch}
        if isinstance(made.told, Exception):
            raise made.told
        return made.told

    def _shared(self, item: pytest.Item) -> dict[str, Made]:
        """Have the project run that a test shares, unless another of xdist's workers has."""
        shared = part(item).shared
        items = [one for one in self._items if part(one).shared == shared]
        folder = self._folders.getbasetemp()
        if not hasattr(item.config, "workerinput"):
            return self._make(items)
        name = hashlib.sha256(repr(shared).encode()).hexdigest()
        with (folder.parent / f"inner-{name}").open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            if found := file.read():
                known: dict[str, Made] = pickle.loads(found)  # noqa: S301 - one of us wrote it
                return known
            made = self._make(items)
            file.write(pickle.dumps(made))
            return made

    def _make(self, items: Sequence[pytest.Item]) -> dict[str, Made]:
        told: dict[str, Told | Exception]
        begun = time.monotonic()
        try:
            told = dict(run(items, self._folders.mktemp("inner")))
        except (AssertionError, subprocess.TimeoutExpired) as error:
            told = dict.fromkeys([item.nodeid for item in items], error)
        stretch = begun, time.monotonic()
        return {name: Made(one, stretch) for name, one in told.items()}


def part(item: pytest.Item) -> Inner:
    """Give what a test puts into a shared project."""
    mark = item.get_closest_marker(MARKER)
    assert mark is not None
    (found,) = mark.args
    assert isinstance(found, Inner)
    return found


def run(items: Sequence[pytest.Item], folder: Path) -> dict[str, Told]:
    """Run pytest on a project that has the parts of all these tests; tell of each, by its id."""
    names = {file_name(item, number): item for number, item in enumerate(items)}
    arguments, ini, environment = part(items[0]).shared
    project = ProjectFolder(folder)
    project.service()
    (folder / "pytest.ini").write_text(f"[pytest]\n{ini}\n")
    (folder / "conftest.py").write_text(_RECORDER)
    for name, item in names.items():
        fill(project, name, part(item))
    with (folder / _PRINTED).open("w+") as file:
        code = forks.run(
            [*PLUGINS, *arguments],
            cwd=folder,
            env={**os.environ, "PY_COLORS": "0", **dict(environment)},
            stdout=file,
            stderr=file,
            timeout=_MOST_PER_TEST * (1 + len(items)),
        )
        file.seek(0)
        text = file.read()
    printed = pytest.LineMatcher(text.splitlines())
    found = {name: Told(folder, name, printed, code) for name in names}
    assert (folder / _REPORTS).exists(), f"pytest ended with {code}:\n{text}"
    for line in (folder / _REPORTS).read_text().splitlines():
        told = json.loads(line)
        file, _, name = told.pop("nodeid").partition("::")
        told["properties"] = dict(told["properties"])
        found[file].reports.append(Report(name=name, **told))
    return {item.nodeid: found[name] for name, item in names.items()}


def file_name(item: pytest.Item, number: int) -> str:
    """Give a name of its own to the test file of a test."""
    return f"test_{number}_{re.sub(r'[^a-z_]', '', item.name.partition('[')[0])}.py"


def fill(project: ProjectFolder, name: str, given: Inner) -> None:
    """Put the part of one test into a project."""
    services = list(given.services) or ["toy"]
    header = f"pytestmark = pytest.mark.perfqa(services={services})\n"
    project.test(header + textwrap.dedent(given.text), name)
    for service, text in given.services.items():
        file = project.path / "services" / service / "service.yaml"
        if not file.exists():
            project.service(service, text)
        agree(file, text.format(folder=file.parent))
    for added, text in given.files.items():
        file = project.path / added
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        agree(file, text)


def agree(file: Path, text: str) -> None:
    """Make sure that all who share a file mean the same by it."""
    assert file.read_text() == text, f"{file.name} is another file in another test: rename it"


_SESSIONS = pytest.StashKey[InnerSessions]()


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker of tests that share projects."""
    config.addinivalue_line("markers", f"{MARKER}(inner): the part of a shared project; see inner")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Whatever shares a project puts a load on its service, which others would disturb."""
    if item.get_closest_marker(MARKER) is not None and part(item).is_timed:
        item.add_marker("timed")


@pytest.fixture
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """What became of the inner tests of this test: see ``inner``."""
    stash = request.config.stash  # not with a fixture's scope: who is repeated shall be known
    if _SESSIONS not in stash:
        stash[_SESSIONS] = InnerSessions(request.session.items, tmp_path_factory)
    found = stash[_SESSIONS].told(request.node)
    in_vain = any("INVALID the second time" in report.text for report in found.reports)
    request.node.stash[MEASURED_IN_VAIN] = in_vain
    for report in found.reports:  # beside a failure stands its own part only
        request.node.add_report_section("setup", "inner", str(report))
    return found
