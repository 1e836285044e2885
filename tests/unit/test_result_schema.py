"""result.json: a versioned schema in docs, which every record fulfils."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from demo_report import cell, characters, records, searches
from synthetic import run, samples

from pytest_perfqa.base.conditions import Condition
from pytest_perfqa.base.units import Quantity, Unit
from pytest_perfqa.base.verdicts import Verdict
from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.load.wire.watch import Aborted
from pytest_perfqa.report.record.recorder import measured, record_of
from pytest_perfqa.report.record.schema import from_json, schema, to_json
from pytest_perfqa.result.fault_record import FaultRecord

SCHEMA = Path(__file__).parents[2] / "docs" / "result.schema.json"


def test_the_schema_in_docs_is_that_of_the_code() -> None:
    """Written with: PYTHONPATH=tests python tests/unit/test_result_schema.py."""
    assert json.loads(SCHEMA.read_text()) == schema()


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    """What checks a document."""
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(schema())


def test_every_kind_of_record_fulfils_it(validator: jsonschema.Draft202012Validator) -> None:
    """With and without a result, faults, limits, models and resources; and comes back as it was."""
    for record in records():
        document = to_json(record)
        validator.validate(json.loads(document))
        assert from_json(document) == record
    for search in searches():
        validator.validate(json.loads(to_json(search)))
    for character in characters():
        validator.validate(json.loads(to_json(character)))


def test_runs_with_nothing_in_them(validator: jsonschema.Draft202012Validator) -> None:
    """No arrival, and no answer: figures of nothing are null, never 0 or NaN."""
    refused = samples(np.arange(5.0), outcome=Outcome.REFUSED)
    for recorded in (samples([]), refused, samples(np.arange(5.0), outcome=Outcome.PENDING)):
        asked = cell("s", "x", run(recorded, phases=[("a", 5.0), ("pause", 2.0)]))
        record = record_of(asked, 1.0, {}, {})
        validator.validate(json.loads(to_json(record)))
    found = measured(run(refused))
    assert found.totals.latency.p95 is None
    assert found.totals.errors == {"refused": 5}
    assert found.totals.availability == 0.0
    assert found.windows.latency.p95 == (None,) * 5
    assert found.histogram is None


def test_another_version_or_a_wrong_field_is_refused(
    validator: jsonschema.Draft202012Validator,
) -> None:
    """The schema can fail."""
    document = json.loads(to_json(records()[0]))
    for change in ({"version": 1}, {"service": 3}, {"tests": [{}]}, {"measured": {}}):
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(document | change)


def test_the_record_agrees_with_the_result() -> None:
    """Counts over the windows are the counts of the run; phases and endpoints its slices."""
    due = np.arange(1, 601) / 10
    recorded = samples(due, 0.2, lag=0.01, status=np.where(due <= 50, 200, 503))
    result = run(recorded, phases=[("warm up", 10), ("plateau", 50)], warmup=["warm up"])
    asked = cell("s", "x", result)
    asked.judge("t", Verdict.PASSED)
    asked.judge("t", Verdict.FAILED, "no")
    asked.judge("t", Verdict.PASSED)
    record = record_of(asked, 1.0, {}, {})
    assert (record.verdict, record.tests[0].said) == ("FAILED", "no")
    found = record.measured
    assert found is not None
    assert (found.totals.launched, sum(found.windows.launched)) == (500, 600)
    assert found.totals.status == {"200": 400, "503": 100}
    assert sum(found.windows.status["503"]) == 100
    assert [phase.name for phase in found.phases if phase.warmup] == ["warm up"]
    assert found.phases[1].totals == found.totals
    assert found.totals.latency.p50 == pytest.approx(0.21)
    assert found.totals.response.p50 == pytest.approx(0.2)
    assert found.histogram is not None
    assert sum(found.histogram.latency) == sum(found.histogram.response) == 500
    assert found.totals.availability == 0.8


def test_long_runs_have_wider_windows() -> None:
    """A night's run is no file of a hundred megabytes."""
    found = measured(run(samples(np.arange(0, 50_000, 10.0))))
    assert found.windows.width == 7.0
    assert len(found.windows.launched) < 7200
    assert sum(found.windows.launched) == 5000


def test_what_is_marked_in_the_charts() -> None:
    """Faults with their actual times, the end of a run that was stopped, limits of latency."""
    threshold = Condition("p95 > 0.1s", 3, "latency.p95", ">", 0.1, Unit.SECOND)
    result = run(samples(np.arange(100) / 10, 0.2), thresholds=(threshold,))
    seconds = [Quantity(moment, Unit.SECOND) for moment in (2.0, 2.1, 4.0)]
    result.faults = (FaultRecord("kill app#1 at 2s", "kill", "app#1", *seconds),)
    result.aborted = Aborted(Quantity(9.0, Unit.SECOND), "too slow", "p95 > 0.1s")
    found = measured(result)
    assert [(one.name, one.at, one.until, one.kind) for one in found.events] == [
        ("kill app#1 at 2s", 2.1, 4.0, "fault"),
        ("too slow", 9.0, None, "abort"),
    ]
    (limit,) = found.limits
    assert (limit.name, limit.chart, limit.value, limit.met) == (
        "p95 > 0.1s",
        "latency",
        0.1,
        False,
    )


if __name__ == "__main__":
    SCHEMA.write_text(json.dumps(schema(), indent=1) + "\n")
