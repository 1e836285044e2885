"""The metrics of a run, each defined once: what conditions, reports and exports may ask for.

A metric says what it is of, in which unit, and how it is taken from a run or a part of it; where it
can be counted request by request, also how, so that a condition may last (windows) and several
processes add up to what one would have counted. Packages of others add theirs by entry points of
the group ``pytest_perfqa.metrics``: each is a ``RunMetric`` of its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from numbers import Real
from operator import attrgetter
from typing import Any, Literal

from ..errors import ConfigurationError, Inconclusive, InvalidRun, NoData
from .entry_points import installed, load
from .units import Quantity, Unit, show

#: Takes a figure from a run or a part of it, a ``Slice``.
Taken = Callable[[Any], Quantity]
#: What rows of records say, each: by its name in ``load.wire.tally``, the label of an outcome, or a
#: function of rows.
Which = str | Callable[[Any], Any]

GROUP = "pytest_perfqa.metrics"
#: How a request can have failed of which conditions may speak.
ERROR_KINDS = (
    *("timeout", "refused", "reset", "closed", "protocol", "unreachable", "tls"),
    *("expectation", "capture", "redirect", "no descriptors", "no ports"),
)


@dataclass(frozen=True)
class WindowCount:
    """How a metric is counted on the requests that ended in a window; counts of several add up.

    Attributes:
        of: which requests could count.
        part: which of them do, or how much each of them adds.
        per: what the sum is divided by: nothing (a number of them), the requests that could count,
            or the seconds of the window, which then tells also without requests. ``moment`` is a
            level that is looked at when the window ends.
        percent: of a percentile, whose ``part`` is a time: those within the limit are counted.
    """

    of: Which
    part: Which
    per: Literal["number", "request", "second", "moment"] = "number"
    percent: float | None = None


@dataclass(frozen=True)
class RunMetric:
    """A figure that can be asked of a run.

    Attributes:
        name: as conditions have it, such as ``throughput`` or ``latency.jitter``.
        unit: of the figure, and of its limits.
        text: what it is, in a line.
        figure: takes it from a run or a part of it; None if the attribute of its name is it.
        share: takes it as a share, where a limit may be one: ``errors > 1%``.
        worse: whether more of it is worse, or less.
        windows: how it is counted in windows; None if it is of a whole run only.
        of: what it is a figure of: an endpoint has no arrivals, and of what the service used nobody
            knows for which it was; a part of a run has nothing that is of the run alone.
        is_scaled: whether times and rates of it follow the time scale.
    """

    name: str
    unit: Unit
    text: str
    figure: Taken | None = None
    share: Taken | None = None
    worse: Literal["more", "less"] = "more"
    windows: WindowCount | None = None
    of: Literal["requests", "arrivals", "service", "run"] = "requests"
    is_scaled: bool = True

    @property
    def is_time_of_requests(self) -> bool:
        """Whether it is how long requests take: none goes on after the time-out."""
        return self.name.startswith(("latency.", "response."))

    def take(self, part: Any, unit: Unit | None = None) -> Quantity:
        """Give it, of a run or a part of it; in the unit of a limit, if there is one.

        Raises:
            NoData: there is nothing to take it from, or the code that takes it fails.
            Inconclusive: there are too few samples for it.
            InvalidRun: the run, or that part of it, can't be believed.
        """
        figure, wanted = self.figure or attrgetter(self.name), self.unit
        if self.share is not None and unit is Unit.RATIO is not self.unit:
            figure, wanted = self.share, unit
        try:
            found = figure(part)
        except (Inconclusive, InvalidRun, NoData):
            raise
        except Exception as error:  # whatever the code of others raises
            why = f"{type(error).__name__}: {error}"
            raise NoData(f"{self.name} can't be taken: {why}") from error
        return self._quantity(found, wanted, part)

    def _quantity(self, found: object, unit: Unit, part: Any) -> Quantity:
        """Take a plain number, which is what most calculations give, in the unit of the metric."""
        if isinstance(found, Quantity):
            if found.unit is unit or {found.unit, unit} == {Unit.COUNT, Unit.RATIO}:
                return found
        elif isinstance(found, Real):
            return Quantity(float(found), unit, part.duration.time_scale)
        example = repr(show(1.0, unit))
        raise NoData(f"{self.name}: found {found!r}; accepted: a Quantity such as {example}")


@dataclass(frozen=True)
class _Family:
    """Metrics with something in their name, such as ``latency.p99.9``; the prefix may be left out.

    Attributes:
        shown: some of them, for those who ask what there is.
    """

    pattern: re.Pattern[str]
    shown: str
    make: Callable[[re.Match[str]], RunMetric | None]


def _times(found: re.Match[str]) -> RunMetric | None:
    of, statistic = found["of"] or "latency", found["statistic"]
    percent = {"median": 50.0, "max": 100.0}.get(statistic)
    if percent is None and statistic != "mean":
        percent = float(statistic.removeprefix("p"))
    if percent == 0:
        return None

    def figure(part: Any) -> Quantity:
        times = getattr(part, of)
        taken: Quantity
        if percent is None or statistic == "max":
            taken = getattr(times, statistic)
        else:
            taken = times.percentile(percent)
        return taken

    statistic = {"median": "p50"}.get(statistic, statistic)
    start = "they were due" if of == "latency" else "they were sent"
    return RunMetric(
        f"{of}.{statistic}",
        Unit.SECOND,
        f"{statistic} of the times of requests from when {start}",
        figure,
        windows=WindowCount("timed", of, "request", percent),
    )


def _status(found: re.Match[str]) -> RunMetric:
    code = found["code"]
    low, high = (int(code.replace("x", digit)) for digit in "09")
    return RunMetric(
        f"status.{code}",
        Unit.COUNT,
        f"answers with a status of {code}",
        lambda part: part.status[code],
        lambda part: part.status.share(code),
        worse="more" if code >= "4" else "less",
        windows=WindowCount("answered", lambda rows: _between(rows["status"], low, high)),
    )


def _between(numbers: Any, low: int, high: int) -> Any:
    return (numbers >= low) & (numbers <= high)


def _errors(found: re.Match[str]) -> RunMetric:
    kind = found["kind"]
    return RunMetric(
        f"errors.{kind}",
        Unit.COUNT,
        f"requests that failed: {kind}",
        lambda part: part.errors[kind],
        lambda part: part.errors.share_of(kind),
        windows=WindowCount("ended", kind),
    )


_FAMILIES = (
    _Family(
        re.compile(
            r"(?:(?P<of>latency|response)\.)?"
            r"(?P<statistic>p\d{1,2}(?:\.\d+)?|median|mean|max)\Z"
        ),
        "[latency.|response.]{p50, p95, p99.9, mean, max}",
        _times,
    ),
    _Family(re.compile(r"(?:status\.)?(?P<code>[1-5]xx|[1-5]\d\d)\Z"), "5xx, 503", _status),
    _Family(re.compile(rf"errors\.(?P<kind>{'|'.join(ERROR_KINDS)})\Z"), "errors.timeout", _errors),
)
_OWN = (
    RunMetric(
        "error_rate",
        Unit.RATIO,
        "requests that were not answered as expected, of those that ended",
        windows=WindowCount("ended", "unexpected", "request"),
    ),
    RunMetric(
        "errors",
        Unit.COUNT,
        "requests without a whole, expected answer",
        attrgetter("errors.total"),
        attrgetter("errors.share"),
        windows=WindowCount("ended", "failed"),
    ),
    RunMetric(
        "throughput",
        Unit.PER_SECOND,
        "answers as expected",
        attrgetter("throughput.mean"),
        worse="less",
        windows=WindowCount("everything", "as expected", "second"),
    ),
    RunMetric(
        "pending",
        Unit.COUNT,
        "the most arrivals in the system at once",
        attrgetter("pending.max"),
        windows=WindowCount("everything", "everything", "moment"),
        of="arrivals",
    ),
    RunMetric(
        "latency.min",
        Unit.SECOND,
        "the shortest time of a request from when it was due",
    ),
    RunMetric(
        "latency.jitter",
        Unit.SECOND,
        "mean absolute difference of the latencies of successive requests",
    ),
    RunMetric(
        "throughput.offered",
        Unit.PER_SECOND,
        "requests sent",
        worse="less",
    ),
    RunMetric(
        "requests",
        Unit.COUNT,
        "requests sent",
        worse="less",
    ),
    RunMetric(
        "answers",
        Unit.COUNT,
        "whole answers, whatever their status",
        lambda part: Quantity(sum(part.status[code] for code in part.status), Unit.COUNT),
        worse="less",
    ),
    RunMetric(
        "bytes_per_answer",
        Unit.BYTE,
        "mean size of the bodies of whole answers, whatever their status",
    ),
    RunMetric(
        "cpu_per_request",
        Unit.SECOND,
        "CPU time of all parts of the service for each answer as expected",
        of="service",
        is_scaled=False,
    ),
    RunMetric(
        "memory",
        Unit.BYTE,
        "the most memory in use, of all parts of the service together",
        attrgetter("resources.total.memory.max"),
        of="service",
    ),
    RunMetric(
        "launched",
        Unit.COUNT,
        "arrivals that came",
        worse="less",
        of="arrivals",
    ),
    RunMetric(
        "completed",
        Unit.COUNT,
        "arrivals whose every request was answered",
        worse="less",
        of="arrivals",
    ),
    RunMetric(
        "failed",
        Unit.COUNT,
        "arrivals that got no answer, or one that was not as expected",
        of="arrivals",
    ),
    RunMetric(
        "skipped",
        Unit.COUNT,
        "arrivals that maxVusers left out",
        lambda run: Quantity(run.generator.skipped, Unit.COUNT),
        of="run",
    ),
)


_NAMED = {metric.name: metric for metric in _OWN}


@cache
def find(name: str) -> RunMetric | None:
    """Give the metric of a name, also a short one such as ``p95`` or ``5xx``; None of no such.

    Raises:
        ConfigurationError: a package adds it, but it can't be imported, or is none.
    """
    for family in _FAMILIES:
        found = family.pattern.match(name)
        if found is not None and (metric := family.make(found)) is not None:
            return metric
    if name in _NAMED or name not in installed(GROUP):
        return _NAMED.get(name)
    added = load(GROUP, name)
    if isinstance(added, RunMetric) and added.name == name:
        return added
    raise ConfigurationError(
        f"{name!r} of {GROUP} ({installed(GROUP)[name].value}): found {added!r}; "
        f"accepted: RunMetric({name!r}, ...)"
    )


def names() -> tuple[str, ...]:
    """Give the names of all metrics that are no family: our own, and those of other packages."""
    return tuple(dict.fromkeys((*_NAMED, *installed(GROUP))))


def accepted() -> str:
    """Say what there is, for those who ask for something else."""
    return ", ".join([*(family.shown for family in _FAMILIES), *names()])
