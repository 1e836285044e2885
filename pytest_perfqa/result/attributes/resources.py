"""Resources: what the parts of the service used of the machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from ...base.evidence import Evidence, Point
from ...base.units import Quantity, Unit, show
from ...errors import NoData
from ...monitor.readings import Metric, Readings, ReadingSeries
from ...scenario.spans import Spans, only_stretch, place
from .names import KnowsItsNames
from .stability import Drift, drift

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...service.config import Limits

__tracebackhide__ = True


@dataclass(frozen=True)
class Stretch:
    """What is asked about, in seconds from the start of the run.

    Attributes:
        name: of the slice.
        phases: of each phase of the scenario its name, start and end.
        time_scale: the factor on times that the run had.
    """

    spans: Spans
    name: str = "the run"
    phases: tuple[tuple[str, float, float], ...] = ()
    time_scale: float = 1.0

    def names_at(self, moments: NDArray[np.float64]) -> NDArray[np.str_]:
        """Name the phase that each moment lies in, nothing where it lies in none."""
        names = np.array(["", *(name for name, _, _ in self.phases), ""])
        ends = [end for _, _, end in self.phases]
        edges = np.array([start for _, start, _ in self.phases[:1]] + ends)
        named: NDArray[np.str_] = names[place(moments, edges) + 1]
        return named


class Resources(Mapping[str, "PartResources"]):
    """What each part used over a stretch of time, by its name: ``app#2``, ``proxy``.

    ``app`` stands for all its replicas together, ``total`` for all parts.

    Raises:
        NoData: nothing is known of the service's processes, or there is no such part.
    """

    def __init__(self, readings: Readings, limits: Limits, stretch: Stretch) -> None:
        self._readings = readings
        self._limits = limits
        self._stretch = stretch

    def __getitem__(self, name: str) -> PartResources:
        if not self._readings.parts:
            raise NoData(self._readings.reason)
        if name in self._readings.parts:
            return self._part(name, (name,))
        replicas = tuple(each for each in self if each.partition("#")[0] == name)
        if not replicas:
            raise NoData(f"no part {name!r}; there are: {', '.join(self)}")
        return self._part(name, replicas)

    @property
    def total(self) -> PartResources:
        """All parts together, without what was started elsewhere: no limit is on that."""
        if not self._readings.parts:
            raise NoData(self._readings.reason)
        beside = self._readings.beside
        return self._part("all parts", tuple(name for name in self if name not in beside))

    def _part(self, name: str, members: tuple[str, ...]) -> PartResources:
        return PartResources(name, members, self._readings, self._limits, self._stretch)

    @property
    def cost(self) -> Quantity:
        """CPU seconds that the monitor itself took per second while the load was on."""
        if not self._readings.parts:
            raise NoData(self._readings.reason)
        return Quantity(self._readings.cpu, Unit.RATIO)

    def __iter__(self) -> Iterator[str]:
        return iter(self._readings.parts)

    def __len__(self) -> int:
        return len(self._readings.parts)

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.values())) or f"<{self._readings.reason}>"


class PartResources(KnowsItsNames):
    """What one part used, or several together.

    Attributes:
        name: of the part.
    """

    def __init__(
        self,
        name: str,
        members: tuple[str, ...],
        readings: Readings,
        limits: Limits,
        stretch: Stretch,
    ) -> None:
        self.name = name
        self._members = members
        self._readings = readings
        self._limits = limits
        self._stretch = stretch

    def _look(self, metric: Metric) -> _Look:
        return _Look(self.name, self._members, self._readings, metric, self._stretch)

    @cached_property
    def cpu(self) -> Cpu:
        """CPU seconds used per second: 100 % is one CPU."""
        return Cpu(self._look(Metric.CPU), Unit.RATIO, self._limits.cpus)

    @property
    def cpu_seconds(self) -> Quantity:
        """CPU time used; as measured, it doesn't follow the time scale."""
        return Quantity(self.cpu.total, Unit.SECOND)

    @cached_property
    def memory(self) -> Memory:
        """Memory in use.

        Of plain processes the proportional set size (PSS): pages that n processes share count 1/n
        for each. Of a container what ``docker stats`` shows: its cgroup's usage without inactive
        file pages.
        """
        return Memory(self._look(Metric.MEMORY), Unit.BYTE, self._limits.memory)

    @cached_property
    def threads(self) -> Gauge:
        """Threads of all its processes."""
        return Gauge(self._look(Metric.THREADS), Unit.COUNT)

    @cached_property
    def open_files(self) -> Gauge:
        """Open descriptors, sockets included; one that several processes share counts for each."""
        return Gauge(self._look(Metric.OPEN_FILES), Unit.COUNT)

    @cached_property
    def context_switches(self) -> Rate:
        """Context switches per second, voluntary or not, of threads while they could be seen."""
        return Rate(self._look(Metric.SWITCHES), Unit.PER_SECOND)

    @cached_property
    def network(self) -> Network:
        """Bytes to and from the part: known where it has a network of its own, as containers do."""
        return Network(self._look(Metric.RECEIVED), self._look(Metric.SENT))

    def __repr__(self) -> str:
        known = []
        for name in ("cpu", "memory", "threads", "open_files"):
            try:
                known.append(f"{name} {getattr(self, name).mean}")
            except NoData:
                known.append(f"{name} unknown")
        return f"<{self.name}: {', '.join(known)}>"


