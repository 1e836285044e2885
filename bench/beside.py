"""Whose fault is it? Verdicts on a healthy and a slow service beside busy loops: docs/verdicts.md.

    ./run python bench/beside.py --file beside.jsonl [--runs 10] [--seconds 3] [--only healthy-2]
    ./run python bench/beside.py --file beside.jsonl --table
    ./run python bench/beside.py --file beside.jsonl --ending 20 --runs 1 --only healthy-2-service

A service on the last CPU, with a thread for each request, computes 5 ms for each of 60 requests
a second, and is held to ``latency.p95 < "60ms"``. The slow one is the same with 100 ms of sleep:
a regression, which no neighbour may excuse. Busy loops stand beside it on its CPU, on the
generator's, or so many on each. A cell is a session of pytest with so many tests, each on a run
of its own.

Verdicts are those of single runs (``--perfqa-invalid=error``); with ``--ending SECONDS`` those that
a user gets by default, where the loops end so long after the session began: an INVALID run is made
again. Results go into the file once their cell is done, and a cell that has enough of them there
isn't made again. The exit code is 1 if the healthy one FAILED, the slow one PASSED, or a run
beside nothing was INVALID. All of it takes about 25 minutes; nothing else should use the machine
meanwhile.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_perfqa.machine.children import Reaper, spawn, terminate
from pytest_perfqa.service.config import Limits
from pytest_perfqa.service.shared.affinity import service_cpus, spare_cpus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

BURNER = Path(__file__).with_name("servers") / "burner.py"
CPU_MS = 5
SLEEP_MS = {"healthy": 0, "slow": 100}
RATE = 60
LIMIT = "60ms"
LOOPS = (0, 1, 2, 4)
PLACES = ("service", "generator", "both")
VERDICTS = ("PASSED", "FAILED", "INVALID", "INCONCLUSIVE")
# Of one run, with all that comes before and after it, on a machine that others use up.
PATIENCE_SECONDS = 60

SERVICE = """\
endpoint: app
ready: /
limits: {{cpus: 1}}
process:
  app: {{command: "python {burner} {{port}} threads {cpu} {sleep}"}}
"""
SCENARIO = """\
config:
  phases: [{{name: load, duration: {seconds:g}, arrivalRate: {rate}}}]
scenarios:
  - flow: [{{get: {{url: /}}}}]
"""
TESTS = """\
import pytest

RUNS = [
    pytest.param(number, marks=pytest.mark.perfqa(scenario=f"run{{number}}.yaml"))
    for number in range({runs})
]

@pytest.mark.parametrize("number", RUNS)
def test_p95(perf_run, number):
    assert perf_run.latency.p95 < "{limit}"
