"""Who is told that a run begins and has ended, and may object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from types import TracebackType

    from ..result.run_result import RunResult

__tracebackhide__ = True


class Listener(Protocol):
    """Somebody who is told of each run; what it raises is what becomes of the run.

    ``attempt`` is 1, or more where the run is made again.
    """

    def started(self, service: str, scenario: str, attempt: int) -> None:
        """Take note that the load is about to begin."""

    def finished(self, service: str, scenario: str, attempt: int, result: RunResult | None) -> None:
        """Take note that a run has ended; None if it did not come to a result."""


def is_interrupted(result: RunResult) -> bool:
    """Whether the user ended a run."""
    return result.aborted is not None and result.aborted.interrupted


class Telling:
    """Tells of one run: who was told that it began is told that it has ended, whatever happens.

    Attributes:
        result: what the run came to, if it did.
    """

    def __init__(self, listener: Listener, service: str, scenario: str, attempt: int) -> None:
        self.result: RunResult | None = None
        self._listener = listener
        self._run = service, scenario, attempt
        self._has_begun = False

    def begin(self) -> None:
        """Tell that the load is about to begin."""
        self._has_begun = True
        self._listener.started(*self._run)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Tell that the run has ended; what ended it counts more than what is raised then."""
        if not self._has_begun:
            return
        try:
            self._listener.finished(*self._run, self.result)
        except Exception as another:
            if error is not None:
                error.add_note(f"When that was told, there was: {another!r}")
            elif self.result is None or not is_interrupted(self.result):
                raise
