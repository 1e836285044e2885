"""Services side by side under one scenario."""

from __future__ import annotations

import numpy as np
from synthetic import run, samples

from pytest_perfqa.comparison import compare
from pytest_perfqa.report.side_by_side import summary

EVEN = np.arange(100) / 10


def test_a_scenario_of_one_service_is_not_compared() -> None:
    """There is nothing beside it."""
    assert compare([run(samples(EVEN), scenario="a"), run(samples(EVEN), scenario="b")]) == {}


def test_what_can_not_be_told_is_none() -> None:
    """A table describes; it neither guesses nor fails."""
    first = run(samples(EVEN, status=200), service="one")
    second = run(samples(EVEN, status=504), service="two")
    good, bad = compare([first, second])["steady"]
    assert good.served == 1
    assert good.queues is False
    assert bad.served == 0
    assert bad.server_errors == 100
    assert bad.queues is None  # not one good answer tells the service time
    assert bad.memory is None


def test_services_stand_in_columns() -> None:
    """Figures are aligned, and columns in which nobody has anything are left out."""
    first = run(samples(EVEN, 0.05, status=200), service="one")
    second = run(samples(EVEN, 0.05, status=504), service="another")
    lines = list(summary(compare([first, second])))
    assert lines[0] == "steady, side by side:"
    assert lines[1].split() == ["service", "served", "5xx", "p95", "throughput", "queue"]
    assert lines[2].split()[:3] == ["one", "100", "%"]
    assert (
        len({line.rindex(last) + len(last) for line in lines[1:] for last in [line.split()[-1]]})
        == 1
    )
