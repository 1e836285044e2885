"""What was not answered as expected: how much, of which kinds, where, and the first of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ...base.units import Unit, show
from ...load.wire.outcome import Outcome, as_expected, kind_of, unexpected, with_status
from ...load.wire.record import RecordKind
from .answers import StatusCounts, accountable
from .names import KnowsItsNames

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from ...load.wire.plan import Example
    from ..samples import Samples

__tracebackhide__ = True

_KINDS_TOLD = 5


@dataclass(frozen=True, eq=False)
class Unexpected(KnowsItsNames):
    """What did not get what it asked for: requests, and arrivals in which a locustfile's code
    raised an exception.

    Attributes:
        samples: of a slice, requests and whole arrivals.
        endpoints: the names of endpoints, by their numbers.
        examples: the first of each kind.
    """

    samples: Samples
    endpoints: tuple[str, ...]
    examples: Sequence[Example] = ()

    def of(self, part: Callable[[Samples], Samples]) -> Unexpected:
        """Give the same of a part of the samples."""
        return replace(self, samples=part(self.samples))

    @cached_property
    def ended(self) -> int:
        """How much has come to an end."""
        return self._ended.count

    @cached_property
    def count(self) -> int:
        """How much of that was not as expected."""
        return self._ended.where(unexpected(self._ended.rows)).count

    @property
    def share(self) -> float:
        """The same as a share; 0 of nothing."""
        return self.count / self.ended if self.ended else 0.0

    @property
    def arrivals(self) -> tuple[int, int]:
        """How many arrivals did not get all that they asked for, and how many ended."""
        over = self.samples.arrivals.ended
        return over.count - over.as_expected.count, over.count

    @property
    def is_all(self) -> bool:
        """Whether not one arrival, or not one request, got what it asked for."""
        return not (self.samples.arrivals.as_expected.count and self._as_expected)

    @cached_property
    def kinds(self) -> Mapping[tuple[str, str], int]:
        """Counts by kind and endpoint, such as ``("401", "POST /login")``, the largest first."""
        rows = self._ended.where(unexpected(self._ended.rows)).rows
        counts: Counter[tuple[str, str]] = Counter()
        columns = np.stack([rows["endpoint"], rows["outcome"], rows["status"], rows["kind"]])
        alike, places = np.unique(columns, axis=1, return_inverse=True)
        weights = np.bincount(places.ravel(), rows["weight"], alike.shape[1]).astype(int)
        for (endpoint, outcome, status, kind), weight in zip(
            alike.T.tolist(), weights.tolist(), strict=True
        ):
            where = "" if kind == RecordKind.ARRIVAL else self.endpoints[endpoint]
            counts[kind_of(Outcome(outcome), status), where] += weight
        return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))

    @cached_property
    def _ended(self) -> Samples:
        return accountable(self.samples).ended

    @property
    def _as_expected(self) -> int:
        return self.samples.requests.as_expected.count

    def __str__(self) -> str:
        if not self.ended:
            asked = self.samples.requests.count
            return f"none of {asked} requests came to an end" if asked else "there was no request"
        told = list(self._told())
        rest = len(self.kinds) - len(told)
        more = [f"{rest} more kinds"] if rest else []
        return f"{self.summary}{': ' if told else ''}{'; '.join([*told, *more])}"

    @cached_property
    def summary(self) -> str:
        """How much it is, in one sentence."""
        rows = self._ended.rows
        answers = with_status(rows) | ~unexpected(rows)
        what = "answers were not" if answers.all() else "requests were not answered"
        said = f"{self.count} of {self.ended} {what} as expected"
        if self.is_all and self._as_expected:
            said += f", and not one of {self.samples.arrivals.count} arrivals was"
        return said

    def notes(self, unasked: Collection[str] = ()) -> Iterator[str]:
        """Say what is easily overlooked: a wrong path is answered quickly, and with no 5xx.

        Args:
            unasked: endpoints whose ``expect`` names no status.
        """
        requests = self.samples.requests
        codes = _statuses(requests.where(unexpected(requests.rows)))
        refused = {code: count for code, count in codes.items() if 400 <= code < 500}
        if refused:
            counts = f"{sum(refused.values())} of {requests.with_status.count}"
            yield f"{counts} answers were 4xx ({_each(refused)})"
        yield from self._endpoints_in_vain()
        numbers = [number for number, name in enumerate(self.endpoints) if name in unasked]
        odd = requests.where(
            (requests.rows["outcome"] == Outcome.EXPECTED)
            & np.isin(requests.rows["endpoint"], numbers)
        )
        if odd.count:
            yield (
                f"{odd.count} answers met an expect that names no status, and had one other than "
                f"200 to 399 ({_each(_statuses(odd))})"
            )

    def _endpoints_in_vain(self) -> Iterator[str]:
        """Say where not one answer was as expected, if there are others where some were."""
        over = self.samples.requests.ended
        where, places = np.unique(over.rows["endpoint"], return_inverse=True)
        asked = np.bincount(places, over.rows["weight"], len(where))
        met = np.bincount(places, over.rows["weight"] * as_expected(over.rows), len(where))
        for number in np.flatnonzero(met == 0)[:_KINDS_TOLD] if met.any() else ():
            yield (
                f"not one of {asked[number]:.0f} requests to {self.endpoints[where[number]]} was "
                "answered as expected"
            )

    def _told(self) -> Iterator[str]:
        for (kind, endpoint), count in list(self.kinds.items())[:_KINDS_TOLD]:
            where = f" at {endpoint}" if endpoint else ""
            yield f"{count} x {kind}{where}{self._first(kind, endpoint)}"

    def _first(self, kind: str, endpoint: str) -> str:
        alike = (one for one in self.examples if (one.kind, one.endpoint) == (kind, endpoint))
        found = min(alike, key=lambda one: one.at, default=None)
        if found is None:
            return ""
        at = show(round(found.at, 3), Unit.SECOND)
        return f", first: {', '.join(filter(None, (f'at {at}', found.said)))}"


def _statuses(samples: Samples) -> dict[int, int]:
    return {int(code): int(count) for code, count in StatusCounts(samples).items()}


def _each(counts: Mapping[int, int]) -> str:
    return ", ".join(f"{count} x {code}" for code, count in counts.items())
