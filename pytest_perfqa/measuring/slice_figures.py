"""What is compared, of slices: a figure of each, or how many of its requests are of a kind."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING

from ..base.metrics import accepted, find
from ..base.units import Unit, parse
from ..compare.check import Check, Share, ShareCheck
from ..errors import ConfigurationError, Inconclusive, NoData, UnitError
from ..load.wire.tally import counted

if TYPE_CHECKING:
    from ..base.metrics import RunMetric
    from ..result.run_result import RunResult
    from ..result.slice import Slice

__tracebackhide__ = True

_ROUNDING = 1e-9
_WITHIN = "more than 0% and at most 50%, such as '5%'"


def check_of(name: str, within: str | float, endpoint: str | None = None) -> Check:
    """Give what is to be checked, by the name of a metric.

    Args:
        name: as conditions have it, such as ``latency.p95`` or ``error_rate``.
        within: by how much it may be worse, such as ``"5%"`` or ``0.05``.
        endpoint: such as ``POST /checkout``; None for all.

    Raises:
        ConfigurationError: there is no such metric, or none of one endpoint; or ``within`` is none.
    """
    metric = find(name) if isinstance(name, str) else None
    if metric is None:
        raise ConfigurationError(f"no metric {name!r}; accepted: {accepted()}")
    if endpoint is not None and metric.of != "requests":
        raise ConfigurationError(
            f"{metric.name} of {endpoint}: it is of all requests together; accepted: without "
            "endpoint="
        )
    kind = ShareCheck if _is_share(metric) else Check
    worse = "higher" if metric.worse == "more" else "lower"
    try:
        return kind(metric.name, _share(within), endpoint, worse)  # type: ignore[arg-type]
    except ValueError:
        raise ConfigurationError(f"within: found {within!r}; accepted: {_WITHIN}") from None


def _is_share(metric: RunMetric) -> bool:
    return metric.windows is not None and (metric.name == "error_rate" or metric.share is not None)


def _share(written: str | float) -> float:
    if not isinstance(written, str):
        return float(written)
    with contextlib.suppress(UnitError):
        share = parse(written)
        # A bare 5 may be meant as 5 % or as five times as much.
        if share.unit is Unit.RATIO or (share.unit is Unit.COUNT and share < 1):
            return float(share)
    raise ValueError(written)


def metric_checked(check: Check) -> RunMetric:
    """Give the metric of a check."""
    metric = find(check.metric)
    assert metric is not None  # noqa: S101 - ``check_of`` has found it
    return metric


def figure(slice_: RunResult, check: Check) -> float | Share:
    """Take from a slice what a check is about.

    Of a percentile that is the sample's own: pairs say how sure it is.

    Raises:
        NoData: there is none.
        Inconclusive: there are too few requests for it.
    """
    metric = metric_checked(check)
    part: Slice = slice_ if check.endpoint is None else slice_.endpoint(check.endpoint)
    if isinstance(check, ShareCheck):
        assert metric.windows is not None  # noqa: S101 - else it were no share
        count, of = counted(metric.windows, part.samples.requests.rows)
        if not of:
            raise NoData(f"{check}: no request has come to an end")
        return Share(count, of)
    percent = metric.windows.percent if metric.windows is not None else None
    if metric.is_time_of_requests and percent is not None:
        return _percentile(part, check, percent)
    value = float(metric.take(part))
    if not (math.isfinite(value) and value >= 0):
        raise NoData(f"{check}: found {value:g}; nothing below 0 can be compared, nor what is none")
    return value


def _percentile(part: Slice, check: Check, percent: float) -> float:
    times = part.latency if check.metric.startswith("latency.") else part.response
    if not times.count:
        raise NoData(f"{check}: no request was answered")
    # Of fewer it would be the longest of all.
    needed = 1 if percent == 100 else math.ceil(1 / (1 - percent / 100) - _ROUNDING)
    if times.count < needed:
        raise Inconclusive(
            f"{check}: it takes {needed} requests in each slice, one has {times.count}; accepted: "
            "a lower percentile, or a higher rate"
        )
    return float(times.sample_percentile(percent))
