"""What unit tests share that takes time to make."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_perfqa.load.driver.warm import Warm
from pytest_perfqa.machine.children import Reaper

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def reaper() -> Iterator[Reaper]:
    """End what a failing test leaves behind."""
    with Reaper() as one:
        yield one


@pytest.fixture(scope="session")
def warm(reaper: Reaper) -> Iterator[Warm]:
    """What generators are forked from."""
    with Warm(reaper) as one:
        yield one
