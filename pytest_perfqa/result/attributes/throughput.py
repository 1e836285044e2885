"""Throughput: what was asked of the service, and what it got done."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ...base.units import Quantity, Unit, parse
from ...errors import NoData
from ...scenario.spans import Spans
from .names import KnowsItsNames

if TYPE_CHECKING:
    from ...base.evidence import Evidence
    from ..samples import Samples
    from .origin import Origin, Portion

__tracebackhide__ = True

#: The window of ``Throughput.max`` at full scale, in seconds: that of Artillery's reports.
WINDOW = 10.0


class Throughput(KnowsItsNames):
    """Rates per second over a slice.

    Only answers as expected, the good ones, count as throughput: a proxy that turns requests away
    would otherwise be the fastest service of all. All figures say what happened in this run,
    exactly.

    Raises:
        NoData: the slice has no requests.
    """

    def __init__(
        self,
        samples: Samples,
        spans: Spans,
        scale: float,
        origin: Origin | None = None,
    ) -> None:
        self._samples = samples
        self._spans = spans
        self._scale = scale
        self._origin = origin

    def _rate(self, value: float, name: str) -> Quantity:
        gather = partial(self._evidence, self._origin, name) if self._origin else None
        return Quantity(value, Unit.PER_SECOND, self._scale, gather)

    def _evidence(self, origin: Origin, name: str) -> Evidence:
        counted = self._samples if name == "offered" else self._samples.as_expected
        moments = counted.rows["intended"] if name == "offered" else counted.ends

        def rate(part: Portion) -> float | None:
            if not part.spans:
                return None
            return counted.where(part.spans.contain(moments)).count / part.spans.length

        return origin.evidence(f"{name} throughput", rate, Unit.PER_SECOND, samples=counted.count)

    def _require_requests(self) -> None:
        if not self._samples.count or self._spans.length <= 0:
            raise NoData("throughput: this slice has no requests")

    @property
    def offered(self) -> Quantity:
        """Requests sent, over the length of the slice."""
        self._require_requests()
        return self._rate(self._samples.count / self._spans.length, "offered")

    @property
    def mean(self) -> Quantity:
        """Good answers, over the time of the slice, or until the last of them if that is later."""
        self._require_requests()
        return self._rate(self._samples.as_expected.count / self._time, "mean")

    @property
    def _time(self) -> float:
        """The length of the slice, and what it took beyond to answer what came in it."""
        good = self._samples.as_expected
        answered = np.array([end for _, end in self._spans])
        np.maximum.at(answered, self._spans.which(good.rows["intended"]), good.last_ends)
        starts = (start for start, _ in self._spans)
        return Spans.of(zip(starts, answered.tolist(), strict=True)).length

    @property
    def max(self) -> Quantity:
        """The highest rate over any window of 10 s (times the time scale); see ``max_over``."""
        return self.max_over(WINDOW * self._scale)

    def max_over(self, window: float | str) -> Quantity:
        """Give the highest rate of good answers over any ``window``, in seconds or as a text.

        Counted from each answer on, that one left out: answers every 5 s are 0.2 per second,
        though a window of 10 s that begins and ends with one holds three.
        """
        self._require_requests()
        width = self._seconds(window)
        good = self._samples.as_expected
        order = np.argsort(good.ends)
        ends, weights = good.ends[order], good.rows["weight"][order].astype(np.int64)
        upto = np.concatenate([[0], np.cumsum(weights)])
        last = np.searchsorted(ends, ends + width, side="right")
        counts = upto[last] - upto[1:]
        most = max(float(counts.max(initial=0)) / width, float(self.mean))
        return self._rate(most, "highest")

    def _seconds(self, window: float | str) -> float:
        if isinstance(window, str):
            return float(parse(window, Unit.SECOND)) * self._scale
        return window

    def __repr__(self) -> str:
        if not self._samples.count:
            return "<throughput of nothing>"
        return f"<throughput: offered {self.offered}, mean {self.mean}, max {self.max}>"
