"""Phases of arrivals: their keys, what these say against each other, and their records."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from ...base.wording import did_you_mean, shown
from ...base.yaml_file.fields import CountField, DurationField, RateField, seconds
from ..records import Phase
from .fields import Positive, Section, Text, scalar_text
from .walk import each, each_mapping, given

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ...base.yaml_file.reading import Document
    from ...errors import Problem

_WHERE = ("config", "phases")
_WARMUP = ("config", "perfqa", "warmup")
_MAX_ARRIVALS = 1e9


class PhaseSpec(Section):
    """A phase as it is written."""

    name: Text | None = None
    duration: DurationField | None = None
    arrival_rate: RateField | None = None
    ramp_to: RateField | None = None
    arrival_count: CountField | None = None
    pause: DurationField | None = None
    max_vusers: Positive | None = None


_KEYS = {to_camel(name) for name in PhaseSpec.model_fields}


def phases(specs: Iterable[PhaseSpec], *, users: bool = False) -> tuple[Phase, ...]:
    """Make the records of all phases.

    Where the rates stand for shares of all ``users``, a phase without one is for all of them: it
    gets the highest of the others'.
    """
    specs = list(specs)
    rates = [0.0] if users else []
    for spec in specs:
        rates += [spec.arrival_rate or 0.0, spec.ramp_to or 0.0] if users else []
        if users and spec.arrival_count is not None and spec.duration:
            rates.append(spec.arrival_count / spec.duration)
    everybody = (max(rates) or 1.0) if users else 0.0
    return tuple(_phase(number, spec, everybody) for number, spec in enumerate(specs, 1))


def _phase(number: int, spec: PhaseSpec, without_rate: float) -> Phase:
    name = spec.name or _unnamed(number)
    if spec.pause is not None:
        return Phase(name, spec.pause)
    duration = spec.duration or 0.0
    if spec.arrival_count is not None:
        return Phase(name, duration, count=spec.arrival_count, max_vusers=spec.max_vusers)
    if spec.arrival_rate is None and spec.ramp_to is None:
        return Phase(name, duration, without_rate, without_rate, max_vusers=spec.max_vusers)
    rate = spec.arrival_rate or 0.0
    rate_end = rate if spec.ramp_to is None else spec.ramp_to
    return Phase(name, duration, rate, rate_end, max_vusers=spec.max_vusers)


def _unnamed(number: int) -> str:
    return f"phase {number}"


def phase_problems(document: Document) -> Iterator[Problem]:
    """Find keys of one phase that contradict each other, or are missing."""
    users = has_users(document)
    for loc, raw in each_mapping(document, _WHERE):
        found = _contradictions(given(raw), users=users)
        yield from (document.problem(loc, message) for message in found)
    arrivals = ("config", "perfqa", "arrivals")
    if users and document.value(arrivals) is not None:
        yield document.problem(arrivals, "'users' and 'arrivals' contradict each other")


def has_users(document: Document) -> bool:
    """Tell whether phases say how many users there are, not how many arrivals."""
    return document.value(("config", "perfqa", "users")) is not None


def _contradictions(keys: set[str], *, users: bool) -> Iterator[str]:
    if users and "maxVusers" in keys:
        yield "'maxVusers' and the 'users' under perfqa contradict each other"
    arrivals = keys & {"arrivalRate", "rampTo", "arrivalCount"}
    if "pause" in keys:
        for key in sorted(keys & {"duration", "maxVusers", *arrivals}):
            yield f"'pause' and {key!r} contradict each other"
        return
    if "arrivalCount" in arrivals:
        for key in sorted(arrivals - {"arrivalCount"}):
            yield f"'arrivalCount' and {key!r} contradict each other"
    if keys <= _KEYS:  # else what is missing is probably there, misspelt
        if not arrivals and not users:
            yield "one of arrivalRate, rampTo, arrivalCount or pause is missing"
        if "duration" not in keys:
            yield "the key 'duration' is missing"


def warmup_problems(document: Document) -> Iterator[Problem]:
    """Find names of warm-up phases that no phase has."""
    names = [name for name, _ in listed(document)]
    for loc, raw in each(_WARMUP, document.value(_WARMUP)):
        if isinstance(raw, str | int | float) and scalar_text(raw) not in names:
            accepted = f"accepted: {', '.join(map(repr, dict.fromkeys(names)))}"
            hint = did_you_mean(scalar_text(raw), names)
            yield document.problem(loc, f"unknown phase {shown(raw)}; {accepted}{hint}")


def listed(document: Document) -> list[tuple[str, float]]:
    """Give the names of all phases with their durations, infinite where they can't be read."""
    raw = document.value(_WHERE)
    return [
        (_raw_name(number, one), _raw_duration(one))
        for number, one in enumerate(raw if isinstance(raw, list) else [], 1)
    ]


def _raw_name(number: int, raw: object) -> str:
    name = raw.get("name") if isinstance(raw, dict) else None
    return scalar_text(name) if isinstance(name, str | int | float) else _unnamed(number)


def _raw_duration(raw: object) -> float:
    written = raw.get("duration", raw.get("pause")) if isinstance(raw, dict) else None
    try:
        return seconds(written)
    except PydanticCustomError:
        return math.inf


def arrival_problems(document: Document, specs: Iterable[PhaseSpec]) -> Iterator[Problem]:
    """Find that all phases together bring too many arrivals to plan."""
    if any(phase_problems(document)):
        return
    users = has_users(document)
    expected = sum(phase.expected for phase in phases(specs, users=users))
    if not users and not expected <= _MAX_ARRIVALS:
        message = f"{expected:.3g} arrivals; accepted: at most {_MAX_ARRIVALS:.0e}"
        yield document.problem(_WHERE, message)
