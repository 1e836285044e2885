"""Where the samples behind a figure come from, to look closer when an assertion has failed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ...base.evidence import Evidence, Point
from ...base.units import Quantity, Unit, show
from ...scenario.spans import Spans, upto
from ..validity import state
from .confidence import NEAR_SATURATION, Weighted, of_share

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from ..samples import Samples
    from ..validity import Generator
    from .confidence import Interval

_WINDOWS = 40


@dataclass(frozen=True)
class Portion:
    """What was due within a window, or belongs to a phase, as far as they are of a slice.

    The time of a phase may be none of the slice's: a later request of an arrival is due when the
    phase is over. Figures that are about time are None then.
    """

    samples: Samples
    spans: Spans


@dataclass(frozen=True)
class Origin:
    """A slice, as its attributes know it.

    Attributes:
        samples: all rows of the slice, in the order of their times.
        phases: of each phase of the scenario its name, start and end.
    """

    name: str
    samples: Samples
    spans: Spans
    phases: tuple[tuple[str, float, float], ...] = ()
    generator: Generator | None = None

    def evidence(
        self,
        subject: str,
        figure: Callable[[Portion], float | None],
        unit: Unit,
        *,
        samples: int | None = None,
        interval: Interval | None = None,
        adds_up: bool = False,
        statements: tuple[str, ...] = (),
    ) -> Evidence:
        """Look at the figure over time and in each phase."""
        by_phase = ((name, figure(part)) for name, part in self._by_phase().items())
        return Evidence(
            subject=f"{subject} of {self.name}",
            show=partial(show, unit=unit),
            samples=samples,
            interval=(interval.low, interval.high) if interval else None,
            points=tuple(
                Point(part.spans.start, part.spans.end, figure(part), self._phase_of(part))
                for part in self._windows()
            ),
            phases={name: value for name, value in by_phase if value is not None},
            adds_up=adds_up,
            statements=(*statements, *_dependence(interval)),
            generator=state(self.generator) if self.generator else None,
        )

    def _by_phase(self) -> Mapping[str, Portion]:
        found: dict[str, Portion] = {}
        for name in dict.fromkeys(name for name, _, _ in self.phases):
            chosen = [number for number, one in enumerate(self.phases) if one[0] == name]
            samples = self.samples.where(np.isin(self.samples.rows["phase"], chosen))
            spans = Spans.of(self.phases[number][1:] for number in chosen).within(self.spans)
            if samples.count:
                found[name] = Portion(samples, spans)
        return found

    def _phase_of(self, part: Portion) -> str | None:
        """Name the phase that is on where a window begins."""
        begun = upto(part.spans.start)
        return next((name for name, start, end in self.phases if start <= begun < end), None)

    def _windows(self) -> Iterator[Portion]:
        """Cut the slice into windows; what was due between two of its stretches (a later request of
        an arrival) is in the last window before, so that all of it is in one."""
        windows = list(self.spans.windows(_round_width(self.spans.length / _WINDOWS)))
        rows = self.samples.rows
        places = np.searchsorted(
            Spans(tuple(windows)).which(rows["intended"]), np.arange(len(windows) + 1)
        )
        for one, (first, last) in zip(windows, pairwise(places), strict=True):
            yield Portion(type(self.samples)(rows[first:last]), Spans((one,)))


def _round_width(width: float) -> float:
    """Give 1, 2 or 5 times a power of ten, at least as wide."""
    if width <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(width))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= width * (1 - 1e-9))


def _dependence(interval: Interval | None) -> tuple[str, ...]:
    if interval is None or interval.inflation <= NEAR_SATURATION:
        return ()
    said = (
        f"requests share their fate (variance x {interval.inflation:.0f}), as they do near "
        "saturation: 5 repeats tell more than one run"
    )
    return (said,)


@dataclass(frozen=True)
class Figure:
    """What is counted: of the rows that ``base`` keeps of a slice, those that ``which`` tells."""

    subject: str
    base: Callable[[Samples], Samples]
    which: Callable[[NDArray[np.void]], NDArray[np.bool_]]

    def count(self, value: float, origin: Origin | None) -> Quantity:
        """Give a count of this run; it is exact."""
        return Quantity(
            value, Unit.COUNT, gather=partial(self._of_count, origin) if origin else None
        )

    def share(self, value: float, origin: Origin | None) -> Quantity:
        """Give a share of this run; it is exact, how much it says of other runs is evidence."""
        return Quantity(
            value, Unit.RATIO, gather=partial(self._of_share, origin) if origin else None
        )

    def _of_count(self, origin: Origin) -> Evidence:
        number = self.base(origin.samples).count
        return origin.evidence(
            self.subject, self._counted, Unit.COUNT, samples=number, adds_up=True
        )

    def _of_share(self, origin: Origin) -> Evidence:
        rows = self.base(origin.samples).rows
        sample = Weighted(self.which(rows).astype(float), rows["weight"], rows["intended"])
        return origin.evidence(
            self.subject,
            self._shared,
            Unit.RATIO,
            samples=sample.count,
            interval=of_share(sample) if sample.count else None,
        )

    def _counted(self, part: Portion) -> float:
        base = self.base(part.samples)
        return base.where(self.which(base.rows)).count

    def _shared(self, part: Portion) -> float | None:
        base = self.base(part.samples)
        return base.where(self.which(base.rows)).count / base.count if base.count else None
