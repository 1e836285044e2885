"""Results in folders: what is loaded answers all as what was saved; what is damaged is refused."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import simulated_runs as sim
import synthetic
from answers import answers
from demo_report import cell
from hypothesis import Phase as HypothesisPhase
from hypothesis import given, settings

from pytest_perfqa.base.conditions import Condition
from pytest_perfqa.base.units import Quantity, Unit
from pytest_perfqa.errors import ConfigurationError, DisturbedRun, Lasting
from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.load.wire.plan import Example, Lateness
from pytest_perfqa.load.wire.record import RecordKind
from pytest_perfqa.load.wire.tally import Spell
from pytest_perfqa.load.wire.watch import Aborted
from pytest_perfqa.machine.environment import source
from pytest_perfqa.monitor.disturbance import Disturbance
from pytest_perfqa.monitor.readings import Metric
from pytest_perfqa.report.record.recorder import record_of
from pytest_perfqa.report.record.schema import to_json
from pytest_perfqa.result import kept
from pytest_perfqa.result.context import Context
from pytest_perfqa.result.fault_record import FaultRecord
from pytest_perfqa.result.provenance import Provenance
from pytest_perfqa.result.requirements import judge
from pytest_perfqa.result.run_result import RunResult
from pytest_perfqa.scenario.records import (
    Ensure,
    Expectation,
    Fault,
    Flow,
    Loop,
    Payload,
    Request,
    Think,
)
from pytest_perfqa.service.config import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

STOP = "error_rate > 5% for 1s"
_VERSION_1 = Path(__file__).with_name("kept_version_1")
_DISTURBANCE = Disturbance(
    3.5, 4.25, ("stress (pid 7)",), "CPU", 0.5, 0.25, "from 3.5 s to 4.2 s of the run others took"
)
_REQUEST = Request(
    "POST",
    "/order",
    "POST /order",
    json={"sizes": [1, 2.5, None], "name": "Zo\u00eb"},
    has_json=True,
    expectations=(Expectation("statusCode", [200, 201]), Expectation("equals", ["{{ a }}", 3])),
)


def result(due: Any = None, *, readings: bool = True, **changes: Any) -> RunResult:
    """Give a run in which something of everything happened; ``changes`` of its context."""
    due = np.arange(1, 301) / 30 if due is None else due
    number = np.arange(len(due))
    outcome = np.full(len(due), int(Outcome.ANSWERED))
    outcome[number % 60 == 7] = Outcome.TIMEOUT
    outcome[number % 70 == 8] = Outcome.EXPECTATION
    outcome[-2:] = Outcome.PENDING
    recorded = synthetic.samples(
        due,
        synthetic.queue(due, 0.03 + 0.01 * (number % 3), 1) if len(due) else 0,
        lag=1e-4 * (number % 5),
        status=np.where(number % 40, 200, 503),
        outcome=outcome,
        endpoint=number % 2,
        replica=number % 2,
        kind=np.where(number % 50 == 3, RecordKind.STEP, RecordKind.SINGLE),
        size=number,
    )
    seen = synthetic.readings(
        np.arange(-0.5, 12.0, 0.5),
        app={
            Metric.CPU: np.arange(25) / 7,
            Metric.MEMORY: 1e6 + np.arange(25.0) ** 2,
            Metric.THREADS: 3,
        },
        proxy={Metric.CPU: np.arange(25) / 70},
    )
    made = synthetic.run(
        recorded,
        phases=[("a", 2.0), ("peak", 5.0), ("b", 3.0), ("pause", 1.0)],
        warmup=["a"],
        endpoints=("GET /", "POST /order"),
        replicas={"10.0.0.1": "app#1", "10.0.0.2": "app#2"},
        readings=seen if readings else None,
        limits=Limits(1.5, 2**28),
        time_scale=0.1,
        flows=(Flow("buy", 2.5, (Loop((_REQUEST, Think(0.25)), over=("a", 1)),)),),
        payloads=(Payload(("name", "size"), (("a", 1), ("b", 2.5), ("c", True))),),
        variables={"city": ("Rome", 3, [1, "two"])},
        ensure=(Ensure("http.response_time.p95 < 200", 3), Ensure("http.codes.503 == 0", 4, False)),
        thresholds=(
            Condition("latency.p95 > 2 s", 7, "latency.p95", ">", 2.0, Unit.SECOND, phase="b"),
            Condition(
                "error_rate > 5% for 1s", 8, "error_rate", ">", 0.05, Unit.RATIO, lasting=0.5
            ),
        ),
        faults=(Fault("kill app#2 at b", 9, 7.0, "kill", "app#2", 1.0),),
        locustfile=Path("users.py"),
    )
    changes = {
        "workers": {"/": 1.0, "*": math.inf},
        "examples": (Example("GET /", "503", 1.5, "b'\\xff busy'"),),
    } | changes
    late = Lateness(3, 7, 0.125, behind=0.5, computed=0.25)
    return remade(
        made,
        changes,
        generator=replace(made.generator, failures={"no ports": 3}, worst=late),
        invalid=("it was late", Lasting("it has no ports")),
        notes=("1 CPU", "kept as it is"),
        faults=(
            FaultRecord("kill app#2 at b", "kill", "app#2", seconds(7.0), seconds(7.003)),
            FaultRecord("pause app", "pause", "app", seconds(1.0), seconds(1.1), seconds(1.9)),
        ),
        started_at=datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=UTC) + timedelta(hours=1),
        max_error_rate=0.25,
    )


def remade(made: RunResult, changes: dict[str, Any], **more: Any) -> RunResult:
    """Give a result with another context, and more that it is made of."""
    parts = {
        "started_at": made.started_at,
        "wall": made.wall,
        "generator": made.generator,
        "invalid": made.invalid,
    }
    return RunResult(replace(made._context, **changes), **(parts | more))


def seconds(value: float) -> Quantity:
    """Give a time of the run."""
    return Quantity(value, Unit.SECOND, 0.1)


def disturbed() -> RunResult:
    """Give a run that others disturbed, as tests are given it."""
    whole = result()
    readings = replace(
        whole._context.readings,
        disturbances=(_DISTURBANCE,),
        missing={"app": {Metric.SENT: "no such file"}},
        reason="",
        cpu=0.01,
        interval=0.1,
        notes=("looked at it twice",),
        beside=frozenset({"database"}),
    )
    return remade(whole, {"readings": readings}).guarded


def stopped() -> RunResult:
    """Give a run that a threshold has stopped."""
    aborted = Aborted(6.5, f"{STOP}: so it was", STOP, Spell(5.5, 6.5))
    return remade(result(), {"until": 6.5}, aborted=aborted)


def pooled() -> RunResult:
    """Give a run with two earlier ones pooled in."""
    first, second = result(), result(np.arange(1, 200) / 25, readings=False)
    return result(np.arange(1, 250) / 26).pooled_with(second.pooled_with(first))


@pytest.mark.parametrize(
    "make",
    [
        result,
        disturbed,
        stopped,
        pooled,
        lambda: result([], readings=False, replica_names=None, workers={}, examples=()),
    ],
    ids=["everything", "disturbed", "stopped", "pooled", "empty"],
)
def test_a_loaded_result_answers_as_the_one_that_was_saved(
    make: Callable[[], RunResult], tmp_path: Path
) -> None:
    """Whatever it is asked, to the last bit; and its record in a report is the same."""
    saved = make()
    folder = saved.save(tmp_path / "some" / "kept")
    loaded = RunResult.load(folder)
    assert answers(loaded) == answers(saved)
    assert to_json(record(loaded)) == to_json(record(saved))
    assert [isinstance(one, Lasting) for one in loaded.invalid] == [
        isinstance(one, Lasting) for one in saved.invalid
    ]
    # Saved again it is the same files: nothing is lost that isn't asked here.
    again = loaded.save(str(tmp_path / "again"))
    assert contents(again) == contents(folder)


def record(of: RunResult) -> Any:
    """Give the record of a report; a guarded result has none of its own."""
    bare = remade(of, {"is_guarded": False}, aborted=of._kept().aborted)
    return record_of(cell(of.service, of.scenario, bare), of.time_scale, {}, {})


def contents(folder: Path) -> dict[str, bytes]:
    """Give the files of a folder by their names."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


