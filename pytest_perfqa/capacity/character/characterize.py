"""Characterisation, step by step: alone, growing bursts, held requests; then what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import DisturbedRun
from ..probing.probe import Bounds, Prober
from .alone import send_singles, try_quick_path
from .conclusion import conclude
from .growth import grow
from .held import hold
from .seen import Seen

if TYPE_CHECKING:
    from ..probing.probe import Watch
    from .kind import Character
    from .question import Question

__tracebackhide__ = True


_LONGEST_REQUEST_SHARE = 0.5


def characterize(question: Question, watch: Watch = tuple) -> Character:
    """Find out what kind of service it is.

    Args:
        watch: says how others have disturbed the service since it was asked last.

    Raises:
        ServiceError: it doesn't answer, or not with a good status.
        InvalidRun: this machine ran out of ports or descriptors.
        DisturbedRun: others disturbed the service.
    """
    bounds = Bounds(question.requests, question.concurrency, question.budget)
    with Prober(
        question.url,
        question.path,
        headers=dict(question.headers),
        timeout=max(1.0, _LONGEST_REQUEST_SHARE * question.budget),
        bounds=bounds,
        replica_header=question.replica_header,
        watch=watch,
    ) as prober:
        seen = Seen(question, prober)
        send_singles(seen)
        try_quick_path(seen)
        grow(seen)
        if seen.bursts and not seen.is_stopped:
            hold(seen)
        prober.look()
        if prober.disturbed:
            raise DisturbedRun(dict.fromkeys(prober.disturbed))
        return conclude(seen)
