"""What can't be believed is measured again, as far as that may help.

Whether it can be believed is told without a look at how the service did (``validity``, and
``monitor.neighbours``). So nothing is measured again because of what came out of it: the first
measurement that can be believed is judged, and no other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from ..errors import InvalidRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__tracebackhide__ = True

T = TypeVar("T")

MOST = 2
_TIMES = ("first", "second", "third")


@dataclass
class Attempts:
    """One measurement, and how often it was made in vain so far.

    Attributes:
        what: it is, such as ``steady on toy``.
        causes: of each attempt that was made again, why it could not be believed.
    """

    what: str
    causes: list[tuple[str, ...]] = field(default_factory=list)

    def another(self, error: InvalidRun) -> bool:
        """Note an attempt in vain; tell whether one more is worth it."""
        if not error.is_worth_repeating or len(self.causes) >= MOST:
            return False
        self.causes.append(error.causes)
        return True

    def given_up(self, error: InvalidRun) -> InvalidRun:
        """Give the error of the last attempt, with what was wrong with those before."""
        return InvalidRun((*error.causes, *self._earlier()), is_final=True)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the last attempt must know."""
        return tuple(f"{self.what} was measured again: {said}" for said in self._earlier())

    def _earlier(self) -> Iterator[str]:
        for number, causes in enumerate(self.causes):
            yield f"INVALID the {_TIMES[number]} time: {'; '.join(causes)}"


def until_believed(
    attempts: Attempts,
    measure: Callable[[], T],
    say: Callable[[str], None],
    *,
    wished: bool = True,
) -> T:
    """Measure; where the result can't be believed, and may be another time, once more.

    Args:
        measure: raises ``InvalidRun`` where the result can't be believed.
        wished: whether it is to be measured again at all.

    Raises:
        InvalidRun: no attempt can be believed; with the causes of all.
    """
    while True:
        try:
            return measure()
        except InvalidRun as error:
            if not (wished and attempts.another(error)):
                raise attempts.given_up(error) from None
            say(f"measuring {attempts.what} again: {error}")
