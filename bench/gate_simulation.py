"""How often the gate on regressions is wrong, and how soon it ends: the tables of docs/gate.md.

    ./run python bench/gate_simulation.py [sessions]

Simulates so many sessions of each kind (2,000 by default, a minute and a half of a CPU) with
fixed seeds.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "unit")]

import simulated_pairs as sim  # noqa: E402

from pytest_perfqa.base.verdicts import Verdict  # noqa: E402
from pytest_perfqa.compare.gate import FALSE_ALARM  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

CHECKS = 10
BUDGET = 50
SOON = 25
P50, P95 = sim.Percentile(0.5), sim.Percentile(0.95)
EFFECTS = (0.0, 0.02, 0.05, 0.1)
#: What slices may be besides: each is as loud as the noisy machine or louder.
OTHERS = {
    "noisy, p95 of requests that vary by 0.3": (
        sim.MACHINES["noisy"],
        sim.Percentile(0.95, 100, 0.3),
    ),
    "no drift, 30 %": (sim.Machine(0.3), None),
    "correlated by .35, 6 %": (sim.Machine(0.06, memory=0.35), None),
    "correlated by .35, 30 %": (sim.Machine(0.3, memory=0.35), None),
    "correlated by .8, 30 %": (sim.Machine(0.3, memory=0.8), None),
    "drift of 30 %, and twice as slow after 50 slices": (sim.Machine(0.03, 0.3, trend=0.7), None),
}


#: By how many times its mean that probability varies from slice to slice.
BURSTS = {"by chance": 0.0, "bursts (CV 1)": 1.0, "rare bursts (CV 3)": 3.0}
#: The probability of an error, of base and of head.
SHARES = [
    (0.0, 0.0),
    (0.001, 0.001),
    (0.01, 0.01),
    (0.05, 0.05),
    (0.0, 0.005),
    (0.001, 0.006),
    (0.01, 0.015),
    (0.05, 0.055),
    (0.0, 0.01),
    (0.001, 0.011),
    (0.01, 0.02),
    (0.0, 0.02),
]


def table(head: list[str], rows: Iterator[list[str]]) -> None:
    """Print a table in Markdown."""
    print(f"| {' | '.join(head)} |")
    print(f"| --- |{' ---: |' * (len(head) - 1)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print()


def percent(share: float) -> str:
    """Print a share."""
    return f"{100 * share:.2f} %" if share < 0.01 else f"{100 * share:.1f} %"


def typically(fell: NDArray[np.int64], of: NDArray[np.bool_]) -> str:
    """Print after how many pairs a verdict fell, by half and by nine tenths; none: a dash."""
    if not of.any():
        return "-"
    return "{:.0f}, {:.0f}".format(*np.quantile(fell[of], (0.5, 0.9), method="higher"))


def alone(sessions: int) -> Iterator[list[str]]:
    """Tell what is said of one check, by machine, percentile and effect."""
    for name, machine in sim.MACHINES.items():
        for place, percentile in (("p50", P50), ("p95", P95)):
            random = np.random.default_rng([1, len(name), round(100 * percentile.quantile)])
            for effect in EFFECTS:
                found = sim.differences(machine, BUDGET, sessions, random, percentile)
                said, fell = sim.verdicts(found + math.log1p(effect))
                failed, passed = said == sim.FAILED, said == sim.PASSED
                soon = failed & (fell <= SOON)
                yield [
                    f"{name}, {place}",
                    f"+{effect:.0%}" if effect else "0",
                    *map(percent, (failed.mean(), passed.mean(), soon.mean())),
                    typically(fell, failed),
                    typically(fell, passed),
                ]


def together(sessions: int) -> Iterator[list[str]]:
    """Tell in how many sessions of ten checks anything failed, and what one that is worse takes."""
    for name, machine in sim.MACHINES.items():
        for place, percentile in (("p50", P50), ("p95", P95)):
            random = np.random.default_rng([2, len(name), round(100 * percentile.quantile)])
            found = sim.differences(machine, BUDGET, CHECKS * sessions, random, percentile)
            said, _ = sim.verdicts(found, checks=CHECKS)
            alarms = (said == sim.FAILED).reshape(sessions, CHECKS).any(axis=1)
            worse = found[:, :sessions] + math.log(1.1)
            said, fell = sim.verdicts(worse, checks=CHECKS)
            failed = said == sim.FAILED
            yield [
                f"{name}, {place}",
                percent(alarms.mean()),
                percent((failed & (fell <= SOON)).mean()),
                percent(failed.mean()),
                percent((said == sim.PASSED).mean()),
                typically(fell, failed),
            ]


def naive(sessions: int) -> Iterator[list[str]]:
    """Tell what rules say that compare one run with one."""
    for name, machine in sim.MACHINES.items():
        row = [name]
        for effect in (0.0, 0.1):
            random = np.random.default_rng([3, len(name)])
            runs = sim.Naive(machine, sessions, random, math.log1p(effect))
            row += [percent(runs.mean_is_higher(0.05).mean())]
            row += [percent(runs.mann_whitney(FALSE_ALARM).mean())]
        yield row


def others(sessions: int) -> Iterator[list[str]]:
    """Tell how often a check fails at no difference, where slices are not as usual."""
    for number, (name, (machine, percentile)) in enumerate(OTHERS.items()):
        random = np.random.default_rng([4, number])
        found = sim.differences(machine, BUDGET, CHECKS * sessions, random, percentile)
        shares = [(sim.verdicts(found, checks=of)[0] == sim.FAILED).mean() for of in (1, CHECKS)]
        yield [name, *map(percent, shares)]


def limits(sessions: int) -> Iterator[list[str]]:
    """Tell what is said at twice the limit, whatever that is, with 240 pairs."""
    for within in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5):
        row = [f"{within:.0%}"]
        for name, machine in sim.MACHINES.items():
            random = np.random.default_rng([5, round(100 * within), len(name)])
            found = sim.differences(machine, 240, sessions, random) + math.log1p(2 * within)
            said, fell = sim.verdicts(found, within)
            row.append(
                f"{percent((said == sim.FAILED).mean())} / {percent((said == sim.PASSED).mean())}"
                f" / {np.median(fell):.0f}"
            )
        yield row


def shares(sessions: int) -> Iterator[list[str]]:
    """Tell what is said of errors."""
    for number, (base, head) in enumerate(SHARES):
        row = [percent(base), percent(head)]
        for burst in BURSTS.values():
            random = np.random.default_rng([6, number])
            said, fell = sim.share_verdicts(base, head, burst, sessions, random)
            parts = [said.count(verdict) / sessions for verdict in (Verdict.FAILED, Verdict.PASSED)]
            row.append(f"{' / '.join(map(percent, parts))} / {np.median(fell):.0f}")
        yield row


def main() -> None:
    """Print all tables."""
    sessions = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    print(f"{sessions:,} sessions in each row, of at most {BUDGET} pairs; limit 5 %.\n")
    pairs = ["pairs to FAILED (half, nine tenths)", "pairs to PASSED"]
    soon = f"FAILED within {SOON} pairs"
    table(["one check", "head", "FAILED", "PASSED", soon, *pairs], alone(sessions))
    head = [f"{CHECKS} checks", "any FAILED at 0", f"+10 %: {soon}", "FAILED", "PASSED", pairs[0]]
    table(head, together(sessions))
    rules = ["mean + 5 %", "Mann-Whitney, p < 1 %"]
    table(
        ["one run against one", *(f"{rule}, at {at}" for at in ("0", "+10 %") for rule in rules)],
        naive(sessions),
    )
    table(["FAILED at 0", "one check", "each of ten"], others(sessions))
    table(["errors of base", "of head", *BURSTS], shares(min(sessions, 2000)))
    table(["limit", *(f"{name}, at twice that" for name in sim.MACHINES)], limits(sessions))


if __name__ == "__main__":
    main()
