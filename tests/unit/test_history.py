"""``perfqa history``: what was kept over time, and from which run on figures are others."""

from __future__ import annotations

import importlib.util
import json
import random
import sys
from datetime import UTC, datetime, timedelta
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from demo_report import cell
from synthetic import run, samples

from pytest_perfqa import cli
from pytest_perfqa.errors import PrerequisiteMissing
from pytest_perfqa.report.findings import Findings
from pytest_perfqa.report.history import METRICS, Entry, History, read_histories, with_changes
from pytest_perfqa.report.kept import write_session
from pytest_perfqa.report.saved import save_session
from pytest_perfqa.report.text.history import history_text
from pytest_perfqa.result.provenance import Provenance

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_perfqa.result.run_result import RunResult

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
MACHINE = {"processor": "P", "CPUs": "2", "memory": "8 GiB"}


def ran(day: int, response: float = 0.2, *, commit: str = "", **more: Any) -> RunResult:
    """Give a run of a day."""
    made = run(samples(np.arange(1, 101) / 10, response), **more)
    made.started_at = BEGIN + timedelta(days=day)
    source = {"commit": commit or f"{day:x}" * 40, "branch": "main", "changed": "no"}
    made.provenance = Provenance({}, dict(MACHINE), {}, source)
    return made


def came_to(*results: RunResult) -> Findings:
    """Give what a session came to."""
    return Findings(lambda _: 1.0, [cell(one.service, one.scenario, one) for one in results])


def history_of(values: Sequence[float | None], doubts: Sequence[int] = ()) -> History:
    """Give one whose p95 is given."""
    rest = dict.fromkeys((metric.name for metric in METRICS), None)
    entries = (
        Entry(
            BEGIN,
            str(number),
            "",
            "INVALID" if number in doubts else "",
            {**rest, "latency.p95": value},
        )
        for number, value in enumerate(values)
    )
    return History("toy", "steady", "m", "f", tuple(entries))


@pytest.fixture
def _no_otava(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "otava", None)
    monkeypatch.setitem(sys.modules, "otava.series", None)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[list[float]]:
    """A stand-in for Otava, to which the fourth value is always another; gives what it is given."""
    seen: list[list[float]] = []

    class Series:
        def __init__(self, _name: str, _branch: None, times: list[int], *more: Any) -> None:
            (self.name, self.values), *_ = more[1].items()
            assert type(self.values) is list
            assert times == list(range(len(self.values)))
            seen.append(self.values)

        def analyze(self, options: SimpleNamespace) -> SimpleNamespace:
            assert (options.window_len, options.max_pvalue, options.min_magnitude) == (
                30,
                0.001,
                0.03,
            )
            found = SimpleNamespace(
                index=np.int64(3),
                mean_before=lambda: np.float64(1.0),
                mean_after=lambda: np.float64(1.1),
                pvalue=lambda: np.float64(0.0),
            )
            return SimpleNamespace(change_points={self.name: [found] * (len(self.values) > 3)})

    module = ModuleType("otava.series")
    vars(module).update(Series=Series, Metric=SimpleNamespace, AnalysisOptions=SimpleNamespace)
    monkeypatch.setitem(sys.modules, "otava", ModuleType("otava"))
    vars(sys.modules["otava"]).update(series=module)
    monkeypatch.setitem(sys.modules, "otava.series", module)
    return seen


def test_runs_are_in_the_order_of_time_each_once(tmp_path: Path) -> None:
    """Of sessions and single results, saved or kept, or both; the last of them."""
    for day in (2, 0, 1):
        write_session(tmp_path / "kept", came_to(ran(day)), BEGIN, {}, interrupted=False)
    save_session(
        tmp_path / "baselines" / "m" / "x", came_to(ran(2), ran(3)), BEGIN, {}, interrupted=False
    )
    alone = ran(4)
    alone.provenance = Provenance()  # of here, as those of sessions are
    alone.save(tmp_path / "baselines" / "alone")
    (found,) = read_histories([tmp_path / "baselines", tmp_path / "kept"], 4)
    assert [entry.started_at.day for entry in found.entries] == [2, 3, 4, 5]
    assert [entry.name for entry in found.entries][1:] == ["x", "x", "alone"]
    assert found.entries[-1].figures["latency.p50"] == pytest.approx(0.2)
    assert found.entries[-1].figures["memory"] is None
    assert found.changes is None


