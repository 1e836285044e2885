"""A threshold stops every kind of load: flows and code, arrivals and users."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from test_generator import answer, flow, get, serve

from pytest_perfqa.base.conditions import Condition
from pytest_perfqa.base.units import Unit
from pytest_perfqa.load.driver.generator import generate
from pytest_perfqa.load.wire.outcome import Outcome
from pytest_perfqa.result.samples import read_samples
from pytest_perfqa.scenario.records import Phase, Scenario

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_perfqa.load.driver.warm import Warm
    from pytest_perfqa.machine.children import Reaper

CODE = """
from locust import *
class Someone(FastHttpUser):
    wait_time = constant(0.1)
    @task
    def work(self): self.client.get("/")
"""
TOO_MANY = Condition("5xx of GET / > 20", 1, "status.5xx", ">", 20, Unit.COUNT,
                     endpoint="GET /", abort=True)  # fmt: skip


@pytest.mark.parametrize("users", [None, 5])
@pytest.mark.parametrize("code", [False, True])
def test_a_threshold_stops_every_kind_of_load(
    tmp_path: Path, reaper: Reaper, warm: Warm, users: int | None, code: bool
) -> None:
    """Soon after it is crossed nothing is sent any more, and every arrival has its end."""
    if code:
        (tmp_path / "users.py").write_text(CODE)
    one = Scenario(
        "s",
        (Phase("p", 120, 150, 150),),
        () if code else (flow(get("/")),),
        timeout=20.0,
        users=users,
        locustfile=tmp_path / "users.py" if code else None,
        thresholds=(TOO_MANY,),
    )
    with serve(answer(status="503 No")) as server:
        folder = tmp_path / "run"
        folder.mkdir()
        recording = generate(one, server.url, folder, reaper=reaper, warm=warm)
        ended = time.monotonic()
        received = len(server.received)
    assert recording.aborted is not None
    assert recording.aborted.threshold == TOO_MANY.text
    assert recording.aborted.spell is not None
    assert recording.aborted.spell.end <= recording.aborted.at < 20
    assert ended - recording.start - recording.aborted.at < 5
    samples, _, _ = read_samples(recording)
    assert received > 20
    # What was ended before its request was sent has a record, too.
    unsent = samples.requests.count - received
    assert 0 <= unsent <= np.sum(samples.requests.rows["outcome"] == Outcome.PENDING)
    assert samples.arrivals.count == sum(one.launched for one in recording.summaries)
    assert {one.stopped for one in recording.summaries} == {recording.aborted.reason}
