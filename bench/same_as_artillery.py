"""The same scenario files, run by Artillery and by us against the same services.

    ARTILLERY=path/to/artillery/bin/run ./run python bench/same_as_artillery.py [services ...]

Times are those of the study divided by ten. Prints a Markdown table of what each launched and was
answered. Artillery takes whole rates only and rounds a ramp to whole arrivals per second, so its
counts differ on ramps; it is given the same file, times divided and rates multiplied.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from pytest_perfqa.machine.alone import alone
from pytest_perfqa.machine.children import Reaper
from pytest_perfqa.measuring.run import Bench, run
from pytest_perfqa.scenario.artillery import read_scenario
from pytest_perfqa.service.process import service as process
from pytest_perfqa.service.service_file import read_service
from pytest_perfqa.service.shared.affinity import spare_cpus

if TYPE_CHECKING:
    from pytest_perfqa.result.run_result import RunResult

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "tests" / "reference"
SCALE = 0.1
SCENARIOS = ("endurance_heavy", "timeout_exploratory", "ping_exploratory")


def scaled(content: dict[str, Any], url: str) -> dict[str, Any]:
    """Give the file for Artillery at our scale."""
    config = content["config"]
    config["target"] = url
    config["http"]["timeout"] = config["http"]["timeout"] * SCALE
    for phase in config["phases"]:
        for key, factor in (("duration", SCALE), ("arrivalRate", 1 / SCALE), ("rampTo", 1 / SCALE)):
            if key in phase:
                phase[key] = round(phase[key] * factor)
    return content


def by_artillery(path: Path, url: str, folder: Path) -> dict[str, int]:
    """Run a file with Artillery; give its counters."""
    scenario, report = folder / path.name, folder / "report.json"
    scenario.write_text(yaml.safe_dump(scaled(yaml.safe_load(path.read_text()), url)))
    command = ["node", os.environ["ARTILLERY"], "run", "-q", "-o", str(report), str(scenario)]
    environment = os.environ | {"ARTILLERY_DISABLE_TELEMETRY": "true"}
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    counters: dict[str, int] = json.loads(report.read_text())["aggregate"]["counters"]
    return counters


def theirs(counters: dict[str, int]) -> str:
    """Print Artillery's counters as a row."""
    shown = {
        name.removeprefix("http.codes.").removeprefix("errors."): count
        for name, count in sorted(counters.items())
        if name.startswith(("http.codes.", "errors."))
    }
    return f"{counters['vusers.created']} | {_listed(shown)}"


def ours(result: RunResult) -> str:
    """Print our counts as a row."""
    codes = {str(code): int(result.status[code]) for code in sorted(result.status)}
    errors = {kind: int(count) for kind, count in result.errors.items()}
    return f"{result.launched} | {_listed(codes | errors)}"


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} x {name}" for name, count in counts.items())


def main() -> None:
    """Run every file on every service with both, and print what came out."""
    print("| service | scenario | by | launched | answers and errors |")
    print("| --- | --- | --- | ---: | --- |")
    for name in sys.argv[1:] or ["node", "gunicorn"]:
        config = read_service(ROOT / "services" / name).scaled(SCALE)
        for scenario in SCENARIOS:
            compare(config, scenario)


def compare(config: Any, scenario: str) -> None:
    """Run one file on a freshly started service, twice."""
    path = REFERENCE / f"{scenario}.yaml"
    for by in ("Artillery", "pytest-perfqa"):
        with tempfile.TemporaryDirectory() as folder, Reaper() as reaper, alone(print):
            service = process.start_processes(config, Path(folder) / "service", reaper=reaper)
            try:
                if by == "Artillery":
                    row = theirs(by_artillery(path, service.url, Path(folder)))
                else:
                    bench = Bench(reaper, SCALE, cpus=spare_cpus(config.limits))
                    row = ours(run(bench, service, read_scenario(path), Path(folder) / "run"))
            finally:
                service.stop()
        print(f"| {config.name} | {scenario} | {by} | {row} |", flush=True)


if __name__ == "__main__":
    main()
