"""Loaded into the pytest of inner projects: they hardly wait for a quiet machine.

Where others don't go away, the tests that are made of them would take minutes each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from typing import Any

# To see for two seconds that it is quiet, and a little more.
_SECONDS = 3.0


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef: Any) -> None:
    """Change it when the first service is asked for: what costs time to import is imported then."""
    if fixturedef.argname == "perf_service":
        from pytest_perfqa.measuring import services

        services.LIMIT_SECONDS = services.AGAIN_SECONDS = _SECONDS  # type: ignore[attr-defined]
