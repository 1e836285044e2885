"""Pending requests: how many are in the system, and whether they pile up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import Inconclusive, NoData
from ..load.record import Outcome
from ..samples import quantile
from ..units import Quantity, Unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..samples import Samples

__tracebackhide__ = True

_BATCHES = 12
_LOOKS_PER_BATCH = 20
_ARRIVALS_PER_BATCH = 2
# One-sided 1 % point of Student's t with _BATCHES - 2 degrees of freedom.
_T_LIMIT = 2.764
# Growth must matter, too: a backlog of some requests, and a quarter of what is at work anyway.
_LEAST_GROWTH = 3.0
_GROWTH_SHARE = 0.25
_UNLOADED = 0.1


class Pending:
    """Arrivals that have come and not been answered yet, over a stretch of time."""

    def __init__(self, arrivals: Samples, start: float, end: float) -> None:
        """Watch all ``arrivals`` of a run between two moments, in seconds from its start."""
        self._arrivals = arrivals
        self._start = start
        self._end = end
        rows = arrivals.rows
        unfinished = rows["outcome"] == Outcome.PENDING
        self._begun = _Steps(rows["intended"], rows["weight"])
        self._ended = _Steps(np.where(unfinished, np.inf, arrivals.ends), rows["weight"])

    def at(self, moments: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give how many are pending at each of these moments, in seconds from the run's start."""
        return self._begun(moments) - self._ended(moments)

    @property
    def at_end(self) -> Quantity:
        """How many arrivals of the run never came to an end."""
        unfinished = self._arrivals.rows["outcome"] == Outcome.PENDING
        return Quantity(self._arrivals.where(unfinished).count, Unit.COUNT)

    @property
    def max(self) -> Quantity:
        """The most that were pending at once.

        Raises:
            NoData: there were no arrivals.
        """
        self._require_arrivals()
        moments = self._arrivals.rows["intended"]
        within = moments[(moments >= self._start) & (moments <= self._end)]
        return Quantity(float(self.at(np.append(within, self._start)).max()), Unit.COUNT)

    @property
    def mean(self) -> Quantity:
        """The average over time.

        Raises:
            NoData: there were no arrivals.
        """
        self._require_arrivals()
        return Quantity(float(self.at(self._moments(1000)).mean()), Unit.COUNT)

    @property
    def grows(self) -> bool:
        """Whether requests pile up: the backlog has a rising trend that matters.

        The backlog is what has been pending for longer than the service time. What is pending
        for less is at work, as Little's law (in system = rate x time) has it, so a rising rate
        alone is no queue. The trend is a least-squares slope over 12 batch means, one-sided at
        1 % (a slope over raw values is wrong in up to 44 % of stationary runs).

        Raises:
            Inconclusive: too few arrivals in this stretch.
            NoData: there were no arrivals, or none got a good answer: no service time is known.
        """
        self._require_arrivals()
        within = self._begun(np.array([self._end])) - self._begun(np.array([self._start]))
        needed = _BATCHES * _ARRIVALS_PER_BATCH
        if within[0] < needed:
            raise Inconclusive(
                f"whether pending grows needs at least {needed} arrivals, this stretch has "
                f"{within[0]:.0f}"
            )
        service = self._service_time()
        moments = self._moments(_BATCHES * _LOOKS_PER_BATCH)
        backlog = self._older_than(service).at(moments)
        at_work = self.at(moments) - backlog
        growth = _significant_growth(backlog.reshape(_BATCHES, -1).mean(axis=1))
        return growth > max(_LEAST_GROWTH, _GROWTH_SHARE * float(at_work.max()))

    def _older_than(self, age: float) -> Pending:
        """Give the same, each arrival counted only from this age on."""
        rows = self._arrivals.rows
        stays = (self._arrivals.latency > age) | (rows["outcome"] == Outcome.PENDING)
        older = rows[stays]
        older["intended"] += age
        older["response"] -= age
        return Pending(type(self._arrivals)(older), self._start, self._end)

    def _moments(self, count: int) -> NDArray[np.float64]:
        width = (self._end - self._start) / count
        return self._start + width * (np.arange(count, dtype=np.float64) + 0.5)

    def _service_time(self) -> float:
        answered = self._arrivals.answered
        good = answered.where(answered.rows["status"] < 400)
        if not good.count:
            raise NoData("pending: not one good answer, so the service time is not known")
        return quantile(good.rows["response"].astype(float), good.rows["weight"], _UNLOADED)

    def _require_arrivals(self) -> None:
        if not self._arrivals.count:
            raise NoData("pending: there were no arrivals")

    def __repr__(self) -> str:
        if not self._arrivals.count:
            return "<pending of nothing>"
        return f"<pending: max {self.max}, mean {self.mean}, at end {self.at_end}>"


class _Steps:
    """How much weight lies at or before a moment."""

    def __init__(self, moments: NDArray[np.float64], weights: NDArray[np.uint32]) -> None:
        order = np.argsort(moments, kind="stable")
        self._moments = moments[order]
        self._upto = np.concatenate([[0.0], np.cumsum(weights[order], dtype=np.float64)])

    def __call__(self, moments: NDArray[np.float64]) -> NDArray[np.float64]:
        upto: NDArray[np.float64] = self._upto[np.searchsorted(self._moments, moments, "right")]
        return upto


def _significant_growth(means: NDArray[np.float64]) -> float:
    """Give the growth over all batches that a straight line finds, 0 if it may be chance."""
    number = np.arange(len(means)) - (len(means) - 1) / 2
    slope = float(number @ means / (number @ number))
    rest = means - means.mean() - slope * number
    deviation = np.sqrt(float(rest @ rest) / (len(means) - 2) / float(number @ number))
    if slope <= _T_LIMIT * deviation:
        return 0.0
    return slope * len(means)
