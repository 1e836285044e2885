"""Runs the study again and again, and tells whether every test got the same verdict each time.

    ./run python bench/repeat_study.py --times 10 [--keep DIR] [pytest arguments]

Prints a line per run as it ends, then each test whose verdicts differ. ``--keep`` leaves what each
run printed, and its JUnit report, in a folder; runs that are kept there already are counted in, so
that ten may be made one by one. Takes ten times as long as ``./run perf``; nothing else should use
the machine meanwhile.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
# What perfqa prints where it repeats a load; what it says of it at the end reads otherwise.
_AGAIN = "perfqa: measuring "


def verdicts(report: Path) -> dict[str, str]:
    """Read the verdict of each test from a JUnit report."""
    found = {}
    for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314 - pytest wrote it
        name = f"{case.get('classname')}::{case.get('name')}"
        outcome = next((c for c in case if c.tag in {"failure", "error", "skipped"}), None)
        found[name] = "passed" if outcome is None else outcome.tag
    return found


def run_once(report: Path, arguments: list[str]) -> tuple[dict[str, str], float, str]:
    """Run the study; give the verdicts, the seconds it took and the end of what it printed."""
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/perf", "-q", f"--junit-xml={report}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return verdicts(report), time.monotonic() - begin, done.stdout


def told(number: int, found: dict[str, str], seconds: float, printed: str) -> str:
    """Say how a run went, and how many loads were put on again that could not be believed."""
    counts = ", ".join(f"{n} {name}" for name, n in sorted(Counter(found.values()).items()))
    again = printed.count(_AGAIN)
    return f"run {number:2d}: {counts} in {seconds:.0f} s, {again or 'no'} loads made again"


def main() -> int:
    """Run, compare, and fail where verdicts differ or not all passed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--keep", type=Path, metavar="DIR")
    known, arguments = parser.parse_known_args()
    with tempfile.TemporaryDirectory(prefix="perfqa-repeat-") as temporary:
        folder = known.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        kept = len(list(folder.glob("*.xml")))
        for number in range(kept + 1, kept + known.times + 1):
            report = folder / f"{number}.xml"
            found, seconds, printed = run_once(report, arguments)
            report.with_suffix(".txt").write_text(printed)
            print(told(number, found, seconds, printed), flush=True)
            if set(found.values()) != {"passed"}:
                print(printed[-6000:], flush=True)
        runs = [verdicts(folder / f"{n}.xml") for n in range(1, kept + known.times + 1)]
    seen = {test: [run.get(test, "missing") for run in runs] for test in set().union(*runs)}
    differing = {test: each for test, each in sorted(seen.items()) if len(set(each)) > 1}
    for test, each in differing.items():
        print(f"{test}: {', '.join(each)}")
    same = len(seen) - len(differing)
    print(f"{same} of {len(seen)} tests had the same verdict in all {len(runs)} runs")
    failed = any(set(each) != {"passed"} for each in seen.values())
    return int(bool(differing) or failed)


if __name__ == "__main__":
    sys.exit(main())
