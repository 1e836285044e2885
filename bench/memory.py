"""Ten million requests: how much memory do the processes take?

    ./run python bench/memory.py [requests] [rate]

Sends that many GETs to nginx on loopback, reads them back as a run does, and prints the largest
resident sets of the generator and of this process, and how far percentiles of the folded samples
are from those of the exact records.
"""

from __future__ import annotations

import resource
import sys
import tempfile
from pathlib import Path

import numpy as np
from generator import GENERATOR_CPUS, server

from pytest_perfqa.load.driver.generator import generate
from pytest_perfqa.load.wire.record import RECORD
from pytest_perfqa.machine.children import Reaper
from pytest_perfqa.result.samples import quantile, read_samples
from pytest_perfqa.scenario.records import Flow, Phase, Request, Scenario


def megabytes(who: int) -> float:
    """Give the largest resident set so far, of this process or of its children."""
    return resource.getrusage(who).ru_maxrss / 1024


def main() -> None:
    """Run, read, and print."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    rate = float(sys.argv[2]) if len(sys.argv) > 2 else 40_000.0
    scenario = Scenario(
        "memory",
        phases=(Phase("steady", number / rate, rate, rate),),
        flows=(Flow("get", 1, (Request("GET", "/", "GET /"),)),),
        keep_connections=True,
    )
    with tempfile.TemporaryDirectory() as name, Reaper() as reaper, server(Path(name)) as url:
        folder = Path(name) / "run"
        folder.mkdir()
        recording = generate(scenario, url, folder, reaper=reaper, cpus=GENERATOR_CPUS)
        print(f"generator: {megabytes(resource.RUSAGE_CHILDREN):.0f} MB at most")
        samples = read_samples(recording)[0]
        print(f"reader: {megabytes(resource.RUSAGE_SELF):.0f} MB at most")
        print(f"{samples.count:,} requests in {len(samples.rows):,} rows, {number:,} planned")
        exact = np.fromfile(recording.records[0], RECORD)["response"].astype(float)
        for p in (0.5, 0.95, 0.99, 0.999):
            found = quantile(samples.rows["response"].astype(float), samples.rows["weight"], p)
            true = float(np.quantile(exact, p, method="inverted_cdf"))
            print(
                f"p{p * 100:g}: {found * 1e3:.4f} ms, exact {true * 1e3:.4f} ms, "
                f"{found / true - 1:+.3%}"
            )


if __name__ == "__main__":
    main()
