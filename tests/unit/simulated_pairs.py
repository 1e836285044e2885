"""Simulated sessions that compare head with base, many at once, and what the gate says of them.

Levels are logarithms: 0.1 is about 10 % more. Arrays have a row for each slice or pair in the order
of time, and a column for each session.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from pytest_perfqa.base.verdicts import Verdict
from pytest_perfqa.compare import signed_rank
from pytest_perfqa.compare.boundaries import FIRST, at_look, is_look
from pytest_perfqa.compare.check import Share, ShareCheck
from pytest_perfqa.compare.gate import FALSE_ALARM, MISS, Gate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

UNDECIDED, FAILED, PASSED = 0, 1, 2
# Student's t with three degrees of freedom: every sixtieth value is beyond three deviations.
_HEAVY = 3
_DRIFT_MEMORY = 0.9
_REQUESTS = 100


@dataclass(frozen=True)
class Machine:
    """Where base and head are measured.

    Attributes:
        run: the standard deviation of a slice's level, heavy-tailed and of each slice its own.
        drift: that of what changes slowly: from slice to slice nine tenths of it stay.
        trend: by how much the level rises over 50 slices.
        memory: the correlation of a slice's own level with that of the slice before; not
            heavy-tailed then.
    """

    run: float
    drift: float = 0.0
    trend: float = 0.0
    memory: float = 0.0

    def levels(self, slices: int, sessions: int, random: np.random.Generator) -> Floats:
        """Simulate the level of each slice, where base and head don't differ."""
        shape = (slices, sessions)
        if self.memory:
            own = remembering(shape, self.memory, random)
        else:
            own = random.standard_t(_HEAVY, shape) / math.sqrt(_HEAVY / (_HEAVY - 2))
        slow = remembering(shape, _DRIFT_MEMORY, random)
        rise = np.arange(slices)[:, None] * self.trend / 50
        return self.run * own + self.drift * slow + rise


#: Run and drift as docs/gate.md has them.
MACHINES = {
    "quiet": Machine(0.01),
    "shared": Machine(0.03, 0.03),
    "noisy": Machine(0.06, 0.08, trend=0.1),
}


@dataclass(frozen=True)
class Percentile:
    """A percentile of a slice's requests: its level varies, as there are only so many.

    Attributes:
        quantile: from 0 to 1.
        requests: in a slice.
        variation: the standard deviation of a request's logarithm.
    """

    quantile: float
    requests: int = 100
    variation: float = 0.1

    def levels(self, shape: tuple[int, int], random: np.random.Generator) -> Floats:
        """Simulate what it adds to the level: a normal distribution's order statistic."""
        rank = math.ceil(self.quantile * self.requests)
        places = random.beta(rank, self.requests - rank + 1, shape)
        return self.variation * normal_quantile(places)


def remembering(shape: tuple[int, int], memory: float, random: np.random.Generator) -> Floats:
    """Simulate normal values of variance 1 of which each remembers the one before."""
    values = random.standard_normal(shape)
    for slot in range(1, shape[0]):
        values[slot] = memory * values[slot - 1] + math.sqrt(1 - memory**2) * values[slot]
    return values


def normal_quantile(places: Floats) -> Floats:
    """Give the quantiles of a normal distribution: exact at 2,001 places, straight between."""
    known = np.linspace(-4.5, 4.5, 2001)
    normal = NormalDist()
    return np.interp(places, [normal.cdf(at) for at in known.tolist()], known)


