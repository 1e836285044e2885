"""The verdicts: what can be said of a run when its tests have spoken."""

from __future__ import annotations

import enum


class Verdict(enum.IntEnum):
    """What can be said, ordered by gravity; of several the gravest counts."""

    UNTESTED = 0
    PASSED = 1
    INCONCLUSIVE = 2
    FAILED = 3
    ERROR = 4
    INVALID = 5
