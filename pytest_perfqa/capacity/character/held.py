"""Requests held: who has to wait behind them, and who gets through?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..probing import accept_queue
from . import shapes
from .growth import grow
from .seen import FAIR, seconds_text

if TYPE_CHECKING:
    from ..probing.volley import Volley
    from .kind import Kind
    from .seen import Seen


_PINGS = 6
_UNCLEAR = range(2, 4)  # of so many, waiting
_HELD_WITHOUT_BOUND = 64
# Behind all workers a request waits for two service times and more. An event loop, or one that
# starts threads, may need a part of one to take in what is held.
_WAITS_SHARE = 0.5
_TURNS_SHARE = 0.2
_OVERTAKES_SHARE = 0.1
_WAITS_PINGS = 5.0
_OVERSIZE_SHARE = 0.1
_TURNS_PROBES = 12
_LEAST_TURNS_PROBES = 6
_TURNS_SECONDS = 0.005
_HOLD_FOR_QUEUE_SECONDS = 0.3


def hold(seen: Seen) -> None:
    """Ask something quick while the workers are held, and count who waits."""
    if seen.slice is not None:
        seen.kind = "asynchronous"
        seen.evidence.append(
            f"latency grows by {seconds_text(seen.slice)} from each request to the next, along a "
            "line: an event loop that each keeps busy for so long"
        )
        return
    _ask_behind(seen, seen.bound())
    if seen.is_scattered and seen.settled is None:
        # The requests held were the first to show that there is no common queue.
        grow(seen, min(seen.ceiling, FAIR * max(seen.waves)))
        if seen.kind is None and not seen.is_stopped:
            _ask_behind(seen, seen.bound())
    bound = None if seen.is_stopped else seen.bound()
    if seen.kind == "synchronous" and bound is not None:
        _look_for_turns(seen, bound)
        _look_for_accept_queue(seen, bound)
    if bound is not None and seen.beyond_queue is None:
        _look_for_queue_limit(seen, bound)


def _ask_behind(seen: Seen, bound: int | None) -> None:
    """Hold more requests than are served at one time, and see whether quick ones wait."""
    held = min(seen.ceiling - _PINGS, _enough_to_hold(seen, bound))
    if seen.quick_seconds is None or held < (bound or 0) + 1:
        return
    if seen.prober.requests_left < held + _PINGS or _seconds_for(seen, held, bound) > (
        seen.prober.seconds_left
    ):
        seen.evidence.append("too little of the budget was left to hold all workers")
        return
    burst = seen.prober.send(
        seen.offsets(held), until=lambda volley, _: len(volley.exchanges) == held, keep=True
    )
    waits, asked = _ask(seen, _PINGS, min(0.01, seen.service / 20), _WAITS_SHARE)
    is_held = burst.pending > 0 or sum(waits) > 0
    seen.prober.wait(burst)
    seen.prober.wait(asked)
    overtook = _overtook(asked, burst, _OVERTAKES_SHARE * seen.service)
    waits = [waits_ and not ahead for waits_, ahead in zip(waits, overtook, strict=True)]
    _take_held(seen, burst, bound)
    if not is_held:
        seen.evidence.append("requests could not be held long enough to ask behind them")
        return
    seen.evidence.append(
        f"with {held} requests held, {sum(waits)} of {len(waits)} requests to "
        f"{seen.question.quick} ({seconds_text(seen.quick_seconds)} at rest) had to wait"
    )
    seen.kind = _kind(seen, sum(waits))
    if seen.kind == "synchronous" and bound is None:
        _doubt_that_all_were_held(seen, held)


def _doubt_that_all_were_held(seen: Seen, held: int) -> None:
    """Where more are served at one time than were held, nobody waited for a worker."""
    interval = seen.posterior.interval()
    if interval is not None and interval[0] > held:
        seen.kind = None
        seen.evidence.append(
            f"at least {interval[0]} are served at one time: what they waited for was no worker"
        )


def _overtook(asked: Volley, held: Volley, margin: float) -> list[bool]:
    """Tell which quick requests were answered well before the first that was held.

    Those did not wait for a worker, however long they took: none had become free. Threads that
    share an interpreter, say, keep one another waiting.
    """
    first = min((one.finished for one in held.finished), default=-math.inf)
    return [one.is_served and one.finished < first - margin for one in asked.exchanges]


def _kind(seen: Seen, waited: int) -> Kind | None:
    """Give what it means that so many quick requests had to wait, None if it's not clear."""
    if seen.is_scattered:
        # Some queue may have had a worker to spare; in an event loop, nobody would wait. Threads
        # without a bound, which share an interpreter, look as scattered, but never twice alike.
        is_told = seen.settled is not None and not seen.takes_longer_together
        return "synchronous" if waited > 1 and is_told else None
    if waited in _UNCLEAR:
        return None
    return "synchronous" if waited > max(_UNCLEAR) else "asynchronous"


