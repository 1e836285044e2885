"""What characterisation has seen so far, and what its bursts say together."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import numpy as np

from ...base.units import Quantity, Unit
from ...errors import DisturbedRun, InvalidRun
from ...queues import likelihood
from ...queues.likelihood import Burst, Posterior
from . import shapes
from .kind import Staircase, Step

if TYPE_CHECKING:
    from ..probing.exchange import ProbeExchange
    from ..probing.probe import Prober
    from ..probing.volley import Volley
    from .kind import Kind
    from .question import Question


FIRST_BURST = 4
#: From this share on, requests take longer together than alone.
INFLATED = 0.12
#: From this probability on nothing more is sent to find a number of workers.
SURE = 0.99
#: Of several queues some get more than others: so many requests for each worker fill all.
FAIR = 4
_SPACED_SHARE = 0.3
_GAP_SHARE = 0.25
_GAP_SECONDS = 0.005
_ATTEMPTS = 3
_ALIKE = 0.1
# Of six that came alone, the spread is hardly ever so many times too small (F test, 0.1 %).
_MISFIT = 5.0
_ALIKE_ALONE = 0.07


class Seen:
    """What has been seen of a service so far, and the prober that sees it.

    Attributes:
        singles: service times of requests that came alone, in seconds.
        quick_seconds: what a quick request takes at rest, None where there is no quick path.
        ceiling: the largest burst that may be sent.
        slice: seconds that each request keeps an event loop busy, where it is one.
        is_scattered: whether workers have queues of their own.
        settled: how many workers these have, once that is certain.
        is_stopped: whether the service has stopped answering.
    """

    def __init__(self, question: Question, prober: Prober) -> None:
        self.question = question
        self.prober = prober
        self.begin = time.monotonic()
        self.evidence: list[str] = []
        self.singles: list[float] = []
        self.cold_start: float | None = None
        self.quick_seconds: float | None = None
        self.bursts: list[Burst] = []
        self.staircases: list[Staircase] = []
        self.points: list[tuple[float, float]] = []
        self.replica_values: set[str] = set()
        self.slice: float | None = None
        self.is_scattered = False
        self.settled: int | None = None
        self.is_stopped = False
        self.kind: Kind | None = None
        self.replicas: int | None = None
        self.queue_limit: int | None = None
        self.beyond_queue: str | None = None
        self.ceiling = question.concurrency
        self.posterior = Posterior({}, 1, None, np.empty(0))

    @property
    def service(self) -> float:
        """The time of a request that came alone, in seconds."""
        return statistics.median(self.singles)

    @property
    def spread(self) -> float:
        """Its coefficient of variation, whatever one outlier may be."""
        return shapes.robust_spread(np.asarray(self.singles))

    @property
    def waves(self) -> list[int]:
        """How many each burst had in its first wave."""
        return [shapes.first_wave(burst, self.service) for burst in self.bursts]

    @property
    def takes_longer_together(self) -> bool:
        """Whether those of the first waves took longer than those that came alone."""
        took = [shapes.first_services(burst, self.service) for burst in self.bursts]
        everything = np.concatenate(took) if took else np.empty(0)
        return not len(everything) or float(np.median(everything)) > (1 + INFLATED) * self.service

    def bound(self) -> int | None:
        """Give how many are served at one time as far as is known, None if no bound was met."""
        if self.is_scattered:
            return self.settled or max(self.waves, default=None)
        workers = self.posterior.workers
        return workers if workers is not None and 2 * workers <= self.posterior.most else None

    def burst(self, size: int, *, is_counted: bool = True) -> bool:
        """Send a burst and wait for its end; tell whether the next one makes sense.

        Raises:
            DisturbedRun: others disturbed the service, again and again.
        """
        for _ in range(_ATTEMPTS):
            volley = self.prober.send(self.offsets(size))
            if not volley.disturbed:
                break
        else:
            raise DisturbedRun(volley.disturbed)
        return self.take(volley) if is_counted else True

    def offsets(self, size: int) -> list[float]:
        """Faster than the service works, but not at once.

        What passes connections on, such as docker-proxy, reorders those that come together: each
        gets a part of the time in which a worker becomes free. Where workers have queues of their
        own, there must be time for each to take some.
        """
        workers = self.posterior.workers or 1
        gap = min(_GAP_SECONDS, _GAP_SHARE * self.service / workers)
        if self.is_scattered:
            gap = _SPACED_SHARE * self.service / size
        return [gap * index for index in range(size)]

    def take(self, volley: Volley) -> bool:
        """Keep what came of a burst; tell whether the next one makes sense."""
        self.refuse_shortages(volley)
        for one in volley.exchanges:
            self.note_replica(one)
        self.staircases.append(_staircase(volley))
        burst = _burst(volley)
        if burst.size > 1:
            self.bursts.append(burst)
            self.points.append(_point(burst))
        if volley.bad:
            return self._beyond(volley)
        return not volley.pending and burst.size > 1

    def refuse_shortages(self, volley: Volley) -> None:
        """That requests were late doesn't matter here: moments count as they were."""
        if volley.shortages:
            raise InvalidRun(volley.shortages)

    def note_replica(self, one: ProbeExchange) -> None:
        """Remember which replica answered, if it was said."""
        if one.is_good and one.replica is not None:
            self.replica_values.add(one.replica)

    def _beyond(self, volley: Volley) -> bool:
        """Note that a burst was too much, and let the service recover."""
        bad = [one for one in volley.finished if not one.is_good]
        self.beyond_queue = ", ".join(sorted({outcome_label(one) for one in bad}))
        # There was room for so many, and for others as these left.
        good = _burst(volley)
        self.queue_limit = good.in_flight
        self.ceiling = min(self.ceiling, max(FIRST_BURST, self.queue_limit))
        self.evidence.append(
            f"of {len(volley.exchanges)} requests, {good.size} were answered well, at most "
            f"{good.in_flight} of them under way at one time, {len(bad)} were not: "
            f"{self.beyond_queue}"
        )
        drained = self.prober.drain(
            fast=1.2 * max(self.singles), limit=self.prober.seconds_left / 2
        )
        self.is_stopped = not drained.is_drained
        if self.is_stopped:
            self.evidence.append(
                f"after that it did not answer as before within {drained.seconds:.1f} s: stopped"
            )
        return drained.is_drained

    def weigh(self) -> None:
        """Weigh the numbers of workers; notice where they have no common queue."""
        self.posterior = likelihood.posterior(self.singles, self.bursts)
        if not self._fits():
            self._leave_one_out()
        self.is_scattered = not self._fits()

    def _fits(self) -> bool:
        """Whether one queue explains the bursts, as far as that can be told.

        Only where service times are alike, or much more so alone than together: others are
        expected to stray.
        """
        alone = np.asarray(self.singles)
        is_alike = float(alone.std(ddof=1)) < _ALIKE_ALONE * self.service
        if not self.posterior.probabilities:
            return not is_alike
        services = np.concatenate([alone, self.posterior.services])
        is_alike = is_alike or shapes.robust_spread(services) < _ALIKE
        is_alike = is_alike or shapes.log_spread(services) > _MISFIT * shapes.log_spread(alone)
        return not (is_alike and shapes.strays(services))

    def _leave_one_out(self) -> None:
        """See whether the last burst agrees with all but one before it: a machine may hiccup."""
        if len(self.bursts) < 3:
            return
        for left_out in range(len(self.bursts) - 1):
            others = [burst for index, burst in enumerate(self.bursts) if index != left_out]
            found = likelihood.posterior(self.singles, others)
            is_sure = found.probability >= SURE and 2 * (found.workers or 0) <= found.most
            if is_sure and not shapes.strays(found.services):
                self.posterior = found
                self.bursts = others
                self.evidence.append("one burst that fits nothing was left out")
                return


def _staircase(volley: Volley) -> Staircase:
    steps = (
        Step(one.begun - volley.begin, one.finished - volley.begin, one.is_good)
        for one in volley.exchanges
        if not one.pending
    )
    return Staircase(len(volley.exchanges), tuple(steps))


def _burst(volley: Volley) -> Burst:
    """Give the good answers of a volley."""
    good = [one for one in volley.exchanges if one.is_good]
    return Burst(np.array([one.sent for one in good]), np.array([one.finished for one in good]))


def _point(burst: Burst) -> tuple[float, float]:
    """Give mean concurrency (Little) and throughput of a burst."""
    lasted = float(burst.finished.max() - burst.sent[0])
    together = float((burst.finished - burst.sent).sum())
    return together / lasted, burst.size / lasted


def outcome_label(one: ProbeExchange) -> str:
    """Give the status, or how a request failed."""
    return str(one.status) if one.status else one.outcome.label


def seconds_text(seconds: float) -> str:
    """Print a time."""
    return str(Quantity(seconds, Unit.SECOND))
