"""Slices and windows: what stands on an edge, phases that share a name, and services that die."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from synthetic import readings, run, samples

from pytest_perfqa.base.conditions import Condition
from pytest_perfqa.base.units import Unit
from pytest_perfqa.errors import NoData
from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.load.wire.record import RecordKind
from pytest_perfqa.load.wire.watch import Aborted
from pytest_perfqa.monitor.readings import Metric
from pytest_perfqa.report.comparison import row
from pytest_perfqa.report.export.graphite import recorded
from pytest_perfqa.report.record.recorder import measured
from pytest_perfqa.result.requirements import judge
from pytest_perfqa.result.samples import Samples, fold
from pytest_perfqa.scenario.records import Flow, Phase, Scenario
from pytest_perfqa.scenario.schedule import schedule
from pytest_perfqa.scenario.spans import EDGE, Spans, edges, only_stretch, place, window_number

if TYPE_CHECKING:
    from pytest_perfqa.result.run_result import RunResult


def even(rate: float, duration: float, start: float = 0.0) -> np.ndarray:
    """Give the arrivals of a phase with an even rate."""
    scenario = Scenario("s", (Phase("p", duration, rate, rate),), (Flow("f", 1, ()),))
    return start + schedule(scenario).times


def steady(**more: object) -> RunResult:
    """50 a second for 20 s, each answered within 10 ms."""
    return run(samples(even(50, 20), 0.01), phases=[("steady", 20.0)], **more)


def test_even_arrivals_are_in_the_windows_that_they_end() -> None:
    """50 in every second, all of them answered but the last, which is due at its end."""
    result = steady()
    windows = result.windows(1.0)
    assert [window.launched for window in windows] == [50] * 20 + [0]
    assert [window.completed for window in windows] == [49] + [50] * 19 + [1]
    assert [window.pending for window in windows] == [1] * 20 + [0]
    assert result.between(0, 20).launched == result.launched == 1000
    assert result.between(0, 10).launched == result.between("10s", "20s").launched == 500
    assert result.timeline(1.0).launched.tolist() == [50] * 20 + [0]
    sent = [value for name, value, _ in recorded(result) if name == "arrivals.launched"]
    assert sent == [50] * 20 + [0]
    assert measured(result).windows.launched == tuple(sent)


@pytest.mark.parametrize("scale", [1.0, 0.1, 1 / 3, 0.001])
@pytest.mark.parametrize("clock", [0.0, 98_765.4321, 1e7])
@pytest.mark.parametrize("rate", [0.1, 1 / 3, 7.0, 30.0, 50.0, 100.0])
def test_no_fraction_moves_an_arrival_over_an_edge(rate: float, clock: float, scale: float) -> None:
    """Whatever the rate and the scale, and however long the generator's clock has run."""
    due = np.concatenate([even(rate, 30.0), even(rate, 30.0, 30.0), even(rate, 30.0, 60.0)]) * scale
    due = (clock + due) - clock
    phases = [(name, 30.0 * scale) for name in "aba"]
    result = run(samples(due, 0.001 * scale), phases=phases, time_scale=scale)
    third = int(rate * 30 + 1e-9)
    assert result.phase("a").launched == 2 * third
    assert result.phase("b").launched == third
    assert [window.launched for window in result.windows("30s")][:3] == [third] * 3
    assert [result.between(f"{n}s", f"{n + 30}s").launched for n in (0, 30, 60)] == [third] * 3


@pytest.mark.parametrize("clock", [0.0, 98_765.4321, 1e7])
def test_one_that_comes_when_the_one_before_ends_finds_nobody(clock: float) -> None:
    """10 a second of 100 ms each, which in single precision is a little longer."""
    due = (clock + even(10, 30)) - clock
    pending = run(samples(due, 0.1), phases=[("steady", 30.0)]).pending
    assert (pending.max, pending.now) == (1, 1)
    assert pending.mean == pytest.approx(1, rel=0.01)
    assert pending.service_time == pytest.approx(0.1)


