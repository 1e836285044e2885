"""Resources: figures of readings made of numbers, of parts, replicas, totals, and stretches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from synthetic import readings, run, samples

from pytest_perfqa.base.units import Quantity, Unit, parse
from pytest_perfqa.errors import Inconclusive, NoData, UnitError
from pytest_perfqa.monitor.readings import Metric, Readings, ReadingSeries, Track
from pytest_perfqa.service.config import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_perfqa.result.run_result import RunResult

MIB = 1 << 20
TIMES = np.arange(-1, 12.0)  # a look a second, from before the run until after it


def cpu(*levels: float) -> np.ndarray:
    """Total up CPU that is used at each level for as long."""
    each = np.repeat(levels, (len(TIMES) - 1) // len(levels))
    return np.concatenate([[0.0], np.cumsum(each)])


def result(found: Readings, *, time_scale: float = 1.0, limits: Limits | None = None) -> RunResult:
    """Give a run of ten seconds in two phases."""
    return run(
        samples(np.arange(100) / 10, response=0.01),
        phases=[("first", 5), ("second", 5)],
        time_scale=time_scale,
        readings=found,
        limits=limits,
    )


def two_replicas() -> Readings:
    """A node each at 25 % and 50 % of a CPU from 5 s on at twice that, and a proxy."""
    return readings(
        TIMES,
        **{
            "app#1": {Metric.CPU: cpu(0.25, 0.5), Metric.MEMORY: (TIMES + 1) * MIB},
            "app#2": {Metric.CPU: cpu(0.5, 1.0), Metric.MEMORY: 20 * MIB, Metric.THREADS: 7},
            "proxy": {Metric.CPU: cpu(0.1), Metric.MEMORY: 5 * MIB},
        },
    )


def test_cpu_of_a_part_and_of_a_phase() -> None:
    """A ratio of one CPU; the mean is what was used in the stretch, however looks fell."""
    whole = result(two_replicas())
    assert whole.resources["app#1"].cpu.mean == pytest.approx(0.375)
    assert whole.resources["app#1"].cpu.max == "50%"
    assert whole.resources["app#1"].cpu_seconds == pytest.approx(3.75)
    assert whole.phase("first").resources["app#1"].cpu.mean == "25%"
    assert whole.phase("second").resources["app#1"].cpu.mean == "50%"
    assert whole.between(4.5, 5.5).resources["app#1"].cpu.mean == pytest.approx(0.375)


def test_replicas_together_and_all_parts() -> None:
    """``app`` is the sum of its replicas, ``total`` of everything."""
    resources = result(two_replicas()).phase("first").resources
    assert set(resources) == {"app#1", "app#2", "proxy"}
    assert resources["app"].cpu.mean == pytest.approx(0.75)
    assert resources.total.cpu.mean == pytest.approx(0.85)
    assert resources["app"].memory.end == "26MiB"
    assert resources.total.memory.max == "31MiB"


def test_the_share_of_the_limit() -> None:
    """Of the budget that the service's file states for all parts together."""
    resources = result(two_replicas(), limits=Limits(cpus=2, memory=100 * MIB)).resources
    assert resources["app"].cpu.of_limit == pytest.approx((0.375 + 0.75) / 2)
    assert resources["proxy"].memory.of_limit == "5%"


def test_no_limit_is_no_share() -> None:
    """Of nothing there is no share."""
    resources = result(two_replicas()).resources
    with pytest.raises(NoData, match="no limit of CPUs"):
        _ = resources["app"].cpu.of_limit
    with pytest.raises(NoData, match="no limit of memory"):
        _ = resources["app"].memory.of_limit


def test_memory_over_time() -> None:
    """Looks within the stretch only."""
    memory = result(two_replicas()).phase("second").resources["app#1"].memory
    assert memory.times.tolist() == [6, 7, 8, 9, 10]
    assert (memory.values / MIB).tolist() == [7, 8, 9, 10, 11]
    assert memory.mean == 9 * MIB
    assert memory.max == memory.end == "11MiB"


def test_series_of_rates() -> None:
    """As many times as values; each is the mean since the look before."""
    cpu = result(two_replicas()).resources["app#2"].cpu
    assert cpu.times.tolist() == list(range(1, 11))
    assert cpu.values.tolist() == [0.5] * 5 + [1.0] * 5


def test_what_is_missing_is_said() -> None:
    """No figure is ever 0 because nobody looked; nor is a sum that lacks one of its parts."""
    resources = result(two_replicas()).resources
    assert resources["app#2"].threads.mean == 7
    with pytest.raises(NoData, match="threads of app#1 is not known: nobody looked"):
        _ = resources["app"].threads.mean
    with pytest.raises(NoData, match="bytes sent of proxy"):
        _ = resources["proxy"].network.sent.total
    with pytest.raises(NoData, match="open files"):
        _ = resources.total.open_files.values


def test_an_unknown_part_is_an_error() -> None:
    """With those that there are."""
    with pytest.raises(NoData, match="no part 'ap'; there are: app#1, app#2, proxy"):
        result(two_replicas()).resources["ap"]


def test_a_run_without_readings() -> None:
    """The reason is in every question's answer."""
    resources = result(Readings().without("the monitor failed")).resources
    assert not resources
    for ask in (lambda: resources["app"], lambda: resources.total, lambda: resources.cost):
        with pytest.raises(NoData, match="the monitor failed"):
            ask()


