"""The record of one request: how the generator writes it, how everybody else reads it."""

from __future__ import annotations

import enum
import errno
import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType
    from typing import BinaryIO, Self

    from numpy.typing import NDArray


class Outcome(enum.IntEnum):
    """How a request, or a whole arrival, ended.

    ``PENDING`` had no end: it was under way when the run was cut off. That is neither good nor bad,
    so whatever is a share of good or bad ones leaves it out (see ``ended``).
    ``ANSWERED`` is a whole answer that is as expected if its status is one of those that are,
    ``EXPECTED`` one that is whatever its status: its ``expect`` says so, or the user's own code.
    A whole arrival is ``ANSWERED`` if all that its requests were answered with was as expected,
    and ``UNEXPECTED`` if they were answered with something else. All others are failures.
    """

    ANSWERED = 0
    TIMEOUT = 1
    REFUSED = 2
    RESET = 3
    CLOSED = 4
    PROTOCOL = 5
    UNREACHABLE = 6
    TLS = 7
    NO_DESCRIPTORS = 8
    NO_PORTS = 9
    EXPECTATION = 10
    CAPTURE = 11
    REDIRECT = 12
    USER_CODE = 13
    OTHER = 14
    PENDING = 15
    EXPECTED = 16
    UNEXPECTED = 17

    @property
    def label(self) -> str:
        """The name that users read."""
        return self.name.lower().replace("_", " ")

    @property
    def is_generators(self) -> bool:
        """Whether it was the generator, not the service, that ran out of something."""
        return self in {Outcome.NO_DESCRIPTORS, Outcome.NO_PORTS}


#: What an error of a socket means; all others are ``Outcome.OTHER``.
OUTCOME_OF_ERRNO = {
    errno.ECONNREFUSED: Outcome.REFUSED,
    errno.ECONNRESET: Outcome.RESET,
    errno.EPIPE: Outcome.RESET,
    errno.ECONNABORTED: Outcome.RESET,
    errno.ETIMEDOUT: Outcome.TIMEOUT,
    errno.EHOSTUNREACH: Outcome.UNREACHABLE,
    errno.ENETUNREACH: Outcome.UNREACHABLE,
    errno.EMFILE: Outcome.NO_DESCRIPTORS,
    errno.ENFILE: Outcome.NO_DESCRIPTORS,
    errno.EADDRNOTAVAIL: Outcome.NO_PORTS,
}


class RecordKind(enum.IntEnum):
    """What a record stands for.

    An arrival of one request is one ``SINGLE`` record. An arrival of several is a ``STEP`` for
    each request and one ``ARRIVAL`` for the whole.
    """

    SINGLE = 0
    STEP = 1
    ARRIVAL = 2


# Times in seconds: `intended` from the start of the run, `lag` from there to the actual send,
# `response` from the send to the last byte of the answer.
_FIELDS = (
    ("intended", "<f8", "d"),
    ("lag", "<f4", "f"),
    ("response", "<f4", "f"),
    ("size", "<u4", "I"),
    ("status", "<u2", "H"),
    ("phase", "<u2", "H"),
    ("endpoint", "u1", "B"),
    ("outcome", "u1", "B"),
    ("replica", "u1", "B"),
    ("kind", "u1", "B"),
)
RECORD = np.dtype([(name, kind) for name, kind, _ in _FIELDS])
_STRUCT = struct.Struct("<" + "".join(code for *_, code in _FIELDS))

# A request that ran into the time-out, or had no end, took at least that long. To leave it out
# would make a service that answers only its fast requests look fast.
UNFINISHED = (Outcome.TIMEOUT, Outcome.PENDING)
#: Those that came to their end without a failure, whatever the status.
COMPLETED = (Outcome.ANSWERED, Outcome.EXPECTED, Outcome.UNEXPECTED)
#: Those with a whole answer, be it the expected one: a 503 is one whatever was expected.
WITH_ANSWER = (*COMPLETED, Outcome.EXPECTATION, Outcome.CAPTURE)
#: Those that have a time.
TIMED = (*WITH_ANSWER, *UNFINISHED)
#: Those of them that have ended.
TIMED_ENDS = (*WITH_ANSWER, Outcome.TIMEOUT)

