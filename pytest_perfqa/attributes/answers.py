"""Status codes and errors: how requests ended."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..errors import NoData
from ..load.record import Outcome
from ..units import Quantity, Unit

if TYPE_CHECKING:
    from ..samples import Samples

__tracebackhide__ = True

_CLASS = re.compile(r"([1-5])xx\Z")
_FAILURES = {outcome.label: outcome for outcome in Outcome if outcome is not Outcome.ANSWERED}


class StatusCounts(Mapping[int | str, Quantity]):
    """How many answers had which status: by code (``504``) or class (``"5xx"``).

    Iterates over the codes that occurred; any valid code or class may be asked for.

    Raises:
        NoData: not one request was answered: no status of nothing is ever right; or what was
            asked for is no status.
    """

    def __init__(self, samples: Samples) -> None:
        answered = samples.answered
        codes, places = np.unique(answered.rows["status"], return_inverse=True)
        counts = np.bincount(places, weights=answered.rows["weight"], minlength=len(codes))
        self._counts = dict(zip(codes.tolist(), counts.astype(int).tolist(), strict=True))
        self._requests = samples.count

    def _require_answers(self) -> None:
        if not self._counts:
            raise NoData(f"not one of {self._requests} requests was answered: there is no status")

    def __getitem__(self, key: int | str) -> Quantity:
        self._require_answers()
        of_class = _CLASS.match(key) if isinstance(key, str) else None
        if of_class:
            hundred = int(of_class[1])
            total = sum(count for code, count in self._counts.items() if code // 100 == hundred)
        elif str(key).isdecimal() and 100 <= int(key) <= 599:
            total = self._counts.get(int(key), 0)
        else:
            raise NoData(f"{key!r} is no status; accepted: 100 to 599, '2xx', '5xx' and the like")
        return Quantity(total, Unit.COUNT)

    def share(self, key: int | str) -> Quantity:
        """Give the share of a code or class among all answers."""
        return Quantity(self[key] / sum(self._counts.values()), Unit.RATIO)

    def __iter__(self) -> Iterator[int]:
        return iter(self._counts)

    def __len__(self) -> int:
        return len(self._counts)

    def __repr__(self) -> str:
        return f"{self._counts}"


class ErrorCounts(Mapping[str, Quantity]):
    """How many requests failed without a (whole, expected) answer, by kind such as ``"timeout"``.

    Raises:
        NoData: there was no request, or the kind is unknown.
    """

    def __init__(self, samples: Samples) -> None:
        failed = samples.where(samples.rows["outcome"] != Outcome.ANSWERED)
        kinds, places = np.unique(failed.rows["outcome"], return_inverse=True)
        counts = np.bincount(places, weights=failed.rows["weight"], minlength=len(kinds))
        self._counts = {
            Outcome(kind).label: int(count) for kind, count in zip(kinds, counts, strict=True)
        }
        self._requests = samples.count

    def __getitem__(self, kind: str) -> Quantity:
        if kind not in _FAILURES:
            raise NoData(f"{kind!r} is no kind of error; accepted: {', '.join(_FAILURES)}")
        self._require_requests()
        return Quantity(self._counts.get(kind, 0), Unit.COUNT)

    def _require_requests(self) -> None:
        if not self._requests:
            raise NoData("this slice has no requests")

    @property
    def total(self) -> Quantity:
        """All failures together."""
        self._require_requests()
        return Quantity(sum(self._counts.values()), Unit.COUNT)

    def __iter__(self) -> Iterator[str]:
        return iter(self._counts)

    def __len__(self) -> int:
        return len(self._counts)

    def __repr__(self) -> str:
        return f"{self._counts}"
