"""``perfqa compare``: two kept results side by side, told and never judged."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from demo_report import cell
from synthetic import readings, run, samples
from test_kept_sessions import found as breaking_point

from pytest_perfqa import cli
from pytest_perfqa.base.units import Unit
from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.measuring.searches import Search
from pytest_perfqa.monitor.readings import Metric
from pytest_perfqa.report.findings import Findings
from pytest_perfqa.report.kept import write_session
from pytest_perfqa.report.result_pairs import STATEMENT, metric_pairs, pair_findings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_perfqa.report.result_pairs import MetricPair
    from pytest_perfqa.result.run_result import RunResult

DUE = np.arange(1, 401) / 10


def result(
    response: float = 0.2,
    failed: int = 0,
    service: str = "toy",
    memory: float = 1e8,
    **more: object,
) -> RunResult:
    """Give a run of 400 requests, of which some got a 503, evenly spread."""
    bad = np.arange(400) * failed // 400 < (np.arange(400) + 1) * failed // 400
    recorded = samples(DUE, response, status=np.where(bad, 503, 200))
    looks = np.arange(0.0, 42.0)
    used = readings(looks, app={Metric.CPU: looks * 0.2, Metric.MEMORY: memory})
    return run(recorded, service=service, readings=used, **more)  # type: ignore[arg-type]


def pairs(one: RunResult, other: RunResult) -> dict[str, MetricPair]:
    """Give the metrics of two runs by name."""
    return {pair.name: pair for pair in metric_pairs(one, other)}


def session(folder: Path, results: Sequence[RunResult], *searches: Search) -> Path:
    """Keep a session."""
    cells = [cell(one.service, one.scenario, one) for one in results]
    found = Findings(lambda _: 1.0, cells, list(searches))
    return write_session(folder, found, datetime(2026, 1, 1, tzinfo=UTC), {}, interrupted=False)


def test_of_times_there_is_a_ratio_and_no_interval_of_it() -> None:
    """That of the requests within two runs would be far too narrow."""
    found = pairs(result(0.2), result(0.3))
    for name in ("latency.p50", "latency.p95", "latency.mean", "response.p95"):
        pair = found[name]
        assert pair.ratio == pytest.approx(1.5)
        assert pair.one.ends is not None
        assert pair.ratio_ends is None
    assert found["throughput"].ratio == pytest.approx(1.0)
    assert found["throughput"].ratio_ends is None


def test_of_shares_there_is_an_interval() -> None:
    """That of both shares' ends, whichever way they are off."""
    found = pairs(result(failed=10), result(failed=40))
    for name in ("error_rate", "status.5xx"):
        pair = found[name]
        assert pair.unit is Unit.RATIO
        assert (pair.one.value, pair.other.value) == pytest.approx((0.025, 0.1))
        assert pair.ratio == pytest.approx(4.0)
        assert pair.one.ends is not None
        assert pair.other.ends is not None
        assert pair.ratio_ends == pytest.approx(
            (pair.other.ends[0] / pair.one.ends[1], pair.other.ends[1] / pair.one.ends[0])
        )
        assert 1 < pair.ratio_ends[0] < 4 < pair.ratio_ends[1]


def test_from_none_to_some_is_infinitely_more() -> None:
    """A base of 0 hides nothing; the interval begins with what both may have been."""
    pair = pairs(result(), result(failed=40))["error_rate"]
    assert pair.ratio == np.inf
    assert pair.ratio_ends is not None
    assert pair.ratio_ends[0] > 1
    assert pair.ratio_ends[1] == np.inf
    assert "error_rate" not in pairs(result(), result())


def test_what_the_service_used_has_a_ratio() -> None:
    """Memory and CPU for each request: facts of two runs."""
    found = pairs(result(), result(memory=2e8))
    assert found["memory"].ratio == pytest.approx(2.0)
    assert found["memory"].ratio_ends is None
    assert found["cpu_per_request"].ratio == pytest.approx(1.0)
    assert found["bytes_per_answer"].one.value == 2.0


