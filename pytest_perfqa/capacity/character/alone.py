"""Requests that come alone: service time, cold start, and whether some path is quick."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from ...errors import ServiceError
from .seen import outcome_label, seconds_text

if TYPE_CHECKING:
    from ..probing.exchange import ProbeExchange
    from .seen import Seen

__tracebackhide__ = True


_SINGLES = 6
_MOST_SINGLES = 20
_SINGLES_SECONDS = 0.6
_SINGLES_SHARE = 0.2
_LEAST_SINGLES = 3
_COLD_SHARE = 0.2
_COLD_DEVIATIONS = 6.0
_COLD_FLOOR_SECONDS = 0.005
_PINGS = 6
_QUICK_SHARE = 0.3


def send_singles(seen: Seen) -> None:
    """Measure requests that come alone; the first may find the service cold."""
    begin = time.monotonic()
    failures: list[ProbeExchange] = []
    while _wants_single(seen, time.monotonic() - begin):
        volley = seen.prober.send([0.0])
        seen.refuse_shortages(volley)
        if not volley.exchanges or volley.pending:
            break
        one = volley.exchanges[0]
        if one.is_good:
            seen.singles.append(one.finished - one.sent)
            seen.note_replica(one)
        else:
            failures.append(one)
            if len(failures) >= _LEAST_SINGLES:
                break
    if len(seen.singles) < _LEAST_SINGLES:
        said = ", ".join(sorted({outcome_label(one) for one in failures})) or "no answer"
        raise ServiceError(
            f"{seen.question.url}{seen.question.path}: {len(seen.singles)} good answers to "
            f"single requests within {time.monotonic() - begin:.0f} s, else {said}; "
            "characterisation needs a path that is answered with 2xx or 3xx, and a budget of "
            "several times its service time"
        )
    _look_for_cold_start(seen)


def _wants_single(seen: Seen, seconds: float) -> bool:
    """Whether another single request pays: quick ones are cheap, slow ones eat the budget."""
    count = len(seen.singles)
    if count < _SINGLES:
        return count < _LEAST_SINGLES or seconds < _SINGLES_SHARE * seen.question.budget
    return count < _MOST_SINGLES and seconds < _SINGLES_SECONDS


def _look_for_cold_start(seen: Seen) -> None:
    first, rest = seen.singles[0], seen.singles[1:]
    usual = statistics.median(rest)
    deviation = statistics.median([abs(one - usual) for one in rest])
    limit = max(_COLD_DEVIATIONS * deviation, _COLD_SHARE * usual, _COLD_FLOOR_SECONDS)
    if first - usual > limit:
        seen.cold_start = first - usual
        seen.singles = rest
        seen.evidence.append(
            f"the first request took {seconds_text(first)}, the {len(rest)} after it "
            f"{seconds_text(usual)}: cold start {seconds_text(first - usual)}"
        )


def try_quick_path(seen: Seen) -> None:
    """Find out whether the quick path is one: answered, and much faster."""
    pings = [seen.prober.send([0.0], path=seen.question.quick) for _ in range(_PINGS)]
    answers = [volley.exchanges[0] for volley in pings if volley.exchanges]
    if len(answers) < _PINGS or not all(one.is_served for one in answers):
        seen.evidence.append(f"{seen.question.quick} is not answered: no quick path to ask")
        return
    seconds = statistics.median(one.response for one in answers)
    if seconds < _QUICK_SHARE * seen.service:
        seen.quick_seconds = seconds
    else:
        seen.evidence.append(
            f"{seen.question.quick} takes {seconds_text(seconds)}, not much less than "
            f"{seen.question.path}: no quick path to ask"
        )