def test_a_stretch_between_two_looks() -> None:
    """Nobody looked: not even the mean is known."""
    short = result(two_replicas()).between(3.1, 3.2).resources["app#1"]
    with pytest.raises(NoData, match=r"nobody looked from 3\.1 s to 3\.2 s"):
        _ = short.cpu.mean
    with pytest.raises(NoData, match="nobody looked"):
        _ = short.memory.max


def test_looks_of_different_parts_at_different_moments() -> None:
    """Totals are added up between looks, gauges as the last look found them."""
    often, seldom = np.arange(0, 10.01, 0.5), np.arange(0.25, 10, 2)
    found = Readings(
        {
            "a": {
                Metric.CPU: ReadingSeries(often, often * 0.5),
                Metric.MEMORY: ReadingSeries(often, np.full_like(often, MIB)),
            },
            "b": {
                Metric.CPU: ReadingSeries(seldom, seldom * 0.25),
                Metric.MEMORY: ReadingSeries(seldom, seldom * 0 + 2 * MIB),
            },
        }
    )
    total = result(found).resources.total
    assert total.cpu.mean == pytest.approx(0.75)
    assert set(total.memory.values) == {3 * MIB}


@pytest.mark.parametrize("time_scale", [1.0, 0.1])
def test_rates_follow_the_time_scale(time_scale: float) -> None:
    """As many bytes and switches in a tenth of the time; a share of a CPU is a share."""
    seen: Mapping[Metric, np.ndarray] = {
        Metric.SENT: (TIMES + 1) * 1000 / time_scale,
        Metric.RECEIVED: (TIMES + 1) * 10 / time_scale,
        Metric.SWITCHES: (TIMES + 1) * 50 / time_scale,
        Metric.CPU: (TIMES + 1) * 0.5,
    }
    app = result(readings(TIMES, app=seen), time_scale=time_scale).resources["app"]
    assert "999B/s" < app.network.sent.mean < "1.001kB/s"
    assert "9.99B/s" < app.network.received.max < "10.01B/s"
    assert "49.9/s" < app.context_switches.mean < "50.1/s"
    assert app.cpu.mean == pytest.approx(0.5)
    assert app.cpu.mean < "50.1%"
    assert app.network.sent.total == pytest.approx(10_000 / time_scale)


def test_memory_that_leaks() -> None:
    """The slope per hour at full scale, with an interval around it; a steady one has none."""
    times = np.arange(0, 60, 0.1)
    noise = np.random.default_rng(7).normal(0, MIB, len(times))
    found = readings(
        times,
        leaky={Metric.MEMORY: 50 * MIB + times * MIB / 2 + noise},
        steady={Metric.MEMORY: 50 * MIB + noise},
    )
    of_run = run(samples(np.arange(60.0)), time_scale=0.1, readings=found)
    resources = of_run.resources
    leak = resources["leaky"].memory.drift()
    assert leak
    assert leak.per_hour == pytest.approx(0.05 * MIB * 3600, rel=0.05)
    assert leak.interval[0] < leak.per_hour < leak.interval[1]
    assert not resources["steady"].memory.drift()
    assert of_run.drift("memory").per_hour == resources.total.memory.drift().per_hour


def test_too_few_looks_tell_no_drift() -> None:
    """Eleven of them are no evidence of anything."""
    with pytest.raises(Inconclusive, match="memory of app#1"):
        result(two_replicas()).resources["app#1"].memory.drift()


def test_evidence_of_a_figure() -> None:
    """Looks, and how it went over time."""
    evidence = result(two_replicas()).resources["app#1"].cpu.mean.evidence()
    assert evidence is not None
    assert evidence.subject == "CPU of app#1"
    assert evidence.samples == 10
    assert [point.value for point in evidence.points] == [0.25] * 5 + [0.5] * 5
    assert [point.phase for point in evidence.points] == ["first"] * 5 + ["second"] * 5
    assert evidence.phases == {"first": 0.25, "second": 0.5}
    assert evidence.show(0.5) == "50 %"


def test_resources_print_themselves() -> None:
    """Known figures and unknown ones, a line for each part."""
    text = repr(result(two_replicas()).resources)
    assert "<app#2: cpu 75 %, memory 20 MiB, threads 7, open_files unknown>" in text
    assert len(text.splitlines()) == 3


def test_a_track_keeps_its_order() -> None:
    """What comes out of turn is dropped: times of a series rise."""
    track = Track()
    for moment in (1.0, 2.0, 2.0, 1.5, 3.0):
        track.add(moment, moment * 10)
    series = ReadingSeries.of(track, start=1.0)
    assert series.times.tolist() == [0.0, 1.0, 2.0]
    assert series.values.tolist() == [10.0, 20.0, 30.0]


@pytest.mark.parametrize(
    ("text", "value"), [("10MB/s", 1e7), ("1KiB/min", 1024 / 60), ("5MiB/h", 5 * MIB / 3600)]
)
def test_bytes_per_time(text: str, value: float) -> None:
    """A unit of its own: it compares with no plain rate and no amount."""
    rate = parse(text, Unit.BYTE_PER_SECOND)
    assert float(rate) == pytest.approx(value)
    assert repr(Quantity(2 * MIB, Unit.BYTE_PER_SECOND)) == "2 MiB/s"
    for other in ("1MB", "50/s"):
        with pytest.raises(UnitError):
            _ = rate < other
