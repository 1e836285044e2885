"""Fairness: how the load was shared between replicas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...errors import NoData
from ...load.wire.record import NO_REPLICA
from .names import Counted
from .origin import Figure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...base.units import Quantity
    from ..samples import Samples
    from .origin import Origin

__tracebackhide__ = True


class Shares(Counted[str]):
    """The share of answers that each replica gave, by its name.

    Which replica answered is known from the header that ``replica_header`` of the service's file
    names. A replica that gave no answer has the share 0.

    Raises:
        NoData: no answer says which replica gave it, or there is no such replica.
    """

    def __init__(
        self,
        samples: Samples,
        values: tuple[str, ...],
        replicas: Mapping[str, str],
        origin: Origin | None = None,
    ) -> None:
        """Count answers; ``values`` are the header's, ``replicas`` maps them to names."""
        told = _told(samples)
        counts = np.bincount(
            told.rows["replica"], weights=told.rows["weight"], minlength=len(values)
        )
        self._counts = dict.fromkeys(replicas.values(), 0)
        for value, count in zip(values, counts.astype(int), strict=True):
            name = replicas.get(value, value)
            self._counts[name] = self._counts.get(name, 0) + int(count)
        self._total = told.count
        self._values = values
        self._replicas = replicas
        self._origin = origin

    @property
    def counts(self) -> dict[str, int]:
        """How many answers each replica gave."""
        return dict(self._counts)

    def __getitem__(self, name: str) -> Quantity:
        if not self._total:
            raise NoData("no answer says which replica gave it; see replica_header")
        if name not in self._counts:
            raise NoData(f"no replica {name!r}; there are: {', '.join(self._counts)}")
        numbers = [
            number
            for number, value in enumerate(self._values)
            if self._replicas.get(value, value) == name
        ]
        figure = Figure(
            f"share of {name} in the answers", _told, lambda rows: np.isin(rows["replica"], numbers)
        )
        return figure.share(self._counts[name] / self._total, self._origin)


def _told(samples: Samples) -> Samples:
    """Give the answers that say which replica gave them."""
    answered = samples.requests.with_status
    return answered.where(answered.rows["replica"] != NO_REPLICA)