def test_only_what_is_alike_is_a_course(tmp_path: Path) -> None:
    """Another service, scenario, machine or time scale is another one."""
    elsewhere = ran(4)
    elsewhere.provenance.machine["CPUs"] = "4"
    results = [
        *(ran(0), ran(1)),
        *(ran(2, service="b"), ran(3, timeout=3.0), elsewhere, ran(5, time_scale=0.5)),
    ]
    for number, one in enumerate(results):
        one.save(tmp_path / str(number))
    found = read_histories([tmp_path], 9)
    assert [len(one.entries) for one in found] == [2, 1, 1, 1, 1]
    titles = [line for line in history_text(found) if not line.startswith(" ")]
    assert len(set(titles)) == 5
    assert "b, steady on p-2-cpus-8-gib:" in titles
    assert f"toy, steady on p-2-cpus-8-gib, scenario {found[0].fingerprint}:" in titles


def test_changes_are_looked_for_in_what_can_be_believed(given: list[list[float]]) -> None:
    """Of a metric that a run has not, that run is left out; numbers are those of all runs."""
    (found,) = with_changes([history_of([1.0, 9.0, None, 1.0, 1.0, 1.1, 1.1], doubts=[1])])
    assert [1.0, 1.0, 1.0, 1.1, 1.1] in given
    assert found.changes is not None
    (change,) = found.changes
    assert (change.metric, change.entry, change.before, change.after) == ("latency.p95", 5, 1, 1.1)
    assert type(change.entry) is int


@pytest.mark.usefixtures("given")
def test_a_change_is_marked_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the commit that it came with; what can't be believed is said to be that."""
    for day in range(5):
        ran(day, 0.2 + 0.1 * (day > 2)).save(tmp_path / f"day{day}")
    lost = ran(5)
    lost.invalid = ("late",)
    lost.save(tmp_path / "day5")
    assert cli.main(["history", str(tmp_path)]) == cli.OK
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0] == "toy, steady on p-2-cpus-8-gib:"
    assert lines[1].split() == ["began", "name", "latency.p50", "latency.p95", "throughput", "of"]
    assert lines[5].split()[:6] == ["2026-01-04", "00:00", "day3", "300", "ms*", "300"]
    assert "*" not in "".join(lines[2:5]) + lines[6]
    assert lines[7].split()[-5:] == ["INVALID", "commit", "555555555", "on", "main"]
    assert (
        "  * latency.p50: 1 s, then 1.1 s (+10.0%), from 2026-01-04 00:00, day3, commit 333333333 "
        "on main on" in lines
    )
    assert printed.err == ""


@pytest.mark.usefixtures("_no_otava")
def test_without_the_extra_the_list_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And how to get it; what was saved is looked for where it is saved."""
    folder = tmp_path / ".perfqa" / "baselines" / "m" / "x"
    save_session(folder, came_to(ran(1)), BEGIN, {}, interrupted=False)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["history", "--json"]) == cli.OK
    printed = capsys.readouterr()
    assert printed.err == (
        "perfqa: changes aren't looked for: that needs Apache Otava; "
        "pip install 'pytest-perfqa[history]'\n"
    )
    (found,) = json.loads(printed.out)
    assert (found["service"], found["changes"]) == ("toy", None)
    assert found["entries"][0]["figures"]["latency.p50"] == pytest.approx(0.2)
    with pytest.raises(PrerequisiteMissing):
        with_changes([])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["history"], "perfqa: .perfqa/baselines: nothing was kept there; accepted: the DIR of"),
        (["history", "--last=0"], "argument --last: found 0; accepted: a whole number from 1 on"),
        (["history", "--last=x"], "argument --last: found x; accepted: a whole number from 1 on"),
    ],
)
def test_a_wrong_argument(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    """As everywhere."""
    monkeypatch.chdir(tmp_path)
    try:
        code = cli.main(arguments)
    except SystemExit as error:
        code = error.code
    assert code == cli.USAGE
    assert said in capsys.readouterr().err


@pytest.mark.skipif(importlib.util.find_spec("otava") is None, reason="needs the extra 'history'")
def test_otava_finds_what_has_changed() -> None:
    """Of 1 % of noise, 10 % more from the twentieth run on; of none, nothing."""
    draw = random.Random(1)
    noise = [draw.gauss(1, 0.01) for _ in range(40)]
    levels = [0.1] * 20 + [0.11] * 20
    more, same = with_changes(
        [
            history_of([level * one for level, one in zip(levels, noise, strict=True)]),
            history_of(noise),
        ]
    )
    assert more.changes is not None
    (change,) = more.changes
    assert change.entry in {19, 20, 21}
    assert change.after / change.before == pytest.approx(1.1, rel=0.02)
    assert same.changes == ()
    assert (
        with_changes([history_of([]), history_of([1.0]), history_of([0.0] * 20)])[2].changes == ()
    )
