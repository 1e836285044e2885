"""What must be so of every run: over random schedules, services and deaths, every figure counts the
same arrivals, each once, however time is cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import simulated_runs as sim
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_perfqa.errors import NoData
from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.scenario.spans import Spans, bounds, place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_perfqa.result.run_result import RunResult
    from pytest_perfqa.result.slice import Slice

#: Moments to cut a run at, as shares of its length.
CUTS = st.lists(st.sampled_from([0.1, 0.25, 1 / 3, 0.5, 2 / 3, 0.9]), max_size=3)


def slices(result: RunResult) -> Iterator[Slice]:
    """Give the run, and slices of every kind, those that took no time left out."""
    yield from result.phases.values()
    end = result._context.duration
    if result.duration:
        yield result
        yield from map(result.endpoint, result.endpoints)
    for start, stop in ((0.0, end / 2), (end / 3, end), (end / 2, 2 * end)):
        try:
            yield result.between(start, stop)
        except NoData:  # it was warm-up
            continue


@settings(deadline=None, max_examples=60)
@given(sim.drawn())
def test_an_arrival_is_in_the_time_of_its_phase(drawn: sim.Drawn) -> None:
    """By its record as by when it was due; the last of a phase as well."""
    result = drawn.run()
    arrivals = result.everything.arrivals.rows
    starts = [start for start, _ in bounds(result.definition.phases)]
    edges = np.array([*starts, result.definition.duration])
    assert place(arrivals["intended"], edges).tolist() == arrivals["phase"].tolist()
    for name in {phase.name for phase in result.definition.phases}:
        if name in result.phases:
            one = result.phases[name]
            assert one._spans.contain(one._samples.arrivals.rows["intended"]).all()


@settings(deadline=None, max_examples=60)
@given(sim.drawn())
def test_mean_pending_is_what_all_together_waited(drawn: sim.Drawn) -> None:
    """Little's law, on every slice, also of several stretches: nothing is sampled."""
    for one in slices(drawn.run()):
        everything = one._context.everything.arrivals
        if everything.count:
            waited = sim.stays(everything, one._spans)
            off = 1e-2 if drawn.fold else 1e-9
            assert one.pending.mean * one.duration == pytest.approx(waited, rel=off, abs=off)
            # Of what was folded, less than half of one may be pending.
            assert one.pending.max >= one.pending.mean - (0.5 if drawn.fold else 1e-3)


@settings(deadline=None, max_examples=60)
@given(sim.drawn())
def test_every_arrival_has_an_end_or_is_pending(drawn: sim.Drawn) -> None:
    """On every slice; and what is pending of all of them is pending on the run."""
    result = drawn.run()
    for one in slices(result):
        arrivals = one._samples.arrivals
        never = arrivals.where(arrivals.rows["outcome"] == Outcome.PENDING).count
        assert one.launched == one.completed + one.failed + never
    if result.launched and not drawn.warmup:
        assert result.launched == result.completed + result.failed + result.pending.at_end
        assert result.pending.now >= result.pending.at_end - (1 if drawn.fold else 0)


@settings(deadline=None, max_examples=60)
@given(sim.drawn(), sim.WIDTHS)
def test_windows_add_up_to_the_slice(drawn: sim.Drawn, width: float) -> None:
    """And what came less what ended is the change of what is pending, in every one of them."""
    for one in slices(drawn.run()):
        windows = one.windows(width * drawn.scale)
        for name in ("launched", "completed", "failed"):
            assert sum(getattr(window, name) for window in windows) == getattr(one, name)
        assert sum(sum(window.status.values()) for window in windows) == sum(
            int(one.status[code]) for code in one.status
        )
        pending = 0
        for window in windows:
            pending += window.launched - window.completed - window.failed
            assert window.pending == pending
            assert window.start < window.end


