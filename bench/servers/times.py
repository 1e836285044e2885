"""Service times: of SERVICE_SECONDS on average, log-normal with CV, or CV=exponential."""

from __future__ import annotations

import math
import os
import random

MEAN = float(os.environ["SERVICE_SECONDS"])
CV = os.environ.get("CV", "0")
# Of its own: the module's would be the same in all workers that were forked from one process.
_chance = random.Random()  # noqa: S311


def draw() -> float:
    """Give one service time in seconds."""
    if CV == "exponential":
        return _chance.expovariate(1 / MEAN)
    if float(CV) == 0:
        return MEAN
    variance = math.log1p(float(CV) ** 2)
    return _chance.lognormvariate(math.log(MEAN) - variance / 2, math.sqrt(variance))
