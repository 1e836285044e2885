"""The search for the highest rate: pure, told what became of each rate it asks for.

It doubles until a rate fails, then takes the geometric middle of the bracket.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_GROWTH = 2.0
# Below this share of the first rate, nothing passes.
_LEAST_SHARE = 1 / 64


@dataclass
class RateSearch:
    """Asks for rates until the bracket is narrow.

    Attributes:
        start: the first rate, per second.
        ceiling: no higher rate is asked for.
        width: the ratio of the bracket's ends at which it is narrow enough.
        passed, failed: the bracket; 0 and infinity until there is any.
    """

    start: float
    ceiling: float
    width: float = 1.1
    passed: float = 0.0
    failed: float = math.inf

    @property
    def is_done(self) -> bool:
        """Whether the bracket is narrow, the ceiling holds, or nothing passes at all."""
        if math.isinf(self.failed):
            return self.passed >= self.ceiling
        if self.passed == 0:
            return self.failed <= self.start * _LEAST_SHARE
        return self.failed / self.passed <= self.width * (1 + 1e-9)

    @property
    def next_rate(self) -> float:
        """The rate to try next."""
        if math.isinf(self.failed):
            wanted = self.start if self.passed == 0 else self.passed * _GROWTH
            return min(self.ceiling, wanted)
        if self.passed == 0:
            return self.failed / _GROWTH
        return math.sqrt(self.passed * self.failed)

    def tell(self, rate: float, *, passed: bool) -> None:
        """Take in what became of a rate."""
        if passed:
            self.passed = max(self.passed, rate)
        else:
            self.failed = min(self.failed, rate)
