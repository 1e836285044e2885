"""Breaking points of real servers whose truth is known: how exact, how long. By hand:

    ./run python bench/breaking_points.py [--only sustained]

The truth leaves out what HTTP and the machine add to a service time, a millisecond or three. So the
rate at which each server then worked off a long backlog stands beside it, counted, without a model.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import signal
import sys
from typing import TYPE_CHECKING

import numpy as np
from characterize_servers import Server, started

from pytest_perfqa.capacity.limits.breaking_point import find_breaking_point, inquiry
from pytest_perfqa.capacity.probing.probe import Bounds, Prober
from pytest_perfqa.capacity.probing.target import ProbeRequest, Target
from pytest_perfqa.errors import PerfqaError
from pytest_perfqa.queues import twin

if TYPE_CHECKING:
    from collections.abc import Callable

BACKLOG_SECONDS = 12.0
GUNICORN = Server("gunicorn sync", "synchronous", 1, 0.2, "0")
ASYNCIO = Server("asyncio semaphore", "asynchronous", 10, 0.2, "0")
NGINX = Server("nginx over single workers", "synchronous", 3, 0.2, "0", processes=3)


@dataclasses.dataclass(frozen=True)
class Case:
    """A question to a server, and the answer that is right."""

    name: str
    server: Server
    asked: dict[str, str]
    truth: Callable[[Server], float]


def of(server: Server, workers: int, seconds: float, cv: str = "0") -> Server:
    """Give the same program with other numbers."""
    return dataclasses.replace(server, workers=workers, processes=workers, service=seconds, cv=cv)


def workers_per_second(server: Server) -> float:
    """Give what a server does at most."""
    return (server.workers or 0) / server.service


def burst(limit: float) -> Callable[[Server], float]:
    """Give the largest burst within a second that is answered within a limit."""
    return lambda server: max(
        size
        for size in range(1, 2000)
        if twin.sojourn_times(
            np.arange(size) / size, np.full(size, server.service), server.workers or 1
        ).max()
        <= limit
    )


def highest(share: float, limit: float) -> Callable[[Server], float]:
    """Give the highest Poisson rate at which a percentile holds: long simulations."""

    def truth(server: Server) -> float:
        random = np.random.default_rng(0)
        variance = math.log1p(float(server.cv) ** 2)
        mean = math.log(server.service) - variance / 2
        times = random.lognormal(mean, math.sqrt(variance), 50_000)
        return twin.highest_rate(
            lambda latencies: bool(np.quantile(latencies, share) <= limit),
            times,
            server.workers or 1,
            poisson=True,
        )

    return truth


def cases() -> list[Case]:
    """Give all questions."""
    within = {"burst_within": "1s", "slo": "max <= 2s"}
    found = [
        Case("burst", of(GUNICORN, 1, 0.2), within, burst(2.0)),
        Case("burst", of(GUNICORN, 4, 0.2), within, burst(2.0)),
        Case("burst", of(ASYNCIO, 10, 0.2), within, burst(2.0)),
        Case("burst", of(NGINX, 3, 0.2), within, burst(2.0)),
    ]
    sustained = [(1, 0.05, "0"), (1, 0.5, "0"), (4, 0.2, "0"), (4, 0.2, "0.3"), (12, 0.2, "0.05")]
    found += [
        Case("sustained", of(GUNICORN, *numbers), {"budget": "60s"}, workers_per_second)
        for numbers in sustained
    ]
    found.append(
        Case("sustained", of(ASYNCIO, 10, 0.2, "0.2"), {"budget": "60s"}, workers_per_second)
    )
    found.append(Case("sustained", of(NGINX, 3, 0.2), {"budget": "60s"}, workers_per_second))
    for workers, seconds, cv, limit in ((4, 0.2, "0.3", 0.6), (8, 0.1, "0.1", 0.2)):
        slo = {"slo": f"p95 <= {limit}s", "budget": "180s"}
        found.append(Case("slo", of(GUNICORN, workers, seconds, cv), slo, highest(0.95, limit)))
    return found


def backlog(url: str, server: Server) -> float:
    """Give the answers per second while a backlog of some seconds is worked off."""
    workers = server.workers or 1
    count = math.ceil(BACKLOG_SECONDS * workers_per_second(server)) + 2 * workers
    with Prober(url, bounds=Bounds(2 * count + 100, count, 4 * BACKLOG_SECONDS)) as prober:
        prober.drain(fast=1.5 * server.service + 0.03, limit=BACKLOG_SECONDS)
        volley = prober.send([0.0] * count)
    # All begin at once, and the last have nobody after them: neither end tells the rate.
    ends = sorted(one.finished for one in volley.finished)[workers - 1 : -workers]
    return (len(ends) - 1) / (ends[-1] - ends[0])


def main() -> None:
    """Print one line of a Markdown table per question."""
    # timeout(1) sends it; servers are ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["burst", "sustained", "slo"])
    parser.add_argument("--piece", default="1/1", help="2/3: of three pieces, the second")
    options = parser.parse_args()
    number, pieces = map(int, options.piece.split("/"))
    chosen = [case for case in cases() if options.only in (None, case.name)]
    print(
        "| question | server | truth | found | error | a backlog | passed, failed | probes | wall |"
    )
    print("|---|---|---:|---:|---:|---:|---|---:|---:|")
    for case in chosen[number - 1 :: pieces]:
        print(measured(case), flush=True)


def measured(case: Case) -> str:
    """Ask, and give the line of the table."""
    server = case.server
    asked = ", ".join(text for name, text in case.asked.items() if name != "budget")
    what = f"{case.name} {asked}".strip()
    who = f"{server.program} {server.workers} x {server.service:g} s, CV {server.cv}"
    truth = case.truth(server)
    try:
        with started(server) as url:
            target = Target(url, ProbeRequest("/"), server.program)
            found = find_breaking_point(target, inquiry(**case.asked))
            worked_off = backlog(url, server) if case.name == "sustained" else math.nan
    except PerfqaError as error:
        return f"| {what} | {who} | {truth:.4g} | {error} | | | | | |"
    bracket = f"{found.low:.4g}, {found.high:.4g}{'' if found.confirmed else ', not confirmed'}"
    return (
        f"| {what} | {who} | {truth:.4g} | {found.rate:.4g} | {found.rate / truth - 1:+.1%} | "
        f"{'' if math.isnan(worked_off) else f'{worked_off:.4g}'} | {bracket} | "
        f"{len(found.probes)} | {found.wall:.0f} s |"
    )


if __name__ == "__main__":
    main()
