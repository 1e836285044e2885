"""Makes the runs of an inner project out of numbers: all else of the plugin is as ever.

For tests of what becomes of runs, whatever they are like: how often they are made, who gets which,
where they are named. What is due is laid out as for a load; nothing is sent, nobody waits.
"""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import synthetic

import pytest_perfqa.measuring.probing
import pytest_perfqa.measuring.runs
from pytest_perfqa.load.driver.generator import Progress
from pytest_perfqa.load.driver.warm import Warm
from pytest_perfqa.scenario.schedule import schedule

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_perfqa.measuring.run import Bench
    from pytest_perfqa.result.run_result import RunResult
    from pytest_perfqa.scenario.records import Scenario
    from pytest_perfqa.service.backend import Service

# What the conftest.py of such a project begins with.
CONFTEST = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import without_load
without_load.begin()
"""


def begin() -> None:
    """Have no load made from now on: nobody waits for those of others, nor is Locust imported."""
    pytest_perfqa.measuring.runs.run = run  # type: ignore[assignment]
    for one in (pytest_perfqa.measuring.probing, pytest_perfqa.measuring.runs):
        one.alone = contextlib.nullcontext  # type: ignore[assignment]
    Warm.start = lambda _self: None  # type: ignore[method-assign]


def run(
    bench: Bench, service: Service, scenario: Scenario, *_others: object, **_more: object
) -> RunResult:
    """Give the result of a run all of whose arrivals were answered with 200 in 0.1 s."""
    scaled = scenario.scaled(bench.time_scale)
    due = schedule(scaled)
    recorded = synthetic.samples(due.times)
    recorded.rows["phase"] = due.phases
    _tell(bench, due.times)
    return synthetic.run(
        recorded,
        phases=scaled.phases,
        service=service.name,
        scenario=scaled.name,
        time_scale=bench.time_scale,
        **_rest_of(scaled),
    )


def _tell(bench: Bench, times: NDArray[np.float64]) -> None:
    """Say once a second, and of a shorter run at its first, how far it is."""
    for second in range(1, max(int(times[-1]), 1) + 1):
        sent = int(np.searchsorted(times, second))
        if bench.on_progress is not None:
            bench.on_progress(Progress(float(second), sent, 0, sent, 0, 0.1, {"200": sent}))


def _rest_of(scenario: Scenario) -> dict[str, Any]:
    """Give what else a scenario says."""
    names = {one.name for one in dataclasses.fields(scenario)} - {"name", "phases"}
    return {name: getattr(scenario, name) for name in names}