def test_a_service_that_was_killed_is_slow() -> None:
    """After 4 of 20 s: all of its answers, over all of the time."""
    due = even(20, 20)
    outcome = np.where(due <= 4, Outcome.ANSWERED, Outcome.REFUSED)
    limit = Condition("throughput < 10/s", 1, "throughput", "<", 10.0, Unit.PER_SECOND)
    result = run(
        samples(due, 0.01, outcome=outcome), phases=[("steady", 20.0)], thresholds=(limit,)
    )
    assert result.throughput.offered == 20
    assert result.throughput.mean == 4
    assert result.throughput.max == pytest.approx(79 / 10)
    assert result.between(0, 4).throughput.mean == pytest.approx(20, rel=0.01)
    assert result.between(4, 20).throughput.mean == 0
    (finding,) = judge(result)
    assert finding.met is False
    assert measured(result).totals.throughput == 4
    assert row(result).throughput == 4


def test_answers_that_come_late_take_their_time() -> None:
    """300 at once, 20 done a second: over 15 s, though all were due in the first 10."""
    due = even(30, 10)
    ends = np.arange(1, 301) / 20
    result = run(samples(due, np.maximum(ends - due, 0.01)), phases=[("peak", 10.0)])
    assert result.throughput.mean == pytest.approx(20, rel=0.01)
    assert result.throughput.offered == 30


def peaks(**more: object) -> RunResult:
    """Two peaks of 30/s and 10 s each, with 20 s of 4/s between them and 5 s after."""
    due = [even(30, 10), even(4, 20, 10), even(30, 10, 30), even(4, 5, 40)]
    phases = [("peak", 10.0), ("low", 20.0), ("peak", 10.0), ("rest", 5.0)]
    return run(samples(np.concatenate(due), 0.05), phases=phases, **more)


def test_phases_that_share_a_name_are_their_union() -> None:
    """Rates, lengths and averages of the peaks alone, without what lies between them."""
    peak = peaks().phase("peak")
    assert (peak.launched, peak.duration) == (600, 20)
    assert peak.throughput.offered == 30
    assert peak.throughput.mean == pytest.approx(30, rel=0.01)
    assert peak.throughput.max == pytest.approx(30, rel=0.01)
    assert peak.pending.mean == pytest.approx(30 * 0.05, rel=0.01)
    assert peak.pending.max == 2
    assert peak.pending.wait.max == 0
    assert peak.latency.count == 600
    assert peak.availability.ratio == 1


def test_what_came_in_a_peak_and_was_answered_after_it() -> None:
    """Each peak leaves 100, of which the service does 20 a second: 20/s it was, not 24."""
    due = np.concatenate([even(30, 10), even(30, 10, 40)])
    ends = np.concatenate([np.arange(1, 301) / 20, 40 + np.arange(1, 301) / 20])
    phases = [("peak", 10.0), ("pause", 30.0), ("peak", 10.0)]
    peak = run(samples(due, np.maximum(ends - due, 0.01)), phases=phases).phase("peak")
    assert peak.throughput.mean == pytest.approx(20, rel=0.01)
    assert peak.throughput.offered == 30
    assert peak.pending.now == 100


def test_windows_of_two_peaks() -> None:
    """From the start of each, until all that came in it has ended; nothing of what lies between."""
    windows = peaks().phase("peak").windows(4.0)
    starts, launched = zip(*((window.start, window.launched) for window in windows), strict=True)
    assert starts == (0, 4, 8, 30, 34, 38)
    assert launched == (120, 120, 60) * 2
    assert sum(window.completed for window in windows) == 600
    late = np.where(np.arange(600) == 299, 8.0, 0.05)
    due = np.concatenate([even(30, 10), even(30, 10, 15)])
    phases = [("peak", 10.0), ("pause", 5.0), ("peak", 10.0)]
    touching = run(samples(due, late), phases=phases).phase("peak").windows(4.0)
    bounds = [(window.start, window.end) for window in touching]
    assert bounds[:5] == [(0, 4), (4, 8), (8, 12), (15, 19), (19, 23)]
    assert [window.pending for window in touching][:5] == [2, 2, 1, 2, 2]


