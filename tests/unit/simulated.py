"""Simulated queues, many runs at once, and the records that a run of each would leave.

Arrays are (runs, arrivals). The mean service time is 1, so a rate is a load per worker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import synthetic

from pytest_perfqa.queues.fifo import departures
from pytest_perfqa.result.attributes.queueing import Pending
from pytest_perfqa.scenario.spans import Spans

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    #: Of a random generator, the shape, and a rate for arrivals.
    Arrivals = Callable[[np.random.Generator, tuple[int, int], float], Floats]
    Services = Callable[[np.random.Generator, tuple[int, int]], Floats]


def even(_random: np.random.Generator, shape: tuple[int, int], rate: float) -> Floats:
    """Arrivals at equal distances."""
    return np.tile(np.arange(1, shape[1] + 1) / rate, (shape[0], 1))


def shifted(random: np.random.Generator, shape: tuple[int, int], rate: float) -> Floats:
    """Arrivals at equal distances, the first at any moment of the first."""
    return even(random, shape, rate) - random.uniform(0, 1, (shape[0], 1)) / rate


def poisson(random: np.random.Generator, shape: tuple[int, int], rate: float) -> Floats:
    """A Poisson process."""
    return np.cumsum(random.exponential(1 / rate, shape), axis=1)


def bursts(_random: np.random.Generator, shape: tuple[int, int], rate: float) -> Floats:
    """Twenty at once, with pauses."""
    number = np.arange(shape[1])
    times = (number // 20) * 20 / rate + (number % 20) * 1e-3
    return np.tile(times, (shape[0], 1))


def uneven(random: np.random.Generator, shape: tuple[int, int], rate: float) -> Floats:
    """Distances that follow an AR(0.8) process, log-normal with sigma 0.5."""
    return np.cumsum(correlated(random, shape, sigma=0.5) / rate, axis=1)


def ramp(random: np.random.Generator, shape: tuple[int, int], rate: float) -> Floats:
    """A Poisson process whose rate rises from a twentieth of ``rate`` to it."""
    total = np.sort(random.uniform(0, shape[1], shape), axis=1)
    return _ramp(total, rate)


def even_ramp(_random: np.random.Generator, shape: tuple[int, int], rate: float) -> Floats:
    """Arrivals where the integral of a rising rate reaches whole numbers."""
    return _ramp(np.tile(np.arange(1.0, shape[1] + 1), (shape[0], 1)), rate)


def _ramp(total: Floats, rate: float) -> Floats:
    first = rate / 20
    slope = (rate**2 - first**2) / (2 * total.shape[1])
    times: Floats = (np.sqrt(first**2 + 2 * slope * total) - first) / slope
    return times


def constant(_random: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """All services take 1."""
    return np.ones(shape)


def exponential(random: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Exponential services."""
    return random.exponential(1, shape)


def gamma(variation: float) -> Services:
    """Services of a gamma distribution with this coefficient of variation."""

    def services(random: np.random.Generator, shape: tuple[int, int]) -> Floats:
        return random.gamma(variation**-2, variation**2, shape)

    return services


def correlated(
    random: np.random.Generator, shape: tuple[int, int], sigma: float = 0.3, lag1: float = 0.8
) -> Floats:
    """Log-normal values of mean 1 whose logarithms follow an AR(1) process."""
    return np.exp(sigma * autoregressive(random, shape, lag1) - sigma**2 / 2)


def autoregressive(
    random: np.random.Generator, shape: tuple[int, int], lag1: float = 0.8
) -> Floats:
    """Standard normal values, each correlated with the one before."""
    values = random.standard_normal(shape)
    fresh = np.sqrt(1 - lag1**2)
    for number in range(1, shape[1]):
        values[:, number] = lag1 * values[:, number - 1] + fresh * values[:, number]
    return values


def queue(
    random: np.random.Generator,
    shape: tuple[int, int],
    come: Arrivals,
    take: Services,
    workers: float,
    load: float,
) -> tuple[Floats, Floats]:
    """Simulate runs; give arrivals and ends. Without a limit of workers ``load`` is the rate."""
    rate = load if workers == np.inf else load * workers
    arrivals = come(random, shape, rate)
    return arrivals, departures(arrivals, take(random, shape), workers)


def pending(arrivals: Floats, ends: Floats, limit: float = np.inf) -> Pending:
    """Watch one run up to its last arrival; what takes longer than ``limit`` is a 504."""
    times = ends - arrivals
    status = np.where(times > limit, 504, 200)
    recorded = synthetic.samples(arrivals, np.minimum(times, limit), status=status)
    return Pending(recorded, Spans(((0.0, float(arrivals[-1])),)))
