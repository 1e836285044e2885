"""What a run recorded, as one table: a row per request, or per group of like requests.

Rows are exact up to ``EXACT`` requests. Beyond, requests of one second, phase, endpoint and
outcome whose times fall into the same bin are folded into one row with a weight. Bins are 0.5 %
wide, so latency and response stay within 0.5 % of the exact ones; where that leaves too many rows,
the second becomes two, four and so on, so that memory stays bounded. Everything that reads samples
counts by weight and does not notice; what follows them over time takes those of a row to have come
evenly over its spread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import GeneratorError, NoData
from ..load.wire.outcome import as_expected, ended, with_status
from ..load.wire.record import (
    CHUNK,
    NAMED_ENDPOINTS,
    NO_REPLICA,
    OTHER_ENDPOINTS,
    RECORD,
    RecordKind,
    read_records,
)
from ..scenario.spans import window_number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from ..load.driver.generator import Recording

__tracebackhide__ = True

EXACT = 2_000_000
_BIN = np.log(1.005)
_SHORTEST = 1e-6
# Of a lag that is small beside the response, so much decides nothing; without it, hardly two rows
# would agree in both times, and folding would not make them fewer.
_LAG_SHARE = 0.005
_LAG_STEP = 0.001
_WIDEST_SECONDS = 4096.0

ROW = np.dtype(
    [
        *((name, RECORD[name]) for name in RECORD.names or ()),
        ("spread", "<f4"),
        ("weight", "<u4"),
    ]
)


@dataclass(frozen=True)
class Samples:
    """Rows of one run or of a slice of it; fields as in ``load.wire.record``, and two more.

    ``weight`` is how many a row stands for, ``spread`` within how many seconds these were due, half
    of them before and half after ``intended``; 0 where they were due then, all at once.
    """

    rows: NDArray[np.void]

    @property
    def requests(self) -> Samples:
        """The rows that stand for one request each."""
        return self.where(self.rows["kind"] != RecordKind.ARRIVAL)

    @property
    def arrivals(self) -> Samples:
        """The rows that stand for one arrival each, however many requests it made."""
        return self.where(self.rows["kind"] != RecordKind.STEP)

    @property
    def ended(self) -> Samples:
        """The rows of what came to an end before the run was cut off."""
        return self.where(ended(self.rows))

    @property
    def with_status(self) -> Samples:
        """The rows with a whole answer, also one that was not as expected."""
        return self.where(with_status(self.rows))

    @property
    def as_expected(self) -> Samples:
        """The rows of what got what it asked for."""
        return self.where(as_expected(self.rows))

    @property
    def count(self) -> int:
        """How many requests or arrivals the rows stand for."""
        return int(self.rows["weight"].sum(dtype=np.int64))

    @property
    def latency(self) -> NDArray[np.float64]:
        """Seconds from the moment it was due to the end."""
        latency: NDArray[np.float64] = self.rows["lag"].astype(float) + self.rows["response"]
        return latency

    @property
    def ends(self) -> NDArray[np.float64]:
        """Seconds from the start of the run to the end of each."""
        ends: NDArray[np.float64] = self.rows["intended"] + self.latency
        return ends

    @property
    def last_ends(self) -> NDArray[np.float64]:
        """Seconds from the start of the run to the end of the last of those of each row."""
        after = self.rows["spread"].astype(float) / 2 * (1 - 1 / self.rows["weight"])
        last: NDArray[np.float64] = self.ends + after
        return last

    def where(self, mask: NDArray[np.bool_]) -> Samples:
        """Keep the rows for which the mask is true."""
        return Samples(self.rows[mask])


def quantile(values: NDArray[np.float64], weights: NDArray[Any], p: float) -> float:
    """Give the smallest value that at least a share ``p`` of all lie at or below.

    Raises:
        NoData: there are no values.
    """
    if not len(values):
        raise NoData("there are no samples")
    order = np.argsort(values, kind="stable")
    upto = np.cumsum(weights[order], dtype=np.int64)
    rank = np.searchsorted(upto, p * upto[-1] - 1e-9)
    return float(values[order][min(rank, len(values) - 1)])


def read_samples(
    recording: Recording, *, exact: int = EXACT, chunk: int = CHUNK
) -> tuple[Samples, tuple[str, ...], tuple[str, ...]]:
    """Read what the generators recorded; also the values of the replica header, and endpoints.

    Args:
        exact: up to so many rows, each stands for one request.
        chunk: how many are read at a time.

    Raises:
        GeneratorError: a file of records ends within a record.
    """
    names = tuple(dict.fromkeys(name for one in recording.summaries for name in one.replicas))
    endpoints = merged_endpoints(one.endpoints for one in recording.summaries)
    tables = []
    for path, summary in zip(recording.records, recording.summaries, strict=True):
        renumber = {"replica": np.full(256, NO_REPLICA, dtype=np.uint8)}
        for number, one in enumerate(summary.replicas[:NO_REPLICA]):
            renumber["replica"][number] = min(names.index(one), NO_REPLICA)
        renumber["endpoint"] = _new_endpoints(summary.endpoints, endpoints)
        try:
            rows = (_rows(each, renumber) for each in read_records(path, chunk))
            tables.append(_folded_when_many(rows, exact))
        except ValueError as error:
            raise GeneratorError(f"{path} is cut off: {error}") from None
    merged = _folded_when_many(tables, exact)
    return Samples(merged[np.argsort(merged["intended"], kind="stable")]), names, endpoints


def merged_endpoints(tables: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Give the endpoints of all generators together; where there are too many, the last is all
    others."""
    names = list(dict.fromkeys(name for table in tables for name in table))
    if OTHER_ENDPOINTS not in names and len(names) <= NAMED_ENDPOINTS + 1:
        return tuple(names)
    known = [name for name in names if name != OTHER_ENDPOINTS]
    return (*known[:NAMED_ENDPOINTS], OTHER_ENDPOINTS)