@settings(deadline=None, max_examples=60)
@given(drawn=sim.drawn(), shares=CUTS, beyond=st.booleans())
def test_slices_side_by_side_count_everything_once(
    drawn: sim.Drawn, shares: list[float], *, beyond: bool
) -> None:
    """Wherever they are cut, be it where an arrival stands; also where the last goes beyond."""
    result = drawn.run()
    end = result._context.duration
    arrivals = result._samples.arrivals.rows["intended"]
    moments = [share * end for share in shares] + arrivals[:: max(1, len(arrivals) // 3)].tolist()
    # All requests that an arrival makes later are due by then.
    last = max(end, float(result._samples.rows["intended"].max(initial=0.0))) + 1
    parts = []
    for start, stop in sim.cuts(moments, last if beyond else end):
        try:
            parts.append(result.between(start, stop))
        except NoData:
            continue
    assert sum(part.launched for part in parts) == result.launched
    if beyond and not drawn.warmup:
        assert sum(part.requests for part in parts) == result.requests
        assert sum(part.latency.count for part in parts) == result.latency.count
    if not beyond:
        assert sum(part.duration for part in parts) == pytest.approx(float(result.duration))
        if not result.launched:
            return
        areas = [float(part.pending.mean * part.duration) for part in parts]
        assert sum(areas) == pytest.approx(float(result.pending.mean * result.duration))


@settings(deadline=None, max_examples=60)
@given(sim.drawn())
def test_phases_count_everything_once(drawn: sim.Drawn) -> None:
    """By name, where some share one, and one by one; endpoints, too."""
    result = drawn.run()
    everything, requests = result.everything.arrivals.count, result.everything.requests.count
    named = result.phases.values()
    assert sum(one.launched for one in named) == everything
    assert sum(one.requests for one in named) == requests
    alone = [one for one in result.each_phase if one is not None]
    assert sum(one.launched for one in alone) == everything
    names = {phase.name for phase in result.definition.phases}
    lasted = sum(end - start for name, start, end in result._context.named if name in result.phases)
    assert names >= set(result.phases)
    assert sum(one.duration for one in named) == pytest.approx(lasted)
    assert sum(result.endpoint(name).requests for name in result.endpoints) == result.requests


@settings(deadline=None, max_examples=60)
@given(sim.drawn())
def test_rates_times_their_time_are_counts(drawn: sim.Drawn) -> None:
    """Offered over the time of the slice; good answers over it, or until the last of them."""
    for one in slices(drawn.run()):
        if not one.requests:
            continue
        good, throughput = one._samples.requests.as_expected, one.throughput
        assert throughput.offered * one.duration == pytest.approx(float(one.requests))
        last = float(good.last_ends.max(initial=0.0))
        if len(one._spans) == 1:
            seconds = max(float(one.duration), last - one._spans.start)
            assert throughput.mean * seconds == pytest.approx(good.count)
        assert throughput.mean <= good.count / float(one.duration) + 1e-9
        assert throughput.max >= throughput.mean


@settings(deadline=None, max_examples=60)
@given(sim.drawn())
def test_what_is_not_available_is_an_error(drawn: sim.Drawn) -> None:
    """Of what ended, with what was under way in neither."""
    for one in slices(drawn.run()):
        ended = one._samples.requests.ended
        if not ended.count:
            with pytest.raises(NoData):
                _ = one.error_rate
            with pytest.raises(NoData):
                _ = one.availability.ratio
            continue
        assert one.error_rate + one.availability.ratio == pytest.approx(1)
        assert (one.availability.longest_outage > 0) <= (one.error_rate > 0)
        assert float(one.errors.total) <= float(one.error_rate) * ended.count + 1e-9


@settings(deadline=None, max_examples=60)
@given(sim.drawn(), st.integers(0, 3))
def test_evidence_adds_up_to_the_figure(drawn: sim.Drawn, which: int) -> None:
    """Window by window and phase by phase, whatever the slice."""
    for one in slices(drawn.run()):
        figure = (one.launched, one.completed, one.requests, one.failed)[which]
        evidence = figure.evidence()
        assert evidence is not None
        assert sum(point.value or 0 for point in evidence.points) == figure
        assert sum(evidence.phases.values()) == figure
        for point in evidence.points:
            assert Spans(((point.start, point.end),)).within(one._spans).length == pytest.approx(
                point.end - point.start
            )


@settings(deadline=None, max_examples=60)
@given(sim.drawn(warmup=False))
def test_a_phase_that_comes_again_is_both_of_its_stretches(drawn: sim.Drawn) -> None:
    """Twice the same load with a pause between them is the same load, for longer."""
    result = drawn.run()
    for one in result.phases.values():
        parts = [result.between(start, end) for start, end in one._spans]
        assert one.launched == sum(each.launched for each in parts)
        assert one.duration == pytest.approx(sum(float(each.duration) for each in parts))
        if not result.launched:
            continue
        assert one.pending.max == max(each.pending.max for each in parts)
        if drawn.steps:  # a later request may be due when the phase is over
            continue
        outages = [each.availability for each in parts if each._samples.ended.count]
        if outages:
            longest = max(each.longest_outage for each in outages)
            assert one.availability.longest_outage == pytest.approx(float(longest))
