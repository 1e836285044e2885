"""The door to pytest: options, markers, fixtures and hooks.

Thin, and free where no perf test is selected: everything else is imported when one is.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from .capacity.character.kind import Character
    from .capacity.limits.found import BreakingPoint
    from .door.baseline import AgainstBase
    from .door.loading import Loader
    from .door.perf_tests import PerfTests
    from .result.run_result import RunResult
    from .service.backend import Service

# Our own frames tell a user nothing: pytest leaves those of such modules out of tracebacks.
__tracebackhide__ = True

_FIXTURES = frozenset(
    {
        *("perf_service", "perf_run", "perf_load", "perf_baseline"),
        *("perf_breaking_point", "perf_characterize"),
    }
)
_HOOKS = "perfqa-hooks"
_PERF_TESTS = pytest.StashKey["PerfTests"]()
_OPTIONS = (
    ("services", "NAMES", "only these services, separated by commas"),
    ("backend", "auto|process|docker|NAME", "what services run on; auto takes docker where it can"),
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
    ("against", "WHERE", "compare with git:REF, FOLDER, URL or service:NAME (perf_baseline)"),
    ("budget", "TIME", "how long one service is compared under a scenario, at most; 5 min"),
    ("keep", "DIR", "keep what was measured in a folder below this one: perfqa show reads it"),
    ("save", "NAME", "save what was measured as a baseline, in .perfqa/baselines/MACHINE/NAME"),
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


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the hooks of users."""
    from .door import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers, and keep perf tests out of the workers of xdist."""
    for line in _MARKERS:
        config.addinivalue_line("markers", line)
    if hasattr(config, "workerinput") or config.getoption("dist", "no") != "no":
        from .door import distributed

        config.pluginmanager.register(distributed.plugin(config, _perf_tests(config)))


def _perf_tests(config: pytest.Config) -> PerfTests:
    """Give what perf tests share; the first call makes it."""
    if _PERF_TESTS not in config.stash:
        from .door.perf_tests import PerfTests

        config.stash[_PERF_TESTS] = PerfTests(config)
    return config.stash[_PERF_TESTS]


# Before those of users' conftest.py files, as if registered after them.
@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test per service out of each perf test."""
    if not _FIXTURES.isdisjoint(metafunc.fixturenames):
        from .door.matrix import parametrize

        parametrize(metafunc, _perf_tests(metafunc.config))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Read and check all that the selected tests need, before anything starts."""
    config = session.config
    is_worker = hasattr(config, "workerinput")  # where none of them runs
    if is_worker or _PERF_TESTS not in config.stash:
        return
    perf_tests = config.stash[_PERF_TESTS]
    if perf_tests.collected(session.items) and not config.pluginmanager.has_plugin(_HOOKS):
        from .door.hooks import Hooks
        from .door.verdicts import tell_verdicts

        # First, for who is registered last is called first: theirs come below what is told of all.
        tell_verdicts(config)
        config.pluginmanager.register(Hooks(perf_tests), _HOOKS)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say what stands behind a failure, whatever test compares quantities."""
    if call.excinfo is None:
        return (yield)
    from .door.screen import encoding
    from .report.terminal.failure import explain, truths

    explain(call.excinfo.value, encoding(item.config))
    report = yield
    if report.failed:
        report.sections.extend(truths(call.excinfo.value, encoding(item.config)))
    return report


def pytest_assertrepr_compare(
    config: pytest.Config, op: str, left: object, right: object
) -> list[str] | None:
    """Say what stands behind a comparison of a quantity that does not hold."""
    if not any(hasattr(type(side), "evidence") for side in (left, right)):
        return None
    from .door.screen import encoding
    from .report.terminal.assertion import explained_comparison

    return explained_comparison(op, left, right, encoding(config))


@pytest.fixture(scope="session")
def _perfqa_service(request: pytest.FixtureRequest) -> str:
    """The name of the service that this test is about."""
    if not hasattr(request, "param"):
        from .errors import ConfigurationError

        raise ConfigurationError(
            "perf tests are made one per service when they are collected; accepted: their fixtures "
            "as arguments of the test, or of a fixture that it names, not request.getfixturevalue()"
            "; not in a unittest.TestCase: its tests have no parameters"
        )
    return str(request.param)


@pytest.fixture(scope="session")
def perf_service(request: pytest.FixtureRequest, _perfqa_service: str) -> Service:
    """The started service configuration that this test is about."""
    return _perf_tests(request.config).session().services.started(_perfqa_service)


@pytest.fixture
def perf_run(request: pytest.FixtureRequest, perf_service: Service) -> RunResult:
    """The result of the marked scenario on the service; one run for all tests that ask for it."""
    return _perf_tests(request.config).run(request.node)


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
        from .door.marks import required_service

        return (
            _perf_tests(request.config)
            .session()
            .searches.breaking_point(
                required_service(request.node),
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
    from .door.marks import required_service

    session = _perf_tests(request.config).session()
    return functools.partial(session.characters.characterize, required_service(request.node))


@pytest.fixture
def perf_load(request: pytest.FixtureRequest, perf_service: Service) -> Loader:
    """Call it to run a scenario with parameters of the test's own; gives the result."""
    return _perf_tests(request.config).loader(request.node)


@pytest.fixture
def perf_baseline(request: pytest.FixtureRequest, _perfqa_service: str) -> AgainstBase:
    """Compares the service with that of ``--perfqa-against``, under the marked scenario."""
    return _perf_tests(request.config).baseline(request)