def _new_endpoints(own: tuple[str, ...], merged: tuple[str, ...]) -> NDArray[np.uint8]:
    new = np.arange(256, dtype=np.uint8)
    for number, name in enumerate(own[: NAMED_ENDPOINTS + 1]):
        new[number] = merged.index(name if name in merged else OTHER_ENDPOINTS)
    return new


def _rows(records: NDArray[np.void], renumber: dict[str, NDArray[np.uint8]]) -> NDArray[np.void]:
    rows = np.zeros(len(records), ROW)
    for name in RECORD.names or ():
        rows[name] = records[name]
    for name, numbers in renumber.items():
        rows[name] = numbers[records[name]]
    rows["weight"] = 1
    return rows


def _folded_when_many(tables: Iterable[NDArray[np.void]], exact: int) -> NDArray[np.void]:
    kept: list[NDArray[np.void]] = []
    seconds = 1.0
    for table in tables:
        kept.append(table)
        if sum(map(len, kept)) > exact:
            folded = fold(np.concatenate(kept), seconds)
            while len(folded) > exact // 2 and seconds < _WIDEST_SECONDS:
                seconds *= 2
                folded = fold(folded, seconds)
            kept = [folded]
    return np.concatenate(kept) if kept else np.empty(0, ROW)


def fold(rows: NDArray[np.void], seconds: float = 1.0) -> NDArray[np.void]:
    """Merge rows that agree in second (or so many), times (to a bin) and all that is counted.

    Those of a second, phase and kind are spread over the time within which they were due: no
    arrival leaves its second, or its phase.
    """
    folded = rows.copy()
    groups, middles, spreads = _together(rows, seconds)
    folded["intended"], folded["spread"] = groups, 0
    folded["response"] = _binned(rows["response"])
    folded["lag"] = _binned_lag(rows["lag"], folded["response"])
    folded["size"] = 0
    names = [name for name in ROW.names or () if name != "weight"]
    order = np.lexsort([folded[name] for name in reversed(names)])
    ordered, weights = folded[order], rows["weight"][order].astype(np.int64)
    new = np.ones(len(ordered), dtype=bool)
    new[1:] = np.any([ordered[name][1:] != ordered[name][:-1] for name in names], axis=0)
    starts = np.flatnonzero(new)
    merged = ordered[starts]
    merged["weight"] = np.add.reduceat(weights, starts)
    total = np.add.reduceat(rows["size"][order].astype(np.float64) * weights, starts)
    merged["size"] = np.round(total / merged["weight"])
    group = merged["intended"].astype(np.int64)
    merged["intended"], merged["spread"] = middles[group], spreads[group]
    return merged


def _together(
    rows: NDArray[np.void], seconds: float
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Give the group of each row, in the order of time, and of each group its middle and spread.

    Requests that are not the first of their arrival are a group of their own: they may be due when
    the phase is over.
    """
    numbers = window_number(rows["intended"], seconds)
    keys = (
        (numbers << 17) + (rows["phase"].astype(np.int64) << 1) + (rows["kind"] == RecordKind.STEP)
    )
    _, groups = np.unique(keys, return_inverse=True)
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    half = rows["spread"].astype(np.float64) / 2
    first = np.minimum.reduceat((rows["intended"] - half)[order], starts)
    last = np.maximum.reduceat((rows["intended"] + half)[order], starts)
    return groups, (first + last) / 2, last - first


def _binned_lag(lags: NDArray[np.float32], responses: NDArray[np.float32]) -> NDArray[np.float64]:
    steps = np.clip(_LAG_SHARE * responses.astype(float), _SHORTEST, _LAG_STEP)
    return np.where(lags < responses, np.round(lags / steps) * steps, _binned(lags))


def _binned(times: NDArray[np.float32]) -> NDArray[np.float64]:
    # Shorter than a microsecond is 0: no clock here sees it.
    clipped = np.maximum(times.astype(float), _SHORTEST)
    centres: NDArray[np.float64] = np.exp(np.round(np.log(clipped) / _BIN) * _BIN)
    return np.where(times < _SHORTEST, 0.0, centres)
