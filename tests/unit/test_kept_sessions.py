"""Sessions in folders: shown again they say what they said, also several side by side."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from demo_report import cell, character
from synthetic import run, samples

from pytest_perfqa.base.units import Quantity, Unit
from pytest_perfqa.base.verdicts import Verdict
from pytest_perfqa.capacity.character.question import Question
from pytest_perfqa.capacity.limits.found import BreakingPoint, Capacity, Probe
from pytest_perfqa.errors import ConfigurationError, Inconclusive, ServiceError
from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.measuring.searches import Search
from pytest_perfqa.report.findings import Findings
from pytest_perfqa.report.kept import check_keeping, read_session, write_session
from pytest_perfqa.report.record.gathered import gather
from pytest_perfqa.report.record.schema import to_json
from pytest_perfqa.report.terminal.section import section
from pytest_perfqa.scenario.records import Flow

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_perfqa.measuring.runs import Cell

_BEGIN = datetime(2026, 3, 4, 12, 30, tzinfo=timezone(timedelta(hours=2)))


def per_second(value: float) -> Quantity:
    """Give a rate."""
    return Quantity(value, Unit.PER_SECOND)


def found(service: str = "toy", rate: float = 1.3, *, broken: bool = True) -> BreakingPoint:
    """Give a breaking point."""
    seconds = Quantity(0.1 + 0.2, Unit.SECOND, 0.5)
    verdict = Verdict.FAILED if broken else Verdict.PASSED
    counts = {"200": 13, "504": 1}
    probe = Probe(
        14, per_second(1.4), verdict, "1 of 14", "5xx", counts, (0.1, 0.7), *[seconds] * 3
    )
    return BreakingPoint(
        Capacity.BURST,
        per_second(rate),
        per_second(rate),
        per_second(rate + 0.1 if broken else np.inf),
        broken,
        "5xx" if broken else "",
        True,
        (probe, replace(probe, rate=per_second(np.inf))),
        Quantity(8.25, Unit.SECOND, 0.5),
        service,
        "GET /heavy",
        window=10.0,
        notes=("it was drained",),
        time_scale=0.5,
    )


def ran(service: str, response: float = 0.2, **more: Any) -> Cell:
    """Give a run of 200 arrivals, a few of them in vain."""
    due = np.arange(1, 201) / 10
    outcome = np.where(np.arange(200) % 90 == 1, Outcome.TIMEOUT, Outcome.ANSWERED)
    recorded = samples(due, response, outcome=outcome, status=np.where(due > 19, 503, 200))
    made = cell(service, "steady", run(recorded, service=service, **more))
    made.judge("test_it.py::test_good", Verdict.PASSED)
    return made


def session() -> Findings:
    """Give what a session came to in which all went as it may."""
    good, bad = ran("toy"), ran("queued", 0.4)
    bad.judge("test_it.py::test_bad[\u00e4]", Verdict.FAILED, "E assert p95 < '100ms'\n  more")
    bad.held, bad.repeats = True, 2
    return Findings(
        lambda service: 0.25 if service == "toy" else 1.0,
        [
            good,
            bad,
            cell("dead", "steady", error=ServiceError("it did not start\nits log")),
            cell("stopped", "steady", error=KeyboardInterrupt("SIGTERM")),
            cell("broken", "steady", error=OSError("no")),
        ],
        [
            Search("toy", "GET /heavy", {"b", "a"}, ("1 CPU",), found(), verdict=Verdict.PASSED),
            Search("queued", "GET /heavy", {"a"}, found=found("queued", 4.0, broken=False)),
            Search("dead", "GET /heavy", error=Inconclusive("too noisy")),
        ],
        {
            Question("http://x", "/a", "toy", headers=(("A", "b"),)): character(),
            Question("http://y", "/b", "dead"): ServiceError("it did not start"),
        },
    )


def records(of: Findings) -> list[bytes]:
    """Give the records of a report, as its files have them."""
    made = gather(of, {"host": "here"}, {"numpy": "2"})
    return list(map(to_json, made))


def kept(folder: Path, of: Findings | None = None, *, interrupted: bool = False) -> Path:
    """Keep a session."""
    setting = {"backend": "process"}
    return write_session(folder, of or session(), _BEGIN, setting, interrupted=interrupted)


def test_a_session_that_was_kept_says_what_it_said(tmp_path: Path) -> None:
    """The lines of the terminal, and every record of the report, to the byte."""
    folder = kept(tmp_path / "some" / "kept", interrupted=True)
    again = read_session(folder)
    assert section(again.findings) == section(session())
    assert records(again.findings) == records(session())
    assert again.interrupted
    assert again.provenance.setting == {"backend": "process"}
    assert again.provenance.versions.keys() >= {"Python", "pytest-perfqa"}
    for before, after in zip(session().cells, again.findings.cells, strict=True):
        assert (before.held, before.repeats) == (after.held, after.repeats)
        assert before.key.definition == after.key.definition
    assert again.findings.breaking_points == session().breaking_points
    assert list(again.findings.characters) == list(session().characters)
    assert again.findings.known_characters == session().known_characters


def test_several_sessions_have_folders_of_their_own(tmp_path: Path) -> None:
    """Named by when they began, and by chance: none is in another's way."""
    folders = {kept(tmp_path), kept(tmp_path), kept(tmp_path)}
    assert set(tmp_path.iterdir()) == folders
    assert {folder.name.rpartition("-")[0] for folder in folders} == {"20260304T103000Z"}


