"""``perfqa show``: what was kept, printed and reported again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import jsonschema
import numpy as np
import pytest
from demo_report import cell
from synthetic import run, samples

from pytest_perfqa import cli
from pytest_perfqa.base.verdicts import Verdict
from pytest_perfqa.report.findings import Findings
from pytest_perfqa.report.kept import write_session
from pytest_perfqa.report.record.schema import schema
from pytest_perfqa.report.terminal.section import section

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_perfqa.result.run_result import RunResult


def result(service: str = "toy", response: float = 0.2) -> RunResult:
    """Give a run."""
    return run(samples(np.arange(1, 201) / 10, response), service=service)


def came_to(response: float = 0.2) -> Findings:
    """Give what a session of two services came to."""
    cells = [cell(name, "steady", result(name, response)) for name in ("one", "two")]
    for each in cells:
        each.judge("test_it.py::test_it", Verdict.PASSED)
    return Findings(lambda _: 1.0, cells)


def kept(folder: Path, response: float = 0.2, *, interrupted: bool = False) -> Path:
    """Keep a session below a folder."""
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    return write_session(folder, came_to(response), begin, {}, interrupted=interrupted)


def test_a_session_is_printed_as_pytest_did(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its own folder, or the one that has but this."""
    folder = kept(tmp_path)
    for given in (folder, tmp_path):
        assert cli.main(["show", str(given)]) == cli.OK
        printed = capsys.readouterr()
        assert printed.out.splitlines() == section(came_to())
        assert "steady, side by side:" in printed.out
        assert printed.err == ""


def test_several_are_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Sessions and results, each once; as much of their paths as tells them apart."""
    first, second = kept(tmp_path / "a"), kept(tmp_path / "a", 0.5)
    alone = result().save(tmp_path / "b" / first.name)
    given = [first, tmp_path / "a", alone, tmp_path / "b" / ".." / "b" / first.name]
    assert cli.main(["show", *map(str, given)]) == cli.OK
    lines = capsys.readouterr().out.splitlines()
    labels = [f"a/{first.name}", f"a/{first.name}", second.name, second.name, f"b/{first.name}"]
    services = ["one", "two", "one", "two", "toy"]
    rows = [f"{label}: {service}" for label, service in zip(labels, services, strict=True)]
    assert [line.partition("  ")[0] for line in lines[1:6]] == rows
    start = lines.index("steady, side by side:")
    assert [line.partition("  ")[0] for line in lines[start + 2 : start + 7]] == rows


def test_a_report_of_several_is_one_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the machine of each, and their conclusions; written beside what is printed."""
    kept(tmp_path / "kept"), kept(tmp_path / "kept", 0.5, interrupted=True)
    report = tmp_path / "report"
    assert cli.main(["show", str(tmp_path / "kept"), "--report", str(report), "--json"]) == cli.OK
    printed = capsys.readouterr()
    assert printed.err == f"perfqa: report: {report}/index.html\n"
    found = json.loads(printed.out)
    files = [json.loads(path.read_text()) for path in report.glob("*/result.json")]
    assert sorted(files, key=str) == sorted(found, key=str)
    assert len(found) == 4
    for one in found:
        jsonschema.validate(one, schema())
        assert one["machine"]["host"]
    assert "INTERRUPTED" in (report / "index.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere: nothing was kept there; accepted: a folder that perf_run.save"),
        (["empty"], "empty: nothing was kept there; accepted: "),
        (["damaged"], "samples.npz can't be read: No such file or directory"),
        (["kept", "--report=file"], "--report: file is a file; accepted: a folder"),
    ],
)
def test_what_can_t_be_shown_is_a_wrong_argument(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    """One line says why, nothing else is printed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    kept(tmp_path / "kept")
    (result().save(tmp_path / "damaged") / "samples.npz").unlink()
    assert cli.main(["show", *arguments]) == cli.USAGE
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("perfqa: ")
    assert said in printed.err
    assert printed.err.count("\n") == 1


def test_a_report_that_can_t_be_written_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was to be printed is; the exit code says that it isn't all."""
    folder = kept(tmp_path)
    assert cli.main(["show", str(folder), "--report", "/proc/report"]) == cli.USAGE
    printed = capsys.readouterr()
    assert printed.out.splitlines() == section(came_to())
    assert printed.err.startswith("perfqa: report: not written: ")


def test_nothing_to_show_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """As argparse says it."""
    with pytest.raises(SystemExit) as error:
        cli.main(["show"])
    assert error.value.code == cli.USAGE
    assert "FOLDER" in capsys.readouterr().err
