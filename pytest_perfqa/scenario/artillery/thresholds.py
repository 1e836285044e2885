"""Conditions under which a run has failed: ``thresholds`` and ``abort`` under ``config.perfqa``.

    METRIC [of ENDPOINT] > LIMIT [for TIME] [within PHASE] [after TIME] [, abort]

The words after a metric may come in any order; a name in quotes may hold any of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from ...base.conditions import Condition, comparison
from ...base.metrics import accepted, find, names
from ...base.units import Unit, parse
from ...base.wording import did_you_mean, shown
from ...errors import ConfigurationError, UnitError
from .ensure import ERROR_NAMES
from .phases import listed
from .walk import each

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ...base.conditions import Operator
    from ...base.metrics import RunMetric
    from ...base.yaml_file.reading import Document, Loc
    from ...errors import Problem

THRESHOLDS = ("config", "perfqa", "thresholds")
ABORT = ("config", "perfqa", "abort")

_EXAMPLE = "'p95 of GET /items > 250ms for 10s', 'error_rate > 5%', '5xx > 0, abort'"
_WORD = re.compile(r"""\s+(of|for|within|after)\s+(?=(?:[^"']|"[^"]*"|'[^']*')*\Z)""")
_ABORT = re.compile(r",\s*abort\s*\Z")
_OPERATORS = (">", ">=", "<", "<=")


def thresholds(document: Document) -> tuple[Condition, ...]:
    """Make the records of those without a mistake."""
    readers = (
        _Reader(found, document.line(loc), aborts=loc[: len(ABORT)] == ABORT)
        for loc, found in _texts(document)
    )
    return tuple(reader.condition() for reader in readers if not reader.mistakes)


def threshold_problems(document: Document, endpoints: Sequence[str] | None) -> Iterator[Problem]:
    """Find what is wrong with each of them.

    Args:
        endpoints: the names that there are; None where a locustfile brings its own.
    """
    phases = listed(document)
    for loc, found in _texts(document):
        reader = _Reader(found, 0, aborts=loc[: len(ABORT)] == ABORT)
        for message in (*reader.mistakes, *reader.strangers(phases, endpoints)):
            yield document.problem(loc, f"{shown(found)}: {message}")


def _texts(document: Document) -> Iterator[tuple[Loc, str]]:
    for where in (THRESHOLDS, ABORT):
        for loc, raw in each(where, document.value(where)):
            if isinstance(raw, str):
                yield loc, " ".join(raw.split())


@dataclass
class _Reader:
    """Reads one condition; what is wrong with it gathers in ``mistakes``."""

    source: str
    line: int
    aborts: bool
    mistakes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        body = _ABORT.sub("", self.source)
        self.aborts = self.aborts or body != self.source
        head, *rest = _WORD.split(body)
        pieces = [("metric", head), *zip(rest[::2], rest[1::2], strict=True)]
        self._said: dict[str, str] = {}
        self._operator = self._limit = ""
        for word, content in pieces:
            self._take(word, content)
        self.metric = self._metric(self._said["metric"])
        self.unit = Unit.COUNT
        self.limit = self._read_limit()
        self.lasting = self._duration("for")
        self.after = self._duration("after") or 0.0
        self.phase = self._said.get("within")
        self.endpoint = self._said.get("of")
        if not self.mistakes:
            self._check_sense()

    def condition(self) -> Condition:
        """Give the record; only where there are no mistakes."""
        return Condition(
            text=_ABORT.sub("", self.source).strip(),
            line=self.line,
            metric=self.metric.name if self.metric else "",
            operator=cast("Operator", self._operator),
            limit=self.limit,
            unit=self.unit,
            endpoint=self.endpoint,
            phase=self.phase,
            lasting=self.lasting,
            after=self.after,
            abort=self.aborts,
        )

    def _take(self, word: str, content: str) -> None:
        found = comparison(content) if not self._operator else None
        if found is not None:
            content, self._operator, self._limit = found
        if word in self._said:
            self.mistakes.append(f"{word!r} is there twice")
        self._said[word] = _unquoted(content.strip())
        if not self._said[word]:
            self.mistakes.append(f"nothing follows {word!r}" if word != "metric" else "no metric")

    def _metric(self, name: str) -> RunMetric | None:
        kind = name.removeprefix("errors.")
        known = f"errors.{ERROR_NAMES[kind]}" if kind != name and kind in ERROR_NAMES else name
        try:
            found = find(known)
        except ConfigurationError as error:
            self.mistakes.append(str(error))
            return None
        if found is None and name:
            near = did_you_mean(name, [*names(), "mean", "max"])
            self.mistakes.append(f"unknown metric {shown(name)}; accepted: {accepted()}{near}")
        return found

    def _read_limit(self) -> float:
        if not self._operator:
            self.mistakes.append(f"it compares nothing; accepted: such as {_EXAMPLE}")
            return 0.0
        if self._operator not in _OPERATORS:
            accepted = ", ".join(_OPERATORS)
            self.mistakes.append(f"found {shown(self._operator)}; accepted: {accepted}")
        if self.metric is not None:
            is_share = self.metric.share is not None and self._limit.endswith("%")
            self.unit = Unit.RATIO if is_share else self.metric.unit
        try:
            limit = parse(self._limit, self.unit if self.metric else None)
        except UnitError as error:
            self.mistakes.append(str(error))
            return 0.0
        if limit < 0 or (self.unit is Unit.RATIO and limit > 1):
            most = " and at most 100 %" if self.unit is Unit.RATIO else ""
            self.mistakes.append(f"found {self._limit}; accepted: a limit of at least 0{most}")
        return float(limit)

    def _duration(self, word: str) -> float | None:
        if word not in self._said:
            return None
        try:
            seconds = float(parse(self._said[word], Unit.SECOND))
        except UnitError as error:
            self.mistakes.append(f"{word!r}: {error}")
            return None
        if word == "for" and (seconds < 1 or seconds % 1):
            self.mistakes.append(f"'for': found {self._said[word]}; accepted: whole seconds from 1")
        elif seconds <= 0:
            self.mistakes.append(f"{word!r}: found {self._said[word]}; accepted: a time above 0")
        return seconds

    def _check_sense(self) -> None:
        metric = self.metric
        if metric is None:
            return
        if self.endpoint is not None and metric.of == "arrivals":
            self.mistakes.append(
                f"{metric.name!r} counts virtual users, who belong to no one endpoint"
            )
        if self.endpoint is not None and metric.of == "service":
            self.mistakes.append(
                f"{metric.name!r} is of the whole service: what one endpoint takes isn't known"
            )
        if metric.of == "run" and (self.endpoint or self.phase or self.after):
            self.mistakes.append(f"{metric.name!r} is of the whole run, and of no part of it")
        if metric.windows is None and (self.aborts or self.lasting is not None):
            self.mistakes.append(
                f"{metric.name!r} is told when a run is over: it can neither last nor stop one"
            )
            return
        # The first request that fails makes an error rate of 100 %, and says nothing yet.
        counts = self.unit is Unit.COUNT or (metric.windows and metric.windows.percent == 100)
        if self.aborts and self.lasting is None and not (counts and ">" in self._operator):
            self.mistakes.append(
                "to stop a run it must last, since what is met now may not be in the end; "
                "accepted: with 'for', such as 'for 10s'"
            )

    def strangers(
        self,
        phases: Sequence[tuple[str, float]],
        endpoints: Sequence[str] | None,
    ) -> Iterator[str]:
        """Find names that there are not, and times that never come."""
        names = [name for name, _ in phases]
        if self.phase and self.phase not in names:
            yield _stranger("phase", self.phase, names)
        if self.endpoint and endpoints is not None and self.endpoint not in endpoints:
            yield _stranger("endpoint", self.endpoint, endpoints)
        last = len(names) - names[::-1].index(self.phase) if self.phase in names else len(names)
        end = sum(duration for _, duration in phases[:last])
        if self.after >= end > 0:
            yield f"'after': {self.after:g} s is when all is over; accepted: below {end:g} s"
        if self.lasting is not None and self.lasting > end > 0:
            yield f"'for': {self.lasting:g} s never pass; accepted: at most {end:g} s"


def _stranger(kind: str, name: str, known: Sequence[str]) -> str:
    accepted = ", ".join(map(repr, dict.fromkeys(known)))
    return f"unknown {kind} {shown(name)}; accepted: {accepted}{did_you_mean(name, known)}"


def _unquoted(content: str) -> str:
    if len(content) > 1 and content[0] == content[-1] and content[0] in "\"'":
        return content[1:-1]
    return content
