"""A volley: requests that were sent together, what came of them, and whether to believe it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...load.wire.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .exchange import ProbeExchange

# Requests due at one moment go one after the other: each may be later by this than the last.
_SEND_SECONDS = 0.001
_LATE_SECONDS = 0.010
_LATE_SHARE = 0.05
_LATE_ARRIVALS = 0.01
_BUSY = 0.8
_BUSY_AFTER_SECONDS = 0.5


@dataclass
class Volley:
    """Requests sent together, and what came of them so far.

    Attributes:
        begin: the moment (``time.monotonic``) that offsets count from.
        offsets: when each was to be sent.
        exchanges: those sent, in the order of sending.
        finished: those that have ended, in the order of their ends.
        ended_by: why sending and waiting ended: ``complete``, ``verdict`` (``until`` said so), or
            the bound of the prober that was met: ``requests``, ``concurrency``, ``time``.
        seconds: from the begin to the end of waiting.
        cpu: CPU seconds that this process used per second of that.
        disturbed: how others disturbed the service meanwhile.
    """

    begin: float
    offsets: Sequence[float]
    exchanges: list[ProbeExchange] = field(default_factory=list)
    finished: list[ProbeExchange] = field(default_factory=list)
    ended_by: str = "complete"
    cpu: float = 0.0
    seconds: float = 0.0
    disturbed: tuple[str, ...] = ()

    @property
    def planned(self) -> int:
        """How many requests there were to be."""
        return len(self.offsets)

    @property
    def pending(self) -> int:
        """How many are sent and have no end yet."""
        return len(self.exchanges) - len(self.finished)

    @property
    def good(self) -> int:
        """How many were answered with neither 4xx nor 5xx."""
        return sum(exchange.is_good for exchange in self.finished)

    @property
    def bad(self) -> int:
        """How many failed or were answered with 4xx or 5xx."""
        return len(self.finished) - self.good

    @property
    def spread(self) -> float:
        """Seconds between the first and the last request."""
        if not self.exchanges:
            return 0.0
        return self.exchanges[-1].begun - self.exchanges[0].begun

    @property
    def lag(self) -> float:
        """Seconds that the latest request was behind schedule."""
        return max((exchange.lag for exchange in self.exchanges), default=0.0)

    @property
    def invalid(self) -> tuple[str, ...]:
        """Every reason not to believe it that isn't the service's; none if it may be."""
        return (*self.shortages, *self._lateness(), *self.disturbed)

    @property
    def shortages(self) -> tuple[str, ...]:
        """What this machine ran out of, and what would help."""
        return tuple(self._missing())

    def _missing(self) -> Iterator[str]:
        outcomes = Counter(exchange.outcome for exchange in self.finished)
        if outcomes[Outcome.NO_PORTS]:
            yield (
                f"{outcomes[Outcome.NO_PORTS]} requests found no free port on this machine; widen "
                "net.ipv4.ip_local_port_range or wait until closed connections are forgotten"
            )
        if outcomes[Outcome.NO_DESCRIPTORS]:
            yield (
                f"{outcomes[Outcome.NO_DESCRIPTORS]} requests found no free descriptor; "
                "raise the limit of open files (ulimit -n)"
            )

    def _lateness(self) -> Iterator[str]:
        late = self._late()
        if late > 1 + _LATE_ARRIVALS * len(self.exchanges):
            yield (
                f"{late} of {len(self.exchanges)} requests were sent late, the worst by "
                f"{self.lag * 1e3:.0f} ms, with {self.cpu:.0%} of a CPU used; use a quieter "
                "machine or a lower rate"
            )
        elif self.cpu > _BUSY and self.seconds > _BUSY_AFTER_SECONDS and self.offsets[-1] > 0:
            yield f"the generator used {self.cpu:.0%} of a CPU; use a lower rate"

    def _late(self) -> int:
        """Count the requests sent later than what shows in the figures."""
        gap = self.offsets[-1] / max(1, len(self.offsets) - 1) if self.offsets else 0.0
        allowed = max(_LATE_SECONDS, _LATE_SHARE * gap)
        late = together = 0
        due = -1.0
        for exchange in self.exchanges:
            together = together + 1 if exchange.intended == due else 0
            due = exchange.intended
            late += exchange.lag > allowed + together * _SEND_SECONDS
        return late
