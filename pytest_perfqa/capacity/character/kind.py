"""What kind of service it is: the record that characterisation gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ...base.units import Quantity

Kind = Literal["synchronous", "asynchronous"]


@dataclass(frozen=True)
class Step:
    """One completion of a burst, for the chart of its staircase.

    Attributes:
        sent, finished: seconds from the begin of the burst.
        is_good: whether it was answered with neither 4xx nor 5xx.
    """

    sent: float
    finished: float
    is_good: bool


@dataclass(frozen=True)
class Staircase:
    """The completions of one ordered burst, in the order of sending."""

    size: int
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Scalability:
    """Throughput against concurrency, and Gunther's Universal Scalability Law fitted to it.

    ``throughput(n) = rate n / (1 + contention (n - 1) + coherency n (n - 1))``. For the report
    only: the curve is smooth and has no knee at the number of workers.

    Attributes:
        points: mean concurrency and throughput (per second) of each burst.
        rate: throughput of one at a time, per second.
        contention, coherency: dimensionless, 0 or more.
    """

    points: tuple[tuple[float, float], ...]
    rate: float
    contention: float
    coherency: float

    def throughput(self, concurrency: float) -> float:
        """Give what the law says, per second."""
        others = concurrency - 1
        cost = 1 + self.contention * others + self.coherency * concurrency * others
        return self.rate * concurrency / cost


@dataclass(frozen=True)
class Character:
    """What kind of service it is. What could not be told is None, and ``evidence`` says why.

    Attributes:
        service, path: what was characterised.
        kind: ``synchronous`` where a request in service keeps its worker from others,
            ``asynchronous`` where it doesn't.
        workers: how many requests are served at one time, where more have to wait for a worker.
        workers_interval: the lowest and highest number (95 %); the highest is None where no bound
            was found.
        concurrency_limit: how many requests to this path are served at one time, of whatever kind
            the service is.
        service_time: mean time of a request in service, in seconds.
        spread: its coefficient of variation.
        saturation_rate: requests per second that it can do at most.
        cold_start: seconds that the first request took longer.
        cpu_slice: seconds for which each request keeps an event loop to itself.
        queue_limit: how many requests wait beyond those served before others are turned away.
        beyond_queue: what becomes of those: a status, ``refused``, ``timeout``, ...
        replicas: how many take turns behind a balancer.
        scalability: throughput against concurrency.
        staircases: the bursts, for charts.
        evidence: one sentence for each finding and each thing that could not be told.
        notes: what is to be said about the measurement.
        requests: how many were sent.
        wall: seconds that it took.
        time_scale: of the session.
        untold: of its kind and of how many it serves at one time, what could not be told.
    """

    service: str
    path: str
    kind: Kind | None
    workers: int | None
    workers_interval: tuple[int, int | None] | None
    concurrency_limit: int | None
    service_time: Quantity
    service_time_interval: tuple[Quantity, Quantity]
    spread: float
    saturation_rate: Quantity | None
    saturation_rate_interval: tuple[Quantity, Quantity] | None
    cold_start: Quantity | None
    cpu_slice: Quantity | None
    queue_limit: int | None
    beyond_queue: str | None
    replicas: int | None
    scalability: Scalability | None
    staircases: tuple[Staircase, ...]
    evidence: tuple[str, ...]
    notes: tuple[str, ...]
    requests: int
    wall: float
    time_scale: float
    untold: tuple[str, ...] = ()
