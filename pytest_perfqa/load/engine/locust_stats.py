"""Keeps Locust's own statistics true, in batches.

Locust's event with its RequestStats costs more than the request it counts (measured: 3 us of the
11 us that a request takes here), so its entries are fed twice a second from our records. Its
listeners, web UI, CSV files and master/worker reports read those entries as ever; a user's own
listener on ``events.request`` gets every request.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from ..wire.outcome import COMPLETED, Outcome, as_expected, completed
from ..wire.record import RecordKind
from .locust_internals import StatsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


def feed(environment: Any, labels: tuple[str, ...], records: NDArray[np.void]) -> None:
    """Add new records to the statistics of a Locust environment."""
    requests = records[records["kind"] != RecordKind.ARRIVAL]
    for number in np.unique(requests["endpoint"]):
        method, _, name = labels[number].partition(" ")
        of_endpoint = requests[requests["endpoint"] == number]
        _feed_entry(environment.stats.get(name, method), of_endpoint)
        _feed_errors(environment.stats, method, name, of_endpoint)
    if len(requests):
        _feed_entry(environment.stats.total, requests)


def _feed_entry(entry: Any, records: NDArray[np.void]) -> None:
    now = time.time()
    milliseconds = records["response"].astype(float) * 1000
    failed = _failed(records)
    entry.num_requests += len(records)
    entry.num_failures += int(failed.sum())
    entry.total_response_time += float(milliseconds.sum())
    entry.total_content_length += int(records["size"].sum(dtype=np.int64))
    entry.min_response_time = min(
        float(milliseconds.min()),
        np.inf if entry.min_response_time is None else entry.min_response_time,
    )
    entry.max_response_time = max(float(milliseconds.max()), entry.max_response_time)
    entry.last_request_timestamp = now
    for time_ms, count in _counts(_rounded(milliseconds)):
        entry.response_times[time_ms] += count
    entry.num_reqs_per_sec[int(now)] += len(records)
    if failed.any():
        entry.num_fail_per_sec[int(now)] += int(failed.sum())


def _feed_errors(stats: Any, method: str, name: str, records: NDArray[np.void]) -> None:
    for records_of, text in _errors(records):
        key = StatsError.create_key(method, name, text)
        error = stats.errors.setdefault(key, StatsError(method, name, text))
        error.occurred()
        error.occurrences += records_of - 1


def _errors(records: NDArray[np.void]) -> Iterator[tuple[int, str]]:
    failed = records[_failed(records)]
    for outcome, count in _counts(failed["outcome"]):
        if outcome not in COMPLETED:
            yield count, Outcome(outcome).label
    answered = failed[completed(failed)]
    for status, count in _counts(answered["status"]):
        yield count, f"HTTP {status}"


def _failed(records: NDArray[np.void]) -> NDArray[np.bool_]:
    """As Locust counts: all that did not get what it asked for."""
    return ~as_expected(records)


def _rounded(milliseconds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Round as Locust does: whole below 100 ms, two digits above."""
    unit = 10.0 ** np.maximum(np.floor(np.log10(np.maximum(milliseconds, 1))) - 1, 0)
    rounded: NDArray[np.int64] = (np.round(milliseconds / unit) * unit).astype(np.int64)
    return rounded


def _counts(values: NDArray[Any]) -> Iterator[tuple[int, int]]:
    unique, counts = np.unique(values, return_counts=True)
    return zip(unique.tolist(), counts.tolist(), strict=True)