def test_evidence_of_two_peaks() -> None:
    """Windows lie in one of them each, and the last line over time adds up."""
    evidence = peaks().phase("peak").throughput.offered.evidence()
    assert evidence is not None
    assert {point.phase for point in evidence.points} == {"peak"}
    assert evidence.phases == {"peak": 30}
    assert all(point.end <= 10 or 30 <= point.start < point.end <= 40 for point in evidence.points)
    assert [round(point.value or 0) for point in evidence.points] == [30] * len(evidence.points)


def test_evidence_of_a_slice_is_of_its_part_of_each_phase() -> None:
    """Half of a peak, and all that there is of what follows: at their own rates."""
    found = peaks().between(5, 20)
    for figure, wanted in (
        (found.throughput.offered, {"peak": 30, "low": 4}),
        (found.pending.mean, {"peak": 1.5, "low": 0.2}),
        (found.launched, {"peak": 150, "low": 40}),
    ):
        evidence = figure.evidence()
        assert evidence is not None
        assert evidence.phases == {
            name: pytest.approx(value, rel=0.05) for name, value in wanted.items()
        }


def test_windows_of_an_error_budget_begin_with_the_slice() -> None:
    """All bad ones in one window of ten, though two windows of the clock have some."""
    due = even(10, 20)
    bad = (due > 5.5) & (due <= 6.5)
    result = run(samples(due, 0.05, status=np.where(bad, 503, 200)), phases=[("steady", 20.0)])
    found = result.between(0.5, 10.5).availability
    assert found.budget_spent("90%", window=1.0) == pytest.approx(1 / 10 / 0.1)
    assert result.availability.budget_spent("90%", window=1.0) == pytest.approx(2 / 20 / 0.1)


def test_the_model_of_two_peaks() -> None:
    """How far it is off is asked of the peaks alone."""
    due = np.concatenate([even(2, 10), even(2, 10, 10), even(2, 10, 20)])
    late = np.where((due > 12) & (due <= 17), 0.3, 0.1)
    phases = [("peak", 10.0), ("low", 10.0), ("peak", 10.0)]
    model = run(samples(due, late), phases=phases, timeout=1e6).phase("peak").model
    assert model(workers=np.inf, service_time=0.1).pending_error < "1%"


def test_resources_of_two_peaks() -> None:
    """CPU is used in the peaks only: 50 % of one, as each of them says."""
    used = np.interp(np.arange(46.0), [0, 10, 30, 40, 45], [0, 5, 5, 10, 10])
    result = peaks(
        readings=readings(np.arange(46.0), app={Metric.CPU: used, Metric.MEMORY: np.arange(46)})
    )
    peak = result.phase("peak").resources["app"]
    assert peak.cpu.mean == pytest.approx(0.5)
    assert peak.cpu_seconds == pytest.approx(10)
    assert peak.memory.values.tolist() == [*range(11), *range(31, 41)]
    assert result.phase("low").resources["app"].cpu_seconds == pytest.approx(0)
    with pytest.raises(NoData, match="drift of memory of app can't be told of phase 'peak'"):
        peak.memory.drift()
    parts = (result.phase(name).resources["app"].cpu_seconds for name in ("peak", "low", "rest"))
    assert sum(parts) == pytest.approx(float(result.resources["app"].cpu_seconds))


