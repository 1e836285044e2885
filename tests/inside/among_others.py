"""Loaded into the pytest of inner projects that run beside other tests: nobody watches those.

Whatever takes the CPU meanwhile is no reason there not to believe a run, and loads don't wait for
each other. So what times come out is left to chance: for tests of counts and messages.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: Any) -> None:
    """Change it when the first service is asked for: what costs time to import is imported then."""
    if fixturedef.argname == "perf_service":
        from pytest_perfqa.measuring import probing, run, runs
        from pytest_perfqa.monitor.surroundings import Around

        run.causes = _own_causes  # type: ignore[attr-defined]
        runs.alone = probing.alone = contextlib.nullcontext  # type: ignore[attr-defined, assignment]
        Around.look = lambda _self: None  # type: ignore[method-assign]


def _own_causes(*examined: Any) -> Iterator[str]:
    """Give what would be the same in another run: others have no part in that."""
    from pytest_perfqa.errors import Lasting
    from pytest_perfqa.result.validity import causes

    return (cause for cause in causes(*examined) if isinstance(cause, Lasting))
