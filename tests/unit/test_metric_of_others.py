"""A metric of another package: the code of docs/extending.md, as if it were installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import synthetic
from artillery_files import problems, read, with_config

from pytest_perfqa.base import entry_points, metrics
from pytest_perfqa.base.metrics import RunMetric, WindowCount
from pytest_perfqa.base.units import Unit
from pytest_perfqa.base.verdicts import Verdict
from pytest_perfqa.errors import ConfigurationError, NoData, RequirementMissed
from pytest_perfqa.load.wire.plan import Plan
from pytest_perfqa.measuring.runs import Cell, Key
from pytest_perfqa.report.ci.properties import properties
from pytest_perfqa.report.export import graphite, openmetrics
from pytest_perfqa.report.html.pages import RunPage, run_page
from pytest_perfqa.report.record.recorder import record_of
from pytest_perfqa.result.requirements import judge, require
from pytest_perfqa.result.run_result import RunResult

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
SECTION = PAGE.read_text(encoding="utf-8").partition("\n## A metric\n")[2].partition("\n## ")[0]
CODE, POINTS = re.findall(r"^```\w+\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
BROKEN = {
    "broken": "no_such_module:METRIC",
    "wrong": "perfqa_empty:share",
    "renamed": "perfqa_empty:EMPTY_ANSWERS",
}


def forget() -> None:
    """Forget what is installed."""
    entry_points.installed.cache_clear()
    metrics.find.cache_clear()


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Have the package of the page installed, and one that is of no use."""
    folder = tmp_path / "site"
    for name, points in (
        ("perfqa_empty", POINTS.replace("project.entry-points.", "").replace('"', "")),
        ("broken", "[pytest_perfqa.metrics]\n" + "\n".join(map(" = ".join, BROKEN.items()))),
    ):
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(points)
    (folder / "perfqa_empty.py").write_text(CODE)
    monkeypatch.syspath_prepend(folder)
    forget()
    yield folder
    forget()


def a_run(folder: Path, *thresholds: str, size: Any = 0) -> RunResult:
    """Give a run of ten seconds, with thresholds from a file."""
    phases = [{"duration": 10, "arrivalRate": 10}]
    keys = {"thresholds": list(thresholds)}
    scenario = read(folder, with_config(phases=phases, perfqa=keys))
    recorded = synthetic.samples(np.arange(1, 101) / 10, size=size)
    return synthetic.run(recorded, thresholds=scenario.thresholds)


def test_it_is_a_metric_like_any_other(installed: Path, tmp_path: Path) -> None:
    """On a run and a part of it, and in thresholds: at once and in windows."""
    size = np.where(np.arange(1, 101) > 60, 0, 2)
    run = a_run(tmp_path, "empty_answers > 40%", "empty_answers > 50% for 6s", size=size)
    assert run.metric("empty_answers") == "40%"
    assert run.between(6, 8).metric("empty_answers") == "100%"
    require(run)
    missed = a_run(tmp_path, "empty_answers > 39%", "empty_answers > 50% for 3s", size=size)
    with pytest.raises(RequirementMissed) as caught:
        require(missed)
    assert str(caught.value) == (
        "thresholds: empty_answers > 39%, which is a failure: empty_answers = 40 %, limit 39 %; "
        "empty_answers > 50% for 3s, which is a failure: so it was from 6 s to 11 s"
    )
    assert installed.is_dir()


def test_a_generator_counts_it(installed: Path, tmp_path: Path) -> None:
    """In a process that knows no more than its plan, and where packages are."""
    perfqa = {"abort": "empty_answers > 50% for 2s"}
    scenario = read(
        tmp_path, with_config(phases=[{"duration": 9, "arrivalRate": 1}], perfqa=perfqa)
    )
    plan = Plan(scenario, "http://127.0.0.1:1", tmp_path)
    plan.write()
    code = f"""if True:
        import sys
        from pathlib import Path
        import numpy as np
        from pytest_perfqa.load.wire.plan import Plan
        from pytest_perfqa.load.wire.record import RECORD
        from pytest_perfqa.load.wire.tally import Tallies
        from pytest_perfqa.load.wire.watch import aborting
        scenario = Plan.read(Path({str(plan.path)!r})).scenario
        rows = np.zeros(3, RECORD)
        rows["status"], rows["size"] = 200, [0, 0, 5]
        counted = Tallies(aborting(scenario), scenario, lambda _: 0)
        counted.add(rows)
        print(counted.close(1.0))
        assert not [name for name in sys.modules if name.startswith("pytest_perfqa.result")]
    """
    search = os.pathsep.join([str(installed), *sys.path])
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": search},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stdout == "[[Tally(total=3.0, part=2.0)]]\n", told.stderr


