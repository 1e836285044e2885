"""How sure one must be after so many pairs, to be wrong in no more of all sessions than is said.

It is looked at the pairs again and again as they come, so each look may take only a part of the
error (group sequential tests: Jennison and Turnbull, Group Sequential Methods, 1999). That part is
``error / 8``, and less after 32 pairs, so that all looks together, however many follow, stay below
``error``, with room for slices that depend on those before: simulated in
``bench/gate_simulation.py``.
"""

from __future__ import annotations

import math
from itertools import count, takewhile
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Fewer pairs say nothing.
FIRST = 10
_STEP = 1.25
_SHARE = 1 / 8
_FULL = 32
# Nobody waits for more.
_MOST = 100_000


def looks() -> Iterator[int]:
    """Give the numbers of pairs at which it is looked, each a quarter more: 10, 13, 16, 20, 25...

    They don't end. The last pair that there is time for is one besides.
    """
    return (math.ceil(FIRST * _STEP**step) for step in count())


def is_look(pairs: int) -> bool:
    """Tell whether it is looked after so many pairs."""
    return pairs in takewhile(lambda look: look <= pairs, looks())


def at_look(error: float, pairs: int) -> float:
    """Give the probability with which the look after so many pairs may be wrong.

    Args:
        error: that of all looks together, above 0 and below 1.
        pairs: how many there are.
    """
    return error * _SHARE * min(1.0, _FULL / pairs)


def deviations(error: float, pairs: int) -> float:
    """Give by how many standard errors something must differ at a look, to be so sure."""
    return -NormalDist().inv_cdf(at_look(error, pairs))


def first_look(is_enough: Callable[[int], bool]) -> int:
    """Give the first look at which it is; of very many, where none is."""
    return next(pairs for pairs in looks() if pairs > _MOST or is_enough(pairs))
