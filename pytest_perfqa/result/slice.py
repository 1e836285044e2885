"""A part of a run, and what can be asked of it: its quality attributes."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ..base.metrics import accepted, find
from ..base.units import Quantity, Unit, parse
from ..errors import DisturbedRun, NoData
from ..load.wire.outcome import completed, failed, timed, unexpected
from ..scenario.spans import Spans, only_stretch
from ..service.config import ANY_PATH
from .attributes.answers import ErrorCounts, StatusCounts, accountable
from .attributes.availability import Availability
from .attributes.cold_start import ColdStart
from .attributes.cost import bytes_per_answer, cpu_per_request
from .attributes.fairness import Shares
from .attributes.latency import Distribution
from .attributes.names import KnowsItsNames
from .attributes.origin import Figure, Origin
from .attributes.queueing import Pending
from .attributes.recovery import Course, Recovery, recovery, stretches
from .attributes.resources import Resources, Stretch
from .attributes.stability import Drift, TimeSeries, drift
from .attributes.throughput import Throughput
from .attributes.timeline import Timeline, timeline
from .attributes.unexpected import Unexpected
from .prediction import Observed, QueueModel
from .undisturbed import ADVICE, cached_if_undisturbed, disturbed, if_undisturbed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from ..monitor.disturbance import Disturbance
    from .context import Context
    from .samples import Samples

__tracebackhide__ = True

# Of the usual load, a service that keeps up answers at least this share well.
_KEPT_UP = 0.5

_MOST_AVERAGES = 1200


@dataclass(frozen=True)
class Window:
    """What happened within one stretch of time; counts of arrivals and, for codes, of requests.

    Attributes:
        start, end: seconds from the start of the run.
        launched: arrivals that came in this window.
        completed, failed: arrivals that ended in it, with an answer or without.
        pending: arrivals in the system at its end.
        status: answers by code, of requests that ended in it.
        p50, p95: of the latency of those requests, and of requests that timed out; None if there
            were none.
    """

    start: float
    end: float
    launched: int
    completed: int
    failed: int
    pending: int
    status: Mapping[int, int]
    p50: Quantity | None
    p95: Quantity | None


def _ended(samples: Samples) -> Samples:
    return samples.requests.ended


class Slice(KnowsItsNames):
    """The quality attributes of a run, or of a part of it.

    What tests are given is guarded: where others took CPU or memory that the service was entitled
    to, within the slice, all figures but those of the load that was made raise ``DisturbedRun``.

    ``latency`` counts from the moment an arrival was due, ``response`` from the actual send; with
    a generator on schedule they are equal, for the first request of an arrival.
    """

    # Whether it is a whole run, which has metrics that no part of one has.
    _is_whole = False

    def __init__(self, context: Context, samples: Samples, spans: Spans, name: str) -> None:
        self._context = context
        self._samples = samples
        self._spans = spans
        # Whether the time after its end is its own, too: nothing else follows.
        self._goes_on = False
        self._earlier: tuple[Slice, ...] = ()
        self.name = name

    def __repr__(self) -> str:
        return f"<{self.name}: {self.launched} launched, {self._completed} completed>"

    @cached_property
    def _origin(self) -> Origin:
        context = self._context
        return Origin(self.name, self._samples, self._spans, context.named, context.generator)

    @property
    def disturbances(self) -> tuple[Disturbance, ...]:
        """When others took, within the slice, what the service was entitled to."""
        found = self._context.readings.disturbances
        return tuple(one for one in found if self._spans.within(Spans(((one.start, one.end),))))

    def undisturbed(self, samples: Samples) -> Samples:
        """Leave out what was due while others took what the service was entitled to."""
        found = self._context.readings.disturbances
        disturbed = Spans.of(sorted((one.start, one.end) for one in found))
        return samples.where(~disturbed.contain(samples.rows["intended"]))

    def refuse_disturbed(self) -> None:
        """Make sure that figures of this slice are the service's doing, if it is guarded.

        Raises:
            DisturbedRun: others took what the service was entitled to.
        """
        if not self._context.is_guarded:
            return
        found = (text for one in (*self._earlier, self) for text in disturbed(one))
        if causes := tuple(dict.fromkeys(found)):
            raise DisturbedRun((*causes, ADVICE))

    @property
    @if_undisturbed
    def samples(self) -> Samples:
        """The recorded requests and arrivals, to take figures of one's own from."""
        return self._samples

    def metric(self, name: str) -> Quantity:
        """Give a figure by the name that conditions have for it, such as ``"latency.p95"``.

        Raises:
            NoData: there is no such metric, or only of a whole run; or nothing to take it from.
        """
        found = find(name)
        if found is None:
            raise NoData(f"no metric {name!r}; there are: {accepted()}")
        if found.of == "run" and not self._is_whole:
            raise NoData(f"{name} is of the whole run, and of no part of it")
        return found.take(self)

    @property
    def duration(self) -> Quantity:
        """The length of the slice, over which arrivals came; of all its stretches together."""
        return Quantity(self._spans.length, Unit.SECOND, self._context.time_scale)

    @property
    @if_undisturbed
    def requests(self) -> Quantity:
        """Requests that were sent; as many as ``launched`` if each arrival makes one."""
        figure = Figure("requests", lambda samples: samples.requests, _all_of)
        return figure.count(self._samples.requests.count, self._origin)

    def _arrivals(
        self, subject: str, which: Callable[[NDArray[np.void]], NDArray[np.bool_]]
    ) -> Quantity:
        figure = Figure(f"{subject} arrivals", lambda samples: samples.arrivals, which)
        arrivals = self._samples.arrivals
        return figure.count(arrivals.where(figure.which(arrivals.rows)).count, self._origin)

    @property
    def launched(self) -> Quantity:
        """Arrivals that were sent.

        Of a run without warm-up, ``completed + failed + pending.at_end`` adds up to it.
        """
        return self._arrivals("launched", _all_of)

    @property
    @if_undisturbed
    def completed(self) -> Quantity:
        """Arrivals whose every request was answered, with whatever status."""
        return self._completed

    @property
    def _completed(self) -> Quantity:
        return self._arrivals("completed", completed)

    @property
    @if_undisturbed
    def failed(self) -> Quantity:
        """Arrivals that ended without an answer, or with one that missed an expect or a capture."""
        return self._failed

    @property
    def _failed(self) -> Quantity:
        return self._arrivals("failed", failed)

    @cached_if_undisturbed
    def pending(self) -> Pending:
        """Arrivals in the system, over the time of the slice, whenever they came."""
        return Pending(
            self._context.everything.arrivals,
            self._spans,
            self._context.time_scale,
            self.name,
            self._origin,
            self._samples.arrivals,
            reach=self._context.reach,
        )

    @cached_if_undisturbed
    def status(self) -> StatusCounts:
        """Answers by status: ``status[504]``, ``status["5xx"]``."""
        return StatusCounts(self._samples.requests, self._origin)

    @cached_if_undisturbed
    def errors(self) -> ErrorCounts:
        """Requests without a whole, expected answer: ``errors["timeout"]``, ``errors.total``.

        One that was under way when the run was cut off is none.

        With a locustfile, ``errors["user code"]`` counts arrivals in which it raised an exception.
        """
        return ErrorCounts(accountable(self._samples), self._origin)

    @cached_if_undisturbed
    def latency(self) -> Distribution:
        """Times from the moment a request was due to the last byte of its answer."""
        return self._distribution("latency", from_intended=True)

    @cached_if_undisturbed
    def response(self) -> Distribution:
        """Times from the actual send of a request to the last byte of its answer."""
        return self._distribution("response", from_intended=False)

    def _distribution(self, name: str, *, from_intended: bool) -> Distribution:
        return Distribution(
            f"{name} of {self.name}",
            self._pooled,
            from_intended=from_intended,
            scale=self._context.time_scale,
            origin=self._origin,
            reach=self._context.reach,
        )

    @property
    def _pooled(self) -> Samples:
        """The requests of this slice, after those of the same slice in earlier runs."""
        if not self._earlier:
            return self._samples.requests
        tables, offset = [], 0.0
        for one in (*self._earlier, self):
            table = one._samples.requests.rows.copy()
            # One run after the other: successive samples depend on each other only within a run.
            table["intended"] += offset
            offset = float(table["intended"].max(initial=offset)) + 1
            tables.append(table)
        return type(self._samples)(np.concatenate(tables))

    def _like(self, found: Slice, of_earlier: Callable[[Slice], Slice]) -> Slice:
        """Give a slice of this one the same slices of earlier runs."""
        for one in self._earlier:
            with contextlib.suppress(NoData):
                found._earlier += (of_earlier(one),)
        return found

    @cached_if_undisturbed
    def throughput(self) -> Throughput:
        """Rates of requests and of good answers."""
        return Throughput(
            self._samples.requests, self._spans, self._context.time_scale, self._origin
        )

    @property
    @if_undisturbed
    def error_rate(self) -> Quantity:
        """The share of requests that did not get what they asked for; pending ones aside.

        Raises:
            NoData: no request has come to an end.
        """
        over = _ended(self._samples)
        if not over.count:
            raise NoData(f"error rate of {self.name}: no request has come to an end")
        figure = Figure("share of requests not answered as expected", _ended, unexpected)
        return figure.share(over.where(unexpected(over.rows)).count / over.count, self._origin)

    @cached_if_undisturbed
    def unexpected(self) -> Unexpected:
        """What was not as expected, in words: ``print(perf_run.unexpected)``."""
        return Unexpected(self._samples, self._context.endpoints, self._context.examples)

    @cached_if_undisturbed
    def availability(self) -> Availability:
        """How much of what was asked was served."""
        return Availability(
            self._samples.requests,
            self._spans,
            scale=self._context.time_scale,
            origin=self._origin,
        )

    @property
    @if_undisturbed
    def bytes_per_answer(self) -> Quantity:
        """The mean size of the body of a whole answer, whatever its status, in bytes as received.

        Raises:
            NoData: there is no answer.
        """
        return bytes_per_answer(self._samples, self._origin)

    @property
    @if_undisturbed
    def cpu_per_request(self) -> Quantity:
        """CPU time of all parts of the service for each answer as expected.

        It is all that they use in the time of the slice, be it for other requests; it doesn't
        follow the time scale.

        Raises:
            NoData: there is no such answer, what the parts used isn't known, or the slice is of one
                endpoint: what is used for that can't be told.
        """
        if self._context.is_of_endpoint:
            raise NoData(
                f"CPU per request of {self.name}: what is used for one endpoint isn't known"
            )
        return cpu_per_request(self._samples, self._metered, self._resources, self._origin)

    @property
    def _metered(self) -> Spans:
        """The time in which what the service uses is for the requests of the slice."""
        return self._spans

    @if_undisturbed
    def cold_start(self, first: int = 1) -> ColdStart:
        """Compare the first requests, as many as there are workers, with the rest.

        Of a run, its warm-up phases count, too: that is where a cold start shows.

        Raises:
            NoData: there are no answers.
        """
        context = self._context
        requests = self._recorded[0].requests
        return ColdStart(requests, first, scale=context.time_scale, reach=context.reach)

    @cached_if_undisturbed
    def replicas(self) -> Shares:
        """The share of answers that each replica gave."""
        return Shares(
            self._samples.requests,
            self._context.replica_values,
            self._context.replica_names or {},
            self._origin,
        )

    @property
    def _recorded(self) -> tuple[Samples, Spans]:
        """What phases are taken from."""
        return self._samples, self._spans

    @cached_if_undisturbed
    def resources(self) -> Resources:
        """What each part of the service used: ``resources["app"].cpu.mean``."""
        return self._resources(self._spans)

    def _resources(self, spans: Spans) -> Resources:
        context = self._context
        stretch = Stretch(spans, self.name, context.named, context.time_scale)
        return Resources(context.readings, context.limits, stretch)

    def phase(self, name: str) -> Slice:
        """Give the slice of what arrived in a phase.

        Phases of one name are taken together: the time of the slice is that of all of them, without
        what lies between.

        Raises:
            NoData: there is no such phase.
        """
        phases = self._context.scenario.phases
        chosen = [index for index, phase in enumerate(phases) if phase.name == name]
        if not chosen:
            known = ", ".join(dict.fromkeys(repr(phase.name) for phase in phases))
            raise NoData(f"no phase {name!r}; there are: {known}")
        lasted = self._context.bounds()
        stretches = Spans.of(lasted[number] for number in chosen)
        if not stretches:
            raise NoData(f"phase {name!r} never came: the run was ended before")
        recorded, time = self._recorded
        spans = stretches.within(time)
        if not spans:
            raise NoData(f"phase {name!r} ({stretches}) is no part of {self.name} ({time})")
        samples = recorded.where(np.isin(recorded.rows["phase"], chosen))
        found = Slice(self._context, samples, spans, f"phase {name!r}")
        return self._like(found, lambda one: one.phase(name))

    def endpoint(self, name: str) -> Slice:
        """Give the slice of requests to an endpoint, such as ``"GET /heavy"``.

        Raises:
            NoData: there is no such endpoint.
        """
        endpoints = self._context.endpoints
        if name not in endpoints:
            raise NoData(f"no endpoint {name!r}; there are: {', '.join(map(repr, endpoints))}")
        # As arrivals, its requests stand for themselves: an endpoint's pending are requests.
        chosen = _requests_to(self._samples, endpoints.index(name))
        context = replace(
            self._context,
            everything=_requests_to(self._context.everything, endpoints.index(name)),
            is_of_endpoint=True,
        )
        found = Slice(context, chosen, self._spans, name)
        found._goes_on = self._goes_on
        return self._like(found, lambda one: one.endpoint(name))

    def between(self, start: str | float, end: str | float) -> Slice:
        """Give the slice of what was due after ``start`` and until ``end``.

        Times count from the start of the run: seconds, or texts, which follow the time scale. What
        is due at ``end`` itself is part of it, what is due at ``start`` only where that is 0; so
        slices side by side share nothing, and miss nothing.

        Raises:
            NoData: no part of this slice lies between; that of a run is without its warm-up.
        """
        own = self._spans
        first, last = self._moment(start), self._moment(end)
        last = own.end if last == math.inf else last
        if not first < last:  # be it that one is no number
            raise NoData(f"nothing lies between {start!r} and {end!r}")
        if self._goes_on:
            own = own.ending(max(own.end, last))
        spans = own.within(Spans(((max(first, 0.0), last),)))
        if not spans:
            raise NoData(f"nothing of {self.name} ({own}) lies between {start!r} and {end!r}")
        samples = self._samples.where(spans.contain(self._samples.rows["intended"]))
        found = Slice(self._context, samples, spans, f"{first:g} s to {last:g} s")
        return self._like(found, lambda one: one.between(start, end))

    @cached_if_undisturbed
    def model(self) -> QueueModel:
        """What a queue would have done with the same arrivals, to compare with what was measured.

        ``perf_run.model(workers=3)`` gives the same with parameters of your own.
        """
        context = self._context
        used = np.unique(self._samples.requests.rows["endpoint"]).tolist()
        names = [context.endpoints[number] for number in used if number < len(context.endpoints)]
        return QueueModel(
            Observed(
                name=self.name,
                pending=self.pending,
                arrivals=context.everything.arrivals,
                spans=self._spans,
                scenario=context.scenario,
                endpoints=len(context.endpoints),
                workers=_workers_for(names, context.workers),
                time_scale=context.time_scale,
            )
        )

    @if_undisturbed
    def recovery_after(self, phase: str, *, baseline: str | None = None) -> Recovery:
        """Give the time from the end of a phase until pending is down to what it was before it.

        A service that did not answer even half of the usual load well does not recover: what was
        pending then is no rest to come back to.

        Args:
            phase: the peak.
            baseline: the phase that shows what is usual; by default all before the first peak,
                warm-up left out.

        Raises:
            Inconclusive: the baseline is too short to tell what is usual.
            NoData: there is no such phase, or several of that name, or no arrivals.
        """
        if not self._samples.count:
            raise NoData(f"{self.name} has no requests: there is nothing to recover")
        scenario = self._context.scenario
        where = stretches(scenario.phases, scenario.warmup, phase, baseline)
        where = where.up_to(self._context.duration, phase)
        return recovery(
            Course(
                name=f"phase {phase!r}",
                where=where,
                arrivals=self.pending.arrived,
                completions=self.pending.ended,
                time_scale=self._context.time_scale,
                kept_up=self._kept_up(where.baseline),
            )
        )

    def _kept_up(self, spans: Spans) -> bool:
        """Tell whether most of what was due in some time got what it asked for.

        Of a request without an end that is said here: it was left behind.
        """
        requests = self._samples.requests
        within = requests.where(spans.contain(requests.rows["intended"]))
        return within.as_expected.count >= _KEPT_UP * within.count

    @if_undisturbed
    def drift(self, of: str | TimeSeries = "latency", *, unit: Unit = Unit.COUNT) -> Drift:
        """Tell whether a figure rises while the load lasts; true if it does.

        Args:
            of: ``"latency"``, ``"response"``, ``"pending"`` or ``"memory"`` (of all parts); or a
                series of measurements with ``times``, in seconds from the start of the run, and
                ``values``.
            unit: of the values of a series.

        Raises:
            Inconclusive: the slice is too short, or the figure varies too much, to tell.
            NoData: there is no such figure; or the slice is several stretches of time.
        """
        only_stretch("a drift", self._spans, self.name)
        if isinstance(of, str) and of == "memory":
            return self.resources.total.memory.drift()
        name, times, values, unit = self._figure(of, unit)
        within = self._spans.contain(times)
        scale = self._context.time_scale
        return drift(f"{name} of {self.name}", times[within], values[within], unit, scale)

    def _figure(
        self, of: str | TimeSeries, unit: Unit
    ) -> tuple[str, NDArray[np.float64], NDArray[np.float64], Unit]:
        if not isinstance(of, str):
            return "the series", of.times, of.values, unit
        if of == "pending":
            # As many averages as there are arrivals: more would not know more.
            parts = min(int(self.launched), _MOST_AVERAGES)
            edges = np.linspace(self._spans.start, self._spans.end, parts + 1)
            return of, (edges[1:] + edges[:-1]) / 2, self.pending.level.means(edges), Unit.COUNT
        if of not in {"latency", "response"}:
            raise NoData(f"no figure {of!r}; there are: 'latency', 'response', 'pending', 'memory'")
        over = self._samples.requests.ended
        over = over.where(timed(over.rows))
        values = over.latency if of == "latency" else over.rows["response"].astype(float)
        weights = over.rows["weight"]
        times = np.repeat(over.rows["intended"], weights)
        return of, times, np.repeat(values, weights), Unit.SECOND

    def _moment(self, moment: str | float) -> float:
        if isinstance(moment, str):
            return float(parse(moment, Unit.SECOND)) * self._context.time_scale
        return moment

    @if_undisturbed
    def windows(self, width: str | float = 1.0) -> tuple[Window, ...]:
        """Sum the slice up by windows of one second, or as wide as given.

        A width in seconds is taken as it is, a text follows the time scale. Windows lie side by
        side from the start of the slice until all that came in it has ended; of a slice that is
        several stretches of time, from the start of each until the next at most. What happens at
        the end of a window is in it.
        """
        course = timeline(self._samples, self._spans, self._moment(width))
        return tuple(self._windows(course))

    def _windows(self, course: Timeline) -> Iterator[Window]:
        scale = self._context.time_scale
        reach = self._distribution("latency", from_intended=True)._reach
        for number, (start, end) in enumerate(pairwise(course.edges)):
            if course.idle[number]:
                continue
            times = (float(course.latency[percent][number]) for percent in (50.0, 95.0))
            p50, p95 = (
                None if np.isnan(time) else Quantity(time, Unit.SECOND, scale, reach=reach)
                for time in times
            )
            yield Window(
                start=float(start),
                end=float(end),
                launched=int(course.launched[number]),
                completed=int(course.completed[number]),
                failed=int(course.failed[number]),
                pending=int(course.pending[number]),
                status={
                    code: int(per[number]) for code, per in course.status.items() if per[number]
                },
                p50=p50,
                p95=p95,
            )


def _workers_for(endpoints: list[str], workers: Mapping[str, float]) -> float | None:
    """Give how many requests to an endpoint such as ``GET /heavy?n=1`` are done at once."""
    paths = {endpoint.rpartition(" ")[2].partition("?")[0] for endpoint in endpoints}
    if len(paths) != 1:
        return workers.get(ANY_PATH)
    return workers.get(paths.pop(), workers.get(ANY_PATH))


def _all_of(rows: NDArray[np.void]) -> NDArray[np.bool_]:
    return np.ones(len(rows), dtype=bool)


def _requests_to(samples: Samples, endpoint: int) -> Samples:
    requests = samples.requests
    chosen = requests.where(requests.rows["endpoint"] == endpoint)
    rows = chosen.rows.copy()
    rows["kind"] = 0
    return type(samples)(rows)
