"""What must not get worse from base to head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Direction = Literal["higher", "lower"]
# Of something that gets less, twice more than half is all of it.
_MOST_WITHIN = 0.5


@dataclass(frozen=True)
class Check:
    """A figure that must not get worse: a percentile, a mean, CPU seconds per request, a rate.

    Attributes:
        metric: such as ``latency.p95``.
        within: by how much of the base it may be worse, as a ratio, above 0 and at most 0.5.
            FAILED means shown to be worse, and by more than this as far as can be told; PASSED
            means shown not to be worse by twice this.
        endpoint: what it is about; None for all.
        worse: in which direction.

    Raises:
        ValueError: ``within`` is out of its bounds.
    """

    metric: str
    within: float = 0.05
    endpoint: str | None = None
    worse: Direction = "higher"

    def __post_init__(self) -> None:
        if not 0 < self.within <= _MOST_WITHIN:
            raise ValueError(f"within: found {self.within!r}; accepted: above 0, at most 0.5")

    def __str__(self) -> str:
        return f"{self.metric} of {self.endpoint}" if self.endpoint else self.metric


@dataclass(frozen=True)
class ShareCheck(Check):
    """A share of all requests that must not get worse, such as of errors: it may be 0.

    What is shown to be more than 0 where the base had none is worse by more than any ``within``.

    Attributes:
        negligible: by so much of all requests it may be worse nonetheless, as a ratio: PASSED means
            shown not to be worse by twice ``within``, or not to be worse by this.

    Raises:
        ValueError: ``negligible`` is out of its bounds.
    """

    negligible: float = 0.005

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.negligible < 1:
            raise ValueError(f"negligible: found {self.negligible!r}; accepted: above 0, below 1")


@dataclass(frozen=True)
class Share:
    """How many of all requests of a slice are of the kind.

    Raises:
        ValueError: they are more than all, or negative.
    """

    count: int
    of: int

    def __post_init__(self) -> None:
        if not 0 <= self.count <= self.of:
            raise ValueError(f"found {self.count!r} of {self.of!r}; accepted: from none to all")
