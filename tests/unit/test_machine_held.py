"""The machine is held while a load is on, and at no other time."""

from __future__ import annotations

import contextlib
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import synthetic

from pytest_perfqa.capacity.limits.breaking_point import inquiry
from pytest_perfqa.capacity.probing.target import ProbeRequest
from pytest_perfqa.errors import InvalidRun, ServiceError
from pytest_perfqa.load.driver.generator import Recording
from pytest_perfqa.machine import alone as machine
from pytest_perfqa.machine.children import Reaper
from pytest_perfqa.measuring import probing, searches, services
from pytest_perfqa.measuring import run as run_module
from pytest_perfqa.measuring.session import PerfSession
from pytest_perfqa.scenario.records import Flow, Phase, Scenario
from pytest_perfqa.service.config import ServiceConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

SCENARIO = Scenario("s", (Phase("p", 1, 1, 1),), (Flow("f", 1, ()),))
LOADS = {"load", "probes"}


class Steps:
    """What was done, in order, and whether the machine was held then."""

    def __init__(self) -> None:
        self.done: list[tuple[str, bool]] = []

    def step(self, name: str, result: Any = None) -> Any:
        """Make the function that does nothing else than to note that it was called."""

        def note(*_: object, **__: object) -> Any:
            self.done.append((name, is_held()))
            return result() if callable(result) else result

        return note

    @property
    def names(self) -> list[str]:
        """Give what was done."""
        return [name for name, _ in self.done]


def is_held() -> bool:
    """Tell whether anybody holds the machine."""
    free = machine._bound()
    if free is not None:
        free.close()
    return free is None


@contextlib.contextmanager
def monitored() -> Iterator[Any]:
    """Look at nothing."""
    yield SimpleNamespace(readings=lambda _: None, since=tuple, notes=())


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    """Have all that makes a run note itself; the first run of a session can't be believed."""
    steps = Steps()
    results = iter([("it rained",), ()])

    def result() -> Any:
        made = synthetic.run(synthetic.samples([0.1]))
        made.invalid = next(results, ())
        return made

    service = SimpleNamespace(
        name="toy",
        url="http://127.0.0.1:1",
        replicas={},
        leaders={},
        parts={},
        beside={},
        limits_note="",
        settle=steps.step("settle"),
        check=steps.step("check"),
        stop=steps.step("stop"),
    )
    monkeypatch.setattr(machine, "_NAME", f"perfqa-test-{uuid.uuid4()}")
    monkeypatch.setattr(services.selection, "start", steps.step("start", lambda: service))
    monkeypatch.setattr(services, "wait_for_quiet", steps.step("wait", True))
    monkeypatch.setattr(probing, "onlooking", lambda *_: monitored())
    monkeypatch.setattr(run_module, "Monitor", lambda *_, **__: monitored())
    recording = Recording(None, 0.0, (), (), None)  # type: ignore[arg-type]
    monkeypatch.setattr(run_module, "generate", steps.step("load", recording))
    monkeypatch.setattr(run_module, "_result", steps.step("read", result))
    return steps


@pytest.fixture
def session(steps: Steps) -> Iterator[PerfSession]:
    """A session on one service."""
    options = {
        "time_scale": 1.0,
        "processes": 1,
        "max_error_rate": 0.01,
        "invalid": "remeasure",
        "setting": {},
    }
    config = ServiceConfig("toy", Path(), Path("service.yaml"), description="a toy")
    with Reaper() as reaper:
        one = PerfSession(
            {"toy": config},
            {"toy": SimpleNamespace(backend="process")},  # type: ignore[dict-item]
            SimpleNamespace(**options),  # type: ignore[arg-type]
            lambda _: None,
            SimpleNamespace(reaper=reaper, settle=steps.step("settle"), close=lambda: None),  # type: ignore[arg-type]
            (),
            SimpleNamespace(started=lambda *_: None, finished=lambda *_: None),
        )
        yield one
        one.close()


def loads_only(steps: Steps) -> bool:
    """Tell whether it was held for loads, for all of them, and for nothing else."""
    return all(held == (name in LOADS) for name, held in steps.done) and not is_held()


def test_it_is_held_for_the_load_of_a_run(session: PerfSession, steps: Steps) -> None:
    """Services start, come to rest, are waited for, and records are read while others may."""
    session.runs.run("toy", SCENARIO)
    session.services.stop("toy")
    again = ["settle", "wait", "load", "check", "read"]
    assert steps.names == ["start", "load", "check", "read", *again, "stop"]
    assert loads_only(steps), steps.done


def test_it_is_held_for_a_run_that_nobody_else_knows_of(session: PerfSession, steps: Steps) -> None:
    """Others are waited for where the caller did not believe the one before."""
    first, second = (session.runs.make("toy", SCENARIO, is_again=again) for again in (False, True))
    assert (first.invalid, second.invalid) == (("it rained",), ())
    again = ["settle", "wait", "load", "check", "read"]
    assert steps.names == ["start", "load", "check", "read", *again]
    assert loads_only(steps), steps.done
    assert session.runs.cells == {}


def test_a_run_among_others_does_not_wait_long(
    session: PerfSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is to be of the same minutes as they are; one of its own waits for as long as is usual."""
    limits = []
    monkeypatch.setattr(services, "wait_for_quiet", lambda *given: limits.append(given[-1]) or True)
    session.runs.make("toy", SCENARIO, is_again=True)
    session.runs.run("toy", SCENARIO)
    assert limits == [5.0]
    session.services.wait_for_quiet(session.services.configs["toy"])
    assert limits == [5.0, 30.0]


def test_it_is_held_for_probes(
    session: PerfSession, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a search as a whole: between them the service has what was before."""
    error = InvalidRun(["it rained"])
    monkeypatch.setattr(searches, "find_breaking_point", _probing(steps, error))
    with pytest.raises(InvalidRun):
        session.searches.breaking_point("toy", ProbeRequest("/"), inquiry(burst_within="1s"))
    assert steps.names.count("probes") == 3
    assert steps.names.count("wait") == 2
    assert steps.names.count("settle") > 2
    assert loads_only(steps), steps.done


def _probing(steps: Steps, error: Exception) -> Any:
    def fail() -> None:
        raise error

    return steps.step("probes", fail)


def test_a_load_that_fails_gives_it_back(
    session: PerfSession, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong with it."""

    def fail() -> None:
        raise ServiceError("gone")

    monkeypatch.setattr(run_module, "generate", steps.step("load", fail))
    with pytest.raises(ServiceError):
        session.runs.run("toy", SCENARIO)
    assert loads_only(steps), steps.done


def test_after_a_wait_in_vain_waits_are_short(
    session: PerfSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the machine is quiet once: whoever stays would be waited for before each run."""
    limits = []
    outcomes = iter([False, False, True, True])

    def wait(*arguments: Any) -> bool:
        limits.append(arguments[-1])
        return next(outcomes)

    monkeypatch.setattr(services, "wait_for_quiet", wait)
    for _ in range(4):
        session.services.wait_for_quiet(session.services.configs["toy"])
    assert limits == [30.0, 5.0, 5.0, 30.0]