@pytest.mark.parametrize(
    ("what", "ask"),
    [
        ("whether pending grows", lambda peak: peak.pending.grows),
        ("a queue over time", lambda peak: peak.pending.drains),
        ("a drift", lambda peak: peak.drift()),
        ("a drift", lambda peak: peak.drift("memory")),
    ],
)
def test_what_needs_one_piece_of_time_says_so(what: str, ask: object) -> None:
    """A trend over a hole is none; which stretches there are is told."""
    said = rf"{what} can't be told of phase 'peak'.*\(0 s to 10 s and 30 s to 40 s\).*between\(\)"
    with pytest.raises(NoData, match=said):
        ask(peaks().phase("peak"))  # type: ignore[operator]
    assert not peaks().phase("peak").between(30, 40).pending.grows


def test_an_outage_lies_in_one_stretch() -> None:
    """Nobody asked for anything between them."""
    due = np.concatenate([even(30, 10), even(30, 10, 30)])
    bad = ((due > 9) & (due <= 10)) | ((due > 30) & (due <= 31.5))
    phases = [("peak", 10.0), ("pause", 20.0), ("peak", 10.0)]
    peak = run(samples(due, 0.05, status=np.where(bad, 503, 200)), phases=phases).phase("peak")
    assert peak.availability.longest_outage == pytest.approx(1.5)
    assert peak.availability.budget_spent("90%", window="1s") == pytest.approx(3 / 20 / 0.1)


def test_phases_one_after_the_other_of_one_name_are_one_stretch() -> None:
    """A ramp and a plateau that share a name can be asked for a trend."""
    due = np.concatenate([even(10, 10), even(20, 20, 10)])
    phase = run(samples(due, 0.05), phases=[("up", 10.0), ("up", 20.0)]).phase("up")
    assert (phase.launched, phase.duration) == (500, 30)
    assert not phase.pending.grows


def test_the_report_has_each_phase_alone() -> None:
    """Two of a name are two rows, which add up to the run."""
    found = measured(peaks()).phases
    assert [phase.totals and phase.totals.launched for phase in found] == [300, 80, 300, 20]
    assert [(phase.start, phase.end) for phase in found][2] == (30, 40)


def test_recovery_after_one_of_two_peaks_of_a_name_is_an_error() -> None:
    """Which of them is meant can't be told; the baseline may be in several pieces."""
    with pytest.raises(NoData, match="not one but 2 phases 'peak'"):
        peaks().recovery_after("peak")
    due = [even(4, 30), even(8, 10, 30), even(4, 30, 40), even(30, 10, 70), even(4, 60, 80)]
    phases = [("usual", 30.0), ("some", 10.0), ("usual", 30.0), ("peak", 10.0), ("usual", 60.0)]
    result = run(samples(np.concatenate(due), 0.05), phases=phases)
    found = result.recovery_after("peak", baseline="usual")
    assert found.recovered
    assert found.evidence().points[0].start == 0


def test_what_was_ended_early_did_not_recover_later() -> None:
    """Nothing is known of the time after a run was ended, be it that nothing is pending then."""
    due = np.concatenate([even(4, 60), even(30, 10, 60), even(4, 60, 70)])
    phases = [("usual", 60.0), ("peak", 10.0), ("rest", 60.0)]

    def ended(at: float) -> RunResult:
        return run(samples(due[due <= at], 0.05), phases=phases, aborted=Aborted(at, "enough"))

    assert ended(74).recovery_after("peak").recovered
    assert ended(74).recovery_after("peak").bound == 4
    assert not ended(72).recovery_after("peak").recovered
    with pytest.raises(NoData, match="phase 'peak' did not end"):
        ended(65).recovery_after("peak")


def test_between_is_of_the_slice_that_it_is_asked_of() -> None:
    """The warm-up is no part of a run, what lies between two peaks no part of them."""
    result = peaks(warmup=["low"])
    assert result.between(0, 20).duration == 10
    assert result.between(0, 35).throughput.offered == 30
    with pytest.raises(NoData, match=r"nothing of the run .* lies between 12 and '20s'"):
        result.between(12, "20s")
    with pytest.raises(NoData, match=r"phase 'low' .* is no part of 30 s to 40 s"):
        result.between(30, 40).phase("low")
    assert result.phase("low").launched == 80
    assert result.between(5, 35).phase("peak").duration == 10
    assert result.phase("peak").between(5, math.inf).launched == 450
    assert result.between(-5, 5).duration == 5


