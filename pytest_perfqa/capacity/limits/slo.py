"""Service level objectives such as ``p95 <= 2s and error_rate <= 1%``, judged while they go.

An objective bounds metrics of a number of requests from above. It is judged on the sample at hand,
as early as its verdict is certain: requests that fail, or wait for longer than the limit, count
before the others have come back.
"""

from __future__ import annotations

import enum
import math
import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...base.units import Unit, parse, show
from ...errors import ConfigurationError, UnitError
from ...load.wire.record import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..probing.exchange import ProbeExchange

_CONDITION = re.compile(r"\s*([A-Za-z_0-9.]+)\s*(<=|<|==|=|>=|>|!=)\s*([^\s].*?)\s*\Z")
_PERCENTILE = re.compile(r"(?:median|p(\d{1,2}(?:\.\d+)?))\Z")
_STATUS = re.compile(r"[1-5](?:xx|\d\d)\Z")
_ACCEPTED = (
    "conditions joined by 'and', each a metric (error_rate, errors, p50, p95, p99, max, mean, "
    "5xx, 503), '<=', '<' or '==' (with 0), and a limit, such as 'p95 <= 2s and error_rate <= 1%'"
)
_ROUNDING = 1e-9


class Kind(enum.Enum):
    """What a condition bounds."""

    ERRORS = "error_rate"
    STATUS = "status"
    PERCENTILE = "percentile"
    MEAN = "mean"


@dataclass(frozen=True)
class Condition:
    """A metric and its upper limit.

    Attributes:
        metric: as written, such as ``p95``.
        limit: in seconds, a ratio of the requests, or a number of them.
        unit: of the limit.
        strict: whether the limit itself is already too much.
        share: of a percentile, between 0 and 1; the maximum is 1.
    """

    metric: str
    kind: Kind
    limit: float
    unit: Unit
    strict: bool = False
    share: float = 1.0

    def __str__(self) -> str:
        return f"{self.metric} {'<' if self.strict else '<='} {show(self.limit, self.unit)}"

    def allowed(self, planned: int) -> int:
        """Give how many of the requests may count against this condition."""
        if self.kind is Kind.PERCENTILE:
            return planned - math.ceil(self.share * planned - _ROUNDING)
        most = self.limit * planned if self.unit is Unit.RATIO else self.limit
        whole = math.floor(most + _ROUNDING)
        return whole - 1 if self.strict and whole >= most - _ROUNDING else whole

    def concerns(self, status: int) -> bool:
        """Tell whether a condition on ``5xx`` or ``503`` is about a status."""
        if self.metric.endswith("xx"):
            return status // 100 == int(self.metric[0])
        return str(status) == self.metric

    def exceeds(self, seconds: float) -> bool:
        """Tell whether a time is beyond the limit."""
        return seconds >= self.limit if self.strict else seconds > self.limit


@dataclass(frozen=True)
class Judgement:
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
        return Slo(
            self.text,
            tuple(
                replace(one, limit=one.limit * factor) if one.unit is Unit.SECOND else one
                for one in self.conditions
            ),
        )

    @property
    def latency_limit(self) -> float:
        """The shortest time that a condition on latency names; infinite if there is none."""
        return min(
            (one.limit for one in self.conditions if one.unit is Unit.SECOND), default=math.inf
        )

    def judge(self, sample: Sample) -> Judgement:
        """Judge a sample, be it complete or not."""
        certain = True
        for condition in self.conditions:
            found = _judge(condition, sample)
            if found.met is False:
                return found
            certain = certain and found.met is True
        return Judgement(True if certain else None)


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
            if one.outcome is Outcome.ANSWERED:
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


def _condition(part: str) -> Condition:
    match = _CONDITION.match(part)
    if match is None:
        raise ValueError("is no condition")
    metric, sign, limit = match.groups()
    kind, share, units = _metric(metric)
    value, unit = _limit(limit, units)
    if sign not in {"<", "<=", "=="} or (sign == "==" and value != 0):
        raise ValueError(f"an objective bounds from above, {sign!r} does not")
    if value < 0 or (sign == "<" and value == 0):
        raise ValueError("can't be met")
    if unit is Unit.SECOND and value == 0:
        raise ValueError("no answer takes no time")
    return Condition(metric, kind, value, unit, strict=sign == "<", share=share)


def _metric(name: str) -> tuple[Kind, float, tuple[Unit, ...]]:
    if name == "error_rate":
        return Kind.ERRORS, 1.0, (Unit.RATIO,)
    if name == "errors":
        return Kind.ERRORS, 1.0, (Unit.RATIO, Unit.COUNT)
    if _STATUS.match(name):
        return Kind.STATUS, 1.0, (Unit.RATIO, Unit.COUNT)
    if name == "mean":
        return Kind.MEAN, 1.0, (Unit.SECOND,)
    if name == "max":
        return Kind.PERCENTILE, 1.0, (Unit.SECOND,)
    percentile = _PERCENTILE.match(name)
    percent = float(percentile[1] or 50) if percentile else 0.0
    if percent > 0:
        return Kind.PERCENTILE, percent / 100, (Unit.SECOND,)
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


def _judge(condition: Condition, sample: Sample) -> Judgement:
    if condition.kind is Kind.MEAN:
        return _judge_mean(condition, sample)
    against, waiting = _against(condition, sample)
    allowed = condition.allowed(sample.planned)
    if against > allowed:
        found = f"{against} of {sample.planned} against it, {allowed} allowed"
        return Judgement(False, f"{condition}: {found}", condition)
    return Judgement(True if against + waiting <= allowed else None)


def _against(condition: Condition, sample: Sample) -> tuple[int, int]:
    """Give how many count against a condition, and of how many that isn't known yet."""
    unknown = sample.planned - len(sample.good) - sample.failed
    if condition.kind is Kind.ERRORS:
        return sample.failed, unknown
    if condition.kind is Kind.STATUS:
        concerned = filter(condition.concerns, sample.statuses)
        return sum(sample.statuses[status] for status in concerned), unknown
    old = sum(map(condition.exceeds, sample.ages))
    # A request without a good answer is slower than any limit.
    return sample.failed + old + sum(map(condition.exceeds, sample.good)), unknown - old


def _judge_mean(condition: Condition, sample: Sample) -> Judgement:
    total = sum(sample.good) + sum(sample.ages)
    is_complete = len(sample.good) + sample.failed == sample.planned
    # No more than all of them can come back good: the mean is at least this.
    least = total / max(1, len(sample.good) if is_complete else sample.planned - sample.failed)
    if condition.exceeds(least) or (is_complete and not sample.good):
        found = f"at least {show(least, Unit.SECOND)}" if sample.good else "not one good answer"
        return Judgement(False, f"{condition}: {found}", condition)
    return Judgement(True if is_complete else None)