# What fails is as good as its smallest form, and that takes minutes to find.
@settings(deadline=None, max_examples=6, phases=[HypothesisPhase.generate])
@given(sim.drawn())
def test_so_do_runs_of_every_kind(
    tmp_path_factory: pytest.TempPathFactory, drawn: sim.Drawn
) -> None:
    """Random schedules and services, of one and of two requests each, folded and cut off."""
    saved = drawn.run()
    loaded = RunResult.load(saved.save(tmp_path_factory.mktemp("kept") / "run"))
    assert answers(loaded) == answers(saved)
    assert to_json(record(loaded)) == to_json(record(saved))
    assert loaded.definition == saved.definition


def test_all_that_a_result_is_made_of_is_kept(tmp_path: Path) -> None:
    """No field of its context, of the generator's account or of the readings is forgotten."""
    saved = disturbed()
    loaded = RunResult.load(saved.save(tmp_path / "kept"))
    for name in (one.name for one in dataclasses.fields(Context)):
        mine, theirs = getattr(saved._context, name), getattr(loaded._context, name)
        if name == "everything":
            assert (mine.rows == theirs.rows).all()
        elif name == "readings":
            assert replace(mine, parts={}) == replace(theirs, parts={})
            assert [list(one) for one in mine.parts.values()] == [
                list(one) for one in theirs.parts.values()
            ]
        else:
            assert mine == theirs, name
    with pytest.raises(DisturbedRun):
        _ = loaded.latency


