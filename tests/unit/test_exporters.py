"""Exporters of other packages: found by name, checked before anything starts, and no danger."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import outside
import pytest
from otlp_receiver import collecting
from synthetic import run, samples

from pytest_perfqa.base import entry_points
from pytest_perfqa.errors import ConfigurationError
from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.report.export.exporter import Exporter, Guarded
from pytest_perfqa.report.export.targets import targets

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the package outside installed, and one whose exporter can't be made."""
    outside.install(tmp_path)
    unmade = tmp_path / "unmade-1.0.dist-info"
    unmade.mkdir()
    (unmade / "METADATA").write_text("Metadata-Version: 2.1\nName: unmade\nVersion: 1.0\n")
    point = "[pytest_perfqa.exporters]\nunmade = builtins:memoryview\n"
    (unmade / "entry_points.txt").write_text(point)
    monkeypatch.syspath_prepend(tmp_path)
    entry_points.installed.cache_clear()
    yield
    entry_points.installed.cache_clear()
    sys.modules.pop("perfqa_otlp", None)


def attributes(point: Any) -> dict[str, Any]:
    """Give those of a data point."""
    return {one.key: one.value.int_value or one.value.string_value for one in point.attributes}


@pytest.mark.usefixtures("_installed")
def test_a_run_in_opentelemetry(tmp_path: Path) -> None:
    """All requests are in the histograms of their status and kind, in the right buckets."""
    status = np.array([200] * 6 + [503] * 2 + [0] * 2)
    outcome = np.array([Outcome.ANSWERED] * 8 + [Outcome.TIMEOUT] * 2)
    response = [0.001, 0.005, 0.006, 0.3, 0.3, 20, 1, 1, 10, 10]
    result = run(samples(range(10), response, status=status, outcome=outcome))
    with collecting() as collector:
        (exporter,) = targets(f"otlp:{collector.url}", tmp_path)
        exporter.begin(result.service, result.definition)
        exporter.end(None)
        exporter.end(result)
        assert list(exporter.finish([])) == [f"OTLP: 1 runs to {collector.url}"]
    (metric,) = collector.metrics
    assert (metric.name, metric.unit) == ("http.client.request.duration", "s")
    good, bad, late = sorted(metric.histogram.data_points, key=lambda one: -one.count)
    assert attributes(good) == {
        "http.request.method": "GET",
        "url.template": result.endpoints[0].partition(" ")[2],
        "server.address": result.service,
        "perfqa.run": result.scenario,
        "http.response.status_code": 200,
    }
    assert list(good.bucket_counts) == [2, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1]
    assert good.sum == pytest.approx(20.612)
    assert (good.count, good.min, good.max) == (6, pytest.approx(0.001), 20)
    assert good.start_time_unix_nano == int(result.started_at.timestamp() * 1e9)
    told = {(attributes(one).get("error.type"), one.count) for one in (bad, late)}
    assert told == {("503", 2), ("timeout", 2)}


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("otlp:x", "found 'otlp:x'; accepted: otlp:http://HOST:4318/v1/metrics"),
        ("unmade:x", "found 'unmade:x': .* can't be made: TypeError: "),
        ("oltp:x", "found 'oltp:x'; accepted: graphite:.*, openmetrics:FILE, .*otlp:TARGET"),
    ],
)
def test_targets_that_can_not_be(written: str, said: str) -> None:
    """It is said what is accepted, by whoever knows."""
    with pytest.raises(ConfigurationError, match=f"--perfqa-export: {said}"):
        targets(written, Path())


class Failing(Exporter):
    """It can't do what it is for."""

    def __init__(self) -> None:
        self.asked = 0

    def end(self, _result: object) -> None:
        """Fail."""
        self.asked += 1
        raise OSError("nobody listens")


def test_what_goes_wrong_is_told_at_the_end() -> None:
    """It is no error of a run, and isn't asked for again."""
    failing = Failing()
    guarded = Guarded("failing", failing)
    for _ in range(2):
        guarded.begin("toy", run(samples([0.0])).definition)
        guarded.end(None)
    assert list(guarded.finish([])) == ["failing: not exported: OSError: nobody listens"]
    assert failing.asked == 1
