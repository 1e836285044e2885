"""How much of a session's error each of its checks may take, where they come one after the other.

Nobody knows before how many there will be. Each test has an equal part of the error; of that its
first checks, asked for together, take a half, the next a sixth, then a twelfth... (``1 / (n (n +
1))``, which adds up to 1 however many follow). What is not taken is lost, so a session in which
nothing differs says FAILED of anything with a probability below the error (Bonferroni), in whatever
way its checks depend on each other and on what those before them came to.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Allowance:
    """Gives each of those who check something their part of an error.

    Args:
        tests: all that may check something, known in advance.
        error: what all of them have together.
    """

    def __init__(self, tests: Iterable[str], error: float) -> None:
        self._tests = frozenset(tests)
        self._error = error
        self._taken = Counter[str]()

    def take(self, test: str) -> float:
        """Give what the next checks of a test may take together.

        Raises:
            KeyError: of a test that nobody knew of.
        """
        if test not in self._tests:
            raise KeyError(test)
        self._taken[test] += 1
        number = self._taken[test]
        return self._error / len(self._tests) / (number * (number + 1))