def test_numpy_and_json_are_enough_to_read_it(tmp_path: Path) -> None:
    """An array for each field of the samples, times and values of each series."""
    folder = result().save(tmp_path / "kept")
    found = json.loads((folder / "run.json").read_text(), parse_constant=pytest.fail)
    assert (found["format"], found["version"]) == ("pytest-perfqa run", 1)
    assert found["workers"] == {"/": 1.0, "*": "inf"}
    with np.load(folder / "samples.npz", allow_pickle=False) as samples:
        times = samples["lag"].astype(float) + samples["response"]
    assert np.array_equal(times, result().everything.latency)
    number = found["readings"]["series"]["proxy"]["CPU"]
    with np.load(folder / "readings.npz", allow_pickle=False) as readings:
        assert readings[f"values_{number}"][-1] == 24 / 70
    provenance = found["provenance"]
    assert provenance["versions"].keys() >= {"Python", "pytest-perfqa", "locust"}
    assert provenance["source"] == source(Path.cwd())


def test_results_that_were_kept_before_are_read_as_ever() -> None:
    """Files of version 1, as they were when it was new; whoever can't read them has version 2.

    Written with: PYTHONPATH=tests:tests/unit python tests/unit/test_kept.py.
    """
    loaded, now = RunResult.load(_VERSION_1), result()
    assert loaded.definition == now.definition
    assert (loaded.everything.rows == now.everything.rows).all()
    assert (loaded.generator, loaded.faults, loaded.invalid, loaded.notes) == (
        now.generator,
        now.faults,
        now.invalid,
        now.notes,
    )
    assert judge(loaded) == judge(now)
    assert loaded.resources["app"].memory.max == now.resources["app"].memory.max


def test_another_version_is_refused_with_both_named(tmp_path: Path) -> None:
    """It is not guessed what it may mean."""
    folder = result().save(tmp_path / "kept")
    changed = json.loads((folder / "run.json").read_text()) | {"version": 7}
    (folder / "run.json").write_text(json.dumps(changed))
    with pytest.raises(ConfigurationError) as error:
        RunResult.load(folder)
    assert str(error.value) == (
        f"{folder}/run.json is of version 7 of the format 'pytest-perfqa run'; accepted: version 1"
    )


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _swapped(path: Path) -> None:
    path.write_bytes(path.with_name("readings.npz").read_bytes())


def _without_service(path: Path) -> None:
    found = json.loads(path.read_text())
    del found["service"]
    path.write_text(json.dumps(found))


