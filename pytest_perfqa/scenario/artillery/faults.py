"""What is done to the service during a run: ``faults`` under ``config.perfqa``."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import Field, create_model

from ...base.units import Unit, parse
from ...base.wording import did_you_mean, shown
from ...base.yaml_file.fields import DurationField
from ...base.yaml_file.validation import validate
from ...errors import ConfigurationError, FileProblems, UnitError
from ..fault_kinds import FAULT_KINDS
from ..records import Fault
from .fields import Section, Text, scalar_text
from .phases import listed
from .walk import each, given

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ...base.yaml_file.reading import Document, Loc
    from ...errors import Problem
    from ..fault_kinds import FaultKind

_PERFQA = ("config", "perfqa")
_WHERE = (*_PERFQA, "faults")
_MOMENT = re.compile(r"(?P<phase>.*?)(?:\s*\+\s*(?P<time>[\d.]+\s*[a-z]*))?\s*\Z", re.DOTALL)
_ACCEPTED = "a time such as 30s, a phase, or both: 'plateau + 60s'"


class _FaultSpec(Section):
    """One of them, as it is written; the keys of its kind are added by ``_form``."""

    at: Text


@cache
def _form(known: tuple[str, ...], named: frozenset[str]) -> type[_FaultSpec]:
    """Make the form of a fault that has the keys of some of the known kinds."""
    chosen = {*FAULT_KINDS.own, *named}
    kinds = {name: FAULT_KINDS.named(name) for name in known if name in chosen}
    keys: dict[str, Any] = {
        _field(name): (
            ((Text if kinds[name].form is None else kinds[name].form) if name in kinds else Any)
            | None,
            Field(None, alias=name),
        )
        for name in known
    }
    for kind in kinds.values():
        if kind.lasting_key is not None:
            keys[_field(kind.lasting_key)] = (
                DurationField | None,
                Field(None, alias=kind.lasting_key),
            )
    return create_model("Fault", __base__=_FaultSpec, **keys)


def _field(key: str) -> str:
    # Whatever a kind is called: its key in the file is no name of an attribute of ours.
    return f"fault {key}"


class _Written:
    """A fault in a file, which may be wrong.

    Attributes:
        named: the kinds whose keys it has.
        problems: kinds that can't be had.
    """

    def __init__(self, document: Document, loc: Loc, raw: object) -> None:
        self.loc = loc
        self._document = document
        self._keys = given(raw) if isinstance(raw, dict) else set[str]()
        lasting = {FAULT_KINDS.named(name).lasting_key for name in FAULT_KINDS.names(())}
        asked = set(raw) if isinstance(raw, dict) else self._keys  # also for nothing: "hide:"
        self._known = FAULT_KINDS.names(asked - {"at"} - lasting)
        self.named: dict[str, FaultKind] = {}
        self.problems: list[Problem] = []
        for name in (name for name in self._known if name in self._keys):
            try:
                self.named[name] = FAULT_KINDS.named(name)
            except ConfigurationError as error:
                self.problems.append(document.problem((*loc, name), str(error), key=True))

    def validated(self) -> _FaultSpec:
        """Give its keys and their values.

        Raises:
            FileProblems: some of them are wrong.
        """
        return validate(self._document, _form(self._known, frozenset(self.named)), self.loc)

    def mistakes(self) -> Iterator[Problem]:
        """Find what is wrong with its keys, and what they say against each other."""
        yield from self.problems
        try:
            self.validated()
        except FileProblems as error:
            yield from error.problems
        if self._keys:
            for message in self._contradictions():
                yield self._document.problem(self.loc, message)

    def _contradictions(self) -> Iterator[str]:
        owners: dict[str, list[str]] = {}
        for name in {**dict.fromkeys(FAULT_KINDS.names(())), **self.named}:
            if (key := FAULT_KINDS.named(name).lasting_key) is not None:
                owners.setdefault(key, []).append(name)
        actions = [name for name in self._known if name in self._keys]
        if len(actions) != 1 and self._keys <= {"at", *self._known, *owners}:
            found = ", ".join(actions) or "none"
            yield f"a fault has one of {', '.join(FAULT_KINDS.names())}; found: {found}"
        for key, names in owners.items():
            if key in self._keys and actions and not set(names) & set(actions):
                yield f"{key!r} belongs to {' or '.join(map(repr, names))}"


def _written(document: Document) -> Iterator[_Written]:
    perfqa = document.value(_PERFQA)
    if isinstance(perfqa, dict) and "faults" in perfqa:
        for loc, raw in each(_WHERE, perfqa["faults"]):
            yield _Written(document, loc, raw)


def faults(document: Document) -> tuple[Fault, ...]:
    """Make the records of a file without mistakes in them."""
    phases = listed(document)
    found = []
    for written in _written(document):
        spec = written.validated()
        ((action, kind),) = written.named.items()
        argument = getattr(spec, _field(action))
        raw = document.value((*written.loc, action))
        lasting = None if kind.lasting_key is None else getattr(spec, _field(kind.lasting_key))
        said = argument if kind.form is None else raw if isinstance(raw, str) else shown(raw)
        found.append(
            Fault(
                text=f"{action} {said} at {' '.join(spec.at.split())}",
                line=document.line(written.loc),
                at=_Moment(spec.at, phases).seconds,
                action=action,
                part=kind.part(argument),
                lasting=lasting,
                argument=None if kind.form is None else argument,
            )
        )
    return tuple(found)


def fault_problems(document: Document) -> Iterator[Problem]:
    """Find what is wrong with their keys, and times that never come."""
    phases = listed(document)
    for written in _written(document):
        yield from written.mistakes()
        at = document.value((*written.loc, "at"))
        if isinstance(at, str | int | float) and not isinstance(at, bool):
            for message in _Moment(scalar_text(at), phases).mistakes:
                yield document.problem((*written.loc, "at"), message)


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