@pytest.mark.usefixtures("installed")
def test_outputs_have_it(tmp_path: Path) -> None:
    """Record, page, JUnit file and exports; those that can't be told say why."""
    run = a_run(tmp_path)
    cell = Cell(Key("toy", "steady", run.definition), run)
    record = record_of(cell, 1.0, {}, {})
    assert record.measured is not None
    told = {one.name: one for one in record.measured.metrics}
    assert (told["empty_answers"].value, told["empty_answers"].unit) == (1.0, "ratio")
    assert all("no_such_module" in (told[name].why or "") for name in ("broken",))
    assert told["wrong"].value is None
    page = run_page(RunPage("slug", record), [])
    assert "answers without a body, of all answers" in page
    assert ("perfqa_empty_answers_ratio", "1") in properties(Verdict.PASSED, "toy", [cell])
    assert ("metrics.empty_answers", 1.0) in [one[:2] for one in graphite.recorded(run)]
    assert "# TYPE perfqa_empty_answers_ratio gauge\n" in openmetrics.exposition([record])


@pytest.mark.usefixtures("installed")
def test_what_is_none_is_told_to_who_asks_for_it(tmp_path: Path) -> None:
    """What was found, and what is accepted, when the file is read; others are not in its way."""
    with pytest.raises(ConfigurationError, match="of the package broken can't be imported"):
        read(tmp_path, with_config(perfqa={"thresholds": ["broken > 3"]}))
    for name in ("wrong", "renamed"):
        with pytest.raises(ConfigurationError, match=rf"accepted: RunMetric\('{name}', ...\)"):
            metrics.find(name)
    (said,) = problems(tmp_path, with_config(perfqa={"thresholds": ["empty > 3"]}))
    assert "empty_answers" in said
    with pytest.raises(NoData, match="empty_answers"):
        a_run(tmp_path).metric("cheese")


def failing(_: object) -> Any:
    """Take a figure, or count it, with a mistake in the code."""
    return {}["app"]


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("figure", "said"),
    [
        (failing, " can't be taken: KeyError: 'app'"),
        (lambda _: None, ": found None; accepted: a Quantity such as '100 %'"),
        (lambda part: part.latency.mean, ": found 100 ms; accepted: a Quantity such as '100 %'"),
    ],
)
@pytest.mark.parametrize("operator", "<>")
def test_a_figure_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figure: Any, said: str, operator: str
) -> None:
    """It is never a pass, whatever is asked of it; other findings are told as ever."""
    wrong = RunMetric("wrong", Unit.RATIO, "of no use", figure)
    monkeypatch.setitem(metrics._NAMED, "wrong", wrong)
    run = a_run(tmp_path, f"wrong {operator} 5%", "requests > 5")
    with pytest.raises(RequirementMissed) as caught:
        require(run)
    assert str(caught.value) == (
        f"thresholds: wrong {operator} 5%, which is a failure: wrong{said}; "
        f"requests > 5, which is a failure: requests = 100, limit 5"
    )
    record = record_of(Cell(Key("toy", "steady", run.definition), run), 1.0, {}, {})
    assert record.measured is not None
    (told,) = (one for one in record.measured.metrics if one.name == "wrong")
    assert said in (told.why or "")


@pytest.mark.usefixtures("installed")
def test_a_plain_number_is_of_its_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As what is calculated mostly is."""
    half = RunMetric("half", Unit.RATIO, "a number", lambda _: np.float32(0.5))
    monkeypatch.setitem(metrics._NAMED, "half", half)
    assert a_run(tmp_path).metric("half") == "50%"


@pytest.mark.usefixtures("installed")
def test_a_count_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no pass, either."""
    windows = WindowCount("answered", failing)
    wrong = RunMetric("wrong", Unit.COUNT, "of no use", failing, windows=windows)
    monkeypatch.setitem(metrics._NAMED, "wrong", wrong)
    with pytest.raises(RequirementMissed, match="wrong can't be counted: KeyError: 'app'"):
        require(a_run(tmp_path, "wrong > 5 for 2s"))


@pytest.mark.parametrize("threshold", ["empty_answers > 10%", "empty_answers > 10% for 2s"])
def test_who_reads_what_was_kept_may_not_have_it(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threshold: str
) -> None:
    """What was required of it can't be told then: neither a pass nor a failure, and no error."""
    assert installed.is_dir()
    a_run(tmp_path, threshold, size=1).save(tmp_path / "kept")
    monkeypatch.setattr(sys, "path", sys.path[1:])
    forget()
    (finding,) = judge(RunResult.load(tmp_path / "kept"))
    assert finding.met is None
    assert finding.found.endswith("there is no metric 'empty_answers' any more")
