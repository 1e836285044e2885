"""Pairs of runs: the same pieces of a scenario on base and on head, by turns, within minutes.

A slice is a run like any other: of one piece of the scenario, on a service that has come to rest,
alone on the machine. What can't be believed, or was disturbed by others, counts for neither side:
it is made again, and how often is told. Whether that is so doesn't depend on how the service did.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..base.units import Unit, show
from ..compare.turns import Turns
from ..errors import ConfigurationError, GeneratorError, InvalidRun, ServiceError
from ..scenario.pieces import cut, pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from ..compare.turns import Side, Turn
    from ..result.run_result import RunResult
    from ..scenario.pieces import Piece
    from ..scenario.records import Scenario

__tracebackhide__ = True

#: How long a slice is at least, in seconds as it runs, and how many arrivals it has.
SECONDS, ARRIVALS = 3.0, 50
#: After so many slices that can't be believed and no pair, no more are made.
MOST_DROPPED = 8
# What a note tells of them.
_MOST_TOLD = 3
# How a run that is made can end without a result.
_CAN_FAIL = (ConfigurationError, GeneratorError, ServiceError)


class MakeRun(Protocol):
    """Makes one run on a service; ``Runs.make`` is one."""

    def __call__(self, service: str, scenario: Scenario, *, is_again: bool) -> RunResult:
        """Give the result of a scenario, given at full scale.

        ``is_again`` tells that the one before could not be believed.
        """


@dataclass(frozen=True)
class Contender:
    """One of the two that are compared.

    Attributes:
        service: the name of its configuration.
        label: how errors name it, such as ``base (git:origin/main)``.
    """

    service: str
    label: str


class Pair(NamedTuple):
    """The same piece on both."""

    base: RunResult
    head: RunResult


class PairedRuns:
    """Measures pairs for as long as it is asked for the next one and there is time.

    Attributes:
        pieces: of the scenario, those that count.
        made: how many pairs there are.
        slices: how many runs that took, those included that warmed up or were dropped.
        dropped: of each that was dropped, whose it was and why.
    """

    def __init__(
        self,
        make: MakeRun,
        base: Contender,
        head: Contender,
        scenario: Scenario,
        *,
        budget: float,
        say: Callable[[str], None],
        time_scale: float = 1.0,
        seed: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Plan pairs; nothing is started or measured before the first is asked for.

        Args:
            make: makes one run.
            scenario: at full scale.
            budget: for how many seconds; no pair begins that would not end in that time.
            say: prints a line for the user.
            time_scale: the factor on times that runs have, of both.
            seed: of the order.
            clock: tells seconds.

        Raises:
            ConfigurationError: no phase of the scenario that counts brings arrivals.
        """
        found = pieces(scenario, SECONDS / time_scale, ARRIVALS)
        self.pieces = tuple(piece for piece in found if not piece.is_warmup)
        if not self.pieces:
            raise ConfigurationError(
                f"{scenario.name} can't be compared: found no arrivals but in warm-up phases; "
                "accepted: at least one phase with arrivals that counts"
            )
        # Even where the scenario has none: who is asked first for the first time would be slower.
        warm_up = tuple(piece for piece in found if piece.is_warmup) or self.pieces[:1]
        self.made = self.slices = 0
        self.dropped: list[str] = []
        self._turns = Turns(self.pieces, warm_up, seed)
        self._make = make
        self._sides: Mapping[Side, Contender] = {"base": base, "head": head}
        self._scenario = scenario
        self._budget = budget
        self._say = say
        self._scale = time_scale
        self._clock = clock
        self._since_pair = 0
        # How many seconds a slice takes besides its piece, as far as is known.
        self._besides = math.inf

    def __iter__(self) -> Iterator[Pair]:
        """Give pairs as they are measured; the budget counts from the first that is asked for.

        Raises:
            InvalidRun: so many slices one after the other could not be believed.
            PerfqaError: one could not be made; says on which side.
            KeyboardInterrupt: it came while one was made.
        """
        self._say(self.plan)
        deadline = self._clock() + self._budget
        held: dict[Side, RunResult] = {}
        is_again = False
        while True:
            turn = self._turns.next
            # Who has begun a pair ends it, unless that takes more than was to be foreseen.
            if (not held or is_again) and self._clock() + self._needed(turn, held) > deadline:
                return
            result = self._measured(turn, is_again=is_again)
            # Nothing is taken from a warm-up, so nothing can be wrong with it.
            causes = () if turn.pair is None else _causes(result)
            is_again = bool(causes)
            if causes:
                self._drop(turn, result, causes)
                if self._turns.drop():
                    held.clear()
                continue
            if turn.pair is not None:
                held[turn.side] = result
            if self._turns.keep():
                self.made += 1
                self._since_pair = 0
                yield Pair(**held)
                held.clear()

    @property
    def plan(self) -> str:
        """What is about to be done, in a line."""
        lengths = [piece.duration * self._scale for piece in self.pieces]
        shortest, longest = (show(end, Unit.SECOND) for end in (min(lengths), max(lengths)))
        slices = shortest if shortest == longest else f"{shortest} to {longest}"
        return (
            f"{self._sides['head'].label} against {self._sides['base'].label}, "
            f"{self._scenario.name}: slices of {slices}, {self._budget:g} s at most"
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the figures must know about how they came about."""
        said = []
        if self._scenario.faults:
            said.append(f"{self._scenario.name}: its faults are left out of slices")
        if self.dropped:
            told = self.dropped[:_MOST_TOLD]
            more = len(self.dropped) - len(told)
            all_told = "; ".join([*told, f"and {more} more"] if more else told)
            said.append(
                f"{self._scenario.name}: {len(self.dropped)} of {self.slices} slices were dropped "
                f"and made again: {all_told}"
            )
        return tuple(said)

    def _needed(self, turn: Turn[Piece], held: Collection[Side]) -> float:
        """Give how many seconds a slice needs, with the other of its pair if that is to follow."""
        slices = 1 if turn.pair is None else 2 - len(held)
        besides = self._besides if self._besides < math.inf else 0.0
        return (turn.piece.duration * self._scale + besides) * slices

    def _measured(self, turn: Turn[Piece], *, is_again: bool) -> RunResult:
        side = self._sides[turn.side]
        self.slices += 1
        begun = self._clock()
        try:
            result = self._make(side.service, cut(self._scenario, turn.piece), is_again=is_again)
        except _CAN_FAIL as error:
            kind = next(kind for kind in _CAN_FAIL if isinstance(error, kind))
            raise kind(f"{side.label}: {error}") from error
        besides = self._clock() - begun - turn.piece.duration * self._scale
        self._besides = min(self._besides, max(besides, 0.0))
        return result

    def _drop(self, turn: Turn[Piece], result: RunResult, causes: tuple[str, ...]) -> None:
        """Take note that a slice doesn't count.

        Raises:
            InvalidRun: another one would be no better, or so many were not.
        """
        side = self._sides[turn.side]
        self._since_pair += 1
        self.dropped.append(f"{side.label}: {'; '.join(causes)}")
        if not InvalidRun(result.invalid).is_worth_repeating:
            raise InvalidRun(_named(side, causes), is_final=True)
        if self._since_pair >= MOST_DROPPED:
            said = f"{self._since_pair} slices since the last pair could not be believed"
            raise InvalidRun((*_named(side, causes), said), is_final=True)
        self._say(f"a slice is made again, {self.dropped[-1]}")


def _causes(result: RunResult) -> tuple[str, ...]:
    """Say why a slice can't be believed, or how others disturbed it; nothing if all is well."""
    return (*result.invalid, *(one.text for one in result.disturbances))


def _named(side: Contender, causes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{side.label}: {cause}" for cause in causes)
