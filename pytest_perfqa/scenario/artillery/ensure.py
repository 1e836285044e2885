"""Requirements in the file (``ensure``): metrics, thresholds and conditions."""

# ruff: noqa: RUF012 - pydantic copies the defaults of its models
from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field

from ...base.metrics import ERROR_KINDS
from ...base.wording import shown
from ...base.yaml_file.fields import AmountField
from ...base.yaml_file.validation import unaccepted
from ..records import Ensure
from .fields import Flag, Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...base.yaml_file.reading import Document, Loc

#: What Artillery calls an error, and our kind of it. Our own kinds may be named, too.
ERROR_NAMES = {
    "ETIMEDOUT": "timeout",
    "ESOCKETTIMEDOUT": "timeout",
    "ECONNREFUSED": "refused",
    "ECONNRESET": "reset",
    "EPIPE": "reset",
    "EMFILE": "no descriptors",
    "EADDRNOTAVAIL": "no ports",
    "EHOSTUNREACH": "unreachable",
    "ENETUNREACH": "unreachable",
    "EPROTO": "protocol",
    **{kind: kind for kind in ERROR_KINDS if kind.isalpha()},
}
_METRIC_OF = {
    "http.requests": "requests",
    "http.responses": "answers",
    "http.request_rate": "throughput.offered",
    "vusers.created": "launched",
    "vusers.completed": "completed",
    "vusers.failed": "failed",
    "vusers.skipped": "skipped",
}
METRIC_NAME = re.compile(r"(?<![\w.])(?:http|vusers|errors)\.\w+(?:\.\w+)*")
_METRIC = re.compile(
    r"http\.(?:response_time\.(?:min|max|mean|median|p50|p75|p90|p95|p99|p999)"
    r"|codes\.[1-5]\d\d|requests|responses|request_rate)"
    r"|vusers\.(?:created|completed|failed|skipped)"
    rf"|errors\.(?:{'|'.join(ERROR_NAMES)})"
)
_METRICS = (
    "http.response_time.{min,max,mean,median,p50,p75,p90,p95,p99,p999}, http.codes.NNN, "
    "http.requests, http.responses, http.request_rate, "
    "vusers.{created,completed,failed,skipped}, "
    f"errors.{{{','.join(ERROR_NAMES)}}}"
)
_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?:\.\w+)*")
_WORDS = {"and", "or", "not"}
_CONDITION_NODES = (
    *(ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.Compare),
    *(ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq, ast.BinOp, ast.Add, ast.Sub),
    *(ast.Mult, ast.Div, ast.Mod, ast.Name, ast.Load, ast.Constant),
)


def _threshold(value: dict[str, float]) -> dict[str, float]:
    if len(value) != 1:
        raise unaccepted("one metric with its limit")
    if not all(map(_METRIC.fullmatch, value)):
        raise unaccepted(f"a metric among {_METRICS}")
    return value


def _condition(value: str) -> str:
    for name in set(_NAME.findall(value)) - _WORDS:
        if not _METRIC.fullmatch(name):
            raise ValueError(f"unknown metric {shown(name)}; accepted: {_METRICS}")
    if not _compares(_NAME.sub(_stand_in, value)):
        raise unaccepted(
            "comparisons such as 'http.response_time.p95 < 250 and vusers.failed == 0'"
        )
    return value


def _stand_in(match: re.Match[str]) -> str:
    # "http.codes.200" is no Python expression, a name in its place is.
    return match[0] if match[0] in _WORDS else "metric"


def _compares(text: str) -> bool:
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    numbers = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return (
        all(isinstance(node, _CONDITION_NODES) for node in ast.walk(tree))
        and all(type(number) in (int, float) for number in numbers)
        and isinstance(tree.body, ast.Compare | ast.BoolOp | ast.UnaryOp)
    )


class ConditionSpec(Section):
    """A comparison of metrics with numbers."""

    expression: Annotated[str, AfterValidator(_condition)]
    strict: Flag = True


class EnsureSpec(Section):
    """All requirements of a file."""

    thresholds: list[Annotated[dict[str, AmountField], AfterValidator(_threshold)]] = []
    conditions: list[ConditionSpec] = []
    max_error_rate: Annotated[AmountField, Field(le=100)] | None = None
    min: AmountField | None = None
    max: AmountField | None = None
    median: AmountField | None = None
    p95: AmountField | None = None
    p99: AmountField | None = None


def metric_of(name: str) -> str:
    """Give the name of the metric that Artillery calls so; its times are in milliseconds."""
    group, _, detail = name.rpartition(".")
    if group == "http.response_time":
        return f"latency.{'p99.9' if detail == 'p999' else detail}"
    if group == "http.codes":
        return f"status.{detail}"
    return f"errors.{ERROR_NAMES[detail]}" if group == "errors" else _METRIC_OF[name]


def parsed(text: str) -> tuple[ast.expr, tuple[str, ...]]:
    """Parse a condition, and give its metrics: the n-th is ``m0``, ``m1``... in the tree."""
    names = tuple(dict.fromkeys(METRIC_NAME.findall(text)))
    stand_in = METRIC_NAME.sub(lambda match: f"m{names.index(match[0])}", text)
    return ast.parse(stand_in.strip(), mode="eval").body, names


def requirements(document: Document, at: Loc, spec: EnsureSpec) -> Iterator[Ensure]:
    """Give the requirements that stand at a place of the file, but for ``maxErrorRate``."""
    for number, threshold in enumerate(spec.thresholds):
        for metric, limit in threshold.items():
            yield _below(metric, limit, document.line((*at, "thresholds", number, metric)))
    for number, condition in enumerate(spec.conditions):
        line = document.line((*at, "conditions", number, "expression"))
        yield Ensure(condition.expression.strip(), line, condition.strict)
    for name in ("min", "max", "median", "p95", "p99"):
        limit = getattr(spec, name)
        if limit is not None:
            yield _below(f"http.response_time.{name}", limit, document.line((*at, name)))


def _below(metric: str, limit: float, line: int) -> Ensure:
    return Ensure(f"{metric} < {limit:g}", line)
