"""The search for the largest burst: pure, told what became of each size it asks for.

Grow until a burst breaks, read off that burst how large it should have been, and send the next
larger one: it breaks, too, and its first requests show that so many are served. Where that reading
is wrong (workers that share a CPU fail all at once), go on from it in growing steps, and halve what
is left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

_FIRST = 16
_GROWTH = 4
# Of larger bursts than this many requests, one more or less is noise: 2 % are good enough.
_EXACT_UP_TO = 50


@dataclass
class BurstSearch:
    """Asks for sizes until it knows the largest that passes and the smallest that fails.

    Attributes:
        ceiling: no larger burst is asked for.
        estimate: the largest burst to expect: foreseen, or read off one that failed.
        passed, failed: the bracket; 0 and None as long as there is none.
    """

    ceiling: int
    estimate: int | None = None
    passed: int = 0
    failed: int | None = None
    _steps: int = field(default=0, repr=False)

    @property
    def is_done(self) -> bool:
        """Whether the bracket is as narrow as it is meant to be, or the ceiling holds."""
        if self.failed is None:
            return self.passed >= self.ceiling
        return self.failed - self.passed <= self._resolution

    @property
    def next_size(self) -> int:
        """The size to try next: within the bracket, so that every answer narrows it."""
        if self.estimate is None:
            return self._larger if self.failed is None else self._middle
        # An estimate is mostly off by one, so the steps 1, 1, 2, 4, ...
        step = self._resolution << max(0, self._steps - 1)
        above = self.estimate + self._resolution
        if above <= self.passed:
            wanted = min(self.passed + step, self._larger)
        elif self.failed is None or above < self.failed:
            wanted = above  # if it fails, its first requests pass
        elif self.estimate < self.failed:
            wanted = self.estimate
        else:
            wanted = self.failed - step
        if self.failed is None:
            return min(self.ceiling, wanted)
        return wanted if self.passed < wanted < self.failed else self._middle

    def tell(
        self, size: int, *, passed: bool, witnessed: int = 0, estimate: int | None = None
    ) -> None:
        """Take in what became of a burst.

        Args:
            size: one that was asked for.
            witnessed: if it failed, how many of its first requests were served all the same.
            estimate: what can be read off it, if it failed.
        """
        self._follow(passed=passed)
        if passed:
            self.passed = max(self.passed, size)
        else:
            self.passed = max(self.passed, witnessed)
            self.failed = size if self.failed is None else min(self.failed, size)
        if estimate is not None and self.passed <= estimate < (self.failed or math.inf):
            self.estimate, self._steps = estimate, 0

    def _follow(self, *, passed: bool) -> None:
        """Take longer steps away from the estimate, or none any more once one went too far."""
        if self.estimate is None:
            return
        is_above = self.estimate + self._resolution <= self.passed
        is_below = self.failed is not None and self.estimate >= self.failed
        if not (is_above or is_below):
            return  # this was the estimate itself, or the next larger one
        if passed == is_above:
            self._steps += 1
        else:
            self.estimate = None

    @property
    def _resolution(self) -> int:
        size = max(self.passed, self.estimate or 0) if self.failed is None else self.failed
        return max(1, size // _EXACT_UP_TO)

    @property
    def _larger(self) -> int:
        return min(self.ceiling, max(_FIRST, self.passed * _GROWTH))

    @property
    def _middle(self) -> int:
        assert self.failed is not None  # noqa: S101 - there is no middle below infinity
        if self.failed > _GROWTH * max(1, self.passed):
            return max(self.passed + 1, round(math.sqrt(max(1, self.passed) * self.failed)))
        return (self.passed + self.failed) // 2
