"""What a session of short runs takes beyond its load.

    ./run python bench/session_overhead.py [--pairs 5] [--runs 1 10] [--against FOLDER]

Starts pytest on a project of one service, a server in Python, whose tests each make a run of one
second; prints how long such a session takes beyond these seconds. With ``--against`` the package
that lies in that folder, such as a worktree of another commit, does the same, in turns, and the
ratio of each pair is given.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

SERVER = """
import http.server, sys

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *arguments):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
SERVICE = """
endpoint: app
ready: /
limits: {cpus: 1}
process:
  app: {command: "python server.py {port}"}
"""
SCENARIO = """
config:
  phases: [{name: steady, duration: 1, arrivalRate: 20}]
scenarios:
  - flow: [{get: {url: /}}]
"""
TEST = """
import pytest

@pytest.mark.perfqa(scenario="{number}.yaml")
def test_{number}(perf_run):
    assert perf_run.status["200"] == 20
"""
_TRIES = 10
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly")
# Else a session that others disturbed would wait for them and measure again.
ONCE = "--perfqa-invalid=error"


def make_project(folder: Path, runs: int) -> None:
    """Write a service, and a scenario and a test for each run."""
    service = folder / "services" / "toy"
    service.mkdir(parents=True)
    (service / "server.py").write_text(SERVER)
    (service / "service.yaml").write_text(SERVICE)
    for number in range(runs):
        (folder / f"{number}.yaml").write_text(SCENARIO)
    tests = (TEST.format(number=number) for number in range(runs))
    (folder / "test_runs.py").write_text("".join(tests))


def session(project: Path, package: Path) -> float:
    """Give how long a session takes, in seconds; one that others disturbed is repeated."""
    for _ in range(_TRIES):
        start = time.monotonic()
        done = subprocess.run(
            [sys.executable, *PYTEST, ONCE],
            cwd=project,
            env=os.environ | {"PYTHONPATH": str(package)},
            capture_output=True,
            text=True,
            check=False,
        )
        took = time.monotonic() - start
        if done.returncode == 0:
            return took
        if "INVALID" not in done.stdout:
            break
    raise SystemExit(done.stdout + done.stderr)


def compare(runs: int, pairs: int, packages: list[Path]) -> list[list[float]]:
    """Give the times beyond the load of each package's sessions, made in turns."""
    with tempfile.TemporaryDirectory() as name:
        make_project(Path(name), runs)
        beyond: list[list[float]] = [[] for _ in packages]
        for turn in range(-1, pairs):
            order = list(zip(packages, beyond, strict=True))
            for package, found in order if turn % 2 else reversed(order):
                took = session(Path(name), package) - runs
                if turn >= 0:  # the first of all compiles
                    found.append(took)
    return beyond


def row(name: str, runs: int, found: list[float]) -> str:
    """Give a line of the table."""
    low, median, high = min(found), statistics.median(found), max(found)
    return f"| {runs} | {name} | {median:.2f} s | {low:.2f} to {high:.2f} s |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--runs", type=int, nargs="+", default=[1, 10])
    parser.add_argument("--against", type=Path)
    arguments = parser.parse_args()
    packages = [Path(__file__).resolve().parent.parent]
    packages += [arguments.against.resolve()] if arguments.against else []
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, {arguments.pairs} sessions each, in turns\n"
    )
    print("| runs of 1 s | package | beyond the load, median | range |")
    print("| ---: | --- | ---: | --- |")
    for runs in arguments.runs:
        here, *others = compare(runs, arguments.pairs, packages)
        print(row("here", runs, here))
        for there in others:
            print(row("there", runs, there))
            ratios = [new / old for new, old in zip(here, there, strict=True)]
            whole = [(n + runs) / (o + runs) for n, o in zip(here, there, strict=True)]
            print(
                f"| {runs} | here / there | {statistics.median(ratios):.2f} "
                f"| {min(ratios):.2f} to {max(ratios):.2f}; of the whole session: "
                f"{statistics.median(whole):.2f} |"
            )


if __name__ == "__main__":
    main()
