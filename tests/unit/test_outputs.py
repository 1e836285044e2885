"""All that a session leaves behind, of sessions made of numbers; also of interrupted ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pytest
from demo_report import cell, character
from synthetic import run, samples

from pytest_perfqa.capacity.character.question import Question
from pytest_perfqa.errors import ServiceError
from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.load.wire.watch import Aborted
from pytest_perfqa.measuring.searches import Search
from pytest_perfqa.report.findings import Findings
from pytest_perfqa.report.outputs import Outputs

if TYPE_CHECKING:
    from pytest_perfqa.measuring.runs import Cell

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "result.schema.json").read_text())


def session(
    cells: tuple[Cell, ...] = (),
    searches: tuple[Search, ...] = (),
    characters: dict[Question, Any] | None = None,
) -> Findings:
    """Give what a session has found, without the session."""
    return Findings(lambda _: 0.1, list(cells), list(searches), characters or {})


def written(folder: Path, found: Findings, *, interrupted: bool) -> dict[str, dict[str, Any]]:
    """Write the report; give its records, all of which fulfil the schema in docs, by service."""
    lines = Outputs(folder).write(found, interrupted=interrupted)
    assert lines == [f"report: {folder / 'index.html'}"]
    records = [json.loads(path.read_text()) for path in folder.glob("*/result.json")]
    for record in records:
        jsonschema.validate(record, SCHEMA)
    return {record["service"]: record for record in records}


@pytest.fixture(autouse=True)
def _no_summary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


def test_characterisations_with_and_without_a_result(tmp_path: Path) -> None:
    """What was found, and why nothing was: a record and a page each, linked from the index."""
    asked = {
        Question("http://x", "/a", "node"): character(),
        Question("http://y", "/b", "gunicorn"): ServiceError("it did not start"),
    }
    found = written(tmp_path, session(characters=asked), interrupted=False)
    node, gunicorn = found["node"], found["gunicorn"]
    assert (node["workers"], node["error"], node["time_scale"]) == (3, None, 1.0)
    assert (gunicorn["path"], gunicorn["error"]) == ("/b", "it did not start")
    assert (gunicorn["time_scale"], gunicorn["kind"]) == (0.1, None)
    assert gunicorn["machine"] == node["machine"] != {}
    index = (tmp_path / "index.html").read_text()
    assert "it did not start" in index
    assert "INTERRUPTED" not in index


def test_a_run_that_was_interrupted_in_its_middle(tmp_path: Path) -> None:
    """What was recorded until then, said to be that; what was under way is pending."""
    due = np.arange(50) / 10
    outcome = np.where(due > 4, Outcome.PENDING, Outcome.ANSWERED)
    result = run(
        samples(due, 0.2, outcome=outcome),
        phases=[("plateau", 30.0), ("down", 5.0)],
        aborted=Aborted(5.0, "interrupted"),
    )
    found = written(tmp_path, session((cell("toy", "long", result),)), interrupted=True)
    measured = found["toy"]["measured"]
    assert found["toy"]["verdict"] == "UNTESTED"
    assert (measured["totals"]["launched"], measured["totals"]["pending_at_end"]) == (50, 9)
    assert measured["events"] == [
        {"name": "interrupted", "at": 5.0, "until": None, "kind": "abort"}
    ]
    # What was planned for later is no course of the run, and nothing is drawn of it.
    assert (measured["duration"], len(measured["windows"]["pending"])) == (5.0, 5)
    assert [phase["totals"] is None for phase in measured["phases"]] == [False, True]
    (page,) = tmp_path.glob("*/index.html")
    assert "It was ended after 5 s" in page.read_text()
    index = (tmp_path / "index.html").read_text()
    assert "INTERRUPTED" in index
    assert "ended after 5 s" in index


def test_everything_that_was_interrupted_before_it_came_to_a_result(tmp_path: Path) -> None:
    """A run that did not begin, a search and a characterisation: each with a page that says it."""
    search = Search("searched", "GET /", error=KeyboardInterrupt())
    found = written(
        tmp_path,
        session(
            (cell("started", "long", error=KeyboardInterrupt("SIGTERM")),),
            (search,),
            {Question("http://x", "/", "characterised"): KeyboardInterrupt()},
        ),
        interrupted=True,
    )
    assert {name: record["error"] for name, record in found.items()} == dict.fromkeys(
        ("started", "searched", "characterised"), "interrupted"
    )
    assert len(list(tmp_path.glob("*/index.html"))) == 3
