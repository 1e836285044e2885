"""Shapes of completions that are not one queue with workers."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_perfqa.capacity.character import shapes
from pytest_perfqa.queues.likelihood import Burst

SERVICE = 0.4


def together(finished: np.ndarray) -> Burst:
    """Make a burst sent within a few milliseconds."""
    return Burst(1e-4 * np.arange(len(finished)), finished)


def test_slices_of_an_event_loop_show_as_a_line() -> None:
    """Each request keeps the loop for 5 ms, then waits for its timer."""
    finished = SERVICE + 0.005 * np.arange(1, 65)
    assert shapes.serial_slice(together(finished), SERVICE, 0.01) == pytest.approx(0.005)


@pytest.mark.parametrize("workers", [1, 2, 3, 8, 32, 64])
def test_workers_show_as_stairs_not_as_a_line(workers: int) -> None:
    """Also where the later stairs blur."""
    random = np.random.default_rng(workers)
    for spread in (0.0, 0.02, 0.05):
        free = np.zeros(workers)
        finished = np.empty(64)
        for index in range(64):
            worker = free.argmin()
            free[worker] += SERVICE * max(0.1, 1 + spread * random.standard_normal())
            finished[index] = free[worker]
        assert shapes.serial_slice(together(finished), SERVICE, spread) is None


def test_lines_are_not_looked_for_where_services_vary() -> None:
    """There, stairs blur into lines, and nothing could be told."""
    finished = SERVICE + 0.005 * np.arange(1, 65)
    assert shapes.serial_slice(together(finished), SERVICE, 0.3) is None


def test_our_own_sends_are_no_slices() -> None:
    """A line as steep as the sends says nothing about the service."""
    sent = 0.005 * np.arange(64)
    assert shapes.serial_slice(Burst(sent, sent + SERVICE), SERVICE, 0.01) is None


def test_strays_are_several_services_far_off() -> None:
    """One may be a hiccup of the machine."""
    alike = np.full(40, SERVICE)
    assert not shapes.strays(alike)
    one = alike.copy()
    one[3] *= 2
    assert not shapes.strays(one)
    one[5:8] *= 2
    assert shapes.strays(one)


def test_a_first_wave_is_what_was_served_at_once() -> None:
    """The second wave takes twice as long."""
    finished = np.array([0.4, 0.41, 0.42, 0.8, 0.81])
    assert shapes.first_wave(together(finished), SERVICE) == 3


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("............", 1),
        (".XX.XX.XX.XX", 3),
        ("X.XX.XX.XX.X", 3),
        (".X.X.X.X.X.X", 2),
        ("XXXXXXXXXXXX", None),
        (".XX.X.XX.XX.", None),
        (".XXXXXXXXXXX", None),
        ("X...........", None),
    ],
)
def test_turns(pattern: str, found: int | None) -> None:
    """Every r-th probe gets through to the one replica that has a worker free."""
    assert shapes.turns([one == "." for one in pattern]) == found


def test_the_scalability_law_finds_its_own_parameters() -> None:
    """From points that lie on the curve; what is negative is cut to 0."""

    def throughput(n: float, contention: float, coherency: float) -> float:
        return 10 * n / (1 + contention * (n - 1) + coherency * n * (n - 1))

    points = [(n, throughput(n, 0.05, 0.001)) for n in (1.0, 2.0, 8.0, 32.0)]
    law = shapes.scalability_law(points, 10)
    assert (law.contention, law.coherency) == pytest.approx((0.05, 0.001))
    better = [(n, 10 * n**1.1) for n in (1.0, 2.0, 8.0)]
    assert shapes.scalability_law(better, 10) == shapes.Law(0.0, 0.0)
    assert shapes.scalability_law([], 10) == shapes.Law(0.0, 0.0)


def test_who_comes_late_may_take_the_worker_of_one_that_is_done() -> None:
    """Two workers, a request every 0.1 s: only the first ones tell how many are served at once."""
    sent = np.array([0.0, 0.1, 0.2, 0.3, 0.38])
    finished = np.array([0.4, 0.5, 0.8, 0.9, 1.2])
    assert shapes.first_wave(Burst(sent, finished), SERVICE) == 2
    late = Burst(np.array([0.0, 0.1, 0.39]), np.array([0.4, 0.5, 0.8]))
    assert shapes.first_wave(late, SERVICE) == 2
