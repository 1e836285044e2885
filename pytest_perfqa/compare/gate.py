"""The verdicts of a session that compares head with base, as its pairs come.

All checks of a gate share one error; of a session that asks several times each gate has a part of
that (``allowance``). Each check has an equal part; one that has FAILED leaves its part to the
others (Holm, A simple sequentially rejective multiple test procedure, 1979; as pairs come: Bartroff
and Song, Sequential tests of multiple hypotheses, 2014). So a session in which nothing differs says
FAILED of anything with a probability below that error, however its checks depend on each other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ..base.verdicts import Verdict
from .boundaries import FIRST, is_look
from .check import ShareCheck
from .figures import FigurePairs
from .shares import SharePairs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..base.units import Estimate
    from .check import Check, Share

#: The probability of FAILED in a session in which nothing differs, below which it stays.
FALSE_ALARM = 0.01
#: The probability of PASSED for a check that is worse by twice ``within``.
MISS = 0.01
# Of each end of an interval, as ``Estimate`` has them.
_SHOWN = 0.05


@dataclass(frozen=True)
class GateFinding:
    """What is said of a check.

    Attributes:
        verdict: FAILED, PASSED or INCONCLUSIVE; None while more pairs are to come.
        pairs: how many it rests on.
        ratio: head / base. Its ends are each wrong in 5 % of sessions at most, whenever they end.
        better: whether head is shown to be better, by however little: of one that is not, this is
            said in fewer than one of 100 sessions, whatever else they check.
        settled_by: about so many pairs in all would lead to PASSED or FAILED; None where that has
            been said, or there are too few to tell.
        change: what has changed, in a few words: ``+12.8 % (+9.1 to +16.7 %)``.
    """

    check: Check
    verdict: Verdict | None
    pairs: int
    ratio: Estimate = field(repr=False)
    better: bool
    settled_by: int | None
    change: str

    def __str__(self) -> str:
        limit = f"limit {self.check.within * 100:.3g} %"
        said = f"{self.check}: {self.change}, {self.pairs} pairs, {limit}"
        if self.settled_by is not None:
            said += f"; about {self.settled_by} would settle it"
        return said


class Pairs(Protocol):
    """The pairs of one check: what ``FigurePairs`` and ``SharePairs`` have in common."""

    @property
    def pairs(self) -> int:
        """How many there are."""

    def add(self, base: Any, head: Any) -> None:
        """Take in a pair."""

    def is_worse(self, error: float) -> bool:
        """Tell whether head is shown to be worse, and by more than ``within`` as it seems."""

    def is_not_worse(self, error: float) -> bool:
        """Tell whether head is shown not to be worse by twice ``within``."""

    def is_better(self, error: float) -> bool:
        """Tell whether head is shown to be better."""

    def ratio(self, error: float) -> Estimate:
        """Give head / base."""

    def change(self, error: float) -> str:
        """Say what has changed."""

    def settled_by(self, failing: float, passing: float) -> int:
        """Estimate how many pairs would settle it."""


class Gate:
    """Takes in pairs of base and head, and says of each check whether it is enough.

    Args:
        checks: all of the session, known before the first pair.
        error: the probability of any FAILED in a session in which nothing differs.

    Raises:
        ValueError: there are no checks, or two are the same.
    """

    def __init__(self, checks: Iterable[Check], error: float = FALSE_ALARM) -> None:
        listed = list(checks)
        self._pairs = {check: _pairs(check) for check in listed}
        if not listed or len(self._pairs) < len(listed):
            raise ValueError(f"found {len(listed)} checks; accepted: one or more, none twice")
        self._error = error
        self._decided: dict[Check, GateFinding] = {}
        self._is_closed = False

    def add(self, pair: Mapping[Check, tuple[float, float] | tuple[Share, Share]]) -> None:
        """Take in what was measured of base and of head, one after the other, and look at it.

        A check that is left out has no figures in this pair: it waits for the next one.

        Raises:
            ValueError: a figure is negative, infinite or not a number, or the gate is closed.
            KeyError: of a check that the gate doesn't know.
        """
        if self._is_closed:
            raise ValueError("a pair for a gate that is closed")
        for check, (base, head) in pair.items():
            self._pairs[check].add(base, head)
        self._look([check for check in pair if is_look(self._pairs[check].pairs)])

    def close(self) -> None:
        """Look for the last time: there will be no more pairs."""
        if not self._is_closed:
            self._is_closed = True
            self._look(self._pairs)
            for check in self._pairs:
                if check not in self._decided:
                    self._decided[check] = self._finding(check, Verdict.INCONCLUSIVE)

    @property
    def is_open(self) -> bool:
        """Whether more pairs are needed for any check."""
        return not self._is_closed and len(self._decided) < len(self._pairs)

    @property
    def findings(self) -> Mapping[Check, GateFinding]:
        """What is said of each check, in their order: as it was when its verdict fell."""
        return {
            check: self._decided.get(check) or self._finding(check, None) for check in self._pairs
        }

    @property
    def verdict(self) -> Verdict | None:
        """The gravest verdict of all; None while any is still to come."""
        verdicts = [finding.verdict for finding in self.findings.values()]
        known = [verdict for verdict in verdicts if verdict is not None]
        return max(known) if len(known) == len(verdicts) else None

    @property
    def _failing(self) -> float:
        """The error that each check without FAILED may make."""
        failed = sum(one.verdict is Verdict.FAILED for one in self._decided.values())
        return self._error / max(len(self._pairs) - failed, 1)

    def _look(self, due: Iterable[Check]) -> None:
        """Decide what can be decided; each that FAILED makes it easier for the others."""
        undecided = [check for check in due if check not in self._decided]
        for check in undecided:
            verdict = self._verdict(self._pairs[check])
            if verdict is not None:
                self._decided[check] = self._finding(check, verdict)
                self._look(undecided)
                return

    def _verdict(self, pairs: Pairs) -> Verdict | None:
        if pairs.pairs < FIRST:
            return None
        if pairs.is_worse(self._failing):
            return Verdict.FAILED
        return Verdict.PASSED if pairs.is_not_worse(MISS) else None

    def _finding(self, check: Check, verdict: Verdict | None) -> GateFinding:
        pairs = self._pairs[check]
        is_decided = verdict in {Verdict.FAILED, Verdict.PASSED}
        tells = pairs.pairs >= FIRST and not is_decided
        return GateFinding(
            check=check,
            verdict=verdict,
            pairs=pairs.pairs,
            ratio=pairs.ratio(_SHOWN),
            better=pairs.is_better(MISS),
            settled_by=pairs.settled_by(self._failing, MISS) if tells else None,
            change=pairs.change(_SHOWN),
        )


def _pairs(check: Check) -> Pairs:
    return SharePairs(check) if isinstance(check, ShareCheck) else FigurePairs(check)
