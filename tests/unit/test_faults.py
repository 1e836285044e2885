"""Faults: how they are read, and that each is done at its time, recorded, and repaired."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import outside
import pytest
from artillery_files import problems, read, with_config

from pytest_perfqa.errors import ConfigurationError, ServiceError
from pytest_perfqa.measuring.faults import Faults, check_fault_parts, part_problem
from pytest_perfqa.scenario.fault_kinds import FAULT_KINDS, FaultKind
from pytest_perfqa.scenario.records import Fault, Scenario

if TYPE_CHECKING:
    from pathlib import Path

PHASES = [
    {"name": "warm up", "duration": 5, "arrivalRate": 1},
    {"name": "a + b", "duration": 10, "arrivalRate": 1},
    {"name": "plateau", "pause": "1 min"},
]


def with_faults(*faults: object) -> dict[str, Any]:
    """Give a file of three phases and these faults."""
    return with_config(phases=PHASES, perfqa={"faults": list(faults)})


@pytest.mark.parametrize(
    ("at", "seconds"),
    [
        ("30s", 30),
        (0, 0),
        (7.5, 7.5),
        ("0.5 min", 30),
        ("warm up", 0),
        ("plateau", 15),
        ("plateau + 20s", 35),
        ("plateau+1", 16),
        ("a + b", 5),
        ("a + b + 500ms", 5.5),
    ],
)
def test_when(tmp_path: Path, at: object, seconds: float) -> None:
    """A time from the start, or from the start of a phase, whatever it is called."""
    (fault,) = read(tmp_path, with_faults({"at": at, "kill": "app"})).faults
    assert fault.at == seconds


def test_what_and_for_how_long(tmp_path: Path) -> None:
    """Times follow the time scale."""
    file = with_faults(
        {"at": "30s", "kill": "app#2", "restart_after": "10s"},
        {"at": "40s", "pause": "app", "resume_after": 5},
        {"at": "a + b", "restart": "proxy"},
    )
    faults = read(tmp_path, file).scaled(0.1).faults
    assert [(one.text, one.action, one.part, one.at, one.lasting) for one in faults] == [
        ("kill app#2 at 30s", "kill", "app#2", 3, 1),
        ("pause app at 40s", "pause", "app", 4, 0.5),
        ("restart proxy at a + b", "restart", "proxy", 0.5, None),
    ]


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    """Each with its line."""
    found = problems(
        tmp_path,
        with_faults(
            {"at": "plato + 5s", "kill": "app"},
            {"at": "plateau + 5/s", "kill": "app"},
            {"at": "76s", "kill": "app"},
            {"at": "5s"},
            {"at": "5s", "kill": "app", "pause": "app"},
            {"at": "5s", "kill": "app", "resume_after": 5},
            {"at": "5s", "kill": "app", "restart_after": 0},
            {"at": "5s", "kil": "app"},
            {"kill": "app"},
            {"at": True, "kill": "app", "extra": 1},
            {"at": "-5s", "kill": "app"},
        ),
    )
    expected = [
        "[0].at: found 'plato + 5s'; accepted: a time such as 30s, a phase, or both: 'plateau + 60",
        "[1].at: found 'plateau + 5/s'; accepted: a time such as",
        "[2].at: found '76s', which is when all is over; accepted: below 75 s",
        "[3]: a fault has one of kill, pause, restart; found: none",
        "[4]: a fault has one of kill, pause, restart; found: kill, pause",
        "[5]: 'resume_after' belongs to 'pause'",
        "[6].restart_after: found 0; accepted: seconds",
        "[7]: unknown key 'kil'; accepted: at, kill, pause, restart, restart_after, resume_after",
        "[8]: the key 'at' is missing",
        "[9]: unknown key 'extra'",
        "[10].at: found '-5s'; accepted",
    ]
    for one in expected:
        assert sum(one in message for message in found) == 1, (one, found)
    assert len(found) == len(expected)


class Toy:
    """A service that notes what is done to it."""

    name = "toy"
    parts: dict[str, Any] = dict.fromkeys(("app#1", "app#2", "proxy"))

    def __init__(self, broken: str = "") -> None:
        self.done: list[tuple[str, str]] = []
        self.event = threading.Condition()
        self._broken = broken

    def __getattr__(self, name: str) -> Any:
        def act(part: str) -> None:
            if name == self._broken:
                raise ServiceError(f"{part} won't {name}")
            with self.event:
                self.done.append((name, part))
                self.event.notify_all()

        return act

    def wait_for(self, count: int) -> None:
        """Wait until so many things have been done."""
        with self.event:
            assert self.event.wait_for(lambda: len(self.done) >= count, 20)


def fault(action: str, at: float = 0.0, lasting: float | None = None) -> Fault:
    """Give a fault of the first replica."""
    return Fault(f"{action} it", 1, at, action, "app#1", lasting)  # type: ignore[arg-type]


def faults(service: Toy, *those: Fault) -> Faults:
    """Give faults of this service, at time scale 1."""
    return Faults(service, those, 1.0)  # type: ignore[arg-type]


def test_each_is_done_and_undone_at_its_time() -> None:
    """The record has the actual times, no sooner than planned."""
    toy = Toy()
    with faults(toy, fault("kill", 0.1, 0.1), fault("pause", 0.05, 0.05)) as running:
        running.start(time.monotonic())
        toy.wait_for(4)
        while not all(record.ended for record in running.records):
            time.sleep(0.001)
    assert sorted(toy.done) == [
        ("kill", "app#1"), ("pause", "app#1"), ("restart", "app#1"), ("resume", "app#1"),
    ]  # fmt: skip
    for record in running.records:
        assert record.ended is not None
        assert record.planned <= record.at
        assert record.at + record.planned <= record.ended + 0.001
    assert [record.action for record in running.records] == ["kill", "pause"]


def test_what_lasts_beyond_the_run_is_repaired_after_it() -> None:
    """No later run finds a part killed or paused; what never came isn't recorded."""
    toy = Toy()
    with faults(toy, fault("kill"), fault("pause", 0, 600), fault("kill", 600)) as running:
        running.start(time.monotonic())
        toy.wait_for(2)
        assert len(toy.done) == 2
    assert sorted(toy.done)[2:] == [("restart", "app#1"), ("resume", "app#1")]
    assert [record.ended for record in running.records] == [None, None]


