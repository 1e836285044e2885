"""A rate that was read off and the probes around it: which answer stands."""

from __future__ import annotations

import math

import pytest

from pytest_perfqa.capacity.limits.confirm import confirm

MARGINS = (0.95, 1.05)


def answered(
    answers: dict[float, list[bool | None]], *, is_measured: bool = True
) -> tuple[float, float, float, int]:
    """Confirm 100 with probes that answer in turn; give the answer, the bracket, and how many."""
    probes = []

    def takes(rate: float) -> bool | None:
        probes.append(rate)
        left = answers[round(rate, 1)]
        return left.pop(0) if len(left) > 1 else left[0]

    found = confirm(100.0, MARGINS, takes, 1000.0, is_measured=is_measured)
    return round(found.rate, 1), round(found.low, 1), round(found.high, 1), len(probes)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({95.0: [True], 105.0: [False]}, (100, 95, 105, 2)),
        # One probe of many is wrong: it is made again.
        ({95.0: [True], 105.0: [True, False]}, (100, 95, 105, 3)),
        ({95.0: [False, True], 105.0: [False]}, (100, 95, 105, 3)),
        # Twice is no chance: what was read off is wrong.
        ({95.0: [True], 105.0: [True], 115.5: [False]}, (110.1, 105, 115.5, 4)),
        ({95.0: [False], 86.4: [True]}, (90.6, 86.4, 95, 3)),
        ({95.0: [True], 105.0: [True, None]}, (100, 95, math.inf, 3)),
        ({95.0: [None]}, (100, 0, math.inf, 1)),
    ],
)
def test_a_measurement_is_refuted_twice_or_not_at_all(
    answers: dict[float, list[bool | None]], expected: tuple[float, float, float, int]
) -> None:
    """Reading and probe contradict each other: a third measurement decides."""
    assert answered(answers) == expected


def test_what_was_only_computed_is_refuted_at_once() -> None:
    """Then one probe is better evidence than what it refutes."""
    answers: dict[float, list[bool | None]] = {95.0: [True], 105.0: [True, False], 115.5: [False]}
    assert answered(answers, is_measured=False) == (110.1, 105, 115.5, 3)
