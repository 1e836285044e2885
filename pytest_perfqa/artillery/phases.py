"""Phases of arrivals: their keys, what these say against each other, and their records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic.alias_generators import to_camel

from ..scenario import Phase
from ..yaml_file import CountField, DurationField, RateField, did_you_mean, shown
from .fields import Part, Positive, Text, text
from .walk import each, each_mapping, given

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..errors import Problem
    from ..yaml_file import Document

_WHERE = ("config", "phases")
_MAX_ARRIVALS = 1e9


class PhaseSpec(Part):
    """A phase as it is written."""

    name: Text | None = None
    duration: DurationField | None = None
    arrival_rate: RateField | None = None
    ramp_to: RateField | None = None
    arrival_count: CountField | None = None
    pause: DurationField | None = None
    max_vusers: Positive | None = None


_KEYS = {to_camel(name) for name in PhaseSpec.model_fields}


def phases(specs: Iterable[PhaseSpec]) -> tuple[Phase, ...]:
    """Make the records of all phases."""
    return tuple(_phase(number, spec) for number, spec in enumerate(specs, 1))


def _phase(number: int, spec: PhaseSpec) -> Phase:
    name = spec.name or _unnamed(number)
    if spec.pause is not None:
        return Phase(name, spec.pause)
    duration = spec.duration or 0.0
    if spec.arrival_count is not None:
        return Phase(name, duration, count=spec.arrival_count, max_vusers=spec.max_vusers)
    rate = spec.arrival_rate or 0.0
    rate_end = rate if spec.ramp_to is None else spec.ramp_to
    return Phase(name, duration, rate, rate_end, max_vusers=spec.max_vusers)


def _unnamed(number: int) -> str:
    return f"phase {number}"


def phase_problems(document: Document) -> Iterator[Problem]:
    """Find keys of one phase that contradict each other, or are missing."""
    for loc, raw in each_mapping(document, _WHERE):
        yield from (document.problem(loc, message) for message in _contradictions(given(raw)))


def _contradictions(keys: set[str]) -> Iterator[str]:
    arrivals = keys & {"arrivalRate", "rampTo", "arrivalCount"}
    if "pause" in keys:
        for key in sorted(keys & {"duration", "maxVusers", *arrivals}):
            yield f"'pause' and {key!r} contradict each other"
        return
    if "arrivalCount" in arrivals:
        for key in sorted(arrivals - {"arrivalCount"}):
            yield f"'arrivalCount' and {key!r} contradict each other"
    if keys <= _KEYS:  # else what is missing is probably there, misspelt
        if not arrivals:
            yield "one of arrivalRate, rampTo, arrivalCount or pause is missing"
        if "duration" not in keys:
            yield "the key 'duration' is missing"


def warmup_problems(document: Document) -> Iterator[Problem]:
    """Find names of warm-up phases that no phase has."""
    raw_phases = document.value(_WHERE)
    listed = raw_phases if isinstance(raw_phases, list) else []
    names = [_raw_name(number, raw) for number, raw in enumerate(listed, 1)]
    where = ("config", "perfqa", "warmup")
    for loc, raw in each(where, document.value(where)):
        if isinstance(raw, str | int | float) and text(raw) not in names:
            accepted = f"accepted: {', '.join(map(repr, dict.fromkeys(names)))}"
            hint = did_you_mean(text(raw), names)
            yield document.problem(loc, f"unknown phase {shown(raw)}; {accepted}{hint}")


def _raw_name(number: int, raw: object) -> str:
    name = raw.get("name") if isinstance(raw, dict) else None
    return text(name) if isinstance(name, str | int | float) else _unnamed(number)


def arrival_problems(document: Document, specs: Iterable[PhaseSpec]) -> Iterator[Problem]:
    """Find that all phases together bring no arrivals, or too many to plan."""
    if any(phase_problems(document)):
        return
    expected = sum(phase.expected for phase in phases(specs))
    if expected == 0:
        yield document.problem(_WHERE, "no phase brings any arrivals")
    elif not expected <= _MAX_ARRIVALS:
        message = f"{expected:.3g} arrivals; accepted: at most {_MAX_ARRIVALS:.0e}"
        yield document.problem(_WHERE, message)
