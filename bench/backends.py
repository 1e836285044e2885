"""The same scenarios on processes and in containers, side by side.

    ./run python bench/backends.py [--time-scale 0.1] [--services node,gunicorn,node_replicated]
                             [--scenarios endurance_heavy,exploratory_timeout]

Prints, as a Markdown table, what each launched and was answered, and the latency of good answers.
Both are freshly started for each run, process first. Ends with 1 where counts or codes differ, or
latencies by more than 10 %; whether a connection without an answer was reset or closed doesn't
count. Needs an engine and base images: scripts/base_images.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_perfqa.machine.alone import alone
from pytest_perfqa.machine.children import Reaper
from pytest_perfqa.measuring.run import Bench, run
from pytest_perfqa.scenario.artillery import read_scenario
from pytest_perfqa.service import selection
from pytest_perfqa.service.docker import engine
from pytest_perfqa.service.service_file import read_service
from pytest_perfqa.service.shared.affinity import spare_cpus

if TYPE_CHECKING:
    from pytest_perfqa.result.run_result import RunResult
    from pytest_perfqa.service.config import ServiceConfig

ROOT = Path(__file__).parents[1]
BACKENDS = ("process", "docker")
TOLERANCE = 0.10


def measure(config: ServiceConfig, backend: str, scenario: Path, scale: float) -> RunResult:
    """Make one run on a freshly started service; ``config`` is scaled."""
    with tempfile.TemporaryDirectory() as folder, Reaper() as reaper, alone(print):
        choice = selection.choose(config, backend)
        service = selection.start(config, choice, Path(folder) / "service", reaper=reaper)
        try:
            bench = Bench(reaper, scale, cpus=spare_cpus(config.limits))
            result = run(bench, service, read_scenario(scenario), Path(folder) / "run")
        finally:
            service.stop()
    assert not result.invalid, result.invalid
    return result


def answers(result: RunResult) -> str:
    """List what came back, by status and kind of error."""
    counts = Counter({str(code): int(result.status[code]) for code in sorted(result.status)})
    counts.update({kind: int(count) for kind, count in result.errors.items()})
    return ", ".join(f"{count} x {name}" for name, count in counts.items())


def latencies(result: RunResult) -> tuple[float, float]:
    """Give p50 and p95 of the answers, in seconds."""
    return float(result.latency.median), float(result.latency.sample_percentile(95))


def compare(config: ServiceConfig, scenario: Path, scale: float) -> bool:
    """Print the rows of a service under a scenario; tell whether the backends agree."""
    outcomes, times = [], []
    for backend in BACKENDS:
        result = measure(config, backend, scenario, scale)
        codes = {code: int(result.status[code]) for code in result.status}
        outcomes.append((result.launched, codes, int(result.errors.total)))
        times.append(latencies(result))
        off = [there / here - 1 for here, there in zip(times[0], times[-1], strict=True)]
        shown = " | ".join(f"{seconds:.4f} s" for seconds in times[-1])
        ratio = " / ".join(f"{share:+.1%}" for share in off) if backend != BACKENDS[0] else ""
        print(
            f"| {config.name} | {scenario.stem} | {backend} | {result.launched} | "
            f"{answers(result)} | {shown} | {ratio} |",
            flush=True,
        )
    return outcomes[0] == outcomes[1] and max(map(abs, off)) <= TOLERANCE


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--time-scale", type=float, default=0.1)
    parser.add_argument("--services", default="node,gunicorn,node_replicated")
    parser.add_argument("--scenarios", default="endurance_heavy,exploratory_timeout")
    return parser.parse_args()


def main() -> int:
    """Compare all that was asked for."""
    arguments = read_arguments()
    today = datetime.now(UTC).date()
    print(
        f"{today}, {platform.machine()}, {len(os.sched_getaffinity(0))} cores, Docker engine "
        f"{engine.find_engine().version}, time scale {arguments.time_scale:g}\n"
    )
    print("| service | scenario | on | launched | answers and errors | p50 | p95 | p50 / p95 off |")
    print("| --- | --- | --- | ---: | --- | ---: | ---: | --- |")
    agree = [
        compare(
            read_service(ROOT / "services" / service).scaled(arguments.time_scale),
            ROOT / "tests" / "perf" / "scenarios" / f"{scenario}.yaml",
            arguments.time_scale,
        )
        for service in arguments.services.split(",")
        for scenario in arguments.scenarios.split(",")
    ]
    print(f"\n{sum(agree)} of {len(agree)} pairs agree")
    return 0 if all(agree) else 1


if __name__ == "__main__":
    sys.exit(main())
