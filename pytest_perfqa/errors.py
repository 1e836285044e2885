"""Every exception of pytest-perfqa.

PerfqaError
├── ConfigurationError      bad input, found before anything starts (exit code 4)
│   ├── FileProblems        all that is wrong with a scenario or service file, with lines
│   └── PrerequisiteMissing a program or package is not installed; names the command that does
├── UnitError               a comparison across units, or a text that is no quantity
├── ServiceError            a service did not start, stopped answering or did not drain
├── GeneratorError          the load generator itself failed
├── NoData                  a figure was asked of nothing: unknown name, or zero samples
├── RequirementMissed       a requirement in the scenario file is not met
├── InvalidRun              verdict INVALID: the measurement can't be trusted
│   └── DisturbedRun        because others took what the service was entitled to
└── Inconclusive            verdict INCONCLUSIVE: the data can't tell
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class PerfqaError(Exception):
    """The root of all errors of this plugin."""


class ConfigurationError(PerfqaError):
    """Bad input, reported before anything starts."""


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake in a file: where it is, what was found, what is accepted."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


class FileProblems(ConfigurationError):
    """All that is wrong with one or more files.

    Attributes:
        problems: the mistakes, in the order of files and lines.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


class PrerequisiteMissing(ConfigurationError):
    """A program or package that a service needs is not installed."""


class UnitError(PerfqaError, ValueError):
    """A comparison across units, or a text that is no quantity."""


class ServiceError(PerfqaError):
    """A service did not start, stopped answering, or did not drain."""


class GeneratorError(PerfqaError):
    """The load generator failed: it could not start, died, or wrote what can't be read."""


class NoData(PerfqaError, LookupError):
    """A figure was asked of nothing: an unknown name, or a slice without samples."""


class RequirementMissed(PerfqaError, AssertionError):
    """A requirement that the scenario file states (``ensure``, ``thresholds``) is not met."""


class Lasting(str):
    """A reason not to believe a measurement that another one of the same would have, too."""

    __slots__ = ()


class InvalidRun(PerfqaError):
    """The measurement can't be trusted; says why and what would help.

    Attributes:
        causes: one sentence per reason.
        is_final: it has been made again as often as that is worth it.
    """

    def __init__(self, causes: Iterable[str], *, is_final: bool = False) -> None:
        self.causes = tuple(causes)
        self.is_final = is_final
        super().__init__("INVALID: " + "; ".join(self.causes))

    @property
    def is_worth_repeating(self) -> bool:
        """Whether it may be otherwise another time."""
        return not self.is_final and not any(isinstance(cause, Lasting) for cause in self.causes)


class DisturbedRun(InvalidRun):
    """Others took CPU or memory that the service was entitled to; a higher load is no remedy."""


class Inconclusive(PerfqaError):
    """The data can't tell; says what would settle it.

    Attributes:
        reason: what it is that can't be told, and what would settle it.
        comparison: the comparison that could not be decided: its sign and both sides.
        pools: whether more runs of the same would settle it, their samples taken together.
    """

    def __init__(
        self,
        message: str,
        comparison: tuple[str, object, object] | None = None,
        *,
        pools: bool = False,
    ) -> None:
        self.reason = message
        self.comparison = comparison
        self.pools = pools
        super().__init__(f"INCONCLUSIVE: {message}")