#: In ``replica``: the answer did not say. In ``endpoint``: the record is of a whole arrival.
NO_REPLICA = 255
WHOLE_ARRIVAL = 255
#: How many endpoints have names of their own where they become known only in the run.
NAMED_ENDPOINTS = 254
OTHER_ENDPOINTS = "(other)"
# As k6 and Locust have it.
#: So many records of a file are read at a time.
CHUNK = 500_000

_USUAL = range(200, 400)
_BUFFERED = 4096
_SIZE_LIMIT = 2**32 - 1


def with_status(rows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Tell which records are of requests with a whole answer, and so with a status."""
    whole: NDArray[np.bool_] = np.isin(rows["outcome"], WITH_ANSWER) & (rows["status"] > 0)
    return whole


def is_usual(status: int) -> bool:
    """Whether an answer with this status is as expected where nothing else is said."""
    return status in _USUAL


def is_as_expected(outcome: Outcome, status: int) -> bool:
    """Whether a request got what it asked for; ``as_expected`` tells the same of records."""
    return outcome is Outcome.EXPECTED or (outcome is Outcome.ANSWERED and is_usual(status))


def as_expected(rows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Tell which records are of requests, or whole arrivals, that got what they asked for."""
    outcome, status = rows["outcome"], rows["status"]
    usual = (status >= _USUAL.start) & (status < _USUAL.stop) | (rows["kind"] == RecordKind.ARRIVAL)
    met: NDArray[np.bool_] = (outcome == Outcome.ANSWERED) & usual | (outcome == Outcome.EXPECTED)
    return met


def kind_of(outcome: Outcome, status: int) -> str:
    """Give a name for what came of a request: 503, timeout, 503 (expectation)."""
    if outcome in COMPLETED:
        return str(status)
    whole = outcome in WITH_ANSWER and status
    return f"{status} ({outcome.label})" if whole else outcome.label


def ended(rows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Tell which records are of what came to an end."""
    over: NDArray[np.bool_] = rows["outcome"] != Outcome.PENDING
    return over


def unexpected(rows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Tell which records are of what came to an end, and was not what it asked for."""
    return ended(rows) & ~as_expected(rows)


def latencies(rows: NDArray[np.void]) -> NDArray[np.float64]:
    """Give the latencies of those that have one: of what was refused or reset, there is none."""
    timed = rows[np.isin(rows["outcome"], TIMED_ENDS)]
    found: NDArray[np.float64] = timed["lag"].astype(float) + timed["response"]
    return found


def completed(rows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Tell which records are of what came to an end without a failure, whatever the status."""
    whole: NDArray[np.bool_] = np.isin(rows["outcome"], COMPLETED)
    return whole


class Recorder:
    """Appends records to a file, and hands the newest to whoever wants to watch.

    Memory stays constant: one buffer, spilled whenever it is full or ``drain`` is called.
    """

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("wb", buffering=0)
        self._buffer = bytearray(_STRUCT.size * _BUFFERED)
        self._used = 0
        self._unwatched: list[bytes] = []
        self.count = 0

    def add(
        self,
        intended: float,
        lag: float,
        response: float,
        size: int,
        status: int,
        phase: int,
        endpoint: int,
        outcome: int,
        replica: int,
        kind: int,
    ) -> None:
        """Append one record, its fields in the order of the file."""
        _STRUCT.pack_into(
            self._buffer,
            self._used,
            intended,
            lag,
            response,
            min(size, _SIZE_LIMIT),
            status,
            phase,
            endpoint,
            outcome,
            replica,
            kind,
        )
        self._used += _STRUCT.size
        self.count += 1
        if self._used == len(self._buffer):
            self._spill()

    def _spill(self) -> None:
        if self._used:
            written = bytes(memoryview(self._buffer)[: self._used])
            left = memoryview(written)
            while left:  # unbuffered, so it may take less than all of it
                left = left[self._file.write(left) :]
            self._unwatched.append(written)
            self._used = 0

    def drain(self) -> NDArray[np.void]:
        """Give the records added since the last call."""
        self._spill()
        fresh = np.frombuffer(b"".join(self._unwatched), dtype=RECORD)
        self._unwatched.clear()
        return fresh

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._spill()
        self._file.close()


def read_records(path: Path, chunk: int = CHUNK) -> Iterator[NDArray[np.void]]:
    """Read a file of records, at most ``chunk`` of them at a time.

    Raises:
        ValueError: the file ends within a record.
    """
    with path.open("rb") as file:
        while data := file.read(chunk * RECORD.itemsize):
            yield np.frombuffer(data, dtype=RECORD)
