"""Base against head under one scenario: the pairs, which all who check something of them share."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..scenario.records import Scenario
    from .pairs import Contender, Pair, PairedRuns

__tracebackhide__ = True


class Stopwatch:
    """Counts seconds while it is held; what happens between does not count."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._before = 0.0
        self._since: float | None = None

    def __call__(self) -> float:
        """Tell for how long it has been held, in all."""
        return self._before + (0.0 if self._since is None else self._clock() - self._since)

    def __enter__(self) -> None:
        self._since = self._clock()

    def __exit__(self, *_: object) -> None:
        self._before, self._since = self(), None


class Comparison:
    """The pairs of one service and scenario.

    Attributes:
        service: the name of the head's.
        scenario, definition: its name, and what it is, at full scale.
        base, head: the two sides.
        made: the pairs that there are.
        say: prints a line for the user.
    """

    def __init__(
        self,
        service: str,
        scenario: Scenario,
        base: Contender,
        head: Contender,
        plan: Callable[[Callable[[], float]], PairedRuns],
        say: Callable[[str], None],
    ) -> None:
        """Compare a service; nothing is measured before it is asked for.

        Args:
            plan: gives the pairs, on a clock that stands still while other things are done.
        """
        self.service = service
        self.definition = scenario
        self.scenario = scenario.name
        self.base, self.head = base, head
        self.made: list[Pair] = []
        self.say = say
        self._watch = Stopwatch()
        self._pairs = plan(self._watch)
        self._coming = iter(self._pairs)
        self._seconds: list[float] = []
        self._error: BaseException | None = None

    @property
    def pieces(self) -> int:
        """How many pairs it takes for each piece of the scenario to come once."""
        return len(self._pairs.pieces)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the figures must know about how they came about."""
        return self._pairs.notes

    def seconds(self, pairs: int) -> float:
        """Give how long the first pairs took, with all that was dropped on the way."""
        return self._seconds[pairs - 1] if pairs else 0.0

    def another(self) -> bool:
        """Measure one more pair; tells whether there was time for it.

        Raises:
            InvalidRun: the machine doesn't let it; the same error every time.
            PerfqaError: a slice could not be made; says on which side.
            KeyboardInterrupt: it came while one was made.
        """
        if self._error is not None:
            raise self._error
        try:
            with self._watch:
                pair = next(self._coming, None)
        except BaseException as error:
            self._error = error
            raise
        if pair is None:
            return False
        self.made.append(pair)
        self._seconds.append(self._watch())
        return True

    def at_least(self, pairs: int) -> None:
        """Measure so many in all, as far as there is time; may raise what ``another`` does."""
        while len(self.made) < pairs and self.another():
            pass
