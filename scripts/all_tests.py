"""Runs all tests in two stages: those that may run beside others, on all cores; then the timed.

Arguments are pytest's, and go to both stages; of what they select, each takes its own. The last
lines name what failed in either.

    --only=beside|alone    one stage only
    --lines=FILE           append what was repeated and what failed to this file, too
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

PASSED, FAILED, INTERRUPTED, NOTHING = 0, 1, 2, 5
WORKERS = str(2 * len(os.sched_getaffinity(0)))
LAST_FAILED = Path(".pytest_cache/v/cache/lastfailed")


@dataclass(frozen=True)
class Stage:
    """A part of the tests.

    Attributes:
        name: as ``tests/stages.py`` knows it.
        title: what is printed.
        before, after: arguments before and after those of the user: his count more than the first,
            and less than the last.
    """

    name: str
    title: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What came of a stage.

    Attributes:
        status: the exit code of pytest.
        bad: what did not pass, such as ``FAILED tests/unit/test_run.py::test_it``.
        repeated: what was run again, and why.
        is_last: no other stage is to follow.
    """

    stage: Stage
    status: int
    seconds: float
    bad: list[str]
    repeated: list[str]
    is_last: bool

    @property
    def said(self) -> str:
        """A line with it."""
        known = {PASSED: "passed", NOTHING: "nothing selected", INTERRUPTED: "interrupted"}
        said = known.get(self.status, f"pytest ended with {self.status}")
        if self.bad:
            said = f"{len(self.bad)} failed"
        return f"{self.stage.title}: {said} ({self.seconds:.0f} s)"


STAGES = (
    # Workers take what stands together in files, so that fixtures of modules are made once; who is
    # done early takes from the other.
    # A third of their time they wait for others' processes: there are two workers for each CPU.
    Stage("beside", "tests that may run beside others", ("-n", WORKERS, "--dist=worksteal")),
    Stage("alone", "timed tests, alone", after=("-n0",)),
)


def run(stage: Stage, arguments: list[str]) -> Outcome:
    """Run one stage."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="perfqa-tests-") as folder:
        told = Path(folder) / "told.json"
        ours = ["--durations=10", f"--stage={stage.name}", f"--stage-told={told}"]
        words = [*stage.before, *ours, *arguments, *stage.after]
        status = watched([sys.executable, "-m", "pytest", *words])
        # There is none where it could not even begin, and after --help and its like.
        found = json.loads(told.read_text()) if told.exists() else None
    is_last = found is None or found["stopped"] or status not in {PASSED, FAILED, NOTHING}
    found = found or {"bad": [], "repeated": []}
    seconds = time.monotonic() - begun
    return Outcome(stage, status, seconds, found["bad"], found["repeated"], is_last)


def watched(command: list[str]) -> int:
    """Run a program; what would end this one interrupts that, and what came of it is told."""
    with subprocess.Popen(command) as process:

        def interrupt(*_: object) -> None:
            # Once more, and it is not asked.
            signal.signal(signal.SIGTERM, lambda *_: process.terminate())
            process.send_signal(signal.SIGINT)

        signal.signal(signal.SIGTERM, interrupt)
        # A terminal sends Ctrl-C to both.
        signal.signal(signal.SIGINT, lambda *_: None)
        status = process.wait()
    return status if status >= 0 else 128 - status


def of_the_last_time(arguments: list[str]) -> list[str]:
    """Have --lf mean in both stages what failed before the first one."""
    try:
        known = json.loads(LAST_FAILED.read_text())
    except (OSError, ValueError):
        known = {}
    if known:
        return ["--last-failed-no-failures=none", *arguments]
    return [word for word in arguments if word not in {"--lf", "--last-failed"}]


def main() -> int:
    """Run both; give the worse exit code."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--only", choices=[stage.name for stage in STAGES])
    parser.add_argument("--lines", type=Path)
    chosen, rest = parser.parse_known_args()
    arguments = of_the_last_time(rest)
    outcomes: list[Outcome] = []
    for stage in STAGES:
        if chosen.only in {None, stage.name}:
            outcomes.append(run(stage, arguments))
            if outcomes[-1].is_last:
                break
    lines = [line for one in outcomes for line in one.repeated]
    lines += [line for one in outcomes for line in one.bad]
    if chosen.lines is not None:
        with chosen.lines.open("a") as file:
            file.writelines(f"{line}\n" for line in lines)
    lines += [one.said for one in outcomes]
    sys.stdout.write("\n" + "\n".join(lines) + "\n")
    codes = {one.status for one in outcomes} - {NOTHING}
    return max(codes, default=NOTHING)


if __name__ == "__main__":
    sys.exit(main())
