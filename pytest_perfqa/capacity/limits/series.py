"""A series of probes on one service: drained between them, believed or not, and kept."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from ...base.units import Quantity, Unit
from ...base.verdicts import Verdict
from ...errors import DisturbedRun, Inconclusive, InvalidRun, ServiceError
from ...service.shared.settling import fast_seconds
from .found import Probe, cause_of, counts_of, per_second

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from ..probing.probe import Drained, Until
    from ..probing.volley import Volley

__tracebackhide__ = True

# A canary that takes its time even at rest may take a little more; 4 times would be a queue.
_SLOWER = 1.5
_FLOOR_SECONDS = 0.03
# What is left in the queue of a service that nobody waits for any more, in times of the probe.
_DRAIN_SECONDS = 10.0
_DRAIN_PROBES = 10.0
# A shared machine hiccups now and then.
_ATTEMPTS = 3


class Sender(Protocol):
    """What a series needs of a prober."""

    def send(
        self,
        offsets: Sequence[float],
        *,
        timeout: float | None = None,
        until: Until | None = None,
        path: str | None = None,
    ) -> Volley:
        """Send requests and wait for their ends."""

    def drain(
        self,
        *,
        fast: float,
        limit: float,
        path: str | None = None,
        replicas: Collection[str] = (),
    ) -> Drained:
        """Wait until the service is at rest."""

    @property
    def seconds_left(self) -> float:
        """Seconds that may still be used."""


@dataclass(frozen=True)
class Rest:
    """How to see that a service is at rest.

    Attributes:
        path: of the canaries; None for the endpoint itself.
        replicas: values of the replica header, each of which must have answered.
    """

    path: str | None = None
    replicas: Collection[str] = ()


@dataclass(frozen=True)
class Ruling:
    """What was decided of a volley; ``met`` is None where it could not be.

    One that was sent to read something off it has no verdict.
    """

    met: bool | None
    why: str
    cause: str = ""
    is_verdict: bool = True

    @property
    def verdict(self) -> Verdict:
        """The same as a verdict."""
        if not self.is_verdict:
            return Verdict.UNTESTED
        verdicts = {True: Verdict.PASSED, False: Verdict.FAILED, None: Verdict.INCONCLUSIVE}
        return verdicts[self.met]


class ProbeSeries:
    """Makes one probe after the other.

    Attributes:
        probes: those made so far.
        service_time: of a single request at rest, in seconds; known after ``unloaded``.
    """

    def __init__(
        self, sender: Sender, rest: Rest | None = None, *, time_scale: float = 1.0
    ) -> None:
        self._sender = sender
        self._rest = rest or Rest()
        self._scale = time_scale
        self._begin: float | None = None
        self._end = 0.0
        self._idle = math.nan
        self._abandoned = 0.0
        self.probes: list[Probe] = []
        self.service_time = math.nan

    @property
    def has_time(self) -> bool:
        """Whether the budget allows another probe."""
        return self._sender.seconds_left > 0

    @property
    def seconds_left(self) -> float:
        """What is left of the budget."""
        return self._sender.seconds_left

    @property
    def used(self) -> float:
        """The share of the budget that is used up."""
        total = self.wall + max(0.0, self._sender.seconds_left)
        return self.wall / total if total > 0 else 1.0

    @property
    def wall(self) -> float:
        """Seconds from the first request to the end of the last probe."""
        return 0.0 if self._begin is None else self._end - self._begin

    def unloaded(self, count: int) -> list[float]:
        """Send single requests, one after the other; give the response times of all but the first.

        The first may find the service cold.

        Raises:
            ServiceError: one of them fails, so no load has to be looked for.
        """
        if self._rest.path is not None:
            self._idle = statistics.median(
                self._single(self._rest.path) for _ in range(max(3, len(self._rest.replicas)))
            )
        times = [self._single(None) for _ in range(count)][1:]
        self.service_time = statistics.median(times)
        return times

    def _single(self, path: str | None) -> float:
        volley = self._sender.send([0.0], path=path)
        self._note_time(volley)
        if not volley.exchanges or volley.pending:
            raise Inconclusive(
                "the budget ran out before a single request was answered; a larger one helps"
            )
        one = volley.exchanges[0]
        if not one.is_good:
            what = one.status or one.outcome.label
            raise ServiceError(
                f"a single request{'' if path is None else f' for {path}'} at rest comes to "
                f"{what}: there is nothing to put load on"
            )
        return one.response

    def probe(
        self,
        offsets: Sequence[float],
        rate: float,
        rule: Callable[[Volley, float], Ruling],
        *,
        until: Until,
    ) -> tuple[Volley, Ruling]:
        """Drain the service, send the requests and decide what that says.

        Args:
            rate: of the requests, per second.
            rule: decides on what came; the second argument is the moment of its end.
            until: ends the probe early.

        Raises:
            DisturbedRun: others disturbed the service, again and again.
            InvalidRun: the generator could not do it, again and again.
            ServiceError: the service does not come to rest.
        """
        for attempt in range(_ATTEMPTS):
            self._drain()
            volley = self._sender.send(offsets, until=until)
            self._note_time(volley)
            if not volley.invalid:
                break
            cause = "others" if volley.disturbed else "generator"
            ruling = Ruling(None, "; ".join(volley.invalid), cause)
            self._keep(volley, rate, ruling, Verdict.INVALID)
            if attempt + 1 == _ATTEMPTS and volley.disturbed:
                raise DisturbedRun(volley.invalid)
            if attempt + 1 == _ATTEMPTS:
                raise InvalidRun(volley.invalid)
        ruling = rule(volley, self._end)
        self._keep(volley, rate, ruling, ruling.verdict)
        return volley, ruling

    def keep_first(self, count: int, volley: Volley, rate: float, why: str) -> None:
        """Keep what the first requests of a volley show as a probe of its own, one that passed."""
        first = volley.exchanges[:count]
        end = max(one.finished for one in first)
        part = replace(
            volley,
            offsets=volley.offsets[:count],
            exchanges=first,
            finished=sorted(first, key=lambda one: one.finished),
            seconds=end - volley.begin,
        )
        ruling = Ruling(True, f"the first {count} of the burst of {volley.planned}: {why}")
        self._keep(part, rate, ruling, ruling.verdict)

    def _keep(self, volley: Volley, rate: float, ruling: Ruling, verdict: Verdict) -> None:
        latencies = tuple(one.latency for one in volley.exchanges if one.is_good)
        begin = volley.begin if self._begin is None else self._begin
        cause = ruling.cause
        if verdict is Verdict.FAILED and not cause:
            cause = cause_of(volley)
        self.probes.append(
            Probe(
                size=volley.planned,
                rate=per_second(rate, self._scale),
                verdict=verdict,
                why=ruling.why,
                cause=cause,
                counts=counts_of(volley),
                latencies=latencies,
                slowest=self._seconds(max(latencies, default=math.nan)),
                started=self._seconds(volley.begin - begin),
                seconds=self._seconds(volley.seconds),
            )
        )

    def _seconds(self, value: float) -> Quantity:
        return Quantity(value, Unit.SECOND, self._scale)

    def _note_time(self, volley: Volley) -> None:
        self._begin = volley.begin if self._begin is None else self._begin
        self._end = volley.begin + volley.seconds
        if volley.pending or volley.bad:
            self._abandoned = max(self._abandoned, volley.seconds)

    def _drain(self) -> None:
        """Wait until what nobody waits for any more is worked off."""
        if not self._abandoned:
            return
        path = self._rest.path
        idle = self.service_time if path is None else self._idle
        fast = min(fast_seconds(idle), _SLOWER * idle + _FLOOR_SECONDS)
        limit = min(
            _DRAIN_SECONDS + _DRAIN_PROBES * self._abandoned, max(0.0, self._sender.seconds_left)
        )
        drained = self._sender.drain(
            fast=fast, limit=limit, path=path, replicas=self._rest.replicas
        )
        if not drained.is_drained and self.has_time:
            raise ServiceError(
                f"the service did not come to rest within {drained.seconds:.0f} s after the load "
                "was taken off"
            )
        self._abandoned = 0.0
        if path is not None and self.has_time:
            # Canaries get through once one worker is free. When a request like those of the
            # probe is back, the others have been, too.
            self._sender.send([0.0])