@pytest.mark.parametrize(
    ("start", "end"),
    [(5, 5), (7, 3), (math.nan, 5), (0, math.nan), (math.inf, math.inf), (0, -math.inf), (-5, -1)],
)
def test_between_two_moments_that_are_none_lies_nothing(start: float, end: float) -> None:
    """Never all of the run, nor a part that was not asked for."""
    with pytest.raises(NoData, match=r"lies between"):
        steady().between(start, end)


def test_between_may_go_on_after_the_last_phase() -> None:
    """Nothing comes any more, but what was pending may still be so."""
    result = run(samples(even(10, 10), 5.0), phases=[("steady", 10.0)])
    after = result.between(10, 20)
    assert (after.launched, after.duration) == (0, 10)
    assert after.pending.mean * 10 == pytest.approx(50 * 2.5, rel=0.02)
    assert result.between(5, 20).duration == 15
    assert result.between(5, math.inf).duration == 5
    assert result.endpoint("GET /").between(10, 20).pending.max == 50


def test_what_a_user_began_when_the_time_was_over_counts() -> None:
    """In a closed model, or while word of an abort is on its way."""
    due = np.append(even(10, 10), 10.004)
    result = run(samples(due, 0.05), phases=[("steady", 10.0)])
    assert result.between(0, float(result.duration)).launched == result.launched == 101
    cut = run(samples(due, 0.05), phases=[("steady", 20.0)], aborted=Aborted(10.0, "enough"))
    assert cut.between(0, float(cut.duration)).launched == cut.phase("steady").launched == 101


def test_a_run_that_was_ended_in_its_warm_up_has_no_figures() -> None:
    """Nothing of what counts was ever sent."""
    result = run(
        samples(even(10, 3), 0.05),
        phases=[("warm up", 10.0), ("steady", 10.0)],
        warmup=["warm up"],
        aborted=Aborted(3.0, "enough"),
    )
    assert (result.duration, result.launched) == (0.0, 0)
    for ask in (lambda: result.pending.mean, lambda: result.throughput.mean):
        with pytest.raises(NoData):
            ask()


def test_requests_that_come_later_are_of_their_arrival() -> None:
    """By their phase those of its arrivals, by their time those that were due then."""
    due = np.repeat(even(1, 10), 3) + np.tile([0.0, 0.0, 0.5], 10)
    kinds = np.tile([RecordKind.ARRIVAL, RecordKind.STEP, RecordKind.STEP], 10)
    made = samples(due, 0.1, kind=kinds)
    made.rows["phase"] = np.repeat([0, 1], 15)
    phases = [Phase("a", 5.0, 1.0, 1.0), Phase("b", 5.0, 1.0, 1.0)]
    result = run(made, phases=phases)
    assert result.phase("a").requests == result.phase("b").requests == 10
    assert result.between(0, 5).requests == 9
    assert result.between(0, 10.5).requests == result.requests == 20
    evidence = result.between(5, 10).requests.evidence()
    assert evidence is not None
    assert sum(evidence.phases.values()) == 10
    offered = result.between(5, 10).throughput.offered.evidence()
    assert offered is not None
    assert offered.phases == {"b": pytest.approx(10 / 5)}
    made.rows["outcome"][-1] = Outcome.PENDING
    windows = run(made, phases=phases).endpoint("GET /").windows(0.2)
    assert sum(window.launched for window in windows) == 20
    assert windows[-1].pending == 1


