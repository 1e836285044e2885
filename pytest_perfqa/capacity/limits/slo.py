"""Service level objectives such as ``p95 <= 2s and error_rate <= 1%``, judged while they go.

An objective bounds metrics of a number of requests from above: each of its conditions is one as a
scenario's ``thresholds`` are, but says what is wanted. It is judged on the sample at hand,
as early as its verdict is certain: requests that fail, or wait for longer than the limit, count
before the others have come back.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...base.conditions import Condition, comparison
from ...base.metrics import find
from ...base.units import Unit, parse, show
from ...errors import ConfigurationError, UnitError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...base.conditions import Operator
    from ...base.metrics import RunMetric
    from ..probing.exchange import ProbeExchange

_ACCEPTED = (
    "conditions joined by 'and', each a metric (error_rate, errors, p50, p95, p99, max, mean, "
    "5xx, 503), '<=', '<' or '==' (with 0), and a limit, such as 'p95 <= 2s and error_rate <= 1%'"
)
_ERRORS = {"error_rate", "errors"}
_ROUNDING = 1e-9


@dataclass(frozen=True)
class SampleJudgement:
    """What can be said of a sample: met (True), broken (False) or not yet certain (None).

    Attributes:
        why: the condition that is broken, and what was found.
        condition: that condition.
    """

    met: bool | None
    why: str = ""
    condition: Condition | None = None


@dataclass(frozen=True)
class Slo:
    """Conditions that all must hold."""

    text: str
    conditions: tuple[Condition, ...]

    def scaled(self, factor: float) -> Slo:
        """Give the objective with its times multiplied by ``factor``."""
        return Slo(self.text, tuple(one.scaled(factor) for one in self.conditions))

    @property
    def latency_limit(self) -> float:
        """The shortest time that a condition on latency names; infinite if there is none."""
        return min(
            (one.limit for one in self.conditions if one.unit is Unit.SECOND), default=math.inf
        )

    def judge(self, sample: Sample) -> SampleJudgement:
        """Judge a sample, be it complete or not."""
        certain = True
        for condition in self.conditions:
            found = _judge(condition, sample)
            if found.met is False:
                return found
            certain = certain and found.met is True
        return SampleJudgement(True if certain else None)


@dataclass(frozen=True)
class Sample:
    """Requests and what came of them so far.

    Attributes:
        planned: how many there are to be.
        good: latencies, in seconds, of those answered with neither 4xx nor 5xx.
        failed: how many ended otherwise.
        statuses: how many answers had each status.
        ages: how long the others have been pending; those not yet due are in none of these.
    """

    planned: int
    good: tuple[float, ...]
    failed: int
    statuses: Counter[int]
    ages: tuple[float, ...] = ()

    @classmethod
    def done(cls, good: tuple[float, ...], failed: int, status: int = 0) -> Sample:
        """Take the sample of requests that have all ended; ``status`` is that of the failed."""
        statuses = Counter({status: failed}) if status and failed else Counter[int]()
        return cls(len(good) + failed, good, failed, statuses)

    @classmethod
    def of(cls, exchanges: Iterable[ProbeExchange], planned: int, now: float) -> Sample:
        """Take a sample at a moment of the clock of the exchanges."""
        good, ages, failed, statuses = [], [], 0, Counter[int]()
        for one in exchanges:
            if one.pending:
                ages.append(now - one.intended)
                continue
            if one.is_answered:
                statuses[one.status] += 1
            if one.is_good:
                good.append(one.latency)
            else:
                failed += 1
        return cls(planned, tuple(good), failed, statuses, tuple(ages))


def parse_slo(text: str) -> Slo:
    """Read an objective.

    Raises:
        ConfigurationError: with everything in it that can't be, and what is accepted.
    """
    if not isinstance(text, str) or not text.strip():
        raise ConfigurationError(f"slo={text!r}: accepted: {_ACCEPTED}")
    conditions, mistakes = [], []
    for part in re.split(r"\s+and\s+", text.strip()):
        try:
            conditions.append(_condition(part))
        except ValueError as error:
            mistakes.append(f"{part!r}: {error}")
    if mistakes:
        raise ConfigurationError(f"slo={text!r}: {'; '.join(mistakes)}; accepted: {_ACCEPTED}")
    return Slo(text.strip(), tuple(conditions))


def allowed(condition: Condition, planned: int) -> int:
    """Give how many of the requests may count against a condition."""
    if condition.counted.percent is not None:
        return planned - condition.needed(planned)
    most = condition.limit * planned if condition.unit is Unit.RATIO else condition.limit
    whole = math.floor(most + _ROUNDING)
    return whole - 1 if condition.operator == "<" and whole >= most - _ROUNDING else whole


def concerns(condition: Condition, status: int) -> bool:
    """Tell whether a condition on ``5xx`` or ``503`` is about a status."""
    code = condition.metric.removeprefix("status.")
    return str(status).startswith(code.rstrip("x"))


def bounds_errors(condition: Condition) -> bool:
    """Tell whether a condition bounds how many requests fail, whatever came of them."""
    return condition.metric in _ERRORS


def bounds_mean(condition: Condition) -> bool:
    """Tell whether a condition bounds the mean latency."""
    return condition.metric == "latency.mean"


def _condition(part: str) -> Condition:
    found = comparison(part)
    if found is None or not (found[0] and found[2]):
        raise ValueError("is no condition")
    name, sign, limit = found
    metric = _metric(name)
    units = (metric.unit, Unit.RATIO) if metric.share else (metric.unit,)
    value, unit = _limit(limit, units)
    if sign not in {"<", "<=", "=="} or (sign == "==" and value != 0):
        raise ValueError(f"an objective bounds from above, {sign!r} does not")
    if value < 0 or (sign == "<" and value == 0):
        raise ValueError("can't be met")
    if unit is Unit.SECOND and value == 0:
        raise ValueError("no answer takes no time")
    operator: Operator = "<" if sign == "<" else "<="
    return Condition(part, 0, metric.name, operator, value, unit)


def _metric(name: str) -> RunMetric:
    metric = find(name)
    if (
        metric is not None
        and metric.windows is not None
        and (metric.name in _ERRORS or metric.name.startswith(("latency.", "status.")))
    ):
        return metric
    raise ValueError(f"{name!r} is no metric")


def _limit(text: str, units: tuple[Unit, ...]) -> tuple[float, Unit]:
    try:
        quantity = parse(text)
    except UnitError as error:
        raise ValueError(str(error)) from None
    value, unit = float(quantity), quantity.unit
    if unit is Unit.COUNT and unit not in units:
        # A ratio may be written as such, and nothing needs no unit.
        if units == (Unit.RATIO,) and value <= 1:
            return value, Unit.RATIO
        raise ValueError(f"{text!r} needs a unit, such as {_example(units)}")
    if unit not in units:
        raise ValueError(f"{text!r} is of the wrong unit; use one such as {_example(units)}")
    return value, unit


def _example(units: tuple[Unit, ...]) -> str:
    return "'2s'" if Unit.SECOND in units else "'1%'"


def _judge(condition: Condition, sample: Sample) -> SampleJudgement:
    if bounds_mean(condition):
        return _judge_mean(condition, sample)
    against, waiting = _against(condition, sample)
    most = allowed(condition, sample.planned)
    if against > most:
        found = f"{against} of {sample.planned} against it, {most} allowed"
        return SampleJudgement(False, f"{condition}: {found}", condition)
    return SampleJudgement(True if against + waiting <= most else None)


def _against(condition: Condition, sample: Sample) -> tuple[int, int]:
    """Give how many count against a condition, and of how many that isn't known yet."""
    unknown = sample.planned - len(sample.good) - sample.failed
    if bounds_errors(condition):
        return sample.failed, unknown
    if condition.counted.percent is None:
        concerned = (code for code in sample.statuses if concerns(condition, code))
        return sum(sample.statuses[code] for code in concerned), unknown
    old = sum(not condition.is_met_by(age) for age in sample.ages)
    slow = sum(not condition.is_met_by(latency) for latency in sample.good)
    # A request without a good answer is slower than any limit.
    return sample.failed + old + slow, unknown - old


def _judge_mean(condition: Condition, sample: Sample) -> SampleJudgement:
    total = sum(sample.good) + sum(sample.ages)
    is_complete = len(sample.good) + sample.failed == sample.planned
    # No more than all of them can come back good: the mean is at least this.
    least = total / max(1, len(sample.good) if is_complete else sample.planned - sample.failed)
    if not condition.is_met_by(least) or (is_complete and not sample.good):
        found = f"at least {show(least, Unit.SECOND)}" if sample.good else "not one good answer"
        return SampleJudgement(False, f"{condition}: {found}", condition)
    return SampleJudgement(True if is_complete else None)
