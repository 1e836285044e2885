"""Status codes and errors: how requests ended."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from ...base.units import Quantity, Unit
from ...errors import NoData
from ...load.wire.outcome import FAILED, Outcome, failed
from ...load.wire.record import RecordKind
from .names import Counted
from .origin import Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from ..samples import Samples
    from .origin import Origin

__tracebackhide__ = True

_CLASS = re.compile(r"([1-5])xx\Z")
_FAILURES = {one.label: one for one in FAILED}


class StatusCounts(Counted[int | str]):
    """How many answers had which status: by code (``504``) or class (``"5xx"``).

    Iterates over the codes that occurred; any valid code or class may be asked for, and ``in``
    tells whether there was any of it. An answer that misses an expectation or a capture counts
    here by its status, and among the errors by its kind.

    Raises:
        NoData: not one request was answered: no status of nothing is ever right; or what was
            asked for is no status.
    """

    def __init__(self, samples: Samples, origin: Origin | None = None) -> None:
        answered = samples.with_status
        codes, places = np.unique(answered.rows["status"], return_inverse=True)
        counts = np.bincount(places, weights=answered.rows["weight"], minlength=len(codes))
        self._counts = dict(zip(codes.tolist(), counts.astype(int).tolist(), strict=True))
        self._requests = samples.count
        self._origin = origin

    def _require_answers(self) -> None:
        if not self._counts:
            what = f"not one of {self._requests} requests was answered"
            raise NoData(f"{what if self._requests else 'no request was sent'}: there is no status")

    def __getitem__(self, key: int | str) -> Quantity:
        self._require_answers()
        figure = Figure(f"{key} answers", _answered, _with_status(*_codes(key)))
        return figure.count(self._count(key), self._origin)

    def __contains__(self, key: object) -> bool:
        return _occurred(self, key)

    def share(self, key: int | str) -> Quantity:
        """Give the share of a code or class among all answers of this run."""
        self._require_answers()
        figure = Figure(f"share of {key} answers", _answered, _with_status(*_codes(key)))
        return figure.share(self._count(key) / sum(self._counts.values()), self._origin)

    def _count(self, key: int | str) -> int:
        first, last = _codes(key)
        return sum(count for code, count in self._counts.items() if first <= code <= last)


def _codes(key: int | str) -> tuple[int, int]:
    """Give the first and the last code that are meant."""
    of_class = _CLASS.match(key) if isinstance(key, str) else None
    if of_class:
        hundred = 100 * int(of_class[1])
        return hundred, hundred + 99
    if str(key).isdecimal() and 100 <= int(key) <= 599:
        return int(key), int(key)
    raise NoData(f"{key!r} is no status; accepted: 100 to 599, '2xx', '5xx' and the like")


def _answered(samples: Samples) -> Samples:
    return samples.requests.with_status


def _with_status(first: int, last: int) -> Callable[[NDArray[np.void]], NDArray[np.bool_]]:
    return lambda rows: (rows["status"] >= first) & (rows["status"] <= last)


class ErrorCounts(Counted[str]):
    """How many requests failed without a (whole, expected) answer, by kind such as ``"timeout"``.

    What was under way when the run was cut off is none of them, and no part of ``share``.
    Iterates over the kinds that occurred; any kind may be asked for, and ``in`` tells whether there
    was any of it.

    Raises:
        NoData: no request has come to an end, or the kind is unknown.
    """

    def __init__(self, samples: Samples, origin: Origin | None = None) -> None:
        failures = samples.where(failed(samples.rows))
        kinds, places = np.unique(failures.rows["outcome"], return_inverse=True)
        counts = np.bincount(places, weights=failures.rows["weight"], minlength=len(kinds))
        self._counts = {
            Outcome(kind).label: int(count) for kind, count in zip(kinds, counts, strict=True)
        }
        self._requests = samples.count
        self._ended = samples.ended.count
        self._origin = origin

    def __getitem__(self, kind: str) -> Quantity:
        if kind not in _FAILURES:
            raise NoData(f"{kind!r} is no kind of error; accepted: {', '.join(_FAILURES)}")
        self._require_requests()
        outcome = _FAILURES[kind]
        figure = Figure(f"{kind} errors", accountable, lambda rows: rows["outcome"] == outcome)
        return figure.count(self._counts.get(kind, 0), self._origin)

    def __contains__(self, kind: object) -> bool:
        return _occurred(self, kind)

    def _require_requests(self) -> None:
        if not self._requests:
            raise NoData("this slice has no requests")
        if not self._ended:
            raise NoData(f"errors: none of {self._requests} requests has come to an end")

    @property
    def total(self) -> Quantity:
        """All failures together."""
        self._require_requests()
        return Figure("errors", accountable, failed).count(sum(self._counts.values()), self._origin)

    @property
    def share(self) -> Quantity:
        """All failures together, as a share of the requests of this run that came to an end."""
        self._require_requests()
        value = sum(self._counts.values()) / self._ended
        figure = Figure("share of errors", lambda samples: accountable(samples).ended, failed)
        return figure.share(value, self._origin)

    def share_of(self, kind: str) -> Quantity:
        """Give the failures of a kind as a share of the requests that came to an end."""
        return Quantity(float(self[kind]) / self._ended, Unit.RATIO)


def _occurred(counts: Mapping[Any, Quantity], key: object) -> bool:
    """Whether there was any: of what can be asked for, most did not occur, and counts 0."""
    return float(counts[key]) > 0


def accountable(samples: Samples) -> Samples:
    """Give the rows in which something can have failed: requests, and arrivals whose user code
    raised an exception."""
    rows = samples.rows
    return samples.where(
        (rows["kind"] != RecordKind.ARRIVAL) | (rows["outcome"] == Outcome.USER_CODE)
    )
