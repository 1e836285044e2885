"""Requirements written in a scenario file (Artillery's ``ensure``), judged on a result."""

from __future__ import annotations

import ast
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .artillery.ensure import ERROR_KINDS, METRIC_NAME
from .errors import Inconclusive, NoData, RequirementMissed
from .units import Estimate, Quantity, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .result import RunResult
    from .scenario import Ensure

_OPERATIONS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Not: operator.not_,
    ast.USub: operator.neg,
}


@dataclass(frozen=True)
class Finding:
    """What became of a requirement.

    Attributes:
        met: None if the data can't tell.
        found: the values of its metrics, or why there are none.
        strict: whether a miss is a failure, or is only told.
    """

    text: str
    met: bool | None
    found: str
    strict: bool


def judge(result: RunResult) -> tuple[Finding, ...]:
    """Judge every requirement of the scenario; none if it has none."""
    scenario = result.definition
    findings = [_judge(result, requirement) for requirement in scenario.ensure]
    if scenario.max_error_rate is not None:
        findings.append(_judge_error_rate(result, scenario.max_error_rate))
    return tuple(findings)


def require(result: RunResult) -> None:
    """Make sure that the strict requirements are met.

    Raises:
        RequirementMissed: with all that are not.
        Inconclusive: none is missed, but of some the data can't tell.
    """
    strict = [finding for finding in judge(result) if finding.strict]
    missed = [one for one in strict if one.met is False]
    if missed:
        raise RequirementMissed("; ".join(f"{one.text}: found {one.found}" for one in missed))
    unknown = [one for one in strict if one.met is None]
    if unknown:
        raise Inconclusive("; ".join(f"{one.text}: {one.found}" for one in unknown))


def _judge(result: RunResult, requirement: Ensure) -> Finding:
    names = tuple(dict.fromkeys(METRIC_NAME.findall(requirement.text)))
    try:
        values = {name: metric(result, name) for name in names}
        met = bool(_evaluate(_tree(requirement.text, names), tuple(values.values())))
    except Inconclusive as error:
        found = str(error).removeprefix(f"{Inconclusive.PREFIX}: ")
        return Finding(requirement.text, None, found, requirement.strict)
    except (NoData, ZeroDivisionError) as error:
        return Finding(requirement.text, met=False, found=str(error), strict=requirement.strict)
    found = ", ".join(f"{name} = {value:.6g}" for name, value in values.items())
    return Finding(requirement.text, met, found, requirement.strict)


def _judge_error_rate(result: RunResult, limit: float) -> Finding:
    text = f"maxErrorRate {limit * 100:g} %"
    if not result.launched:
        return Finding(text, met=False, found="no arrivals", strict=True)
    rate = result.failed / result.launched
    return Finding(text, rate <= limit, f"{rate * 100:.4g} % of virtual users failed", strict=True)


def metric(result: RunResult, name: str) -> float:
    """Give the value of one of Artillery's metrics: times in milliseconds, at full scale.

    Raises:
        NoData: there is nothing to take it from.
        Inconclusive: too few samples for a percentile.
    """
    if name.startswith("http.response_time."):
        return _milliseconds(name, _time(result, name.rpartition(".")[2]), result.time_scale)
    if name.startswith("http.codes."):
        return float(result.status[name.rpartition(".")[2]])
    if name.startswith("errors."):
        kind = name.partition(".")[2]
        return float(result.errors[ERROR_KINDS[kind]])
    return float(_counts()[name](result))


def _time(result: RunResult, statistic: str) -> Quantity:
    time: Quantity
    if statistic == "p75":
        time = result.latency.percentile(75)
    else:
        time = getattr(result.latency, statistic)
    return time


def _milliseconds(name: str, time: Quantity, scale: float) -> float:
    """Give a time as Artillery has it; an estimate stays one, so that it may be inconclusive."""
    factor = 1000 / scale
    if isinstance(time, Estimate):
        return time.times(factor, Unit.COUNT, f"{name} (ms)")
    return float(time) * factor


def _counts() -> Mapping[str, Callable[[RunResult], float]]:
    return {
        "http.requests": lambda result: result.requests,
        "http.responses": lambda result: result.requests - result.errors.total,
        "http.request_rate": lambda result: result.throughput.offered * result.time_scale,
        "vusers.created": lambda result: result.launched,
        "vusers.completed": lambda result: result.completed,
        "vusers.failed": lambda result: result.failed,
        "vusers.skipped": lambda result: result.generator.skipped,
    }


def _tree(text: str, names: tuple[str, ...]) -> ast.expr:
    """Parse a condition; a metric's name becomes the name of its place in ``names``."""
    stand_in = METRIC_NAME.sub(lambda match: f"m{names.index(match[0])}", text)
    return ast.parse(stand_in, mode="eval").body


def _evaluate(node: ast.expr, values: tuple[float, ...]) -> Any:
    match node:
        case ast.Constant(value):
            return value
        case ast.Name(name):
            return values[int(name[1:])]
        case ast.UnaryOp(kind, operand):
            return _OPERATIONS[type(kind)](_evaluate(operand, values))
        case ast.BinOp(left, kind, right):
            return _OPERATIONS[type(kind)](_evaluate(left, values), _evaluate(right, values))
        case ast.BoolOp(kind, parts):
            together = all if isinstance(kind, ast.And) else any
            return together(_evaluate(part, values) for part in parts)
        case ast.Compare(left, kinds, rights):
            return all(_compared(left, kinds, rights, values))
        case _:
            raise AssertionError(f"{ast.dump(node)} was let through by the reader")


def _compared(
    left: ast.expr, kinds: list[ast.cmpop], rights: list[ast.expr], values: tuple[float, ...]
) -> Iterator[bool]:
    for kind, right in zip(kinds, rights, strict=True):
        yield _OPERATIONS[type(kind)](_evaluate(left, values), _evaluate(right, values))
        left = right
