"""A fault that was done to a service: a record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..base.units import Quantity


@dataclass(frozen=True)
class FaultRecord:
    """A fault that was done; times in seconds from the start of the run.

    Attributes:
        text: such as ``kill app#2 at plateau + 60s``.
        action: ``kill``, ``pause``, ``restart``, or what another package calls its own.
        part: whom it befell; empty if that was no part.
        planned, at: when it was to be done, and when it was.
        ended: when it was over: the part there again, restarted and ready or going on; None if it
            wasn't before the end of the run.
    """

    text: str
    action: str
    part: str
    planned: Quantity
    at: Quantity
    ended: Quantity | None = None
