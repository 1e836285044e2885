"""Baselines: sessions under a name, with what they were of; nothing worse takes their place."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from demo_report import cell
from synthetic import run, samples
from test_kept_sessions import found as breaking_point

from pytest_perfqa import RunResult
from pytest_perfqa.base.verdicts import Verdict
from pytest_perfqa.baseline.saved import baseline_folder, is_baseline_name
from pytest_perfqa.errors import ConfigurationError, ServiceError
from pytest_perfqa.machine.environment import machine, machine_name
from pytest_perfqa.measuring.searches import Search
from pytest_perfqa.report.findings import Findings
from pytest_perfqa.report.kept import read_session
from pytest_perfqa.report.outputs import Outputs
from pytest_perfqa.report.saved import check_saving, read_baseline, save_session
from pytest_perfqa.result.fingerprint import fingerprint

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_perfqa.measuring.runs import Cell

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def ran(response: float = 0.2, service: str = "toy") -> Cell:
    """Give a run that came to a result."""
    return cell(service, "steady", run(samples(np.arange(1, 201) / 10, response), service=service))


def came_to(*cells: Cell, searches: tuple[Search, ...] = ()) -> Findings:
    """Give what a session came to."""
    return Findings(lambda _: 1.0, list(cells), list(searches))


def save(folder: Path, found: Findings, *, interrupted: bool = False) -> str:
    """Save a session."""
    return save_session(folder, found, BEGIN, {"a": "b"}, interrupted=interrupted)


def test_a_baseline_says_what_it_is_of(tmp_path: Path) -> None:
    """Its name, commit and versions, and of each run a fingerprint; it is a kept session, too."""
    folder = tmp_path / "here" / "nightly"
    assert save(folder, came_to(ran(), ran(service="b"))) == str(folder)
    found = read_baseline(folder)
    assert (found.name, found.started_at) == ("nightly", BEGIN)
    assert found.provenance.versions.keys() >= {"Python", "pytest-perfqa"}
    assert found.provenance.machine["host"]
    assert [one.service for one in found.runs] == ["toy", "b"]
    loaded = RunResult.load(folder / "run-1")
    assert found.runs[0].fingerprint == fingerprint(loaded)
    assert read_session(folder).provenance == found.provenance
    plain = json.loads((folder / "baseline.json").read_text())
    assert (plain["format"], plain["version"]) == ("pytest-perfqa baseline", 1)


def test_a_baseline_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """Nothing of the one before is left, nor anything beside it."""
    save(tmp_path / "x", came_to(ran(), ran(service="b")))
    save(tmp_path / "x", came_to(ran(0.5)))
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == [
        "baseline.json",
        "run-1",
        "session.json",
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert RunResult.load(tmp_path / "x" / "run-1").latency.p50 == pytest.approx(0.5)


def _invalid() -> Cell:
    lost = ran()
    assert lost.result is not None
    lost.result.invalid = ("late",)
    return lost


def _judged_invalid() -> Cell:
    judged = ran()
    judged.judge("test", Verdict.INVALID)
    return judged


@pytest.mark.parametrize(
    ("found", "interrupted", "why"),
    [
        (came_to(ran(), _invalid()), False, "steady on toy is INVALID"),
        (came_to(ran(), _judged_invalid()), False, "steady on toy is INVALID"),
        (came_to(ran()), True, "the session was interrupted"),
        (came_to(), False, "nothing was measured"),
        (
            came_to(ran(), cell("b", "steady", error=ServiceError("x"))),
            False,
            "steady on b came to no result",
        ),
        (
            came_to(ran(), searches=(Search("toy", "GET /", verdict=Verdict.INVALID),)),
            False,
            "GET / on toy is INVALID",
        ),
    ],
)
def test_what_can_t_be_believed_replaces_nothing(
    tmp_path: Path, found: Findings, interrupted: bool, why: str
) -> None:
    """It is told; without an older one there is none."""
    folder = tmp_path / "x"
    assert save(folder, found, interrupted=interrupted) == f"not in {folder}: {why}"
    assert list(tmp_path.iterdir()) == []
    save(folder, came_to(ran(0.7)))
    told = save(folder, found, interrupted=interrupted)
    assert told == f"not in {folder}, which stays as it was: {why}"
    assert RunResult.load(folder / "run-1").latency.p50 == pytest.approx(0.7)


def test_breaking_points_alone_are_something(tmp_path: Path) -> None:
    """Of them a baseline says more than of latencies."""
    search = Search("toy", "GET /heavy", found=breaking_point(), verdict=Verdict.PASSED)
    assert save(tmp_path / "x", came_to(searches=(search,))) == str(tmp_path / "x")
    assert read_session(tmp_path / "x").findings.breaking_points == [breaking_point()]


def test_what_was_not_saved_there_is_not_touched(tmp_path: Path) -> None:
    """Neither a file nor a folder of somebody's; an empty one may be taken."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "folder" / "precious").touch()
    for name in ("file", "folder"):
        with pytest.raises(ConfigurationError, match=rf"--x: .*/{name} holds something that was"):
            check_saving(tmp_path / name, "--x")
    with pytest.raises(ConfigurationError, match=r"--x: .*file is a file; accepted: a folder"):
        check_saving(tmp_path / "file" / "x", "--x")
    check_saving(tmp_path / "empty", "--x")
    save(tmp_path / "x", came_to(ran()))
    check_saving(tmp_path / "x", "--x")


def test_what_can_t_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside all else that a session leaves behind."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    (tmp_path / "file").touch()
    said = Outputs(None, save=tmp_path / "file" / "x").write(came_to(ran()), interrupted=False)
    assert len(said) == 1
    assert said[0].startswith("saved: not written: ")
    said = Outputs(None, save=tmp_path / "x").write(came_to(ran()), interrupted=False)
    assert said == [f"saved: {tmp_path / 'x'}"]


@pytest.mark.parametrize("name", ["main", "v2.1", "_a-b", "a" * 100])
def test_names_that_are_folders_everywhere(name: str) -> None:
    """Letters, digits and a few signs."""
    assert is_baseline_name(name)


@pytest.mark.parametrize("name", ["", ".", "..", ".x", "-x", "a/b", "a b", "a\n", "ä", "a" * 101])
def test_other_names(name: str) -> None:
    """None of them leaves the folder, hides in it, or is an option."""
    assert not is_baseline_name(name)


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        (
            {
                "host": "fv-az1",
                "processor": "Intel(R) Xeon(R) Platinum 8370C CPU @ 2.80GHz",
                "CPUs": "4",
                "memory": "15.61 GiB",
            },
            "intel-xeon-platinum-8370c-2.80ghz-4-cpus-16-gib",
        ),
        (
            {"processor": "AMD EPYC 7763 64-Core Processor", "CPUs": "2", "memory": "7.75 GiB"},
            "amd-epyc-7763-64-core-2-cpus-8-gib",
        ),
        (
            {"system": "Linux 6.1 aarch64", "CPUs": "1", "memory": "512 MiB"},
            "aarch64-1-cpus-512-mib",
        ),
        ({}, "machine-some-cpus"),
    ],
)
def test_a_machine_has_a_name_that_stays(facts: dict[str, str], name: str) -> None:
    """Its host's doesn't, in a CI."""
    assert machine_name(facts) == name


def test_baselines_of_machines_stand_side_by_side(tmp_path: Path) -> None:
    """Each kind of machine has its own."""
    folder = baseline_folder(tmp_path, "x")
    assert folder == tmp_path / machine_name(machine()) / "x"
    assert is_baseline_name(folder.parent.name)
