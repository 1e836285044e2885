"""The course of a run: what happened in each of many windows of time, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..load.record import TIMED_ENDS, Outcome, completed, unexpected, with_status
from .queueing import Pending

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ..samples import Samples

#: The percentiles that are kept of each window; 100 is the maximum.
PERCENTS = (50.0, 95.0, 99.0, 100.0)


@dataclass(frozen=True)
class Timeline:
    """One value per window in every array; windows lie side by side.

    Attributes:
        start: of the first window, in seconds from the start of the run.
        width: of each window, in seconds.
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

    start: float
    width: float
    launched: NDArray[np.int64]
    completed: NDArray[np.int64]
    failed: NDArray[np.int64]
    pending: NDArray[np.int64]
    status: Mapping[int, NDArray[np.int64]]
    errors: Mapping[str, NDArray[np.int64]]
    bad: NDArray[np.int64]
    latency: Mapping[float, NDArray[np.float64]]
    response: Mapping[float, NDArray[np.float64]]

    @property
    def edges(self) -> NDArray[np.float64]:
        """Where windows begin, and where the last one ends."""
        edges: NDArray[np.float64] = self.start + self.width * np.arange(
            len(self.launched) + 1, dtype=np.float64
        )
        return edges


def timeline(samples: Samples, start: float, end: float, width: float) -> Timeline:
    """Sum samples up by windows of ``width`` seconds, from ``start`` until all have ended.

    There are windows up to ``end`` at least.
    """
    arrivals, requests = samples.arrivals, samples.requests
    came = _Windows(start, width, arrivals, arrivals.rows["intended"])
    over = _Windows(start, width, *_ended(arrivals))
    done = _Windows(start, width, *_ended(requests))
    number = max(
        int(np.ceil(np.round((end - start) / width, 9))), *(w.last + 1 for w in (over, done))
    )
    moments = start + width * np.arange(1, number + 1, dtype=np.float64)
    came_to_an_end = completed(over.samples.rows)
    failed = ~completed(done.samples.rows)
    whole = with_status(done.samples.rows)
    timed = np.isin(done.samples.rows["outcome"], TIMED_ENDS)
    return Timeline(
        start=start,
        width=width,
        launched=came.counts(number),
        completed=over.counts(number, came_to_an_end),
        failed=over.counts(number, ~came_to_an_end),
        pending=np.round(Pending(arrivals, start, end).at(moments)).astype(np.int64),
        status={
            int(code): done.counts(number, whole & (done.samples.rows["status"] == code))
            for code in np.unique(done.samples.rows["status"][whole])
        },
        errors={
            Outcome(kind).label: done.counts(number, done.samples.rows["outcome"] == kind)
            for kind in np.unique(done.samples.rows["outcome"][failed])
        },
        bad=done.counts(number, unexpected(done.samples.rows)),
        latency=done.percentiles(number, done.samples.latency, timed),
        response=done.percentiles(number, done.samples.rows["response"].astype(float), timed),
    )


def _ended(samples: Samples) -> tuple[Samples, NDArray[np.float64]]:
    return samples.ended, samples.ended.ends


class _Windows:
    """Rows, and the windows that they fall into."""

    def __init__(
        self, start: float, width: float, samples: Samples, moments: NDArray[np.float64]
    ) -> None:
        places = np.floor((moments - start) / width).astype(np.int64)
        inside = places >= 0
        self.samples = samples.where(inside)
        self.places = places[inside]
        self.last = int(self.places.max(initial=-1))

    def counts(
        self, number: int, mask: NDArray[np.bool_] | slice = slice(None)
    ) -> NDArray[np.int64]:
        """Count the rows that the mask chooses, by window."""
        weights = self.samples.rows["weight"][mask]
        counted = np.bincount(self.places[mask], weights, minlength=number)[:number]
        return counted.astype(np.int64)

    def percentiles(
        self, number: int, values: NDArray[np.float64], mask: NDArray[np.bool_]
    ) -> dict[float, NDArray[np.float64]]:
        """Give the smallest value that so many percent of each window lie at or below."""
        order = np.lexsort((values[mask], self.places[mask]))
        places, ranked = self.places[mask][order], values[mask][order]
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