@pytest.mark.parametrize("shape", ["constant", "exponential", "bursts"])
def test_what_was_folded_is_nearly_what_it_was(shape: str) -> None:
    """Counts exactly; pending as if all of a second had come evenly; no phase loses an arrival."""
    random = np.random.default_rng(3)
    due = np.concatenate([even(1000, 7.3), even(2000, 4.7, 7.3)])
    times = {
        "constant": np.full(len(due), 0.31),
        "exponential": random.exponential(0.05, len(due)),
        "bursts": np.where(np.arange(len(due)) % 100 == 0, 2.0, 0.02),
    }[shape]
    exact = samples(due, times, status=random.choice([200, 503], len(due), p=[0.9, 0.1]))
    phases = [Phase("a", 7.3, 1000, 1000), Phase("b", 4.7, 2000, 2000)]
    exact.rows["phase"] = np.repeat([0, 1], [7300, 9400])
    rows = fold(exact.rows)
    folded = Samples(rows[np.argsort(rows["intended"], kind="stable")])
    assert folded.count == exact.count
    one, other = (run(each, phases=phases) for each in (exact, folded))
    for name in ("a", "b"):
        assert other.phase(name).launched == one.phase(name).launched
        good = one.phase(name).status[200]
        seconds = (good / float(each.phase(name).throughput.mean) for each in (one, other))
        assert next(seconds) == pytest.approx(next(seconds), abs=0.5)
    assert other.between(0, 7.3).launched == 7300
    assert other.between(7.3, 12).launched == 9400
    for each in ("mean", "max", "now"):
        wanted = float(getattr(one.pending, each))
        assert float(getattr(other.pending, each)) == pytest.approx(wanted, rel=0.02, abs=25)
    for mine, theirs in zip(other.windows(1.0), one.windows(1.0), strict=False):
        assert mine.launched == pytest.approx(theirs.launched, abs=1)
        assert mine.completed == pytest.approx(theirs.completed, abs=60)
        assert mine.pending == pytest.approx(theirs.pending, abs=60)
    assert other.availability.ratio == one.availability.ratio


def test_the_rule_itself() -> None:
    """Open at the start, closed at the end, give or take a microsecond; 0 begins the first."""
    moments = np.array([-0.1, 0.0, 0.5, 1.0, 1.0 + EDGE / 2, 1.0 + 2 * EDGE, 2.0, 2.1])
    assert place(moments, np.array([0.0, 1.0, 2.0])).tolist() == [-1, 0, 0, 0, 0, 1, 1, 2]
    assert window_number(moments[1:], 1.0).tolist() == [0, 0, 0, 0, 1, 1, 2]
    assert Spans(((1.0, 2.0),)).contain(moments).tolist() == [*[False] * 5, True, True, False]
    assert edges(0.0, 2.0, 0.1).tolist() == pytest.approx((np.arange(21) / 10).tolist())
    assert len(edges(0.3, 0.9, 0.3)) == 3
    assert len(edges(0.0, 2.1, 1.0)) == 4
    for width in (0.0, -1.0, math.inf):
        with pytest.raises(ValueError, match="a window is longer than 0 s"):
            edges(0.0, 1.0, width)


def test_stretches_together() -> None:
    """Those that touch are one, and what two have in common is what lies in both."""
    spans = Spans.of([(0.0, 1.0), (1.0, 2.0), (3.0, 3.0), (4.0, 6.0)])
    assert spans == Spans(((0.0, 2.0), (4.0, 6.0)))
    assert (spans.length, spans.start, spans.end, len(spans)) == (4.0, 0.0, 6.0, 2)
    assert spans.within(Spans(((1.0, 5.0),))) == Spans(((1.0, 2.0), (4.0, 5.0)))
    assert not spans.within(Spans(((2.0, 4.0),)))
    assert list(spans.windows(1.5)) == [(0.0, 1.5), (1.5, 2.0), (4.0, 5.5), (5.5, 6.0)]
    assert spans.which(np.array([0.0, 3.0, 4.0, 5.0, 9.0])).tolist() == [0, 0, 0, 1, 1]
    assert spans.cover(0.5, 2.0)
    assert not spans.cover(1.5, 4.5)
    assert only_stretch("x", spans.within(Spans(((0.0, 3.0),))), "y") == (0.0, 2.0)
