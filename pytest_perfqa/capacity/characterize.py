"""Characterisation, step by step: alone, growing bursts, held requests; then what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .alone import send_singles, try_quick_path
from .conclusion import conclude
from .growth import grow
from .held import hold
from .probe import Bounds, Prober
from .seen import Seen

if TYPE_CHECKING:
    from .character import Character
    from .question import Question

__tracebackhide__ = True


_LONGEST_REQUEST_SHARE = 0.5


def characterize(question: Question) -> Character:
    """Find out what kind of service it is.

    Raises:
        ServiceError: it doesn't answer, or not with a good status.
        InvalidRun: this machine ran out of ports or descriptors, or could not keep up.
    """
    bounds = Bounds(question.requests, question.concurrency, question.budget)
    with Prober(
        question.url,
        question.path,
        headers=dict(question.headers),
        timeout=max(1.0, _LONGEST_REQUEST_SHARE * question.budget),
        bounds=bounds,
        replica_header=question.replica_header,
    ) as prober:
        seen = Seen(question, prober)
        send_singles(seen)
        try_quick_path(seen)
        grow(seen)
        if seen.bursts and not seen.is_stopped:
            hold(seen)
        return conclude(seen)
