"""Latency and response: how long requests took."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from ...base.evidence import Evidence
from ...base.units import Estimate, Quantity, Unit
from ...errors import Inconclusive, NoData
from ...load.wire.outcome import answered, ended, timed, timed_out
from .confidence import Interval, Weighted, of_mean, of_percentile, of_share, samples_needed
from .names import KnowsItsNames

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ...base.units import Reach
    from ..samples import Samples
    from .origin import Origin, Portion

__tracebackhide__ = True

# Apdex calls an answer tolerable up to four times the time that satisfies.
_TOLERABLE = 4
# How much later than the time-out a request that it ends may be noticed to have ended.
_TAKEN_TO_NOTICE = 1.01


class Distribution(KnowsItsNames):
    """The times of the requests of a slice, in seconds.

    Covers every request that was answered, with whatever status, or that timed out (with the time
    it waited). Requests that failed otherwise, such as a refused connection, have no time.

    Percentiles and the mean are estimates of what the service does: a comparison holds only if it
    holds for their whole interval. ``min``, ``max``, shares and Apdex say what happened in this
    run, exactly.

    Raises:
        NoData: on every figure, if no request has a time.
        Inconclusive: on a percentile that so few samples can't bound, and on comparisons that the
            interval doesn't settle.
        ConfigurationError: on comparisons with a time that is longer than the run's time-out.
    """

    def __init__(
        self,
        name: str,
        samples: Samples,
        *,
        from_intended: bool,
        scale: float,
        origin: Origin | None = None,
        reach: Reach | None = None,
    ) -> None:
        """Take the times of ``samples``; ``reach`` is what the time-out of a request leaves."""
        self._name = name
        self._all = samples
        self._samples = samples.where(timed(samples.rows))
        self._from_intended = from_intended
        self._scale = scale
        self._origin = origin
        self._timeout = reach

    @cached_property
    def _reach(self) -> Reach | None:
        """How far a time can go; None if one is there that the time-out didn't end.

        Such are those of a request that the generator sent late, or that was redirected.
        """
        timeout = self._timeout
        if timeout is None or not len(self._samples.rows):
            return timeout
        others = self._values[~timed_out(self._samples.rows)]
        longest = float(others.max(initial=0.0))
        return timeout if longest <= timeout.most * _TAKEN_TO_NOTICE else None

    @cached_property
    def _values(self) -> NDArray[np.float64]:
        samples = self._samples
        values = samples.latency if self._from_intended else samples.rows["response"].astype(float)
        if not len(values):
            raise self._no_data()
        return values

    @cached_property
    def _sample(self) -> Weighted:
        rows = self._samples.rows
        return Weighted(self._values, rows["weight"], rows["intended"])

    def _no_data(self) -> NoData:
        return NoData(f"{self._name}: no request of this slice was answered")

    def _of(self, part: Portion) -> Distribution:
        """Give the same of a part of the slice."""
        requests = part.samples.requests
        return Distribution("", requests, from_intended=self._from_intended, scale=self._scale)

    def _gather(
        self,
        subject: str,
        figure: Callable[[Distribution], float | None],
        unit: Unit = Unit.SECOND,
        interval: Callable[[], Interval] | None = None,
    ) -> Callable[[], Evidence] | None:
        origin = self._origin
        if origin is None:
            return None
        kind = "latency" if self._from_intended else "response"
        return lambda: origin.evidence(
            f"{subject} of {kind}",
            lambda part: figure(of) if (of := self._of(part)).count else None,
            unit,
            samples=self.count,
            interval=interval() if interval else None,
        )

    def _estimate(
        self,
        value: float,
        interval: Interval,
        subject: str,
        figure: Callable[[Distribution], float],
    ) -> Estimate:
        gather = self._gather(subject, figure, interval=lambda: interval)
        estimate = Estimate(value, Unit.SECOND, self._scale, gather, self._reach)
        return estimate.with_interval(interval.low, interval.high, self.count)

    @property
    def count(self) -> int:
        """How many requests have a time."""
        return self._samples.count

    @property
    def mean(self) -> Estimate:
        """The arithmetic mean, of what a request that timed out waited, too."""
        interval = of_mean(self._sample)
        return self._estimate(self._average(), interval, "mean", Distribution._average)

    def _average(self) -> float:
        return float(np.average(self._values, weights=self._samples.rows["weight"]))

    @property
    def jitter(self) -> Quantity:
        """How much successive requests differ on average, in the order in which they were due.

        The mean absolute difference of the times of each and the next that have ended: RFC 3550
        (RTP), section 6.4.1, without its smoothing.

        Raises:
            NoData: fewer than two have ended, or there are so many that requests with about the
                same times were folded: which came after which isn't known then.
        """
        value = self._jitter()
        if value is None:
            raise NoData(f"jitter of {self._name}: needs two requests, each with its own time")
        return Quantity(
            value, Unit.SECOND, self._scale, self._gather("jitter", Distribution._jitter)
        )

    def _jitter(self) -> float | None:
        rows = self._samples.rows
        if not len(rows) or (rows["weight"] > 1).any():
            return None
        over = ended(rows)
        values, due = self._values[over], rows["intended"][over]
        successive = values[np.argsort(due, kind="stable")]
        return float(np.abs(np.diff(successive)).mean()) if len(successive) > 1 else None

    @property
    def min(self) -> Quantity:
        """The shortest; what was under way when the run was cut off would have taken longer."""
        return self._extreme("shortest", Distribution._shortest)

    @property
    def max(self) -> Quantity:
        """The longest."""
        return self._extreme("longest", lambda one: float(one._values.max()))

    def _shortest(self) -> float | None:
        over = ended(self._samples.rows)
        return float(self._values[over].min()) if over.any() else None

    def _extreme(self, subject: str, figure: Callable[[Distribution], float | None]) -> Quantity:
        value = figure(self)
        if value is None:
            raise self._no_data()
        gather = self._gather(subject, figure)
        return Quantity(value, Unit.SECOND, self._scale, gather, self._reach)

    @property
    def median(self) -> Estimate:
        """The 50th percentile; needs 5 samples."""
        return self.percentile(50)

    p50 = median

    @property
    def p90(self) -> Estimate:
        """The 90th percentile; needs 29 samples."""
        return self.percentile(90)

    @property
    def p95(self) -> Estimate:
        """The 95th percentile; needs 59 samples."""
        return self.percentile(95)

    @property
    def p99(self) -> Estimate:
        """The 99th percentile; needs 299 samples."""
        return self.percentile(99)

    @property
    def p999(self) -> Estimate:
        """The 99.9th percentile; needs 2,995 samples."""
        return self.percentile(99.9)

    def percentile(self, percent: float) -> Estimate:
        """Give the smallest time that at least ``percent`` of the requests stayed within.

        Raises:
            Inconclusive: fewer samples than ``samples_needed(percent)``.
            ValueError: not between 0 and 100.
        """
        needed = samples_needed(percent)
        if self.count == 0:
            raise self._no_data()
        if self.count < needed:
            raise Inconclusive(
                f"p{percent:g} of {self._name} needs at least {needed} samples, "
                f"this slice has {self.count}",
                pools=True,
            )
        unfinished = ~answered(self._samples.rows)
        interval = of_percentile(self._sample, percent, unfinished)
        value = self.sample_percentile(percent)
        return self._estimate(
            value, interval, f"p{percent:g}", lambda one: one.sample_percentile(percent)
        )

    def sample_percentile(self, percent: float) -> Quantity:
        """Give the percentile of this very sample: a description, no evidence for a verdict."""
        value = self._sample.ranked.at(percent / 100 * self.count)
        return Quantity(value, Unit.SECOND, self._scale, reach=self._reach)

    def share_below(self, limit: str | float) -> Quantity:
        """Give the share of requests that were answered within ``limit``, in seconds or as a text.

        Of those that were answered or timed out; also of those that had waited for longer already
        when the run was cut off. The others of these may have been in time.

        Raises:
            ConfigurationError: it is longer than the time-out: no answer takes longer.
        """
        seconds = self._seconds(limit)
        sample = self._in_time(seconds)
        gather = self._gather(
            f"share within {limit}",
            lambda one: one._in_time(seconds).mean,
            Unit.RATIO,
            lambda: of_share(sample),
        )
        if sample.mean is None:
            raise self._no_data()
        return Quantity(sample.mean, Unit.RATIO, gather=gather)

    def _in_time(self, seconds: float) -> Weighted:
        """Tell 1 for each that was answered within so many seconds, 0 for each that was not."""
        rows, quick = self._samples.rows, self._values <= seconds
        known = ended(rows) | ~quick
        good = quick & answered(rows)
        return Weighted(good[known].astype(float), rows["weight"][known], rows["intended"][known])

    def _seconds(self, limit: str | float) -> float:
        times = partial(Evidence, self._name)
        return float(Quantity(0, Unit.SECOND, self._scale, times, self._reach).limited_by(limit))

    def apdex(self, limit: str | float) -> Quantity:
        """Give the Apdex score for a time that satisfies: from 0, nobody is content, to 1.

        A request with an answer as expected within ``limit`` counts 1, within four times that
        1/2; any other, be it slow, an error or without an answer, 0 (Apdex Alliance,
        Application Performance Index, Technical Specification 1.1, 2007). What was under way when
        the run was cut off is left out.

        Raises:
            ConfigurationError: that time is longer than the time-out: none can take longer.
            NoData: the slice has no requests.
        """
        seconds = self._seconds(limit)
        gather = self._gather(f"Apdex({limit})", lambda one: one._apdex(seconds), Unit.COUNT)
        score = self._apdex(seconds)
        if score is None:
            raise NoData(f"{self._name}: no request of this slice has come to an end")
        return Quantity(score, Unit.COUNT, gather=gather)

    def _apdex(self, seconds: float) -> float | None:
        over = self._all.ended.count
        good = self._all.as_expected
        times = good.latency if self._from_intended else good.rows["response"].astype(float)
        satisfied = good.where(times <= seconds).count
        tolerable = good.where(times <= _TOLERABLE * seconds).count
        return (satisfied + tolerable) / 2 / over if over else None

    def histogram(self, edges: NDArray[np.float64]) -> NDArray[np.int64]:
        """Count the requests from each of the ascending ``edges``, in seconds, to the next."""
        weights = self._samples.rows["weight"].astype(float)
        counts, _ = np.histogram(self._values, edges, weights=weights)
        return np.round(counts).astype(np.int64)

    def __repr__(self) -> str:
        if not self.count:
            return f"<{self._name}: no samples>"
        figures = ", ".join(f"p{p} {self.sample_percentile(p)}" for p in (50, 95))
        return f"<{self._name}: {self.count} samples, {figures}, max {self.max}>"