def _enough_to_hold(seen: Seen, bound: int | None) -> int:
    """Give how many requests keep all workers busy, as far as that is known."""
    if bound is not None:
        # Of several queues some get more than others.
        return FAIR * bound if seen.is_scattered else 3 * bound + 2
    interval = seen.posterior.interval()
    # Where the most that were under way may all have been served, nothing speaks for a bound; an
    # event loop that has to take in hundreds would keep quick requests waiting for that alone.
    is_open = interval is None or interval[1] >= seen.posterior.most
    return _HELD_WITHOUT_BOUND if is_open else seen.ceiling


def _take_held(seen: Seen, burst: Volley, bound: int | None) -> None:
    """The requests held are one more burst, which may confirm or contradict."""
    if seen.take(burst) and bound is not None and not seen.is_scattered:
        seen.weigh()


def _ask(seen: Seen, count: int, gap: float, share: float) -> tuple[list[bool], Volley]:
    """Send quick requests and tell which have to wait, for a share of the service time."""
    quick = seen.quick_seconds or 0.0
    limit = max(_WAITS_PINGS * quick, share * seen.service)

    def told(volley: Volley, now: float) -> bool:
        return len(volley.exchanges) == count and all(
            not one.pending or now - one.begun > limit for one in volley.exchanges
        )

    volley = seen.prober.send(
        [gap * k for k in range(count)], path=seen.question.quick, until=told, keep=True
    )
    # Turned away is no better than waiting.
    waits = [one.pending or one.response > limit or not one.is_served for one in volley.exchanges]
    return waits, volley


def _seconds_for(seen: Seen, count: int, bound: int | None) -> float:
    return seen.service * (math.ceil(count / bound) + 1 if bound else 2)


def _look_for_turns(seen: Seen, bound: int) -> None:
    """Hold all workers but one: where replicas take turns, every r-th probe gets through."""
    if len(seen.replica_values) > 1:
        seen.replicas = len(seen.replica_values)
        seen.evidence.append(f"{seen.replicas} values of {seen.question.replica_header}")
        return
    gap = max(1.5 * (seen.quick_seconds or 0.0), min(_TURNS_SECONDS, seen.service / 40))
    count = min(_TURNS_PROBES, int(0.4 * seen.service / gap))
    if bound < 2 or count < _LEAST_TURNS_PROBES or not _can_hold(seen, bound - 1 + count):
        return
    held = _hold(seen, bound - 1)
    waits, asked = _ask(seen, count, gap, _TURNS_SHARE)
    is_held = held.pending == bound - 1
    seen.prober.wait(held)
    seen.prober.wait(asked)
    pattern = "".join("X" if waits_ else "." for waits_ in waits)
    found = shapes.turns([not waits_ for waits_ in waits]) if is_held else None
    seen.evidence.append(
        f"with {bound - 1} of {bound} held, {len(waits)} quick requests went {pattern} "
        "(. at once, X waited): "
        + {None: "no pattern", 1: "one queue"}.get(found, f"{found} replicas in turns")
    )
    if found is not None and found > 1 and bound % found == 0:
        seen.replicas = found


def _look_for_accept_queue(seen: Seen, bound: int) -> None:
    """Hold all workers and see how many connections are accepted beyond them."""
    most = seen.ceiling - bound
    if seen.beyond_queue is not None or seen.service < _HOLD_FOR_QUEUE_SECONDS:
        return
    if most < 1 or not _can_hold(seen, bound):
        return
    held = _hold(seen, bound)
    accepted = accept_queue.count_accepted(seen.prober.peer, most)
    seen.prober.wait(held)
    if accepted < most:
        seen.queue_limit = accepted
        seen.beyond_queue = "connections wait"
        seen.evidence.append(
            f"with all {bound} held, {accepted} more connections were accepted at once and "
            "the next had to wait: the length of the accept queue"
        )
    else:
        seen.evidence.append(f"no queue limit up to {most} connections that wait")


def _look_for_queue_limit(seen: Seen, bound: int) -> None:
    """Send as many at once as a share of the budget allows: are some turned away?"""
    seconds = min(_OVERSIZE_SHARE * seen.question.budget, seen.prober.seconds_left / 2)
    size = min(seen.ceiling, seen.prober.requests_left, bound * int(seconds / seen.service - 1))
    longest = max(burst.size for burst in seen.bursts)
    if size <= longest:
        return
    if seen.burst(size) and not seen.is_scattered:
        seen.weigh()


def _can_hold(seen: Seen, count: int) -> bool:
    enough = seen.prober.seconds_left > 4 * seen.service
    return enough and seen.prober.requests_left >= count and count <= seen.ceiling


def _hold(seen: Seen, count: int) -> Volley:
    return seen.prober.send(
        [0.0] * count, until=lambda volley, _: len(volley.exchanges) == count, keep=True
    )
