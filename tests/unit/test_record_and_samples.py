"""Records: written, read back, folded when there are many, merged from several generators."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import synthetic

from pytest_perfqa.errors import GeneratorError, NoData
from pytest_perfqa.load.driver.generator import Recording
from pytest_perfqa.load.wire.outcome import Outcome, latencies
from pytest_perfqa.load.wire.plan import Plan, Summary
from pytest_perfqa.load.wire.record import NO_REPLICA, RECORD, Recorder, RecordKind, read_records
from pytest_perfqa.result.samples import EXACT as EXACT_ROWS
from pytest_perfqa.result.samples import ROW, Samples, fold, quantile, read_samples
from pytest_perfqa.scenario.records import (
    Capture,
    Expectation,
    Flow,
    Loop,
    Payload,
    Phase,
    Request,
    Scenario,
    Think,
)

if TYPE_CHECKING:
    from pathlib import Path

# As many rows a second as of 3,000,000 in a minute, and a limit of two thirds of them.
MANY, SECONDS, EXACT, CHUNK = 60_000, 1.2, 40_000, 10_000
PERCENTS = (0.01, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999)


def record(path: Path, rows: list[tuple[Any, ...]]) -> None:
    """Write records as a generator does."""
    with Recorder(path) as recorder:
        for row in rows:
            recorder.add(*row)


def row(intended: float = 1.0, **fields: Any) -> tuple[Any, ...]:
    """Give one record."""
    given = {"lag": 0.25, "response": 0.5, "size": 7, "status": 200, "phase": 1, "endpoint": 2}
    given |= {
        "outcome": Outcome.ANSWERED,
        "replica": NO_REPLICA,
        "kind": RecordKind.SINGLE,
    } | fields
    return (intended, *given.values())


def summary(*replicas: str, launched: int = 0) -> Summary:
    """Give the account of one generator."""
    return Summary(launched, launched, 0, 0, replicas, 0.0, 1.0)


def recording(tmp_path: Path, *parts: tuple[Summary, list[tuple[Any, ...]]]) -> Recording:
    """Write what several generators recorded."""
    paths = tuple(tmp_path / f"{number}.bin" for number in range(len(parts)))
    for path, (_, rows) in zip(paths, parts, strict=True):
        record(path, rows)
    return Recording(datetime.now(UTC), 0.0, tuple(one for one, _ in parts), paths)


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    """Every field, over several buffers and several chunks, in order."""
    rows = [
        row(index * 0.1, response=index / 7, size=index, status=index % 600, phase=index % 65536)
        for index in range(10_000)
    ]
    record(tmp_path / "r", rows)
    back = np.concatenate(list(read_records(tmp_path / "r", chunk=777)))
    assert len(back) == len(rows)
    for place, name in enumerate(RECORD.names or ()):
        written = np.array([one[place] for one in rows]).astype(RECORD[name])
        assert np.array_equal(back[name], written), name


def test_the_newest_records_are_handed_out_once(tmp_path: Path) -> None:
    """What is drained is not lost to the file, and comes once."""
    with Recorder(tmp_path / "r") as recorder:
        assert len(recorder.drain()) == 0
        for index in range(5000):
            recorder.add(*row(index))
        assert recorder.drain()["intended"].tolist() == list(range(5000))
        recorder.add(*row(5000))
        assert recorder.drain()["intended"].tolist() == [5000]
        assert len(recorder.drain()) == 0
    assert sum(map(len, read_records(tmp_path / "r"))) == recorder.count == 5001


def test_a_size_beyond_the_field_is_capped(tmp_path: Path) -> None:
    """A body of more than 4 GiB is no crash in the middle of a run."""
    record(tmp_path / "r", [row(size=2**40)])
    assert next(read_records(tmp_path / "r"))["size"].tolist() == [2**32 - 1]


def test_a_file_that_ends_within_a_record_is_an_error(tmp_path: Path) -> None:
    """A generator that died is not read as one that did less."""
    one = recording(tmp_path, (summary(), [row(), row()]))
    path = one.records[0]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(GeneratorError, match="cut off"):
        read_samples(one)


def test_kinds_count_requests_and_arrivals(tmp_path: Path) -> None:
    """A single is both; steps are requests; an arrival is no request."""
    kinds = [RecordKind.SINGLE, RecordKind.STEP, RecordKind.STEP, RecordKind.ARRIVAL]
    found, *_ = read_samples(recording(tmp_path, (summary(), [row(kind=kind) for kind in kinds])))
    assert (found.count, found.requests.count, found.arrivals.count) == (4, 3, 2)


def test_latency_counts_from_the_intended_start(tmp_path: Path) -> None:
    """Lag and response together; the end follows from it."""
    found, *_ = read_samples(recording(tmp_path, (summary(), [row(2.0)])))
    assert found.latency.tolist() == [0.75]
    assert found.ends.tolist() == [2.75]


def test_replicas_of_several_generators_are_renumbered(tmp_path: Path) -> None:
    """Each numbers them in the order it met them; together each name has one number."""
    found, names, _ = read_samples(
        recording(
            tmp_path,
            (summary("a", "b"), [row(1, replica=0), row(2, replica=1), row(3)]),
            (summary("b", "c", "a"), [row(4, replica=0), row(5, replica=1), row(6, replica=2)]),
            (summary(), [row(7)]),
        )
    )
    none = NO_REPLICA
    shown = [None if n == none else names[n] for n in found.rows["replica"].tolist()]
    assert shown == ["a", "b", None, "b", "c", "a", None]


def test_more_replicas_than_numbers_are_not_told_apart(tmp_path: Path) -> None:
    """A header with a value of its own in each answer is no crash."""
    first, second = ([f"{part}{n}" for n in range(255)] for part in "ab")
    found, names, _ = read_samples(
        recording(
            tmp_path,
            (summary(*first), [row(1, replica=254)]),
            (summary(*second), [row(2, replica=0), row(3, replica=254)]),
        )
    )
    assert names[found.rows["replica"][0]] == "a254"
    assert found.rows["replica"].tolist()[1:] == [NO_REPLICA, NO_REPLICA]


def test_quantile_agrees_with_numpy_and_with_repetition() -> None:
    """The smallest value with at least that share at or below; weights are repetitions."""
    random = np.random.default_rng(3)
    values, weights = random.exponential(size=500), random.integers(1, 9, 500)
    repeated = np.repeat(values, weights)
    for p in (*PERCENTS, 0.2, 1.0):
        exact = np.quantile(repeated, p, method="inverted_cdf")
        assert quantile(values, weights, p) == exact
    assert quantile(np.array([1.0, 2.0]), np.array([1, 1]), 0.5) == 1.0
    with pytest.raises(NoData):
        quantile(np.empty(0), np.empty(0), 0.5)


def table(response: Any, lag: Any) -> Any:
    """Give rows over some seconds with several statuses and outcomes."""
    random = np.random.default_rng(5)
    number = len(response)
    rows = np.zeros(number, ROW)
    rows["intended"] = np.sort(random.uniform(0, SECONDS, number))
    rows["response"], rows["lag"], rows["weight"] = response, lag, 1
    rows["size"] = random.integers(0, 2000, number)
    rows["status"] = random.choice([200, 404, 504], number, p=[0.98, 0.015, 0.005])
    rows["outcome"] = random.choice([Outcome.ANSWERED, Outcome.TIMEOUT], number, p=[0.99, 0.01])
    rows["replica"] = random.choice([0, 1, NO_REPLICA], number)
    return rows


SHAPES = {
    "lognormal": lambda random: random.lognormal(-5, 0.5, MANY),
    "exponential": lambda random: random.exponential(0.02, MANY),
    "two peaks": lambda random: np.where(
        random.random(MANY) < 0.97, random.normal(0.01, 1e-3, MANY), random.normal(5, 0.1, MANY)
    ),
    "constant": lambda _: np.full(MANY, 0.005),
    "heavy tail": lambda random: 0.001 * (1 + random.pareto(1.2, MANY)),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_folding_keeps_counts_exactly_and_quantiles_within_a_hundredth(
    shape: str, tmp_path: Path
) -> None:
    """More rows than are kept, read in chunks as after a run; memory is bounded by fewer rows."""
    random = np.random.default_rng(11)
    exact = table(np.abs(SHAPES[shape](random)), random.lognormal(-9.5, 0.6, MANY))
    (tmp_path / "r").write_bytes(exact[list(RECORD.names or ())].astype(RECORD).tobytes())
    found, *_ = read_samples(
        Recording(datetime.now(UTC), 0.0, (summary("a", "b"),), (tmp_path / "r",)),
        exact=EXACT,
        chunk=CHUNK,
    )
    assert len(found.rows) < EXACT
    assert found.count == MANY
    for name in ("status", "outcome", "replica"):
        values, places = np.unique(found.rows[name], return_inverse=True)
        counts = np.bincount(places, weights=found.rows["weight"])
        assert dict(zip(values, counts, strict=True)) == dict(
            zip(*np.unique(exact[name], return_counts=True), strict=True)
        ), name
    weights = found.rows["weight"]
    for values, times in (
        (found.rows["response"].astype(float), exact["response"].astype(float)),
        (found.latency, Samples(exact).latency),
    ):
        folded = [quantile(values, weights, p) for p in PERCENTS]
        wanted = np.quantile(times, PERCENTS, method="inverted_cdf")
        assert folded == pytest.approx(wanted, rel=0.01)
    lags = quantile(found.rows["lag"].astype(float), weights, 0.99)
    assert lags == pytest.approx(np.quantile(exact["lag"], 0.99), abs=0.001)
    sizes = (found.rows["size"].astype(float) * weights).sum()
    assert sizes == pytest.approx(exact["size"].sum(dtype=float), rel=0.01)


def test_folding_again_changes_nothing() -> None:
    """Files are folded in chunks, then together: no drift from doing it twice."""
    random = np.random.default_rng(2)
    once = fold(table(random.lognormal(-5, 1, 50_000), random.exponential(0.001, 50_000)))
    twice = fold(once)
    assert twice["weight"].sum() == once["weight"].sum() == 50_000
    for p in PERCENTS:
        assert quantile(Samples(twice).latency, twice["weight"], p) == pytest.approx(
            quantile(Samples(once).latency, once["weight"], p), rel=0.003
        )


def test_a_long_delay_is_never_folded_away() -> None:
    """A lag that makes a run INVALID stays one, beside a response of any length."""
    lags = np.array([0.0, 0.0001, 0.009, 0.011, 0.02, 1.0], dtype=np.float32)
    for response in (0.0001, 0.01, 1.0, 10.0):
        folded = fold(table(np.full(len(lags), response), lags))
        late = folded["weight"][folded["lag"] > 0.010].sum()
        assert late == 3, response
        assert np.abs(np.sort(folded["lag"]) - lags).max() < 0.003


@pytest.mark.parametrize("seconds", [1.0, 0.0005])
def test_rows_that_fold_badly_are_folded_over_longer_times(tmp_path: Path, seconds: float) -> None:
    """However long a run is, rows stay below the limit, and counts exact."""
    random = np.random.default_rng(4)
    rows = np.zeros(40_000, RECORD)
    rows["intended"] = np.arange(len(rows)) * seconds * 3
    rows["response"] = random.normal(0.01, 0.0005, len(rows))
    (tmp_path / "r").write_bytes(rows.tobytes())
    one = Recording(datetime.now(UTC), 0.0, (summary(),), (tmp_path / "r",))
    found, *_ = read_samples(one, exact=5000, chunk=4000)
    assert found.count == len(rows)
    assert len(found.rows) <= 5000


def test_up_to_the_limit_every_time_is_kept(tmp_path: Path) -> None:
    """And one more is too many: all of them are folded."""
    record(tmp_path / "r", [row(0.5, response=0.1 + n * 1e-6) for n in range(100)])
    one = Recording(datetime.now(UTC), 0.0, (summary(),), (tmp_path / "r",))
    assert len(read_samples(one, exact=100, chunk=30)[0].rows) == 100
    assert len(read_samples(one, exact=99, chunk=30)[0].rows) < 20
    assert EXACT_ROWS == 2_000_000  # as the documentation says


def test_a_plan_comes_back_as_it_was(tmp_path: Path) -> None:
    """All kinds of steps, and values that keep their types."""
    request = Request(
        "POST",
        "/{{ a }}",
        "POST /a",
        headers={"H": "1"},
        query={"q": [1, "1", True, None]},
        json={"a": [1, 1.5, "1", False, None]},
        has_json=True,
        captures=(Capture("c", "regexp", "(x)", 1), Capture("d", "regexp", "(?P<n>x)", "n")),
        expectations=(Expectation("statusCode", [200, "201"]),),
    )
    steps = (request, Think(0.5), Loop((Think(1.0), Loop((request,), over=("a", 1))), count=3))
    scenario = Scenario(
        "s",
        (Phase("p", 1.0, 2.0, 3.0), Phase("q", 1.5, count=4, max_vusers=5)),
        (Flow("f", 1.5, steps), Flow("g", 1.0, (Loop((request,), over="list"),))),
        variables={"list": ([1, 2], [3]), "x": (1, "1", 1.5, True)},
        payloads=(Payload(("a", "b"), (("1", 1), (1.5, True))),),
        warmup=frozenset({"p"}),
        seed=3,
    )
    plan = Plan(scenario, "http://127.0.0.1:1", tmp_path, "X", 1, 3)
    plan.write()
    back = Plan.read(plan.path)
    assert repr(back).replace("[", "(").replace("]", ")") == repr(plan).replace("[", "(").replace(
        "]", ")"
    )


def test_what_has_a_latency_has_one_while_the_run_goes() -> None:
    """Answers, as expected or not, and time-outs; not what was refused, reset or cut off."""
    outcomes = list(Outcome)
    rows = np.zeros(len(outcomes), RECORD)
    rows["outcome"], rows["lag"] = outcomes, 0.25
    rows["response"] = np.arange(len(outcomes)) / 4
    timed = synthetic.run(
        synthetic.samples(
            np.arange(len(outcomes)), rows["response"], lag=0.25, outcome=rows["outcome"]
        )
    ).latency
    found = latencies(rows[rows["outcome"] != Outcome.PENDING])
    assert len(found) == timed.count - 1
    assert (found.min(), found.mean()) == (timed.min, pytest.approx(found.sum() / len(found)))
    has_one = {outcomes[int(4 * (time - 0.25))] for time in found}
    none = {Outcome.REFUSED, Outcome.RESET, Outcome.CLOSED, Outcome.TLS, Outcome.UNREACHABLE}
    assert {Outcome.ANSWERED, Outcome.EXPECTATION, Outcome.TIMEOUT} <= has_one
    assert not has_one & none
    assert latencies(rows[np.isin(rows["outcome"], [*none])]).tolist() == []
    assert latencies(rows[rows["outcome"] == Outcome.PENDING]).tolist() == []