"""


@dataclass(frozen=True)
class Cell:
    """What is measured: one kind of service beside so many loops.

    Attributes:
        place: ``service`` or ``generator``, for the CPUs of these, or ``both``; ``""`` of none.
    """

    kind: str
    loops: int
    place: str

    @property
    def name(self) -> str:
        """What it is called on the command line, such as ``healthy-2-both``."""
        return "-".join(filter(None, (self.kind, str(self.loops), self.place)))

    def cpus(self) -> Iterator[frozenset[int]]:
        """Give the CPUs of each loop."""
        limits = Limits(cpus=1)
        places = {"service": service_cpus(limits), "generator": spare_cpus(limits)}
        for name, cpus in places.items():
            if cpus and self.place in {name, "both"}:
                yield from [cpus] * self.loops


CELLS = [
    Cell(kind, loops, place)
    for loops in LOOPS
    for place in (PLACES if loops else ("",))
    for kind in SLEEP_MS
]


def project(folder: Path, cell: Cell, runs: int, seconds: float) -> None:
    """Write a project whose tests make so many runs."""
    service = folder / "services" / cell.kind
    service.mkdir(parents=True)
    text = SERVICE.format(burner=BURNER, cpu=CPU_MS, sleep=SLEEP_MS[cell.kind])
    (service / "service.yaml").write_text(text)
    for number in range(runs):
        text = SCENARIO.format(seconds=seconds, rate=RATE)
        (folder / f"run{number}.yaml").write_text(text)
    (folder / "test_it.py").write_text(TESTS.format(runs=runs, limit=LIMIT))
    (folder / "pytest.ini").write_text("[pytest]\n")


@contextlib.contextmanager
def beside(cell: Cell, folder: Path, ending: float | None) -> Iterator[None]:
    """Have the loops run meanwhile, or for so many seconds; whatever ends us ends them."""
    with Reaper() as reaper:
        started = [
            spawn(
                [sys.executable, "-S", "-c", "while True: pass"],
                log=folder / "loops",
                cwd=folder,
                env=dict(os.environ),
                reaper=reaper,
                cpus=cpus,
            )
            for cpus in cell.cpus()
        ]

        def end() -> None:
            for one in started:
                terminate(one, 1.0, reaper=reaper)

        timer = threading.Timer(ending or 0.0, end)
        if ending is not None:
            timer.start()
        try:
            yield
        finally:
            timer.cancel()
            if timer.ident is not None:
                timer.join()
            end()


def measure(cell: Cell, asked: argparse.Namespace, runs: int) -> Iterator[dict[str, Any]]:
    """Make the session of a cell; give what became of each of its tests."""
    with tempfile.TemporaryDirectory(prefix="perfqa-beside-") as temporary:
        folder = Path(temporary)
        project(folder, cell, runs, asked.seconds)
        words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=junit.xml"]
        if asked.ending is None and asked.knows_invalid:
            words.append("--perfqa-invalid=error")
        with beside(cell, folder, asked.ending):
            done = subprocess.run(
                [sys.executable, *words],
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=runs * (asked.seconds + PATIENCE_SECONDS),
                check=False,
            )
        found = list(verdicts(folder / "junit.xml"))
    if len(found) != runs:
        raise SystemExit(f"{cell.name}: {len(found)} of {runs} tests ran:\n{done.stdout}")
    yield from found


def verdicts(report: Path) -> Iterator[dict[str, Any]]:
    """Read verdict, figures and message of each test."""
    if not report.exists():
        return
    for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314 - pytest wrote it
        told = {one.get("name"): one.get("value") for one in case.iter("property")}
        p95 = told.get("perfqa_latency_p95_seconds")
        missed = [one.get("message") for one in case if one.tag in {"failure", "error"}]
        yield {
            "verdict": told.get("perfqa_verdict", "ERROR"),
            "p95": None if p95 is None else float(p95),
            "seconds": float(case.get("time", "0")),
            "message": missed[0] if missed else None,
        }


def recorded(file: Path, *, ending: bool) -> dict[Cell, list[dict[str, Any]]]:
    """Read what has been measured already, with loops that ended or without."""
    found: dict[Cell, list[dict[str, Any]]] = {}
    for line in file.read_text().splitlines() if file.exists() else []:
        one = json.loads(line)
        if (one["ending"] is not None) == ending:
            found.setdefault(Cell(**one["cell"]), []).append(one)
    return found


def table(found: dict[Cell, list[dict[str, Any]]]) -> None:
    """Print how often there was which verdict."""
    print(f"\n| service | loops | on the CPU of | {' | '.join(VERDICTS)} | p95, median |")
    print(f"| --- | ---: | --- | {' | '.join(['---:'] * (len(VERDICTS) + 1))} |")
    for cell in sorted(found, key=lambda cell: (cell.kind, CELLS.index(cell))):
        counts = Counter(one["verdict"] for one in found[cell])
        shown = [str(counts[name] or "") for name in VERDICTS]
        if strange := counts.keys() - set(VERDICTS):
            shown[-1] += f" ({', '.join(sorted(strange))})"
        times = [one["p95"] for one in found[cell] if one["p95"] is not None]
        p95 = f"{statistics.median(times) * 1e3:.0f} ms" if times else "-"
        where = [cell.kind, str(cell.loops), cell.place or "-"]
        print(f"| {' | '.join([*where, *shown, p95])} |")


def wrong(found: dict[Cell, list[dict[str, Any]]]) -> Iterator[str]:
    """Give every verdict that must not be."""
    for cell, all_of_it in found.items():
        unwanted = {"FAILED" if cell.kind == "healthy" else "PASSED", "ERROR"}
        if not cell.loops:
            unwanted.add("INVALID")
        for one in all_of_it:
            if one["verdict"] in unwanted:
                yield f"{cell.name}: {one['verdict']}: {one['message']}"


def read(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--file", type=Path, required=True, help="where results are kept")
    parser.add_argument("--runs", type=int, default=10, help="of each cell")
    parser.add_argument("--seconds", type=float, default=3, help="of each run")
    parser.add_argument("--only", action="append", help="the begin of names: healthy-2-both")
    parser.add_argument("--ending", type=float, help="seconds after which the loops end")
    parser.add_argument("--table", action="store_true", help="measure nothing, print the table")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is missing, and print all there is; give the exit code."""
    asked = read(arguments)
    words = [sys.executable, "-m", "pytest", "--help"]
    known = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    asked.knows_invalid = "--perfqa-invalid" in known
    ending = asked.ending is not None
    for cell in [] if asked.table else CELLS:
        missing = asked.runs - len(recorded(asked.file, ending=ending).get(cell, ()))
        chosen = asked.only is None or any(cell.name.startswith(one) for one in asked.only)
        if not chosen or missing <= 0:
            continue
        begun = time.monotonic()
        told = [
            {"cell": asdict(cell), "ending": asked.ending, "duration": asked.seconds, **one}
            for one in measure(cell, asked, missing)
        ]
        with asked.file.open("a") as file:
            file.writelines(json.dumps(one) + "\n" for one in told)
        counts = dict(Counter(one["verdict"] for one in told))
        print(f"{cell.name:20} {counts} in {time.monotonic() - begun:.0f} s", flush=True)
    found = recorded(asked.file, ending=ending)
    table(found)
    mistakes = list(wrong(found))
    print("\n" + "\n".join(mistakes or ["no verdict that must not be"]))
    return int(bool(mistakes))


if __name__ == "__main__":
    sys.exit(main())
