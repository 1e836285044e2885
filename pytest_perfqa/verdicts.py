"""The verdicts: what can be said of a run when its tests have spoken."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

from .errors import Inconclusive, InvalidRun

if TYPE_CHECKING:
    import pytest


class Verdict(enum.IntEnum):
    """What can be said, ordered by gravity; of several the gravest counts."""

    UNTESTED = 0
    PASSED = 1
    INCONCLUSIVE = 2
    FAILED = 3
    ERROR = 4
    INVALID = 5


def verdict_of(report: pytest.TestReport, error: BaseException | None) -> Verdict | None:
    """Give the verdict of one phase of a test; None where it says nothing."""
    if report.failed:
        if isinstance(error, InvalidRun):
            return Verdict.INVALID
        if isinstance(error, Inconclusive):
            return Verdict.INCONCLUSIVE
        return Verdict.FAILED if report.when == "call" else Verdict.ERROR
    return Verdict.PASSED if report.passed and report.when == "call" else None
