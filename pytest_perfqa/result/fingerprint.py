"""What a run was of, in a few digits, and in words what two runs were not alike in."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from ..base.digest import digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .run_result import RunResult

#: What of a machine makes it another one; its name and its kernel don't.
_MACHINE = ("processor", "CPUs", "memory")
#: What of a service's setting makes it another one.
_SERVICE = ("backend", "environment", "url", "configuration")
_SHOWN = {"service": "description", "configuration": "configuration of the service"}
_SAID_ELSEWHERE = {"time_scale", "inconclusive", "invalid", "max_error_rate"}
#: A line moves with every comment above it, a name with every rename.
_NOTHING_SAID = ("line", "name")
_UNKNOWN = "not known"


@dataclass(frozen=True)
class Fingerprint:
    """Digests of what a run was of: those that are equal were of the same.

    Attributes:
        machine: of its processor, the CPUs that may be used, and its memory.
        scenario: of all that the scenario says, at the run's time scale; of a locustfile its name.
        service: of its configuration, see ``service.fingerprint``, and what it runs on.
    """

    machine: str
    scenario: str
    service: str


def fingerprint(result: RunResult) -> Fingerprint:
    """Give the fingerprint of a run."""
    made = result.provenance
    return Fingerprint(
        machine=digest({name: made.machine.get(name) for name in _MACHINE}),
        scenario=digest([_said(result.definition), result.time_scale]),
        service=digest({name: made.setting.get(name) for name in _SERVICE}),
    )


def unlike(one: RunResult, other: RunResult) -> tuple[str, ...]:
    """Say what two runs were not alike in, but for what they came to: a line each."""
    return tuple(_unlike(one, other))


def _unlike(one: RunResult, other: RunResult) -> Iterator[str]:
    yield from _differing({"service": one.service}, {"service": other.service})
    yield from _differing({"scenario": one.scenario}, {"scenario": other.scenario})
    if one.time_scale != other.time_scale:
        yield f"time scale: {other.time_scale:g}, was {one.time_scale:g}"
    else:
        mine, theirs = _said(one.definition), _said(other.definition)
        if others := [name.replace("_", " ") for name in mine if mine[name] != theirs[name]]:
            yield f"the scenario has other {', '.join(others)}"
    yield from _differing(one.provenance.machine, other.provenance.machine)
    settings = [
        {
            _SHOWN.get(name, name): text
            for name, text in setting.items()
            if name not in _SAID_ELSEWHERE
        }
        for setting in (one.provenance.setting, other.provenance.setting)
    ]
    yield from _differing(*settings)
    yield from _differing(one.provenance.versions, other.provenance.versions)


def _said(definition: object) -> Mapping[str, str]:
    """Give a digest of each thing that a scenario says."""
    return {
        one.name: digest(getattr(definition, one.name), without=_NOTHING_SAID[:1])
        for one in fields(definition)  # type: ignore[arg-type]
        if one.name not in _NOTHING_SAID
    }


def _differing(one: Mapping[str, str], other: Mapping[str, str]) -> Iterator[str]:
    for name in dict.fromkeys((*one, *other)):
        if one.get(name) != other.get(name):
            yield f"{name}: {other.get(name, _UNKNOWN)}, was {one.get(name, _UNKNOWN)}"
