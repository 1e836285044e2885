"""What is done to the service during a run: ``faults`` under ``config.perfqa``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from pydantic import Field

from ...base.units import Unit, parse
from ...base.wording import did_you_mean, shown
from ...base.yaml_file.fields import DurationField
from ...errors import UnitError
from ..records import Fault
from .fields import Section, Text, scalar_text
from .phases import listed
from .walk import each, each_mapping, given

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ...base.yaml_file.reading import Document
    from ...errors import Problem

_WHERE = ("config", "perfqa", "faults")
_ACTIONS = ("kill", "pause", "restart")
_UNDOING = {"restart_after": "kill", "resume_after": "pause"}
_MOMENT = re.compile(r"(?P<phase>.*?)(?:\s*\+\s*(?P<time>[\d.]+\s*[a-z]*))?\s*\Z", re.DOTALL)
_ACCEPTED = "a time such as 30s, a phase, or both: 'plateau + 60s'"


class FaultSpec(Section):
    """One of them, as it is written."""

    at: Text
    kill: Text | None = None
    pause: Text | None = None
    restart: Text | None = None
    restart_after: Annotated[DurationField | None, Field(alias="restart_after")] = None
    resume_after: Annotated[DurationField | None, Field(alias="resume_after")] = None


def faults(document: Document, specs: Iterable[FaultSpec]) -> tuple[Fault, ...]:
    """Make the records of a file without mistakes in them."""
    phases = listed(document)
    found = []
    for (loc, _), spec in zip(each(_WHERE, document.value(_WHERE)), specs, strict=False):
        action = next(name for name in _ACTIONS if getattr(spec, name) is not None)
        part = getattr(spec, action)
        found.append(
            Fault(
                text=f"{action} {part} at {' '.join(spec.at.split())}",
                line=document.line(loc),
                at=_Moment(spec.at, phases).seconds,
                action=cast('Literal["kill", "pause", "restart"]', action),
                part=part,
                lasting=spec.restart_after or spec.resume_after,
            )
        )
    return tuple(found)


def fault_problems(document: Document) -> Iterator[Problem]:
    """Find what their keys say against each other, and times that never come."""
    phases = listed(document)
    for loc, raw in each_mapping(document, _WHERE):
        yield from (document.problem(loc, message) for message in _contradictions(raw))
        at = raw.get("at")
        if isinstance(at, str | int | float) and not isinstance(at, bool):
            for message in _Moment(scalar_text(at), phases).mistakes:
                yield document.problem((*loc, "at"), message)


def _contradictions(raw: dict[str, Any]) -> Iterator[str]:
    keys = given(raw)
    actions = [name for name in _ACTIONS if name in keys]
    if len(actions) != 1 and keys <= {"at", *_ACTIONS, *_UNDOING}:
        found = ", ".join(actions) or "none"
        yield f"a fault has one of {', '.join(_ACTIONS)}; found: {found}"
    for key, action in _UNDOING.items():
        if key in keys and actions and action not in actions:
            yield f"{key!r} belongs to {action!r}"


class _Moment:
    """When a fault comes: seconds from the start of the run, and what is wrong with it."""

    def __init__(self, source: str, phases: Sequence[tuple[str, float]]) -> None:
        self.mistakes: list[str] = []
        self.seconds = self._read(source.strip(), phases)
        end = sum(duration for _, duration in phases)
        if not self.mistakes and self.seconds >= end:
            self.mistakes.append(
                f"found {shown(source)}, which is when all is over; accepted: below {end:g} s"
            )

    def _read(self, source: str, phases: Sequence[tuple[str, float]]) -> float:
        names = [name for name, _ in phases]
        if source not in names and (alone := _seconds(source)) is not None:
            return alone
        # A phase may have a plus in its name.
        match = _MOMENT.match(source) if source not in names else None
        name, time = (match["phase"], match["time"]) if match else (source, None)
        offset = 0.0 if time is None else _seconds(time)
        if offset is None or name not in names:
            accepted = f"{_ACCEPTED}; phases: {', '.join(map(repr, dict.fromkeys(names)))}"
            hint = did_you_mean(name, names)
            self.mistakes.append(f"found {shown(source)}; accepted: {accepted}{hint}")
            return 0.0
        return sum(duration for _, duration in phases[: names.index(name)]) + offset


def _seconds(source: str) -> float | None:
    try:
        found = parse(source)
    except UnitError:
        return None
    if found.unit is Unit.COUNT or found.unit is Unit.SECOND:
        return float(found) if found >= 0 else None
    return None
