"""Whose turn it is: slices of base and of head by turns, in an order that favours neither.

Pairs come in the order ABBA or BAAB, for each two as a coin says. What gets slower all the time
adds as much to either then, and what comes and goes can't keep step with them: differences of two
that are alike are as likely above 0 as below, which is what the gate's test rests on.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, count
from typing import TYPE_CHECKING, Generic, Literal, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Side = Literal["base", "head"]
P = TypeVar("P")

_SIDES: tuple[Side, Side] = ("base", "head")


@dataclass(frozen=True)
class Turn(Generic[P]):
    """A slice that is to be measured.

    Attributes:
        side: of whom.
        piece: what of the scenario.
        pair: the number of its pair, from 0; None for one that only warms up.
    """

    side: Side
    piece: P
    pair: int | None


class Turns(Generic[P]):
    """Says what is to be measured next, as long as it is asked.

    Both of a pair run the same piece. Of all pieces each comes once before any comes again, in an
    order drawn anew: wherever the session ends, what was compared is a fair sample of them.

    Args:
        pieces: those that count.
        warm_up: those that both run before, one after the other.
        seed: of all that is drawn.

    Raises:
        ValueError: there are no pieces.
    """

    def __init__(self, pieces: Sequence[P], warm_up: Sequence[P] = (), seed: int = 0) -> None:
        if not pieces:
            raise ValueError("found no pieces; accepted: at least one")
        first = (Turn(side, piece, None) for piece in warm_up for side in _SIDES)
        self._coming = chain(((turn,) for turn in first), _pairs_of(pieces, seed))
        self._now: tuple[Turn[P], ...] = next(self._coming)
        self._kept = 0
        self._dropped = 0

    @property
    def next(self) -> Turn[P]:
        """What is to be measured now."""
        return self._now[self._kept]

    def keep(self) -> bool:
        """Go on, since what was to be measured was; tells whether that completes a pair."""
        self._kept += 1
        self._dropped = 0
        if self._kept < len(self._now):
            return False
        is_pair = len(self._now) > 1
        self._now, self._kept = next(self._coming), 0
        return is_pair

    def drop(self) -> bool:
        """Let it be measured once more, since it can't be believed.

        A slice is made again at once, so that it is still next to the other of its pair. If that
        fails, too, they would be too far apart: the pair begins anew.

        Returns:
            Whether that is so, and what was kept of the pair doesn't count.
        """
        self._dropped += 1
        is_new = self._dropped > 1 and self._kept > 0
        if is_new:
            self._kept = 0
        return is_new


def _pairs_of(pieces: Sequence[P], seed: int) -> Iterator[tuple[Turn[P], ...]]:
    random = np.random.default_rng(seed)
    coming = (pieces[place] for _ in count() for place in random.permutation(len(pieces)).tolist())
    sides = _SIDES
    for number, piece in enumerate(coming):
        # The second of two pairs begins with whom the first has ended.
        is_turned = number % 2 == 1 or random.random() < 1 / 2
        sides = sides[::-1] if is_turned else sides
        yield tuple(Turn(side, piece, number) for side in sides)
