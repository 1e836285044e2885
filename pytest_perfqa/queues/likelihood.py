"""How many workers? The likelihood of what a burst's staircase of completions implies.

Where ``w`` workers serve one queue in the order of arrival, request ``k`` (from 0) is begun at the
``k - w + 1``-th completion, or when it arrives if a worker is free. So every ``w`` implies all
service times, and only the true one implies times that could be: positive, and distributed as
those of requests that came alone. The method is this project's own; docs/characterization.md says
how it did on real servers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .fifo import implied_services

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

# Times are uncertain by this share of a service time, or by these seconds where that is more.
_NOISE_SHARE = 0.005
_NOISE_SECONDS = 0.002
# Shares of the implied times that may be impossible (negative), or too short to be likely; the
# likelihood itself speaks against a few of the latter.
_IMPOSSIBLE = 0.01
_TOO_SHORT = 0.04
_FEW = 2
_PER_VIOLATION = -15.0
_MOST_REPLICAS = 8
# Replicas with queues of their own are rarer than one queue, and the more complicated story.
_REPLICAS_PRIOR = -3.0
# Where all service times are alike, one queue and several in turns give the same staircase.
_REPLICAS_CV = 0.03
_SPREAD_FLOOR = 0.005
_NEWTON_STEPS = 12


@dataclass(frozen=True)
class Burst:
    """Good answers of an ordered burst: when each was sent and finished, in order of sending."""

    sent: Array
    finished: Array

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.sent)

    @property
    def in_flight(self) -> int:
        """The most that were under way at one time."""
        moments = np.concatenate([self.sent, self.finished])
        steps = np.repeat([1, -1], self.size)
        return int(np.cumsum(steps[np.argsort(moments, kind="stable")]).max(initial=0))

    def services(self, hypothesis: Hypothesis) -> Array:
        """Give the service times that its requests must have had under a hypothesis."""
        services = np.empty(self.size)
        for turn in range(min(hypothesis.replicas, self.size)):
            own = slice(turn, None, hypothesis.replicas)
            services[own] = implied_services(self.sent[own], self.finished[own], hypothesis.each)
        return services


@dataclass(frozen=True, order=True)
class Hypothesis:
    """A number of workers behind one queue, or behind each of several that take turns."""

    replicas: int
    each: int

    @property
    def workers(self) -> int:
        """All workers."""
        return self.replicas * self.each


@dataclass(frozen=True)
class Posterior:
    """What the bursts say about the number of workers.

    Attributes:
        probabilities: of each possible total of workers, adding up to 1; empty where none fits.
        most: the largest total that the bursts could show; its probability is that of "or more".
        best: the likeliest hypothesis.
        services: the service times that it implies, of queued and unqueued requests.
    """

    probabilities: dict[int, float]
    most: int
    best: Hypothesis | None
    services: Array

    @property
    def workers(self) -> int | None:
        """The likeliest total."""
        if not self.probabilities:
            return None
        return max(self.probabilities, key=lambda total: self.probabilities[total])

    @property
    def probability(self) -> float:
        """How sure that is."""
        return max(self.probabilities.values(), default=0.0)

    def interval(self, level: float = 0.95) -> tuple[int, int] | None:
        """Give the lowest and highest of the likeliest totals that hold ``level`` together."""
        ranked = sorted(self.probabilities.items(), key=lambda item: -item[1])
        held, totals = 0.0, []
        for total, probability in ranked:
            totals.append(total)
            held += probability
            if held >= level:
                break
        return (min(totals), max(totals)) if totals else None


def noise(service: float) -> float:
    """Give how uncertain moments are, in seconds, for requests of this service time."""
    return max(_NOISE_SHARE * service, _NOISE_SECONDS)


def least_workers(burst: Burst, tolerance: float) -> int:
    """Give how many workers overtaking proves: all that a request overtakes are being served."""
    later = burst.finished[:, None] > burst.finished[None, :] + tolerance
    return int(np.triu(later, 1).sum(axis=0).max(initial=0)) + 1


def posterior(singles: Sequence[float], bursts: Iterable[Burst]) -> Posterior:
    """Weigh every number of workers, from 1 to as many as were under way at one time.

    Args:
        singles: service times of requests that came alone, in seconds.
        bursts: ordered bursts of the same request.
    """
    bursts = [burst for burst in bursts if burst.size > 1]
    alone = np.asarray(singles, dtype=float)
    typical = float(np.median(alone))
    most = max((burst.in_flight for burst in bursts), default=1)
    tolerance = noise(typical)
    hypotheses, rows, scores = [], [], []
    for hypothesis in _hypotheses(alone, bursts, most, tolerance):
        implied = np.concatenate([burst.services(hypothesis) for burst in bursts])
        if _is_possible(implied, tolerance, typical):
            hypotheses.append(hypothesis)
            rows.append(np.concatenate([alone, np.maximum(implied, tolerance)]))
            prior = _REPLICAS_PRIOR if hypothesis.replicas > 1 else 0.0
            scores.append(prior + _PER_VIOLATION * int((implied < -tolerance).sum()))
    if not hypotheses:
        return Posterior({}, most, None, np.empty(0))
    floor = max(_SPREAD_FLOOR, tolerance / 2 / typical)
    weights = np.asarray(scores) + log_likelihood(np.stack(rows), floor)
    shares = np.exp(weights - weights.max())
    shares /= shares.sum()
    totals: dict[int, float] = {}
    for hypothesis, share in zip(hypotheses, shares, strict=True):
        totals[hypothesis.workers] = totals.get(hypothesis.workers, 0.0) + float(share)
    best = hypotheses[int(shares.argmax())]
    services = np.concatenate([burst.services(best) for burst in bursts])
    return Posterior(totals, most, best, services)


def _hypotheses(
    alone: Array, bursts: Sequence[Burst], most: int, tolerance: float
) -> Iterable[Hypothesis]:
    least = max((least_workers(burst, tolerance) for burst in bursts), default=1)
    yield from (Hypothesis(1, each) for each in range(least, most + 1))
    if len(alone) and alone.std() / alone.mean() > _REPLICAS_CV:
        for replicas in range(2, min(_MOST_REPLICAS, most) + 1):
            yield from (Hypothesis(replicas, each) for each in range(1, most // replicas + 1))


def _is_possible(implied: Array, tolerance: float, typical: float) -> bool:
    impossible = int((implied < -2 * tolerance).sum())
    too_short = int((implied < tolerance).sum())
    # Of exponential times, such a share is shorter than the tolerance.
    allowed = max(_FEW, (_TOO_SHORT + tolerance / typical) * len(implied))
    return impossible <= _IMPOSSIBLE * len(implied) and too_short <= allowed


def log_likelihood(times: Array, floor: float) -> Array:
    """Give, for each row, the log likelihood under the best of three fitted distributions.

    Log-normal, gamma and Weibull, each by maximum likelihood, no wider than an exponential and no
    narrower than a coefficient of variation of ``floor``.
    """
    logs = np.log(times)
    fits = [_lognormal(logs, floor), _gamma(times, logs, floor), _weibull(logs, floor)]
    best: Array = np.max(fits, axis=0)
    return best


def _lognormal(logs: Array, floor: float) -> Array:
    count = logs.shape[1]
    spread = np.clip(logs.std(axis=1), floor, 1.0)
    squares = ((logs - logs.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    result: Array = (
        -logs.sum(axis=1)
        - count * (np.log(spread) + 0.5 * math.log(2 * math.pi))
        - squares / (2 * spread**2)
    )
    return result


def _gamma(times: Array, logs: Array, floor: float) -> Array:
    """Fit by Minka's approximation of the shape, "Estimating a Gamma distribution" (2002)."""
    count = times.shape[1]
    mean = times.mean(axis=1)
    gap = np.maximum(np.log(mean) - logs.mean(axis=1), 1e-12)
    shape = (3 - gap + np.sqrt((gap - 3) ** 2 + 24 * gap)) / (12 * gap)
    shape = np.clip(shape, 1.0, floor**-2)
    scale = mean / shape
    log_gamma = np.array([math.lgamma(one) for one in shape])
    result: Array = (
        (shape - 1) * logs.sum(axis=1)
        - count * mean / scale
        - count * (shape * np.log(scale) + log_gamma)
    )
    return result


def _weibull(logs: Array, floor: float) -> Array:
    """Fit the shape by Newton's method on the profile likelihood."""
    count = logs.shape[1]
    centre = logs.max(axis=1, keepdims=True)
    relative = logs - centre  # powers of these can't overflow
    average = relative.mean(axis=1)
    most = 1.28 / floor  # the spread of the logarithm is pi / sqrt(6) / shape
    shape = np.clip(1.28 / np.maximum(logs.std(axis=1), floor), 1.0, most)
    for _ in range(_NEWTON_STEPS):
        powers = np.exp(relative * shape[:, None])
        total = powers.sum(axis=1)
        first = (powers * relative).sum(axis=1) / total
        second = (powers * relative**2).sum(axis=1) / total
        slope = second - first**2 + shape**-2.0
        shape = np.clip(shape - (first - 1 / shape - average) / slope, 1.0, most)
    powers = np.exp(relative * shape[:, None])
    log_scale = np.log(powers.mean(axis=1)) / shape  # relative to the centre
    result: Array = (
        count * (np.log(shape) - shape * log_scale)
        + (shape - 1) * relative.sum(axis=1)
        - count
        - count * centre[:, 0]
    )
    return result
