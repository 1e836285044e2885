"""How a request ended, and what counts as a good, an unexpected, a failed or a pending one.

The only place that says so: the generator decides by it what an arrival does next, and everything
that is counted of a run, while it goes and afterwards, asks here.
"""

from __future__ import annotations

import enum
import errno
from typing import TYPE_CHECKING

import numpy as np

from ...base.status import USUAL, is_usual
from .record import RecordKind

if TYPE_CHECKING:
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

#: Those that came to their end without a failure, whatever the status.
COMPLETED = (Outcome.ANSWERED, Outcome.EXPECTED, Outcome.UNEXPECTED)
#: Those that came to another end.
FAILED = tuple(one for one in Outcome if one not in {*COMPLETED, Outcome.PENDING})
#: Those with a whole answer, be it the expected one: a 503 is one whatever was expected.
WITH_ANSWER = (*COMPLETED, Outcome.EXPECTATION, Outcome.CAPTURE)
# A request that ran into the time-out, or had no end, took at least that long. To leave it out
# would make a service that answers only its fast requests look fast.
_TIMED = (*WITH_ANSWER, Outcome.TIMEOUT, Outcome.PENDING)
_GATEWAY_TIMEOUT = 504


def answered(rows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Tell which records are of what was answered to the end, with whatever."""
    whole: NDArray[np.bool_] = np.isin(rows["outcome"], WITH_ANSWER)
    return whole


def with_status(rows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Tell which records are of requests with a whole answer, and so with a status."""
    return answered(rows) & (rows["status"] > 0)


def is_as_expected(outcome: Outcome, status: int) -> bool:
    """Whether a request got what it asked for; ``as_expected`` tells the same of records."""
    return outcome is Outcome.EXPECTED or (outcome is Outcome.ANSWERED and is_usual(status))


def as_expected(rows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Tell which records are of requests, or whole arrivals, that got what they asked for."""
    outcome, status = rows["outcome"], rows["status"]
    usual = (status >= USUAL.start) & (status < USUAL.stop) | (rows["kind"] == RecordKind.ARRIVAL)
    met: NDArray[np.bool_] = (outcome == Outcome.ANSWERED) & usual | (outcome == Outcome.EXPECTED)
    return met


def completed(rows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Tell which records are of what came to an end without a failure, whatever the status."""
    whole: NDArray[np.bool_] = np.isin(rows["outcome"], COMPLETED)
    return whole


def failed(rows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Tell which records are of what came to another end."""
    return ended(rows) & ~completed(rows)


def timed(rows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Tell which records have a time; of what was refused or reset, there is none."""
    known: NDArray[np.bool_] = np.isin(rows["outcome"], _TIMED)
    return known


def timed_out(rows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Tell which records are of requests that waited as long as the scenario lets them."""
    late: NDArray[np.bool_] = rows["outcome"] == Outcome.TIMEOUT
    return late


def gateway_timed_out(rows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Tell which records are of requests that waited as long as a proxy lets them."""
    late: NDArray[np.bool_] = with_status(rows) & (rows["status"] == _GATEWAY_TIMEOUT)
    return late


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
    """Give the latencies of what came to an end that has a time."""
    known = rows[timed(rows) & ended(rows)]
    found: NDArray[np.float64] = known["lag"].astype(float) + known["response"]
    return found
