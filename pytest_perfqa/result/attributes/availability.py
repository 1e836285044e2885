"""Availability: whether the service was there for its users."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...base.units import Quantity, Unit, parse, show
from ...errors import NoData
from ...load.wire.outcome import as_expected
from ...scenario.spans import window_number
from .names import KnowsItsNames
from .origin import Figure

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...base.evidence import Evidence
    from ...scenario.spans import Spans
    from ..samples import Samples
    from .origin import Origin, Portion

__tracebackhide__ = True


class Availability(KnowsItsNames):
    """How much of what was asked was served: answered as expected.

    All figures say what happened in this run, exactly. What was under way when the run was cut off
    is left out: whether it would have been served, nobody knows.

    Raises:
        NoData: no request of the slice has come to an end.
    """

    def __init__(
        self, samples: Samples, spans: Spans, *, scale: float, origin: Origin | None = None
    ) -> None:
        """Look at requests in the order of their times; ``spans`` is the time of the slice."""
        self._asked = samples.count
        self._samples = samples.ended
        self._spans = spans
        self._scale = scale
        self._origin = origin

    def _quantity(
        self,
        value: float,
        unit: Unit,
        subject: str,
        figure: Callable[[Availability], float],
        statements: tuple[str, ...] = (),
    ) -> Quantity:
        gather = self._gather(unit, subject, figure, statements)
        return Quantity(value, unit, self._scale, gather)

    def _gather(
        self,
        unit: Unit,
        subject: str,
        figure: Callable[[Availability], float],
        statements: tuple[str, ...],
    ) -> Callable[[], Evidence] | None:
        origin = self._origin
        if origin is None:
            return None
        return lambda: origin.evidence(
            subject,
            lambda part: self._figure(part, figure),
            unit,
            samples=self._samples.count,
            statements=statements,
        )

    def _figure(self, part: Portion, figure: Callable[[Availability], float]) -> float | None:
        one = Availability(part.samples.requests, part.spans, scale=self._scale)
        return figure(one) if part.spans and one._samples.count else None

    def _require_requests(self) -> None:
        if not self._samples.count:
            what = f"none of {self._asked} requests has come to an end"
            raise NoData(f"availability: {what if self._asked else 'this slice has no requests'}")

    @property
    def ratio(self) -> Quantity:
        """Requests served, as a share of all that came to an end."""
        self._require_requests()
        figure = Figure("availability", lambda samples: samples.requests.ended, as_expected)
        return figure.share(self._ratio(), self._origin)

    def _ratio(self) -> float:
        rows = self._samples.rows
        return float(np.average(as_expected(rows), weights=rows["weight"]))

    @property
    def longest_outage(self) -> Quantity:
        """The longest time without service: from when the first of successive requests that were
        not served was due, to when the next that was served was due, or the end of the slice.

        0 if all were served. In a slice of several stretches of time it lies in one of them. Of
        more than two million requests, seconds in which one was served are no outage.
        """
        self._require_requests()
        start, end = self._longest_outage()
        told = f"from {show(start, Unit.SECOND)} to {show(end, Unit.SECOND)}"
        return self._quantity(
            end - start, Unit.SECOND, "longest outage", Availability._outage_length, (told,)
        )

    def _outage_length(self) -> float:
        start, end = self._longest_outage()
        return end - start

    def _longest_outage(self) -> tuple[float, float]:
        stretch = self._spans.which(self._samples.rows["intended"])
        outages = (
            _outage(self._samples.where(stretch == number), end)
            for number, (_, end) in enumerate(self._spans)
        )
        return max(outages, key=lambda outage: outage[1] - outage[0])

    def budget_spent(self, slo: str | float, *, window: str | float | None = None) -> Quantity:
        """Give how much of the error budget of an availability such as ``"99.9%"`` is spent; 1 is
        all of it.

        Args:
            slo: the objective, as a text or a ratio.
            window: None counts requests: the share that was not served, over the share that may
                be. A width, in seconds or as a text, counts time: the share of windows in which
                less than ``slo`` was served, over the share that may be. A night without service
                spends as much then as a busy day without; windows without requests don't count.
                They lie side by side from the start of the slice.

        Raises:
            ValueError: the objective is not between 0 and 100 %: all or nothing leaves no budget.
        """
        self._require_requests()
        wanted = float(parse(slo, Unit.RATIO)) if isinstance(slo, str) else slo
        if not 0 < wanted < 1:
            raise ValueError(f"an objective lies between 0 and 100 %, not at {slo!r}")

        def spent(one: Availability) -> float:
            bad = 1 - one._ratio() if window is None else one._bad_windows(wanted, window)
            return bad / (1 - wanted)

        return self._quantity(spent(self), Unit.RATIO, f"spent error budget for {slo}", spent)

    def _bad_windows(self, wanted: float, window: str | float) -> float:
        width = window
        if isinstance(width, str):
            width = float(parse(width, Unit.SECOND)) * self._scale
        if not width > 0:
            raise ValueError(f"a window is longer than 0 s, not {window!r}")
        rows = self._samples.rows
        stretch = self._spans.which(rows["intended"])
        starts = np.array([start for start, _ in self._spans])
        numbers = window_number(rows["intended"] - starts[stretch], width)
        _, places = np.unique([stretch, numbers], axis=1, return_inverse=True)
        totals = np.bincount(places, rows["weight"])
        served = np.bincount(places, as_expected(rows) * rows["weight"])
        return float(np.mean(served / totals < wanted))

    def __repr__(self) -> str:
        if not self._samples.count:
            return "<availability of nothing>"
        return f"<availability: {self.ratio}, longest outage {self.longest_outage}>"


def _outage(samples: Samples, end: float) -> tuple[float, float]:
    """Give the longest time without service of a stretch of time that ends so."""
    moments, places = np.unique(samples.rows["intended"], return_inverse=True)
    served = as_expected(samples.rows) * samples.rows["weight"]
    up = np.bincount(places, served, len(moments)) > 0
    before = np.concatenate([[True], up])[:-1]
    begins, ends = np.flatnonzero(~up & before), np.flatnonzero(up & ~before)
    # A later request of an arrival may be due after the end.
    last = max(end, float(moments.max(initial=0.0)))
    back = np.append(moments[ends], last)[: len(begins)]
    if not len(begins):
        return 0.0, 0.0
    longest = int(np.argmax(back - moments[begins]))
    return float(moments[begins[longest]]), float(back[longest])
