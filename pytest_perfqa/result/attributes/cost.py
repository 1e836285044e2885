"""What an answer costs: the CPU time of the service, and bytes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ...base.units import Quantity, Unit
from ...errors import NoData

if TYPE_CHECKING:
    from ...base.evidence import Evidence
    from ...scenario.spans import Spans
    from ..samples import Samples
    from .origin import Origin, Portion
    from .resources import Resources

__tracebackhide__ = True

#: Gives what the parts used over some time.
Used = Callable[["Spans"], "Resources"]


def cpu_per_request(samples: Samples, spans: Spans, used: Used, origin: Origin) -> Quantity:
    """Give the CPU time of all parts in some time for each of the samples as expected.

    Raises:
        NoData: there is none, or it isn't known what the parts used.
    """
    good = samples.requests.as_expected.count
    if not good:
        raise NoData(f"CPU per request of {origin.name}: nothing was answered as expected")
    value = used(spans).total.cpu_seconds / good
    return Quantity(value, Unit.SECOND, gather=partial(_cpu_evidence, used, origin))


def _cpu_evidence(used: Used, origin: Origin) -> Evidence:
    def figure(part: Portion) -> float | None:
        try:
            return float(cpu_per_request(part.samples, part.spans, used, origin))
        except NoData:  # so short that nobody looked, or nothing was answered
            return None

    good = origin.samples.requests.as_expected.count
    return origin.evidence("CPU per request", figure, Unit.SECOND, samples=good)


def bytes_per_answer(samples: Samples, origin: Origin) -> Quantity:
    """Give the mean size of the bodies of whole answers.

    Raises:
        NoData: there is none.
    """
    value = _mean_size(samples)
    if value is None:
        raise NoData(f"bytes per answer of {origin.name}: nothing was answered")
    return Quantity(value, Unit.BYTE, gather=partial(_size_evidence, origin))


def _mean_size(samples: Samples) -> float | None:
    rows = samples.requests.with_status.rows
    return float(np.average(rows["size"], weights=rows["weight"])) if len(rows) else None


def _size_evidence(origin: Origin) -> Evidence:
    return origin.evidence(
        "bytes per answer",
        lambda part: _mean_size(part.samples),
        Unit.BYTE,
        samples=origin.samples.requests.with_status.count,
    )
