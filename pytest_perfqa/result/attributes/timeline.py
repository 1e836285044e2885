"""The course of a run: what happened in each of many windows of time, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...load.wire.outcome import (
    Outcome,
    completed,
    failed,
    timed,
    unexpected,
    with_status,
)
from ...scenario.spans import edges as side_by_side
from ...scenario.spans import place, upto
from .level import Steps

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ...scenario.spans import Spans
    from ..samples import Samples

#: The percentiles that are kept of each window; 100 is the maximum.
PERCENTS = (50.0, 95.0, 99.0, 100.0)


@dataclass(frozen=True)
class Timeline:
    """One value per window in every array; windows lie side by side.

    ``launched`` less ``completed`` and ``failed`` is by how much ``pending`` changes in a window.

    Attributes:
        edges: where windows begin, and where the last one ends, in seconds from the start of the
            run. What happens at an edge is in the window that ends there.
        idle: whether the window is none, but the time between two stretches of a slice.
        launched: arrivals that came in the window.
        completed, failed: arrivals that ended in it, with an answer or without.
        pending: arrivals in the system at its end.
        status: answers by code, of requests that ended in it.
        errors: requests that ended in it without a whole, expected answer, by kind.
        bad: requests that ended in it and did not get what they asked for: those, and answers
            with a status that was not expected.
        latency, response: percentiles of the times of requests that ended in it, answered or timed
            out; not a number where there were none.
    """

    edges: NDArray[np.float64]
    idle: NDArray[np.bool_]
    launched: NDArray[np.int64]
    completed: NDArray[np.int64]
    failed: NDArray[np.int64]
    pending: NDArray[np.int64]
    status: Mapping[int, NDArray[np.int64]]
    errors: Mapping[str, NDArray[np.int64]]
    bad: NDArray[np.int64]
    latency: Mapping[float, NDArray[np.float64]]
    response: Mapping[float, NDArray[np.float64]]


def timeline(samples: Samples, spans: Spans, width: float) -> Timeline:
    """Sum samples up by windows of ``width`` seconds, from the first stretch until all have ended.

    In each stretch they lie side by side from its start to its end, and on for as long as anything
    happens to what came until then before the next one begins: there the last of them is cut short.
    What lies between is a window in which nothing happens, see ``idle``.
    """
    edges, idle = window_edges(samples, spans, width)
    arrivals, requests = samples.arrivals, samples.requests
    came = _Windows(edges, arrivals, arrivals.rows["intended"])
    over = _Windows(edges, arrivals.ended, arrivals.ended.ends)
    done = _Windows(edges, requests.ended, requests.ended.ends)
    launched, ended = came.counts(), over.counts()
    whole_ones = over.counts(completed(over.samples.rows))
    failures = failed(done.samples.rows)
    whole = with_status(done.samples.rows)
    has_time = timed(done.samples.rows)
    return Timeline(
        edges=edges,
        idle=idle,
        launched=launched,
        completed=whole_ones,
        failed=ended - whole_ones,
        pending=np.cumsum(launched - ended),
        status={
            int(code): done.counts(whole & (done.samples.rows["status"] == code))
            for code in np.unique(done.samples.rows["status"][whole])
        },
        errors={
            Outcome(kind).label: done.counts(done.samples.rows["outcome"] == kind)
            for kind in np.unique(done.samples.rows["outcome"][failures])
        },
        bad=done.counts(unexpected(done.samples.rows)),
        latency=done.percentiles(done.samples.latency, has_time),
        response=done.percentiles(done.samples.rows["response"].astype(float), has_time),
    )


def window_edges(
    samples: Samples, spans: Spans, width: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Give the edges of the windows of a timeline, and which of these are idle."""
    # What an arrival asked for later may come when the slice is over, and not end either.
    ended, rows = samples.ended, samples.rows
    happens = np.concatenate([ended.ends, rows["intended"]])
    half = np.concatenate([ended.rows["spread"], rows["spread"]]) / 2
    begins = [start for start, _ in spans]
    found: list[float] = []
    idle: list[bool] = []
    for (start, end), following in zip(spans, [*begins[1:], np.inf], strict=True):
        last = (happens + half)[happens - half <= upto(following)].max(initial=end)
        last = min(float(last), following)
        part = np.minimum(side_by_side(start, last, width), following).tolist()
        if found and start <= upto(found[-1]):  # the windows before go on until now
            found.pop()
        elif found:
            idle.append(True)
        found += part
        idle += [False] * (len(part) - 1)
    return np.array(found), np.array(idle)


class _Windows:
    """Rows, and the windows that they fall into."""

    def __init__(
        self, edges: NDArray[np.float64], samples: Samples, moments: NDArray[np.float64]
    ) -> None:
        self.samples = samples
        self._edges, self._moments = edges, moments
        self._number = len(edges) - 1
        self._places = np.maximum(place(moments, edges), 0)

    def counts(self, mask: NDArray[np.bool_] | slice = slice(None)) -> NDArray[np.int64]:
        """Count the rows that the mask chooses, by window."""
        rows = self.samples.rows[mask]
        if not rows["spread"].any():
            return np.bincount(self._places[mask], rows["weight"], self._number).astype(np.int64)
        upto_each = Steps(self._moments[mask], rows["weight"], rows["spread"])(self._edges[1:])
        return np.diff(np.round(upto_each), prepend=0.0).astype(np.int64)

    def percentiles(
        self, values: NDArray[np.float64], mask: NDArray[np.bool_]
    ) -> dict[float, NDArray[np.float64]]:
        """Give the smallest value that so many percent of each window lie at or below."""
        number, chosen = self._number, self._places[mask]
        order = np.lexsort((values[mask], chosen))
        places, ranked = chosen[order], values[mask][order]
        upto = np.cumsum(self.samples.rows["weight"][mask][order], dtype=np.int64)
        first = np.searchsorted(places, np.arange(number), "left")
        beyond = np.searchsorted(places, np.arange(number), "right")
        padded = np.concatenate([[0], upto])
        before, total = padded[first], padded[beyond] - padded[first]
        percentiles = {}
        for percent in PERCENTS:
            wanted = before + percent / 100 * total - 1e-9
            rank = np.minimum(np.searchsorted(upto, wanted), beyond - 1)
            found = ranked[np.maximum(rank, 0)] if len(ranked) else np.zeros(number)
            percentiles[percent] = np.where(total > 0, found, np.nan)
        return percentiles
