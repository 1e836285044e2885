"""What the monitor sees of others on the service's CPU, and what it says to that. By hand:

    ./run python bench/neighbours.py [--seconds 10] [--only "1 loop"] [--mode single] [--windows]

A service on the last CPU computes 5 ms for each of 60 requests a second. Each line is one run: how
many of its windows were told to be disturbed, what the service was denied of the CPU that it used
(smallest, median and greatest of all windows), the others' CPU on its CPU, and its latency.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pytest_perfqa.machine.children import Reaper
from pytest_perfqa.measuring.run import Bench, run
from pytest_perfqa.monitor import sampler
from pytest_perfqa.scenario.records import Flow, Phase, Request, Scenario
from pytest_perfqa.service.config import Command, Limits, Ready, ServiceConfig
from pytest_perfqa.service.process import service as process
from pytest_perfqa.service.shared.affinity import service_cpus, spare_cpus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_perfqa.monitor.neighbours import CpuWindow

SERVER = Path(__file__).with_name("servers") / "burner.py"
LOOP = """
import sys, time
busy, period = float(sys.argv[1]), float(sys.argv[2])
while True:
    end = time.thread_time() + busy * period
    begun = time.monotonic()
    while time.thread_time() < end:
        pass
    time.sleep(max(0.0, begun + period - time.monotonic()))
"""
PERIOD = 0.1


@dataclass(frozen=True)
class Beside:
    """Loops beside the service.

    Attributes:
        where: ``service``, ``generator`` or ``anywhere``.
        share: of each period in which a loop computes.
        wrapped: the command that runs it.
    """

    name: str
    loops: int = 0
    where: str = "service"
    share: float = 1.0
    wrapped: tuple[str, ...] = ()


BESIDE = (
    Beside("nothing"),
    Beside("1 loop", 1),
    Beside("2 loops", 2),
    Beside("4 loops", 4),
    Beside("loop 50 %", 1, share=0.5),
    Beside("loop 20 %", 1, share=0.2),
    Beside("loop 10 %", 1, share=0.1),
    Beside("loop 5 %", 1, share=0.05),
    Beside("loop 2 %", 1, share=0.02),
    Beside("1 loop on the other CPU", 1, "generator"),
    Beside("1 loop anywhere", 1, "anywhere"),
    Beside("2 loops anywhere", 2, "anywhere"),
    Beside("2 at idle priority", 2, wrapped=("chrt", "-i", "0")),
    Beside("2 at niceness 19", 2, wrapped=("nice", "-n", "19")),
)


@contextlib.contextmanager
def loops(beside: Beside) -> Iterator[None]:
    """Have them run meanwhile."""
    where = {
        "service": service_cpus(Limits(cpus=1)),
        "generator": spare_cpus(Limits(cpus=1)),
        "anywhere": os.sched_getaffinity(0),
    }[beside.where]
    cpus = ",".join(map(str, sorted(where or ())))
    words = ["taskset", "-c", cpus, *beside.wrapped, sys.executable, "-c", LOOP]
    started = [
        subprocess.Popen([*words, str(beside.share), str(PERIOD)]) for _ in range(beside.loops)
    ]
    try:
        yield
    finally:
        for one in started:
            one.send_signal(signal.SIGKILL)
            one.wait()


def measure(
    mode: str, beside: Beside, seconds: float, rate: float, cpu: float, sleep: float
) -> tuple[Sequence[CpuWindow], str]:
    """Make one run; give its windows, and what is to be told of it."""
    config = ServiceConfig(
        name="burner",
        folder=SERVER.parent,
        path=SERVER,
        endpoint="app",
        ready=Ready(path="/"),
        limits=Limits(cpus=1),
        sections={
            "process": {
                "app": Command("app", f"python burner.py {{port}} {mode} {cpu:g} {sleep:g}")
            }
        },
    )
    flow = Flow("get", 1, (Request("GET", "/", "GET /"),))
    scenario = Scenario("burn", (Phase("load", seconds, rate, rate),), (flow,))
    seen: list[CpuWindow] = []
    honest = sampler.disturbances

    def overheard(windows: Sequence[CpuWindow], start: float):  # noqa: ANN202
        seen.extend(windows)
        return honest(windows, start)

    sampler.disturbances = overheard
    with tempfile.TemporaryDirectory() as folder, Reaper() as reaper:
        service = process.start_processes(config, Path(folder) / "service", reaper=reaper)
        try:
            with loops(beside):
                bench = Bench(reaper, cpus=spare_cpus(config.limits))
                result = run(bench, service, scenario, Path(folder) / "run")
        finally:
            service.stop()
            sampler.disturbances = honest
    disturbances = (
        result.disturbances
        if hasattr(result, "disturbances")
        else result._context.readings.disturbances
    )
    told = "; ".join(one.text for one in disturbances) or "-"
    inside = [one for one in seen if one.own > 0.2 * cpu / 1e3 * rate * one.length]
    p50, p95 = (float(time) * 1e3 for time in (result.latency.p50, result.latency.p95))
    return inside, (
        f"p50 {p50:6.1f} p95 {p95:6.1f} ms; monitor {float(result.resources.cost):.2%}; {told}"
    )


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float, default=60)
    parser.add_argument("--cpu", type=float, default=5, help="ms per request")
    parser.add_argument("--sleep", type=float, default=0, help="ms per request")
    parser.add_argument("--mode", default="single")
    parser.add_argument("--only")
    parser.add_argument("--windows", action="store_true", help="print each window")
    asked = parser.parse_args()
    for beside in BESIDE:
        if asked.only and asked.only != beside.name:
            continue
        windows, told = measure(
            asked.mode, beside, asked.seconds, asked.rate, asked.cpu, asked.sleep
        )
        denied = np.array([one.lost / max(one.own, 1e-3) for one in windows])
        took = np.array([sum(cpu for *_, cpu in one.takers) / one.length for one in windows])
        found = sum(one.is_disturbed for one in windows)
        print(
            f"{asked.mode:8} {beside.name:24} {found:3} of {len(windows):3} "
            f"denied {denied.min():6.1%} {np.median(denied):6.1%} {denied.max():6.1%} "
            f"others {np.median(took):6.1%} {took.max():6.1%}  {told}",
            flush=True,
        )
        for one in windows if asked.windows else ():
            takers = ", ".join(f"{name or '?'} {cpu * 1e3:.0f}" for _, name, cpu in one.takers[:3])
            print(
                f"    {one.length:.2f} s own {one.own * 1e3:4.0f} denied {one.denied * 1e3:5.1f} "
                f"steal {one.steal * 1e3:4.0f} spare {one.spare * 1e3:4.0f}: {takers}"
            )
        time.sleep(0.5)


if __name__ == "__main__":
    main()
