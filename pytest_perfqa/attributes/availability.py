"""Availability: whether the service was there for its users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import NoData
from ..units import Quantity, Unit

if TYPE_CHECKING:
    from ..samples import Samples

__tracebackhide__ = True


class Availability:
    """How much of what was asked was served: answered, and not with a 5xx.

    Raises:
        NoData: the slice has no requests.
    """

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    @property
    def ratio(self) -> Quantity:
        """Requests served, as a share of all."""
        if not self._samples.count:
            raise NoData("availability: this slice has no requests")
        answered = self._samples.answered
        served = answered.where(answered.rows["status"] < 500)
        return Quantity(served.count / self._samples.count, Unit.RATIO)