def test_what_one_side_has_not_is_told() -> None:
    """With the reason; there is no ratio."""
    few = run(samples(DUE[:20], 0.2))
    pair = pairs(result(), few)["latency.p95"]
    assert pair.one.value == pytest.approx(0.2)
    assert (pair.other.value, pair.ratio) == (None, None)
    assert "59" in pair.other.why
    assert pairs(result(), few)["memory"].other.value is None
    timed_out = samples(DUE, outcome=np.where(DUE > 38, Outcome.TIMEOUT, Outcome.ANSWERED))
    assert pairs(result(), run(timed_out))["errors.timeout"].ratio == np.inf


def test_two_results_are_printed_side_by_side(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What they were not alike in, every figure with its interval, what all that is worth."""
    one = result(0.2, 10).save(tmp_path / "one")
    other = result(0.3, 40, timeout=3.0, service="other").save(tmp_path / "other")
    assert cli.main(["compare", str(one), str(other)]) == cli.OK
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0].startswith(f"first: {one}, 2026-01-01 00:00 UTC, commit ")
    assert lines[2] == "toy, steady:"
    assert "  not alike: service: other, was toy" in lines
    assert "  not alike: the scenario has other timeout" in lines
    (rate,) = [line.split() for line in lines if line.startswith("  error_rate ")]
    assert rate[1:3] == ["2.5", "%"]
    assert "4" in rate
    assert rate[-2] == "to"
    (p95,) = [line for line in lines if line.startswith("  latency.p95 ")]
    assert p95.endswith("  1.5")
    assert lines[-1] == STATEMENT
    assert printed.err == ""


def test_sessions_are_paired_by_service_and_scenario(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Breaking points, too; what has no counterpart is named, what is INVALID is said to be."""
    lost = result()
    lost.invalid = ("the generator was late",)
    one = session(
        tmp_path / "a", [lost, result(service="x")], Search("toy", "GET /", found=breaking_point())
    )
    other = session(
        tmp_path / "b",
        [result(service="y"), result(0.5)],
        Search("toy", "GET /", found=breaking_point(rate=2.6)),
    )
    arguments = [str(one), str(tmp_path / "b"), "--json"]
    assert cli.main(["compare", *arguments]) == cli.OK
    found = json.loads(capsys.readouterr().out)
    assert [pair["name"] for pair in found["pairs"]] == [
        "toy, steady",
        "toy, GET /heavy, within 10 s",
    ]
    assert found["only_one"] == ["x, steady"]
    assert found["only_other"] == ["y, steady"]
    assert "the first is INVALID: the generator was late" in found["pairs"][0]["unlike"]
    (limit,) = found["pairs"][1]["metrics"]
    assert limit["ratio"] == pytest.approx(2.0)
    assert limit["ratio_ends"] == pytest.approx([2.6 / 1.4, 2.7 / 1.3])
    assert limit["unit"] == "/s"
    assert found["statement"] == STATEMENT
    assert found["sides"][0]["machine"]["host"]
    assert other.parent.name == "b"
    assert cli.main(["compare", *arguments[:2]]) == cli.OK
    assert "only in the second: y, steady" in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere", "one"], "nowhere: nothing was kept there; accepted: "),
        (["one", "many"], "many has several sessions; accepted: one of "),
        (["one", "other"], "nothing to compare: the first has a, steady; b, steady, the second "),
    ],
)
def test_what_can_t_be_compared_is_a_wrong_argument(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    """One line says why, nothing else is printed."""
    monkeypatch.chdir(tmp_path)
    session(tmp_path / "one", [result(service="a"), result(service="b")])
    session(tmp_path / "other", [result(service="c"), result(service="d")])
    session(tmp_path / "many", [result()]), session(tmp_path / "many", [result()])
    assert cli.main(["compare", *arguments]) == cli.USAGE
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"perfqa: {said}")
    assert printed.err.count("\n") == 1


def test_a_single_run_of_each_is_a_pair() -> None:
    """Two services under a scenario, too."""
    one, other = (
        Findings(lambda _: 1.0, [cell(name, "steady", result(service=name))]) for name in "ab"
    )
    (pair,) = pair_findings(one, other).pairs
    assert pair.unlike[0] == "service: b, was a"
