"""One test per service, of each perf test."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from .marks import SERVICE_FIXTURE, SERVICE_PARAMETER, is_asked_for, services_for

if TYPE_CHECKING:
    from .perf_tests import PerfTests


def parametrize(metafunc: pytest.Metafunc, perf_tests: PerfTests) -> None:
    """Make one test per service out of a perf test.

    Args:
        metafunc: of a test that asks for one of our fixtures, or for what overrides it.
    """
    asked = metafunc.fixturenames
    if SERVICE_FIXTURE not in asked and not any(
        is_asked_for(metafunc.definition, name) for name in asked
    ):
        return
    nothing = pytest.param(None, id="none")
    names: tuple[object, ...] = (nothing,)
    # An option that can't be is said when the tests are selected, with all other mistakes.
    with contextlib.suppress(pytest.UsageError):
        names = services_for(metafunc.definition, perf_tests.options()) or (nothing,)
        if names == (nothing,) and perf_tests.options().only:
            skip = pytest.mark.skip(reason="perfqa: none of its services was chosen")
            names = (pytest.param(None, id="none", marks=skip),)
    # pytest may not look at what an overridden fixture asks for: until 9.1, never.
    if SERVICE_PARAMETER not in asked:
        asked.append(SERVICE_PARAMETER)
    metafunc.parametrize(SERVICE_PARAMETER, names, indirect=True, scope="session")
