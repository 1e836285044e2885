"""Who is told that a run begins and has ended."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pytest_perfqa.measuring.telling import Telling


class Told:
    """Notes what it is told, and objects to every end."""

    def __init__(self) -> None:
        self.calls: list[object] = []

    def started(self, *run: object) -> None:
        """Note it."""
        self.calls.append(run)

    def finished(self, *run: object) -> None:
        """Note it, and raise an error."""
        self.calls.append(run)
        raise ValueError("no")


RUN = ("toy", "steady", 1)


def make(told: Told, *, result: Any = None, error: BaseException | None = None) -> None:
    """Make a run that comes to a result, or ends in an error."""
    with Telling(told, *RUN) as telling:
        telling.begin()
        if error is not None:
            raise error
        telling.result = result


def test_what_ended_a_run_counts_more_than_an_error_of_who_is_told() -> None:
    """It is noted beside it; Ctrl-C is not turned into a test that failed."""
    told = Told()
    with pytest.raises(KeyboardInterrupt) as caught:
        make(told, error=KeyboardInterrupt())
    assert told.calls == [RUN, (*RUN, None)]
    assert caught.value.__notes__ == ["When that was told, there was: ValueError('no')"]


def test_an_error_of_who_is_told_ends_a_run_that_came_to_its_end() -> None:
    """Unless Ctrl-C has ended it, which comes to a result, too: who gets that is interrupted."""
    for aborted in (None, SimpleNamespace(interrupted=False)):
        with pytest.raises(ValueError, match="no"):
            make(Told(), result=SimpleNamespace(aborted=aborted))
    make(Told(), result=SimpleNamespace(aborted=SimpleNamespace(interrupted=True)))


def test_the_end_of_what_never_began_is_not_told() -> None:
    """A service that doesn't come to rest, or a machine that is not to be had."""
    told = Told()
    with pytest.raises(OSError, match="gone"), Telling(told, *RUN):
        raise OSError("gone")
    assert told.calls == []
