"""Pairs of runs: who is measured when, what is dropped, and where it ends."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import synthetic
from test_disturbed import disturbance
from test_pieces import FLOW, flat, scenario
from toy_project import ProjectFolder

from pytest_perfqa.errors import (
    ConfigurationError,
    GeneratorError,
    InvalidRun,
    Lasting,
    PrerequisiteMissing,
    ServiceError,
)
from pytest_perfqa.measuring import pairs as pairs_module
from pytest_perfqa.measuring import services as services_module
from pytest_perfqa.measuring.pairs import (
    ARRIVALS,
    MOST_DROPPED,
    SECONDS,
    Contender,
    Pair,
    PairedRuns,
)
from pytest_perfqa.measuring.session import PerfSession
from pytest_perfqa.monitor.readings import Readings
from pytest_perfqa.scenario.records import Fault, Phase, Scenario
from pytest_perfqa.scenario.schedule import schedule
from pytest_perfqa.service.selection import Choice
from pytest_perfqa.service.service_file import read_service

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_perfqa.load.driver.warm import Warm
    from pytest_perfqa.result.run_result import RunResult

BASE = Contender("toy (base)", "base (git:main)")
HEAD = Contender("toy", "head")
STEADY = scenario(flat(20, 9))
OVERHEAD = 0.5


class Machine:
    """Makes runs out of numbers, on a clock of its own.

    Attributes:
        made: of each run its service, from when on its piece is, and whether it was made again.
        fates: what becomes of the first runs: causes of INVALID, a disturbance, or an error.
        said: what the user was told.
        overheads: what the first runs take besides.
    """

    def __init__(self, *fates: Any) -> None:
        self.made: list[tuple[str, float, bool]] = []
        self.fates = list(fates)
        self.said: list[str] = []
        self.now = 100.0
        self.scale = 1.0
        self.overheads: list[float] = []

    def make(self, service: str, part: Scenario, *, is_again: bool) -> RunResult:
        """Give a run of 0.1 s for each request, of base half of that."""
        fate = self.fates.pop(0) if self.fates else None
        assert part.excerpt is not None
        self.made.append((service, part.excerpt.start, is_again))
        scaled = part.scaled(self.scale)
        self.now += scaled.duration + (self.overheads.pop(0) if self.overheads else OVERHEAD)
        if isinstance(fate, BaseException):
            raise fate
        recorded = synthetic.samples(
            schedule(scaled).times, 0.1 if service == HEAD.service else 0.05
        )
        stretches = (fate,) if fate == "disturbed" else ()
        readings = Readings(disturbances=tuple(disturbance(1.0, 2.0) for _ in stretches))
        run = synthetic.run(
            recorded, phases=scaled.phases, readings=readings, excerpt=scaled.excerpt
        )
        run.invalid = fate if isinstance(fate, tuple) else ()
        return run

    def pairs(self, whole: Scenario = STEADY, *, budget: float = 1000, **more: Any) -> PairedRuns:
        """Plan pairs."""
        return PairedRuns(
            self.make,
            BASE,
            HEAD,
            whole,
            budget=budget,
            say=self.said.append,
            clock=lambda: self.now,
            **more,
        )


def who(machine: Machine) -> str:
    """Give whose runs were made, a letter each."""
    return "".join("B" if service == BASE.service else "H" for service, *_ in machine.made)


def test_slices_take_turns_after_a_warm_up() -> None:
    """ABBA or BAAB, both of a pair of the same piece, each piece once before any comes again."""
    machine = Machine()
    found = list(islice(machine.pairs(), 6))
    assert who(machine)[:2] == "BH"
    counted = machine.made[2:]
    assert len(counted) == 12
    for place in range(0, 12, 4):
        assert who(machine)[2 + place : 6 + place] in {"BHHB", "HBBH"}
    starts = [start for _, start, _ in counted]
    assert starts[::2] == starts[1::2]
    assert sorted(starts[0:6:2]) == sorted(starts[6:12:2]) == [0, 3, 6]
    for base, head in found:
        assert float(base.latency.max) == pytest.approx(0.05)
        assert float(head.latency.max) == pytest.approx(0.1)
        assert base.launched == head.launched == 60
        assert base.definition.excerpt == head.definition.excerpt


def test_no_more_is_made_than_is_asked_for() -> None:
    """Nothing before the first, and nothing when the consumer has seen enough."""
    machine = Machine()
    pairs = machine.pairs()
    assert not machine.made
    for _ in pairs:
        break
    assert who(machine) in {"BHBH", "BHHB"}
    assert (pairs.made, pairs.slices, pairs.dropped) == (1, 4, [])


def test_the_budget_ends_it() -> None:
    """No pair begins that would not end in that time, with what each slice takes besides."""
    slices, each = [], SECONDS + OVERHEAD
    for budget in (1, 7, 13.9, 14, 20.9, 21, 100):
        machine = Machine()
        found = list(machine.pairs(budget=budget))
        assert len(machine.made) == 2 * len(found) + min(len(machine.made), 2)
        assert machine.now <= 100 + budget
        slices.append(len(machine.made))
    assert slices == [0, 2, 2, 4, 4, 6, 100 // (2 * each) * 2]


def test_who_has_begun_a_pair_ends_it() -> None:
    """It may take a little longer; if it is made again, that must fit."""
    machine = Machine()
    machine.overheads = [OVERHEAD, OVERHEAD, 1.0]
    assert len(list(machine.pairs(budget=14))) == 1
    assert machine.now == 100 + 14.5
    disturbed = Machine(None, None, None, "disturbed")
    assert list(disturbed.pairs(budget=14)) == []
    assert len(disturbed.made) == 4


def test_warm_up_phases_are_run_and_not_counted() -> None:
    """By both, all of them; a disturbed one is no worse."""
    machine = Machine("disturbed", ("late",))
    whole = scenario(flat(20, 3), flat(40, 3), warmup=frozenset({"p0"}))
    pairs = machine.pairs(whole)
    found = list(islice(pairs, 2))
    assert [start for _, start, _ in machine.made] == [0, 0, 3, 3, 3, 3]
    assert pairs.dropped == []
    assert all(base.launched == 120 for base, _ in found)


@pytest.mark.parametrize("fate", ["disturbed", ("the generator was late",)])
def test_what_cannot_be_believed_is_made_again(fate: Any) -> None:
    """At once, once others are quiet; it is counted and told, and is in no pair."""
    machine = Machine(None, None, None, fate)
    pairs = machine.pairs()
    ((base, head),) = islice(pairs, 1)
    again = [is_again for *_, is_again in machine.made]
    assert again == [False, False, False, False, True]
    assert machine.made[3][:2] == machine.made[4][:2]
    assert machine.made[2][0] != machine.made[3][0]
    assert not any((base.invalid, head.invalid, base.disturbances, head.disturbances))
    cause = "others took 5 s of its CPUs" if fate == "disturbed" else "the generator was late"
    (note,) = pairs.notes
    assert note.startswith("s: 1 of 5 slices were dropped and made again: ")
    assert note.endswith(cause)
    assert machine.said[-1] == f"a slice is made again, {pairs.dropped[0]}"
    assert pairs.dropped[0].partition(":")[0] in {"head", "base (git"}


def test_the_other_of_a_pair_is_not_from_long_ago() -> None:
    """Where a slice is dropped twice, both are made anew."""
    machine = Machine(None, None, None, "disturbed", "disturbed")
    pairs = machine.pairs()
    first = next(iter(pairs))
    first_side, second_side = who(machine)[2], who(machine)[3]
    assert who(machine)[2:] == first_side + second_side * 2 + first_side + second_side
    assert isinstance(first, Pair)
    assert pairs.slices == 7


def test_there_is_an_end_of_dropping() -> None:
    """Says whose slice it was; a cause that lasts ends it at once."""
    machine = Machine(None, None, *["disturbed"] * 100)
    pairs = machine.pairs()
    with pytest.raises(InvalidRun, match=f"{MOST_DROPPED} slices since the last pair") as caught:
        next(iter(pairs))
    assert len(machine.made) == 2 + MOST_DROPPED
    assert caught.value.is_final
    assert not caught.value.is_worth_repeating
    assert caught.value.causes[0].startswith(("base (git:main): ", "head: "))
    lasting = Machine(None, None, (Lasting("no ports"),))
    with pytest.raises(InvalidRun, match="no ports"):
        next(iter(lasting.pairs()))
    assert len(lasting.made) == 3


def test_a_pair_makes_up_for_what_was_dropped_before() -> None:
    """Only those since the last one count: in minutes, something always happens."""
    machine = Machine(None, None, *["disturbed", None, None] * 20)
    pairs = machine.pairs()
    assert len(list(islice(pairs, 12))) == 12
    assert len(pairs.dropped) == 12 > MOST_DROPPED
    assert "and 9 more" in pairs.notes[0]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ServiceError("app died"), ServiceError),
        (GeneratorError("it hangs"), GeneratorError),
        (PrerequisiteMissing("no node"), ConfigurationError),
    ],
)
def test_an_error_says_on_which_side(error: Exception, kind: type[Exception]) -> None:
    """Else nobody knows which tree to look at."""
    with pytest.raises(kind) as caught:
        next(iter(Machine(error).pairs()))
    assert str(caught.value) == f"base (git:main): {error}"
    assert caught.value.__cause__ is error
    with pytest.raises(kind, match=f"^head: {error}$"):
        next(iter(Machine(None, error).pairs()))


def test_ctrl_c_ends_it() -> None:
    """Nothing is made after it."""
    machine = Machine(None, None, None, KeyboardInterrupt())
    pairs = iter(machine.pairs())
    with pytest.raises(KeyboardInterrupt):
        next(pairs)
    assert next(pairs, None) is None
    assert len(machine.made) == 4


def test_slices_last_as_long_at_every_scale() -> None:
    """As they run: pieces of what is at full scale are longer."""
    machine = Machine()
    machine.scale = 0.5
    pairs = machine.pairs(scenario(flat(20, 30)), time_scale=0.5)
    (pair,) = islice(pairs, 1)
    assert [piece.duration for piece in pairs.pieces] == [6] * 5
    assert pair.base.launched == 120
    assert machine.now == 100 + 4 * (SECONDS + OVERHEAD)


@pytest.mark.parametrize(
    ("phases", "said"),
    [
        ([flat(20, 6)], "slices of 3 s"),
        ([flat(5, 40), flat(20, 6)], "slices of 3 s to 10 s"),
        ([flat(1, 30)], "slices of 30 s"),
    ],
)
def test_what_is_about_to_be_done_is_said(phases: list[Phase], said: str) -> None:
    """Where few arrivals come, slices are longer than 3 s."""
    machine = Machine()
    next(iter(machine.pairs(scenario(*phases))))
    assert machine.said[0] == f"head against base (git:main), s: {said}, 1000 s at most"
    assert (SECONDS, ARRIVALS) == (3, 50)


def test_faults_are_left_out_and_that_is_said() -> None:
    """A slice has no moment of the whole."""
    fault = Fault("kill app at 3s", 1, 3.0, "kill", "app")
    pairs = Machine().pairs(replace(STEADY, faults=(fault,)))
    assert pairs.notes == ("s: its faults are left out of slices",)


def test_nothing_to_compare() -> None:
    """It is said before anything starts."""
    machine = Machine()
    whole = scenario(flat(20, 4), Phase("", 10), warmup=frozenset({"p0"}))
    with pytest.raises(ConfigurationError, match="s can't be compared: found no arrivals but in"):
        machine.pairs(whole)
    assert not machine.made


OPTIONS = SimpleNamespace(
    time_scale=1.0, processes=1, max_error_rate=0.01, invalid="remeasure", setting={}
)


@pytest.mark.timed
def test_two_services(tmp_path: Path, warm: Warm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both up all the time, loaded by turns; what a slice sends is what the whole would."""
    monkeypatch.setattr(pairs_module, "SECONDS", 0.3)
    monkeypatch.setattr(pairs_module, "ARRIVALS", 6)
    # Whatever else this machine does.
    monkeypatch.setattr(pairs_module, "MOST_DROPPED", 100)
    monkeypatch.setattr(services_module, "wait_for_quiet", lambda *_: True)
    project = ProjectFolder(tmp_path)
    names = "old", "new"
    base_side, head_side = (Contender(name, name) for name in names)
    configs = {name: read_service(project.service(name)) for name in names}
    session = PerfSession(
        configs,
        dict.fromkeys(names, Choice("process", "")),
        OPTIONS,  # type: ignore[arg-type]
        lambda _: None,
        warm,
        (),
        SimpleNamespace(started=lambda *_: None, finished=lambda *_: None),
    )
    whole = Scenario("steady", (Phase("steady", 0.9, 20, 20),), (FLOW,))
    try:
        make, say = session.runs.make, session.services.say
        pairs = PairedRuns(make, base_side, head_side, whole, budget=60, say=say)
        ((base, head),) = islice(pairs, 1)
        starts = [(tmp_path / "services" / name / "starts.txt").read_text() for name in names]
    finally:
        session.services.close()
    assert starts == ["started\n"] * 2
    assert (base.service, head.service) == names
    assert base.launched == head.launched == base.completed == head.completed == 6
    assert [one.definition.excerpt for one in (base, head)] == [base.definition.excerpt] * 2
    assert base.cpu_per_request > 0
    assert head.bytes_per_answer == 2
    assert [float(one.everything.rows["intended"].max()) for one in (base, head)] == pytest.approx(
        [0.3, 0.3]
    )
