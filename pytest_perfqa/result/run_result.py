"""What came out of a run: its quality attributes, on the whole and on any slice."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..base.units import Quantity, Unit
from ..load.wire.plan import requests
from ..scenario.records import MAX_ERROR_RATE
from ..scenario.spans import Spans, upto
from .attributes.timeline import Timeline, timeline
from .attributes.unexpected import Unexpected
from .provenance import Provenance
from .slice import Slice
from .undisturbed import cached_if_undisturbed, if_undisturbed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from ..load.wire.watch import Aborted
    from ..scenario.records import Model as LoadModel
    from ..scenario.records import Phase, Scenario
    from .attributes.resources import Resources
    from .context import Context
    from .fault_record import FaultRecord
    from .kept import Kept
    from .samples import Samples
    from .validity import Generator

__tracebackhide__ = True


class RunResult(Slice):
    """The outcome of one scenario on one service; a slice without the warm-up phases.

    Attributes:
        service, scenario: their names.
        definition: the scenario as it ran, scaled.
        load_model: "open" if arrivals came at their times, "closed" if users waited for their
            answers.
        time_scale: the factor on times that the run had.
        started_at: the wall clock at its start.
        wall: seconds from the start to the last answer.
        generator: how the load generator did.
        invalid: why the run can't be believed, a sentence per reason; empty if it can.
        notes: what a reader must know, such as limits that could not be enforced.
        answer_notes: those of them that are about answers.
        aborted: why and when it was ended before its time, if it was; all figures are of what ran.
        faults: what was done to the service meanwhile, with the actual times.
        max_error_rate: the share of requests that may be other than expected if its scenario
            doesn't say.
        provenance: where, with what and of what it was made, as far as it is known.
    """

    _is_whole = True

    def __init__(
        self,
        context: Context,
        *,
        started_at: datetime,
        wall: float,
        generator: Generator,
        invalid: tuple[str, ...] = (),
        notes: tuple[str, ...] = (),
        aborted: Aborted | None = None,
        faults: tuple[FaultRecord, ...] = (),
        max_error_rate: float = MAX_ERROR_RATE,
        provenance: Provenance | None = None,
    ) -> None:
        last = float(context.everything.arrivals.rows["intended"].max(initial=0.0))
        if last > upto(context.duration):
            context = replace(context, until=last)
        context = replace(context, generator=generator)
        phases = context.scenario.phases
        warm = [index for index, one in enumerate(phases) if one.name in context.scenario.warmup]
        counted = context.everything.where(~np.isin(context.everything.rows["phase"], warm))
        cold = Spans.of(one for number, one in enumerate(context.bounds()) if number not in warm)
        nothing = Spans(((context.duration, context.duration),))
        super().__init__(context, counted, cold or nothing, "the run")
        self._goes_on = self._spans.end == context.duration
        self.service = context.service
        self.scenario = context.scenario.name
        self.definition = context.scenario
        self.load_model: LoadModel = context.scenario.model
        self.time_scale = context.time_scale
        self.started_at = started_at
        self.wall = wall
        self.generator = generator
        self.invalid = invalid
        unexpected = Unexpected(context.everything, context.endpoints, context.examples)
        where = f"{self.service}, {self.scenario}"
        self.answer_notes = tuple(
            f"{where}: {note}" for note in unexpected.notes(_unasked(context.scenario))
        )
        self.notes = (*notes, *self.answer_notes)
        self.faults = faults
        self.max_error_rate = max_error_rate
        self.provenance = provenance or Provenance()
        self.aborted = None
        if aborted is not None:
            at = Quantity(aborted.at, Unit.SECOND, context.time_scale)
            self.aborted = replace(aborted, at=at)

    def __repr__(self) -> str:
        return (
            f"<run of {self.scenario} on {self.service}: {self.launched} launched, "
            f"{self._completed} completed, {self._failed} failed>"
        )

    @cached_if_undisturbed
    def resources(self) -> Resources:
        """What each part of the service used, until the last answer."""
        return self._resources(self._spans.ending(max(self._spans.end, self.wall)))

    @property
    def _metered(self) -> Spans:
        """From the look before the load to the one after: a run of a few seconds has few others,
        and between looks all is interpolated."""
        spans = self._spans.ending(math.inf) if self._goes_on else self._spans
        (start, end), *others = spans
        return Spans(((start or -math.inf, end), *others))

    @property
    @if_undisturbed
    def resources_throughout(self) -> Resources:
        """What each part used over all the time that was watched, warm-up and all."""
        return self._resources(Spans(((0.0, max(self.wall, self.definition.duration)),)))

    @property
    def _recorded(self) -> tuple[Samples, Spans]:
        # Warm-up phases, too: who asks for one by its name wants it.
        return self._context.everything, Spans(((0.0, self._context.duration),))

    @cached_property
    def guarded(self) -> RunResult:
        """The same for tests: it refuses figures of stretches that others disturbed."""
        guarded = copy.copy(self)
        kept = vars(self).items()
        guarded.__dict__ = {name: value for name, value in kept if not _is_cached(self, name)}
        guarded._context = replace(self._context, is_guarded=True)
        return guarded

    def pooled_with(self, earlier: RunResult) -> RunResult:
        """Give this result with the samples of an earlier run of the same pooled in.

        That makes ``latency`` and ``response`` those of all runs; all else, which counts or
        follows the time of one run, stays that of this one.
        """
        pooled = copy.copy(self)
        for name in ("latency", "response", "guarded"):
            pooled.__dict__.pop(name, None)
        pooled._earlier = (*earlier._earlier, earlier)
        number = len(pooled._earlier) + 1
        note = f"{self.scenario} on {self.service}: latency and response are of {number} runs"
        pooled.notes = (*self.notes, note)
        return pooled

    def save(self, folder: str | Path) -> Path:
        """Keep the result in a folder of its own; ``load`` gives one that answers all the same.

        Samples and readings are kept as they are; docs/results.md says what is in the files. A
        result that was kept there before is replaced, in one step.

        Raises:
            ConfigurationError: there is something else in the folder.
            OSError: it can't be written.
        """
        from . import kept  # noqa: PLC0415 - what only who keeps one needs

        kept.write_kept(Path(folder), self._kept())
        return Path(folder)

    def _kept(self) -> Kept:
        from .kept import Kept  # noqa: PLC0415

        aborted = self.aborted
        return Kept(
            context=self._context,
            started_at=self.started_at,
            wall=self.wall,
            generator=self.generator,
            invalid=self.invalid,
            notes=self.notes,
            aborted=None if aborted is None else replace(aborted, at=float(aborted.at)),
            faults=self.faults,
            max_error_rate=self.max_error_rate,
            provenance=self.provenance.completed(),
            earlier=tuple(one._kept() for one in self._earlier if isinstance(one, RunResult)),
        )

    @staticmethod
    def load(folder: str | Path) -> RunResult:
        """Read a result that was kept.

        Raises:
            ConfigurationError: there is none, it is damaged, or of another version of the format.
        """
        from . import kept  # noqa: PLC0415

        return restored(kept.read_kept(Path(folder)))

    @property
    @if_undisturbed
    def skipped(self) -> Quantity:
        """Arrivals that were left out because ``maxVusers`` virtual users were at work."""
        return Quantity(self.generator.skipped, Unit.COUNT)

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The names that ``endpoint`` knows, such as "GET /heavy"."""
        return self._context.endpoints

    @if_undisturbed
    def timeline(self, width: float) -> Timeline:
        """Give the course of the whole run, warm-up and all, by windows of ``width`` seconds."""
        return timeline(*self._recorded, width)

    @property
    def phases(self) -> Mapping[str, Slice]:
        """The slices of all phases that bring arrivals, by name."""
        names = (phase.name for phase in self._came())
        return {name: self.phase(name) for name in dict.fromkeys(names)}

    def _came(self) -> Iterator[Phase]:
        phases = zip(self.definition.phases, self._context.bounds(), strict=True)
        return (phase for phase, bound in phases if phase.expected and Spans.of([bound]))

    @property
    def each_phase(self) -> tuple[Slice | None, ...]:
        """The slice of each phase alone, whatever its name; None where it brought no arrivals."""
        rows = self.everything.rows
        phases = zip(self.definition.phases, self._context.bounds(), strict=True)
        return tuple(
            Slice(
                self._context,
                self.everything.where(rows["phase"] == number),
                Spans((bound,)),
                f"phase {phase.name!r}",
            )
            if phase.expected and Spans.of([bound])
            else None
            for number, (phase, bound) in enumerate(phases)
        )

    @property
    def everything(self) -> Samples:
        """What was recorded, warm-up and all."""
        return self._context.everything

    def endpoint_number(self, name: str) -> int | None:
        """Give the number that an endpoint has in ``everything``, None if it has not been seen."""
        endpoints = self._context.endpoints
        return endpoints.index(name) if name in endpoints else None


def restored(kept: Kept) -> RunResult:
    """Give the result that was kept."""
    found = RunResult(
        kept.context,
        started_at=kept.started_at,
        wall=kept.wall,
        generator=kept.generator,
        invalid=kept.invalid,
        aborted=kept.aborted,
        faults=kept.faults,
        max_error_rate=kept.max_error_rate,
        provenance=kept.provenance,
    )
    found.notes = kept.notes
    found._earlier = tuple(map(restored, kept.earlier))
    return found


def _is_cached(part: Slice, name: str) -> bool:
    return isinstance(getattr(type(part), name, None), cached_property)


def _unasked(scenario: Scenario) -> frozenset[str]:
    """Give the endpoints whose ``expect`` names no status: it accepts any."""
    return frozenset(
        request.label
        for flow in scenario.flows
        for request in requests(flow.steps)
        if request.expectations and all(one.kind != "statusCode" for one in request.expectations)
    )