def differences(
    machine: Machine,
    pairs: int,
    sessions: int,
    random: np.random.Generator,
    percentile: Percentile | None = None,
) -> Floats:
    """Simulate log(head / base) of pairs in the order ABBA or BAAB, as a coin says for each two."""
    levels = machine.levels(2 * pairs, sessions, random)
    if percentile is not None:
        levels = levels + percentile.levels(levels.shape, random)
    coins = random.choice([-1.0, 1.0], ((pairs + 1) // 2, sessions))
    order = np.stack([coins, -coins], axis=1).reshape(-1, sessions)[:pairs]
    return order * (levels[1::2] - levels[0::2])


def verdicts(
    found: Floats, within: float = 0.05, checks: int = 1
) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Give each session's verdict, and after how many pairs it fell: the gate's, all at once."""
    pairs, sessions = found.shape
    limits = (0.0, math.log1p(within), math.log1p(2 * within))
    not_worse, within_limit, not_better = np.zeros((3, sessions), int)
    said = np.zeros(sessions, np.int8)
    fell = np.full(sessions, pairs)
    for number in range(1, pairs + 1):
        sums = found[:number] + found[number - 1]
        not_worse += (sums <= 2 * limits[0]).sum(axis=0)
        within_limit += (sums <= 2 * limits[1]).sum(axis=0)
        not_better += (sums >= 2 * limits[2]).sum(axis=0)
        if number < FIRST or not (is_look(number) or number == pairs):
            continue
        most = signed_rank.beyond(number, at_look(FALSE_ALARM / checks, number))
        fails = (not_worse <= most) & (2 * within_limit < number * (number + 1) // 2)
        passes = not_better <= signed_rank.beyond(number, at_look(MISS, number))
        is_open = said == UNDECIDED
        said[is_open & passes] = PASSED
        said[is_open & fails] = FAILED
        fell[is_open & (fails | passes)] = number
    return said, fell


def share_verdicts(
    base: float,
    head: float,
    burst: float,
    sessions: int,
    random: np.random.Generator,
    pairs: int = 50,
) -> tuple[list[Verdict], list[int]]:
    """Give each session's verdict on errors, and after how many pairs of 100 requests it fell.

    Args:
        base, head: the probability of an error.
        burst: its coefficient of variation from slice to slice.
    """
    check = ShareCheck("error_rate")
    said: list[Verdict] = []
    fell: list[int] = []
    for _ in range(sessions):
        gate = Gate([check])
        sides = (_errors(mean, burst, pairs, random) for mean in (base, head))
        for one, other in zip(*sides, strict=True):
            gate.add({check: (Share(one, _REQUESTS), Share(other, _REQUESTS))})
            if not gate.is_open:
                break
        gate.close()
        finding = gate.findings[check]
        said.append(finding.verdict or Verdict.UNTESTED)
        fell.append(finding.pairs)
    return said, fell


def _errors(mean: float, burst: float, slices: int, random: np.random.Generator) -> list[int]:
    if not burst:
        return random.binomial(_REQUESTS, mean, slices).tolist()
    chances = random.gamma(1 / burst**2, mean * burst**2, slices)
    return random.binomial(_REQUESTS, np.minimum(chances, 1), slices).tolist()


class Naive:
    """What is done elsewhere: one run against one, an hour or a day apart.

    Args:
        machine: its drift is between the runs, and its own noise that of each run.
        effect: by how much head's level is higher.
    """

    def __init__(
        self,
        machine: Machine,
        sessions: int,
        random: np.random.Generator,
        effect: float = 0.0,
        requests: Percentile | None = None,
    ) -> None:
        one = requests or Percentile(0.5, requests=500)
        base = machine.run * random.standard_t(_HEAVY, sessions) / math.sqrt(3)
        head = machine.run * random.standard_t(_HEAVY, sessions) / math.sqrt(3) + effect
        apart = math.sqrt(2) * machine.drift * random.standard_normal(sessions)
        shape = (sessions, one.requests)
        self.base = one.variation * random.standard_normal(shape) + base[:, None]
        self.head = one.variation * random.standard_normal(shape) + (head + apart)[:, None]

    def mean_is_higher(self, within: float) -> NDArray[np.bool_]:
        """Say where the mean is higher by more than this."""
        base, head = np.exp(self.base).mean(axis=1), np.exp(self.head).mean(axis=1)
        return np.asarray(head > (1 + within) * base)

    def mann_whitney(self, error: float) -> NDArray[np.bool_]:
        """Say where the requests differ by a rank sum test, upwards, with such a p-value."""
        number = self.base.shape[1]
        ranks = np.argsort(np.argsort(np.hstack([self.base, self.head]), axis=1), axis=1)
        higher = (ranks[:, number:] + 1).sum(axis=1) - number * (number + 1) / 2
        deviation = math.sqrt(number * number * (2 * number + 1) / 12)
        wanted = -NormalDist().inv_cdf(error) * deviation
        return np.asarray(higher - number * number / 2 > wanted)