@pytest.mark.parametrize("broken", ["kill", "restart"])
def test_a_fault_that_fails_fails_the_run(broken: str) -> None:
    """Neither a part that can't be killed nor one that doesn't come back is passed over."""
    toy = Toy(broken)
    with (  # noqa: PT012
        pytest.raises(ServiceError, match=f"kill it: app#1 won't {broken}"),
        faults(toy, fault("kill")) as running,
    ):
        running.start(time.monotonic())
        time.sleep(0.05)


@pytest.mark.parametrize("action", ["kill", "restart"])
@pytest.mark.parametrize("alive", [True, False])
def test_a_part_that_runs_but_does_not_come_to_rest_under_load(action: str, alive: bool) -> None:
    """That is what the load does to it; one that is dead is an error."""
    toy = Toy("restart")
    toy.parts = dict.fromkeys(toy.parts, SimpleNamespace(alive=alive))
    running = faults(toy, fault(action, 0, 0.01 if action == "kill" else None))
    with running if alive else pytest.raises(ServiceError, match="won't restart"), running:
        running.start(time.monotonic())
        for thread in running._threads:
            thread.join(20)
    assert running.records[0].ended is None


def test_the_runs_own_error_counts_more() -> None:
    """It is not replaced by that of a fault."""
    with pytest.raises(KeyError), faults(Toy("kill"), fault("kill")) as running:  # noqa: PT012
        running.start(time.monotonic())
        raise KeyError


def test_parts_that_there_are_not() -> None:
    """All of them are told, before the load; a name without a number means all replicas."""
    names = ["app#1", "app#2", "proxy"]
    assert part_problem("app", "toy", names) is None
    assert part_problem("app#2", "toy", names) is None
    said = part_problem("app#3", "toy", names)
    assert (
        said
        == "service toy has no part 'app#3'; accepted: app#1, app#2, proxy; did you mean 'app#2'?"
    )
    assert "started by someone else" in str(part_problem("app", "toy", []))
    those = (fault("kill"), Fault("pause db", 2, 0, "pause", "db"))
    scenario = Scenario("s", (), (), faults=those)
    with pytest.raises(ConfigurationError, match="s: pause db: service toy has no part 'db'"):
        check_fault_parts(scenario, Toy())  # type: ignore[arg-type]


class Heat(FaultKind):
    """A fault of somebody else's, which is told by how many degrees."""

    form = float

    def __init__(self) -> None:
        self.done: list[object] = []

    def begin(self, _service: object, argument: float) -> None:
        """Note it."""
        self.done.append(("begin", argument))

    def end(self, _service: object, argument: float) -> None:
        """Note it."""
        self.done.append(("end", argument))


@pytest.fixture
def heat(monkeypatch: pytest.MonkeyPatch) -> Heat:
    """Have it there."""
    kind = Heat()
    monkeypatch.setattr(FAULT_KINDS, "own", {**FAULT_KINDS.own, "heat": kind})
    return kind


def test_a_fault_of_anothers(tmp_path: Path, heat: Heat) -> None:
    """What it is told is read with the file; it needs no part, and is undone at the end."""
    file = with_faults({"at": "5s", "heat": 4.5, "lasting": "2s"})
    scenario = read(tmp_path, file).scaled(0.001)
    (one,) = scenario.faults
    assert (one.text, one.action, one.part) == ("heat 4.5 at 5s", "heat", "")
    assert (one.argument, one.lasting) == (4.5, 0.002)
    check_fault_parts(scenario, Toy())  # type: ignore[arg-type]
    with faults(Toy(), one) as running:
        running.start(time.monotonic())
        while not running.records or running.records[0].ended is None:
            time.sleep(0.001)
    assert heat.done == [("begin", 4.5), ("end", 4.5)]


@pytest.mark.usefixtures("heat")
def test_mistakes_of_a_fault_of_anothers(tmp_path: Path) -> None:
    """They are told like those of ours."""
    found = problems(
        tmp_path,
        with_faults(
            {"at": "5s", "heat": "hot"},
            {"at": "5s", "kill": "app", "lasting": 5},
            {"at": "5s", "heat": 3.0, "kill": "app"},
        ),
    )
    assert [message.partition("faults")[2] for message in found] == [
        "[0].heat: found 'hot'; accepted: a number",
        "[1]: 'lasting' belongs to 'heat'",
        "[2]: a fault has one of kill, pause, restart, heat; found: kill, heat",
    ]


def test_a_fault_of_anothers_that_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told what is missing, not that there is no such fault."""
    outside.install(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    FAULT_KINDS.forget()
    found = problems(tmp_path, with_faults({"at": "5s", "hide": None}))
    FAULT_KINDS.forget()
    assert [message.partition("faults")[2] for message in found] == [
        "[0]: a fault has one of kill, pause, restart, hide; found: none"
    ]
