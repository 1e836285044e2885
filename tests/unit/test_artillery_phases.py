# ruff: noqa: ISC004 - long messages
"""Phases: the arrivals that they bring, those of the study among them."""

from __future__ import annotations

from pathlib import Path

import pytest
from artillery_files import PHASES, read, with_config

from pytest_perfqa.scenario.artillery import read_scenario
from pytest_perfqa.scenario.records import Phase


@pytest.mark.parametrize(
    ("phases", "arrivals", "duration"),
    [
        (
            "ramp warm-up 30 5 15; plateau light 30 15 15; ramp steep 30 15 50;"
            "plateau steep 30 50 50; ramp down 30 28 2",
            3675,
            150,
        ),
        (
            # Artillery sent 6583 at a tenth of the times: its 0.6 s drops became 1 s.
            "warm-up 60 1 5; plateau 120 5 5; peak 1 120 5 30; drop 6 5 5; peak 2 180 5 35;"
            "drop 6 5 5; tail 30 0.1 0.1",
            6543,
            522,
        ),
    ],
)
def test_totals_are_integrals(
    tmp_path: Path, phases: str, arrivals: float, duration: float
) -> None:
    """The study's phases bring the arrivals that their rates add up to."""
    rows = [text.rsplit(maxsplit=3) for text in phases.split(";")]
    data = [
        {"name": name, "duration": seconds, "arrivalRate": rate, "rampTo": end}
        for name, seconds, rate, end in rows
    ]
    scenario = read(tmp_path, with_config(phases=data))
    assert sum(phase.expected for phase in scenario.phases) == pytest.approx(arrivals)
    assert scenario.duration == duration


ARTILLERY = Path(__file__).parents[1] / "reference"


@pytest.mark.parametrize(
    ("name", "arrivals"),
    [
        ("timeout_exploratory", 3675),
        ("ping_exploratory", 3675),
        ("endurance_heavy", 60),
        ("concurrent_users_fine_1node", 91),
        ("concurrent_users_seed", 294),
        ("spike_timeout", 6543),
        ("section2_ramp_full", 46920),
    ],
)
def test_reference_files(name: str, arrivals: float) -> None:
    """The reference files are read as they are."""
    scenario = read_scenario(ARTILLERY / f"{name}.yaml")
    assert scenario.name == name
    assert scenario.timeout == 120
    assert sum(phase.expected for phase in scenario.phases) == pytest.approx(arrivals)


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        ({"duration": 10, "arrivalRate": 0.3}, Phase("phase 1", 10, 0.3, 0.3)),
        ({"duration": "10", "arrivalRate": "2"}, Phase("phase 1", 10, 2, 2)),
        ({"duration": "0.5 min", "arrivalRate": 1, "rampTo": 0}, Phase("phase 1", 30, 1, 0)),
        ({"duration": "10s", "rampTo": 4}, Phase("phase 1", 10, 0, 4)),
        ({"duration": 10, "arrivalCount": 5}, Phase("phase 1", 10, count=5)),
        ({"duration": 10, "arrivalCount": "5"}, Phase("phase 1", 10, count=5)),
        (
            {"name": "a", "duration": 10, "arrivalRate": 1, "maxVusers": 7},
            Phase("a", 10, 1, 1, max_vusers=7),
        ),
        ({"name": 1, "pause": "1m"}, Phase("1", 60)),
        ({"duration": 10, "arrivalRate": 0}, Phase("phase 1", 10)),
    ],
)
def test_phases(tmp_path: Path, phase: object, expected: Phase) -> None:
    """Each form of a phase becomes what Artillery makes of it."""
    scenario = read(tmp_path, with_config(phases=[phase, *PHASES]))
    assert scenario.phases[0] == expected
