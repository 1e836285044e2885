"""Stability: does a figure drift while a steady load lasts?"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ...base.evidence import Evidence, Point
from ...base.units import Quantity, Unit, show
from ...errors import Inconclusive

if TYPE_CHECKING:
    from numpy.typing import NDArray

__tracebackhide__ = True

# The parameters and what they lead to: docs/statistics.md.
_SETTLING = 0.2
_BATCHES = 12
_LEAST_PER_BATCH = 20
# Of Student's t with _BATCHES - 2 degrees of freedom, one-sided: at 0.25 %, 5 % and 2.5 %.
_T_RISES = 3.581
_T_BOUNDED = 1.812
_T_INTERVAL = 2.228
#: The least growth that matters, and that which would not be missed.
_GROWTH = 0.10
_NOT_MISSED = 0.20
#: From this correlation of batches on, how much they depend on each other can't be told from 12 of
#: them; it is taken for as much as this then.
_CORRELATED = 0.4
_MOST_CORRELATED = 0.95
_HOUR = 3600.0


class TimeSeries(Protocol):
    """Measurements over time."""

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds from the start of the run, in order."""

    @property
    def values(self) -> NDArray[np.float64]:
        """What was measured then."""


@dataclass(frozen=True)
class Drift:
    """Whether a figure rises while it should not; true if it does.

    Attributes:
        name: what it is the drift of.
        growth: how much it rises from the start of the run to its end, as a share of its median.
        per_hour: how much it rises in an hour, in the figure's unit, at full scale.
        interval: lower and upper end of ``per_hour``, with 95 % confidence.
        significant: whether the rise is more than chance, at 0.25 %.
        samples: how many values it was taken from.
        batches: the means that were looked at, over time.
    """

    name: str
    growth: Quantity
    per_hour: Quantity
    interval: tuple[Quantity, Quantity]
    significant: bool
    samples: int
    batches: tuple[Point, ...] = field(repr=False)

    def __bool__(self) -> bool:
        return self.significant and float(self.growth) > _GROWTH

    def __repr__(self) -> str:
        low, high = self.interval
        verb = "drifts" if self else "does not drift"
        chance = "more than chance" if self.significant else "within chance"
        return (
            f"<{self.name} {verb}: {float(self.growth):+.1%} over the run, "
            f"{self.per_hour} per hour ({low} to {high}), {chance}>"
        )

    def evidence(self) -> Evidence:
        """Gather what the verdict rests on."""
        return Evidence(
            subject=f"{self.name}, means of {len(self.batches)} batches",
            show=partial(show, unit=self.per_hour.unit),
            samples=self.samples,
            points=self.batches,
            statements=(repr(self).strip("<>"),),
        )


def drift(
    name: str,
    times: NDArray[np.float64],
    values: NDArray[np.float64],
    unit: Unit,
    time_scale: float = 1.0,
) -> Drift:
    """Judge whether values rise over time, in the means of 12 batches after the first fifth.

    They do if the slope of a straight line is above 0 at 0.25 % (Student's t, one-sided), and if
    the slope of Theil and Sen (the median of those between all pairs), over the whole run, is more
    than a tenth of the median. They don't if the upper bound of the slope, at 95 %, is less than a
    fifth. The means of batches hide how values depend on those just before them; where even those
    do, the error of the slope is larger by the factor of an AR(1) process: that of the correlation
    found, or where it is high, of 0.95, for twelve means tell it badly: one run in a hundred of
    independent ones is above 0.4.

    Args:
        name: what the values are.
        times: seconds from the start of the run, in order.
        values: one for each.
        unit: of the values.
        time_scale: the factor on times that the run had.

    Raises:
        Inconclusive: too few values, values that vary too much to tell, or batches that depend on
            each other.
    """
    if not len(times):
        raise _too_few(name, 0)
    start, end = float(times[0]), float(times[-1])
    edges = np.linspace(start + _SETTLING * (end - start), end, _BATCHES + 1)
    places = np.searchsorted(times, edges[1:-1])
    first = int(np.searchsorted(times, edges[0]))
    batches = np.split(values[first:], places - first)
    if min(map(len, batches)) < _LEAST_PER_BATCH:
        raise _too_few(name, len(times))
    means = np.array([batch.mean() for batch in batches])
    middles = (edges[1:] + edges[:-1]) / 2
    slope, lone_error, correlation = _line(middles, means)
    error = lone_error * _inflation(max(correlation, 0.0))
    hour = _HOUR * (1.0 if unit is Unit.SECOND else time_scale)
    found = Drift(
        name=name,
        growth=Quantity(_growth(middles, means, end - start), Unit.RATIO),
        per_hour=Quantity(slope * hour, unit),
        interval=(
            Quantity((slope - _T_INTERVAL * error) * hour, unit),
            Quantity((slope + _T_INTERVAL * error) * hour, unit),
        ),
        significant=slope > _T_RISES * error,
        samples=len(values) - first,
        batches=tuple(
            Point(low, high, mean)
            for (low, high), mean in zip(pairwise(edges.tolist()), means.tolist(), strict=True)
        ),
    )
    if not found:
        limit = _NOT_MISSED * abs(float(np.median(means)))
        at_most = (slope + _T_BOUNDED * error) * (end - start)
        if at_most > limit:
            raise _too_uncertain(found, at_most / limit * _NOT_MISSED if limit else np.inf)
        worst = lone_error * _inflation(_MOST_CORRELATED)
        if correlation > _CORRELATED and (slope + _T_BOUNDED * worst) * (end - start) > limit:
            raise _too_slow(found, correlation)
    return found


def _too_few(name: str, count: int) -> Inconclusive:
    return Inconclusive(
        f"drift of {name} needs at least {_LEAST_PER_BATCH} values in each of {_BATCHES} stretches "
        f"of the run after its first fifth; there are {count} in all"
    )


def _line(times: NDArray[np.float64], means: NDArray[np.float64]) -> tuple[float, float, float]:
    """Fit a straight line; give its slope, the error of that if means don't depend on each other,
    and how what is left correlates.
    """
    centred = times - times.mean()
    spread = float(centred @ centred)
    slope = float(centred @ means) / spread
    rest = means - means.mean() - slope * centred
    squares = float(rest @ rest)
    correlation = float(rest[1:] @ rest[:-1]) / squares if squares > 0 else 0.0
    error = np.sqrt(squares / (len(means) - 2) / spread)
    return slope, float(error), correlation


def _inflation(correlation: float) -> float:
    """How much larger errors are where values follow an AR(1) process."""
    return float(np.sqrt((1 + correlation) / (1 - correlation)))


def _too_slow(found: Drift, correlation: float) -> Inconclusive:
    return Inconclusive(
        f"drift of {found.name}: the means of {_BATCHES} stretches of the run depend on each "
        f"other (correlation {correlation:.2f}): the run is too short for how slowly it changes"
    )


def _too_uncertain(found: Drift, at_most: float) -> Inconclusive:
    return Inconclusive(
        f"drift of {found.name}: {float(found.growth):+.0%} over the run was measured, up to "
        f"{at_most:+.0%} can't be ruled out; a longer run, or more samples, would tell"
    )


def _growth(times: NDArray[np.float64], means: NDArray[np.float64], duration: float) -> float:
    first, second = np.triu_indices(len(means), 1)
    slopes = (means[second] - means[first]) / (times[second] - times[first])
    median = float(np.median(means))
    rise = float(np.median(slopes)) * duration
    if median == 0:
        return float(np.copysign(np.inf, rise)) if rise else 0.0
    return rise / abs(median)