@pytest.mark.parametrize(
    ("name", "damage", "said"),
    [
        ("run.json", Path.unlink, "can't be read: No such file or directory"),
        ("run.json", _cut, "is damaged, or no pytest-perfqa run: "),
        ("run.json", lambda path: path.write_text('{"a": 1}'), "is no pytest-perfqa run: "),
        ("run.json", lambda path: path.write_text("[]"), "is no pytest-perfqa run: "),
        ("run.json", lambda path: path.write_text("[" * 10**5), "is damaged, or no pytest-perf"),
        ("run.json", _without_service, "is damaged: service: Field required"),
        ("samples.npz", Path.unlink, "can't be read: No such file or directory"),
        ("samples.npz", _cut, "is damaged, or of another run than run.json beside it"),
        ("samples.npz", _swapped, "is damaged, or of another run than run.json beside it"),
        ("readings.npz", _cut, "is damaged, or of another run than run.json beside it"),
    ],
)
def test_damage_is_one_error_that_names_the_file(
    tmp_path: Path, name: str, damage: Callable[[Path], object], said: str
) -> None:
    """Whatever was done to a file, by whom, no traceback of numpy or pydantic comes of it."""
    folder = result().save(tmp_path / "kept")
    damage(folder / name)
    with pytest.raises(ConfigurationError) as error:
        RunResult.load(folder)
    assert str(error.value).startswith(f"{folder}/{name} {said}")
    assert "\n" not in str(error.value)


def test_what_is_something_else_is_not_written_over(tmp_path: Path) -> None:
    """A file, a folder with other files, a result with a file beside it: nothing is lost."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "run.json").write_text('{"format": "another"}')
    beside = result().save(tmp_path / "kept")
    (beside / "notes.txt").write_text("mine")
    before = contents(tmp_path)
    for name, said in (
        ("file", "is no folder"),
        ("folder", "holds something else: run.json"),
        ("kept", "holds something else: notes.txt"),
    ):
        with pytest.raises(ConfigurationError, match=f"{name} {said}; accepted: a new or empty"):
            result().save(tmp_path / name)
    assert contents(tmp_path) == before


def test_a_result_that_was_kept_there_is_replaced(tmp_path: Path) -> None:
    """Whole: nothing of the one before stays, nothing is left beside it."""
    pooled().save(tmp_path / "kept")
    result([], readings=False).save(tmp_path / "kept")
    assert RunResult.load(tmp_path / "kept").launched == 0
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {
        "run.json",
        "samples.npz",
        "readings.npz",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_what_fails_in_the_middle_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, for one: the result before is whole, and no scratch folder stays."""
    result().save(tmp_path / "kept")
    before = contents(tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept, "_adapter", full)
    with pytest.raises(OSError, match="No space left"):
        result([]).save(tmp_path / "kept")
    assert contents(tmp_path) == before


def test_what_can_t_be_put_in_place_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When all is written already: what was moved out of its way comes back."""
    result().save(tmp_path / "kept")
    before = contents(tmp_path)
    rename = Path.rename

    def refused(path: Path, target: Path) -> Path:
        if path.suffix == ".part":
            raise OSError(1, "Operation not permitted")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(OSError, match="not permitted"):
        result([]).save(tmp_path / "kept")
    assert contents(tmp_path) == before


def test_what_is_known_of_a_run_s_place_stays_that_of_its_making(tmp_path: Path) -> None:
    """Saved again elsewhere, or later, it is still where, when and of what it was made."""
    folder = result().save(tmp_path / "kept")
    text = (folder / "run.json").read_text()
    host = json.loads(text)["provenance"]["machine"]["host"]
    (folder / "run.json").write_text(text.replace(json.dumps(host), '"elsewhere"'))
    again = RunResult.load(folder).save(tmp_path / "again")
    assert RunResult.load(again).provenance.machine["host"] == "elsewhere"


if __name__ == "__main__":
    made = result()
    made.provenance = Provenance({"backend": "process"}, {"host": "somewhere"}, {"Python": "3.11"})
    made.save(_VERSION_1)