def test_labels_tell_the_services_of_sessions_apart(tmp_path: Path) -> None:
    """Two sessions of one project are compared as two services are."""
    one = kept(tmp_path, Findings(lambda _: 1.0, [ran("toy")]))
    other = kept(tmp_path, Findings(lambda _: 1.0, [ran("toy", 3.0)]))
    base, head = read_session(one, "base").findings, read_session(other, "head").findings
    whole = Findings(lambda _: 1.0, [*base.cells, *head.cells])
    lines = section(whole)
    assert lines[1].split()[:3] == ["base:", "toy", "steady"]
    assert lines[2].split()[:3] == ["head:", "toy", "steady"]
    start = lines.index("steady, side by side:")
    assert [line.split()[:2] for line in lines[start + 2 : start + 4]] == [
        ["base:", "toy"],
        ["head:", "toy"],
    ]
    assert whole.results[0].notes == ()
    noted = ran("toy")
    assert noted.result is not None
    noted.result.notes = ("1 CPU",)
    shown = read_session(kept(tmp_path, Findings(lambda _: 1.0, [noted])), "x").findings
    assert "x: 1 CPU" in section(shown)


def test_a_single_result_is_shown_as_a_session_of_it(tmp_path: Path) -> None:
    """Nobody has judged it."""
    result = ran("toy").result
    assert result is not None
    found = read_session(result.guarded.save(tmp_path / "run")).findings
    assert section(found)[1].split() == [
        "toy",
        "steady",
        "200",
        "197",
        "10",
        "200",
        "ms",
        "UNTESTED",
    ]


def _change(name: str, value: object) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        path = folder / "session.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))

    return change


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "session.json").unlink(), "session.json can't be read: No such"),
        (_change("version", 2), "session.json is of version 2 of the format 'pytest-perfqa sess"),
        (_change("format", "x"), "session.json is no pytest-perfqa session: "),
        (_change("runs", [{}]), "session.json is damaged: runs.0.service: Field required"),
        (lambda folder: (folder / "run-1" / "run.json").unlink(), "run-1/run.json can't be read: "),
    ],
)
def test_damage_is_one_error_that_names_the_file(
    tmp_path: Path, damage: Callable[[Path], object], said: str
) -> None:
    """Of a session as of a run."""
    folder = kept(tmp_path)
    damage(folder)
    with pytest.raises(ConfigurationError) as error:
        read_session(folder)
    assert str(error.value).startswith(f"{folder}/{said}")


def test_where_nothing_can_be_kept_is_known_before(tmp_path: Path) -> None:
    """A file, a folder below one, a file system that takes nothing; nothing is left by the look."""
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigurationError, match=r"--x: .*file is a file; accepted: a folder"):
            check_keeping(folder, "--x")
    with pytest.raises(ConfigurationError, match="--x: nothing can be written to /proc: "):
        check_keeping(Path("/proc/kept"), "--x")
    check_keeping(tmp_path / "a" / "b", "--x")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_session_is_kept_with_whatever_was_in_a_scenario(tmp_path: Path) -> None:
    """Of a run without a result too: what was asked for stands in session.json."""
    asked = cell("toy", "steady", error=ServiceError("x"))
    asked.key = replace(
        asked.key, definition=replace(asked.key.definition, flows=(Flow("f", 1, ()),))
    )
    folder = kept(tmp_path, Findings(lambda _: 1.0, [asked]))
    stored = json.loads((folder / "session.json").read_text())
    assert stored["runs"][0]["definition"]["flows"] == [{"name": "f", "weight": 1.0, "steps": []}]
    assert stored["started_at"] == _BEGIN.astimezone(UTC).isoformat().replace("+00:00", "Z")
