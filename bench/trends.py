"""How often the verdicts on trends are wrong: the tables of docs/statistics.md.

    ./run python bench/trends.py [runs]

Simulates so many runs of each kind (1,000 by default, four minutes) with fixed seeds.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "unit")]

import simulated as sim  # noqa: E402

from pytest_perfqa.base.units import Unit  # noqa: E402
from pytest_perfqa.errors import Inconclusive  # noqa: E402
from pytest_perfqa.result.attributes.stability import drift  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

#: Name, arrivals, services, workers, load; where there is no limit of workers, the rate.
STATIONARY = [
    ("M/M/1, 50 %", sim.poisson, sim.exponential, 1, 0.5),
    ("M/M/1, 80 %", sim.poisson, sim.exponential, 1, 0.8),
    ("M/M/1, 90 %", sim.poisson, sim.exponential, 1, 0.9),
    ("M/D/4, 50 %", sim.poisson, sim.constant, 4, 0.5),
    ("M/D/4, 80 %", sim.poisson, sim.constant, 4, 0.8),
    ("M/D/4, 90 %", sim.poisson, sim.constant, 4, 0.9),
    ("M/D/12, 90 %", sim.poisson, sim.constant, 12, 0.9),
    ("even arrivals, gamma CV 0.1, 12 workers, 90 %", sim.even, sim.gamma(0.1), 12, 0.9),
    ("even arrivals, gamma CV 0.5, 4 workers, 90 %", sim.even, sim.gamma(0.5), 4, 0.9),
    ("even arrivals, exponential, 1 worker, 90 %", sim.even, sim.exponential, 1, 0.9),
    ("even arrivals, services AR(0.8), 2 workers, 90 %", sim.even, sim.correlated, 2, 0.9),
    ("arrivals AR(0.8), gamma CV 0.2, 4 workers, 90 %", sim.uneven, sim.gamma(0.2), 4, 0.9),
    ("bursts of 20, exponential, 4 workers, 90 %", sim.bursts, sim.exponential, 4, 0.9),
    ("ramp to 90 %, M/M/1", sim.ramp, sim.exponential, 1, 0.9),
    ("ramp to 90 %, constant, 4 workers", sim.even_ramp, sim.constant, 4, 0.9),
    ("no queue: M/M/inf, 50 at work", sim.poisson, sim.exponential, np.inf, 50.0),
    ("no queue, ramp: M/M/inf to 100 at work", sim.ramp, sim.exponential, np.inf, 100.0),
]
OVERLOADED = [
    ("even arrivals, constant, 1 worker", sim.even, sim.constant, 1),
    ("even arrivals, gamma CV 0.2, 4 workers", sim.even, sim.gamma(0.2), 4),
    ("even arrivals, gamma CV 0.5, 4 workers", sim.even, sim.gamma(0.5), 4),
    ("bursts of 20, constant, 4 workers", sim.bursts, sim.constant, 4),
    ("even arrivals, exponential, 1 worker", sim.even, sim.exponential, 1),
    ("even arrivals, services AR(0.8), 2 workers", sim.even, sim.correlated, 2),
    ("M/D/4", sim.poisson, sim.constant, 4),
    ("M/M/1", sim.poisson, sim.exponential, 1),
    ("arrivals AR(0.8), gamma CV 0.2, 4 workers", sim.uneven, sim.gamma(0.2), 4),
]
#: Services that are constant, as far as real ones are: workers finish in waves.
CONSTANT = [1, 2, 3, 4, 6, 8, 10, 12]
LOADS = (0.8, 0.9, 0.95, 1.1, 1.25, 1.5, 2.0, 4.0, 10.0)
#: So far above capacity, no length leaves room for a "no".
FLOODED = [
    ("even arrivals, constant, 12 workers", sim.even, sim.constant, 12),
    ("even arrivals, gamma CV 0.2, 4 workers", sim.even, sim.gamma(0.2), 4),
    ("M/M/1", sim.poisson, sim.exponential, 1),
    ("M/M/12", sim.poisson, sim.exponential, 12),
]
#: How many arrivals are asked for: what the first runs say, and what others of that length do.
ASKING = [
    ("even arrivals, gamma CV 0.2, 12 workers", sim.even, sim.gamma(0.2), 12),
    ("even arrivals, gamma CV 0.5, 4 workers", sim.even, sim.gamma(0.5), 4),
    ("even arrivals, exponential, 1 worker", sim.even, sim.exponential, 1),
    ("M/D/4", sim.poisson, sim.constant, 4),
    ("M/M/1", sim.poisson, sim.exponential, 1),
    ("M/M/12", sim.poisson, sim.exponential, 12),
    ("bursts of 20, exponential, 4 workers", sim.bursts, sim.exponential, 4),
]
_ASKED = re.compile(r"it needs about ([\d,]+)")

#: Values of mean about 1 that do not drift.
STEADY = [
    ("independent, CV 0.1", lambda random, shape: 1 + 0.1 * random.standard_normal(shape)),
    ("exponential", lambda random, shape: random.exponential(1, shape)),
    ("AR(0.8), sigma 0.1", lambda random, shape: sim.correlated(random, shape, 0.1)),
    ("AR(0.8), sigma 0.3", lambda random, shape: sim.correlated(random, shape, 0.3)),
    ("AR(0.95), sigma 0.1", lambda random, shape: sim.correlated(random, shape, 0.1, 0.95)),
]


def grows(arrivals: sim.Floats, ends: sim.Floats) -> str:
    """Say what ``pending.grows`` says."""
    try:
        return "yes" if sim.pending(arrivals, ends).grows else "no"
    except Inconclusive:
        return "undecided"


def asks_for(arrivals: sim.Floats, ends: sim.Floats) -> int | None:
    """Give how many arrivals an ``INCONCLUSIVE`` asks for; None if there is none."""
    try:
        _ = sim.pending(arrivals, ends).grows
    except Inconclusive as told:
        said = str(told)
    else:
        return None
    found = _ASKED.search(said)
    assert found, said
    return int(found[1].replace(",", ""))


def drifts(values: sim.Floats) -> str:
    """Say what ``drift`` says."""
    try:
        found = drift("it", np.arange(float(len(values))), values, Unit.COUNT)
    except Inconclusive:
        return "undecided"
    return "yes" if found else "no"


def table(
    title: str, lengths: Iterable[float | str], rows: Iterable[tuple[str, Iterable[str]]]
) -> None:
    """Print the shares of runs that were called so / left undecided."""
    columns = [one if isinstance(one, str) else f"{one:,}" for one in lengths]
    print(f"\n| {title} |", " | ".join(columns), "|")
    print("| --- |", " | ".join("---:" for _ in columns), "|")
    for name, cells in rows:
        print(f"| {name} |", " | ".join(cells), "|", flush=True)


def share(said: Iterable[str]) -> str:
    """Put what was said into a cell."""
    counts = Counter(said)
    return f"{counts['yes'] / counts.total():.1%} / {counts['undecided'] / counts.total():.0%}"


def of_queues(cells: list, lengths: tuple[int, ...], runs: int) -> Iterator:
    """Simulate queues, a row for each kind and a column for each length."""

    def cell(length: int, kind: tuple) -> str:
        random = np.random.default_rng(20261123)
        return share(map(grows, *sim.queue(random, (runs, length), *kind)))

    return ((name, (cell(length, kind) for length in lengths)) for name, *kind in cells)


def of_constant(length: int, runs: int) -> Iterator:
    """Simulate so many arrivals to constant services, a row for each number of workers.

    The first comes at a random moment of the first distance; services have a CV of 1 %.
    """

    def cell(workers: int, load: float) -> str:
        random = np.random.default_rng(20261123)
        shape = (runs, length)
        return share(
            map(grows, *sim.queue(random, shape, sim.shifted, sim.gamma(0.01), workers, load))
        )

    return (
        (f"workers: {workers}", (cell(workers, load) for load in LOADS)) for workers in CONSTANT
    )


def of_asking(length: int, loads: tuple[float, ...], runs: int) -> Iterator:
    """Tell for each load what runs of a length ask for, and how many such runs are undecided then.

    A cell is the median of what they ask for / the share of as many other runs, each as long as one
    of the first asked for, that gave an answer.
    """

    def cell(kind: tuple, load: float) -> str:
        random = np.random.default_rng(20261123)
        first = map(asks_for, *sim.queue(random, (runs, length), *kind, load))
        asked = [number for number in first if number]
        if len(asked) < runs / 10:
            return "-"
        longer = [sim.queue(random, (1, number), *kind, load) for number in asked]
        settled = np.mean([grows(come[0], end[0]) != "undecided" for come, end in longer])
        return f"{int(np.median(asked)):,} / {settled:.0%}"

    return ((name, (cell(tuple(kind), load) for load in loads)) for name, *kind in ASKING)


def of_values(growth: float, lengths: tuple[int, ...], runs: int) -> Iterator:
    """Simulate values that grow so much from the start to the end."""

    def cell(length: int, kind: Callable) -> str:
        values = kind(np.random.default_rng(20261123), (runs, length))
        return share(map(drifts, values * np.linspace(1, 1 + growth, length)))

    return ((name, (cell(length, kind) for length in lengths)) for name, kind in STEADY)


if __name__ == "__main__":
    RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    VALUES = (300, 1000, 3000)
    table("drift, none there", VALUES, of_values(0.0, VALUES, RUNS))
    table("drift, growth of 20 %", VALUES, of_values(0.2, VALUES, RUNS))
    ARRIVALS = (60, 200, 500, 2000, 4000)
    table("pending.grows, below capacity", ARRIVALS, of_queues(STATIONARY, ARRIVALS, RUNS))
    OVER = [(*cell, 1.1) for cell in OVERLOADED]
    table("pending.grows, 10 % above", ARRIVALS, of_queues(OVER, ARRIVALS, RUNS))
    SHARES = [f"{load:.0%}".replace("%", " %") for load in LOADS]
    table("pending.grows, 60 arrivals, constant services", SHARES, of_constant(60, RUNS))
    for FACTOR in (2.0, 10.0):
        OVER = [(*cell, FACTOR) for cell in FLOODED]
        FEW = ARRIVALS[:3]
        table(f"pending.grows, {FACTOR:g} times capacity", FEW, of_queues(OVER, FEW, RUNS))
    ASKED = (0.5, 0.9, 1.25)
    for LENGTH in (60, 200):
        NAMES = [f"{load:.0%}".replace("%", " %") for load in ASKED]
        title = f"asked for after {LENGTH} arrivals / settled then"
        table(title, NAMES, of_asking(LENGTH, ASKED, max(RUNS // 10, 10)))
