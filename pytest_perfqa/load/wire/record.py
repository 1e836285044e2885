"""The record of one request: how the generator writes it, how everybody else reads it."""

from __future__ import annotations

import enum
import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType
    from typing import BinaryIO, Self

    from numpy.typing import NDArray


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

#: In ``replica``: the answer did not say. In ``endpoint``: the record is of a whole arrival.
NO_REPLICA = 255
WHOLE_ARRIVAL = 255
#: How many endpoints have names of their own where they become known only in the run.
NAMED_ENDPOINTS = 254
OTHER_ENDPOINTS = "(other)"
# As k6 and Locust have it.
#: So many records of a file are read at a time.
CHUNK = 500_000

_BUFFERED = 4096
_SIZE_LIMIT = 2**32 - 1


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
