"""What the fixture ``perf_baseline`` gives: base against head, for one test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..compare.boundaries import FIRST
from ..errors import ConfigurationError
from ..measuring.judged_pairs import ratio
from ..measuring.slice_figures import check_of

if TYPE_CHECKING:
    from ..base.units import Estimate
    from ..compare.allowance import Allowance
    from ..measuring.comparison import Comparison
    from ..measuring.comparisons import Comparisons
    from ..measuring.pairs import Pair
    from ..result.run_result import RunResult

__tracebackhide__ = True


@dataclass(repr=False, frozen=True)
class AgainstBase:
    """Compares the service of one test with its base, under its scenario.

    All tests of this service and scenario share the pairs of slices that are measured for any of
    them.
    """

    _comparisons: Comparisons
    _comparison: Comparison
    _allowance: Allowance
    _test: str

    def __repr__(self) -> str:
        one = self._comparison
        return (
            f"<{one.scenario} on {one.service}, head against {one.base.label}: "
            f"{len(one.made)} pairs so far>"
        )

    def check(self, *metrics: str, within: str | float = "5%", endpoint: str | None = None) -> None:
        """Make sure that head is no worse than base; measures until that can be told.

        Passes where it is shown not to be worse by twice ``within``. Of a metric of all requests,
        each endpoint is checked, too.

        Args:
            metrics: one or more, such as ``"latency.p95"``, ``"error_rate"``, ``"memory"``.
            within: by how much each may be worse, such as ``"5%"`` or ``0.05``.
            endpoint: such as ``"POST /checkout"``; None for all.

        Raises:
            RequirementMissed: head is shown to be worse, and by more than ``within`` as far as can
                be told.
            Inconclusive: that could not be told within the budget; says how many pairs it takes.
            InvalidRun: the machine doesn't let it be measured.
            ConfigurationError: there is no such metric, or no such limit; nothing was measured.
            PerfqaError: it can't be compared, or not be measured; says on which side.
        """
        if not metrics:
            raise ConfigurationError("check(): accepted: one metric or more, such as 'latency.p95'")
        asked = tuple(dict.fromkeys(check_of(name, within, endpoint) for name in metrics))
        self._comparisons.check(
            self._comparison, asked, lambda: self._allowance.take(self._test), self._test
        ).require()

    def ratio(self, metric: str, endpoint: str | None = None) -> Estimate:
        """Give head / base of a metric, from the pairs that there are, and ten at least.

        Raises:
            ConfigurationError: there is no such metric.
            PerfqaError: it can't be compared, or not be measured; says on which side.
        """
        asked = check_of(metric, "5%", endpoint)
        self._comparison.at_least(FIRST)
        return ratio(self._comparison, asked)

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """What was measured so far, ten pairs at least: ``.base`` and ``.head`` are results."""
        self._comparison.at_least(FIRST)
        return tuple(self._comparison.made)

    @property
    def base(self) -> tuple[RunResult, ...]:
        """The slices of base, a result each."""
        return tuple(pair.base for pair in self.pairs)

    @property
    def head(self) -> tuple[RunResult, ...]:
        """The slices of head, a result each."""
        return tuple(pair.head for pair in self.pairs)