class _Look:
    """One metric of some parts together, over a stretch of time.

    Attributes:
        title: what it is called.
    """

    def __init__(
        self,
        name: str,
        members: tuple[str, ...],
        readings: Readings,
        metric: Metric,
        stretch: Stretch,
    ) -> None:
        self.title = f"{metric.value} of {name}"
        self._members = members
        self._readings = readings
        self._metric = metric
        self.stretch = stretch

    @cached_property
    def everything(self) -> ReadingSeries:
        """The sum over the parts, of the whole run."""
        parts = [self._readings.series(each, self._metric) for each in self._members]
        return _sum(parts, is_counter=self._metric.is_counter)

    @cached_property
    def found(self) -> ReadingSeries:
        """What was found at the looks within the stretch."""
        series = self.everything
        inside = self._inside(series.times)
        return ReadingSeries(series.times[inside], series.values[inside])

    @cached_property
    def rates(self) -> ReadingSeries:
        """How fast it rose from one look to the next, where most of that is in the stretch."""
        series = self.everything
        inside = self._inside(self._middles)
        rates = np.diff(series.values) / np.diff(series.times)
        return ReadingSeries(series.times[1:][inside], rates[inside])

    @property
    def rise(self) -> tuple[float, float]:
        """How much it rose in that time, as far as it was looked at, and in how many seconds.

        Between two looks it rises evenly.
        """
        self._inside(self._middles)
        series = self.everything
        edges = np.clip(self.stretch.spans.stretches, series.times[0], series.times[-1])
        rises = np.diff(np.interp(edges, series.times, series.values))
        return float(rises.sum()), float(np.diff(edges).sum())

    @property
    def _middles(self) -> NDArray[np.float64]:
        times = self.everything.times
        middles: NDArray[np.float64] = (times[1:] + times[:-1]) / 2
        return middles

    def _inside(self, moments: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Mark those in the stretch.

        Raises:
            NoData: there are none.
        """
        inside = self.stretch.spans.contain(moments)
        if not inside.any():
            raise NoData(f"{self.title}: nobody looked from {self.stretch.spans}")
        return inside

    def evidence(self, series: ReadingSeries, unit: Unit) -> Evidence:
        """Say how it went over time, and what it was like in each phase."""
        times, values = series.times, series.values
        names = self.stretch.names_at(times)
        begins = times - np.diff(times, prepend=times[0])
        points = zip(begins.tolist(), times.tolist(), values.tolist(), names.tolist(), strict=True)
        return Evidence(
            self.title,
            show=partial(show, unit=unit),
            samples=len(times),
            points=tuple(
                Point(start, end, value, name or None) for start, end, value, name in points
            ),
            phases={
                name: float(values[names == name].mean())
                for name in dict.fromkeys(filter(None, names.tolist()))
            },
        )


def _sum(parts: list[ReadingSeries], *, is_counter: bool) -> ReadingSeries:
    """Add series up at the moments of the one that was looked at least often."""
    if len(parts) == 1:
        return parts[0]
    first, last = max(one.times[0] for one in parts), min(one.times[-1] for one in parts)
    times = min((one.times for one in parts), key=len)
    times = np.unique(np.clip(times, first, last))
    at = _between if is_counter else _latest
    values: NDArray[np.float64] = np.sum([at(one, times) for one in parts], axis=0)
    return ReadingSeries(times, values)


def _between(series: ReadingSeries, times: NDArray[np.float64]) -> NDArray[np.float64]:
    values: NDArray[np.float64] = np.interp(times, series.times, series.values)
    return values


def _latest(series: ReadingSeries, times: NDArray[np.float64]) -> NDArray[np.float64]:
    values: NDArray[np.float64] = series.values[np.searchsorted(series.times, times, "right") - 1]
    return values


class Rate(KnowsItsNames):
    """How fast something is used up.

    ``values[i]`` is the mean rate from the look before until ``times[i]``, in seconds from the
    start of the run.

    Raises:
        NoData: on every figure, if it isn't known, with the reason.
    """

    def __init__(self, look: _Look, unit: Unit) -> None:
        self._look = look
        self._unit = unit

    def _rate(self, value: float) -> Quantity:
        return Quantity(value, self._unit, self._look.stretch.time_scale, self.evidence)

    def evidence(self) -> Evidence:
        """Gather how it went over time."""
        return self._look.evidence(self._look.rates, self._unit)

    @property
    def times(self) -> NDArray[np.float64]:
        """When it was looked at."""
        return self._look.rates.times

    @property
    def values(self) -> NDArray[np.float64]:
        """The mean rate since the look before."""
        return self._look.rates.values

    @property
    def total(self) -> float:
        """How much was used in all."""
        return self._look.rise[0]

    @property
    def mean(self) -> Quantity:
        """What was used, over the time."""
        rise, seconds = self._look.rise
        return self._rate(rise / seconds)

    @property
    def max(self) -> Quantity:
        """The highest rate between two looks."""
        return self._rate(float(self.values.max()))

    def __repr__(self) -> str:
        try:
            return f"<{self._look.title}: mean {self.mean}, max {self.max}>"
        except NoData as error:
            return f"<{error}>"


class Cpu(Rate):
    """CPU seconds used per second."""

    def __init__(self, look: _Look, unit: Unit, limit: float | None) -> None:
        super().__init__(look, unit)
        self._limit = limit

    @property
    def of_limit(self) -> Quantity:
        """The mean as a share of the CPUs that the service's file grants all parts together.

        Raises:
            NoData: it grants no certain number.
        """
        if self._limit is None:
            raise NoData(f"{self._look.title}: the service has no limit of CPUs")
        return Quantity(self.mean / self._limit, Unit.RATIO)


class Network(KnowsItsNames):
    """Bytes that came and went.

    Raises:
        NoData: on every figure, where the part has no network of its own.
    """

    def __init__(self, received: _Look, sent: _Look) -> None:
        self.received = Rate(received, Unit.BYTE_PER_SECOND)
        self.sent = Rate(sent, Unit.BYTE_PER_SECOND)

    def __repr__(self) -> str:
        return f"{self.received!r}\n{self.sent!r}"


class Gauge(KnowsItsNames):
    """How much of something there is.

    ``values[i]`` is what was found at ``times[i]``, in seconds from the start of the run.

    Raises:
        NoData: on every figure, if it isn't known, with the reason.
    """

    def __init__(self, look: _Look, unit: Unit) -> None:
        self._look = look
        self._unit = unit

    def _quantity(self, value: float) -> Quantity:
        return Quantity(value, self._unit, gather=self.evidence)

    def evidence(self) -> Evidence:
        """Gather how it went over time."""
        return self._look.evidence(self._look.found, self._unit)

    @property
    def times(self) -> NDArray[np.float64]:
        """When it was looked at."""
        return self._look.found.times

    @property
    def values(self) -> NDArray[np.float64]:
        """What was found then."""
        return self._look.found.values

    @property
    def mean(self) -> Quantity:
        """The average over all looks."""
        return self._quantity(float(self.values.mean()))

    @property
    def max(self) -> Quantity:
        """The most that was found."""
        return self._quantity(float(self.values.max()))

    @property
    def end(self) -> Quantity:
        """What the last look found."""
        return self._quantity(float(self.values[-1]))

    def drift(self) -> Drift:
        """Tell whether it rises while the load lasts, and by how much per hour; see ``Drift``.

        Raises:
            Inconclusive: too few looks, or it varies too much, to tell.
        """
        look = self._look
        only_stretch(f"drift of {look.title}", look.stretch.spans, look.stretch.name)
        return drift(look.title, self.times, self.values, self._unit, look.stretch.time_scale)

    def __repr__(self) -> str:
        try:
            return f"<{self._look.title}: mean {self.mean}, max {self.max}>"
        except NoData as error:
            return f"<{error}>"


class Memory(Gauge):
    """Memory in use, in bytes."""

    def __init__(self, look: _Look, unit: Unit, limit: int | None) -> None:
        super().__init__(look, unit)
        self._limit = limit

    @property
    def of_limit(self) -> Quantity:
        """The most as a share of the memory that the service's file grants all parts together.

        Raises:
            NoData: it grants no certain amount.
        """
        if self._limit is None:
            raise NoData(f"{self._look.title}: the service has no limit of memory")
        return Quantity(self.max / self._limit, Unit.RATIO)
