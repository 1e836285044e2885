"""The load generator against its peers, in one run on this machine.

    ./run python bench/generator.py [--seconds 5] [--peers perfqa,fasthttp,http,artillery,wrk,hey]

Prints, as a Markdown table, requests per CPU second of each generator on single GETs of a small
answer from nginx on loopback, with connections kept and with a new one per request, as ratios to
Locust's FastHttpUser; then our highest rate on schedule, and the schedule's lag at shares of it.
nginx gets the last CPU, the generators the others. Runs are repeated and interleaved; medians
count. Artillery is looked for in $ARTILLERY (a path to its bin/run), wrk and hey on the PATH.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pytest_perfqa.load.driver.generator import generate
from pytest_perfqa.machine.children import Reaper
from pytest_perfqa.result.samples import read_samples
from pytest_perfqa.scenario.records import Flow, Phase, Request, Scenario
from pytest_perfqa.service.process.programs import nginx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CPUS = sorted(os.sched_getaffinity(0))
SERVER_CPU, GENERATOR_CPUS = {CPUS[-1]}, frozenset(CPUS[:-1] or CPUS)
NGINX = """
daemon off; worker_processes 1; pid nginx.pid; error_log stderr crit;
events {{ worker_connections 20000; }}
http {{
    access_log off; keepalive_requests 100000000;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    server {{
        listen 127.0.0.1:{port} backlog=16384;
        location / {{ return 200 "hello world\\n"; }}
    }}
}}
"""
LOCUST = '''
"""Plain Locust, closed model, as its documentation has it."""
import json, sys, time
from locust import constant, task
from locust.contrib.fasthttp import FastHttpUser
from locust.env import Environment
from locust.user.users import HttpUser
import gevent

kind, url, users, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
base = FastHttpUser if kind == "fasthttp" else HttpUser

class Visitor(base):
    wait_time = constant(0)

    @task
    def get(self):
        self.client.get("/")

environment = Environment(user_classes=[Visitor], host=url)
runner = environment.create_local_runner()
runner.start(users, spawn_rate=users)
gevent.sleep(0.5)
environment.stats.clear_all()
cpu, start = time.process_time(), time.monotonic()
gevent.sleep(seconds)
total = environment.stats.total
print(json.dumps({"requests": total.num_requests, "failures": total.num_failures,
                  "cpu": time.process_time() - cpu, "wall": time.monotonic() - start}))
runner.quit()
'''
ON_SCHEDULE = 0.005  # p99 of the lag


@dataclass(frozen=True)
class Score:
    """What a generator got done, and the CPU time of its own that it took, in seconds."""

    requests: int
    cpu: float
    wall: float

    @property
    def per_cpu_second(self) -> float:
        """Requests per second of CPU."""
        return self.requests / self.cpu


@dataclass(frozen=True)
class Bench:
    """Where the generators meet."""

    url: str
    seconds: float
    folder: Path
    reaper: Reaper


@contextlib.contextmanager
def server(folder: Path) -> Iterator[str]:
    """Run nginx on a free port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "nginx.conf").write_text(NGINX.format(port=port))
    command = [nginx(), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with subprocess.Popen(command) as process:
        os.sched_setaffinity(process.pid, SERVER_CPU)
        try:
            time.sleep(0.5)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def perfqa(bench: Bench, rate: float, *, keep: bool) -> tuple[Score, np.ndarray]:
    """Run our generator at a rate; also give the lag of every request, in seconds."""
    scenario = Scenario(
        "bench",
        phases=(Phase("steady", bench.seconds, rate, rate),),
        flows=(Flow("get", 1, (Request("GET", "/", "GET /"),)),),
        keep_connections=keep,
    )
    folder = Path(tempfile.mkdtemp(dir=bench.folder))
    recording = generate(scenario, bench.url, folder, reaper=bench.reaper, cpus=GENERATOR_CPUS)
    samples, *_ = read_samples(recording)
    shutil.rmtree(folder)
    good = samples.answered
    assert good.count > 0, "the server answered nothing"
    summary = recording.summaries[0]
    return Score(good.count, summary.cpu, summary.wall), np.sort(samples.rows["lag"])


def locust(kind: str) -> Callable[[Bench], Score]:
    """Give a run of plain Locust with a kind of user."""

    def run(bench: Bench) -> Score:
        script = bench.folder / "plain_locust.py"
        script.write_text(LOCUST)
        command = [sys.executable, script, kind, bench.url, "50", str(bench.seconds)]
        output = subprocess.run(
            command,
            check=True,
            capture_output=True,
            text=True,
            preexec_fn=_on_generator_cpus,
        )
        figures = json.loads(output.stdout.splitlines()[-1])
        assert not figures["failures"], figures
        return Score(figures["requests"], figures["cpu"], figures["wall"])

    return run


def _on_generator_cpus() -> None:
    os.sched_setaffinity(0, GENERATOR_CPUS)


def _timed(command: list[str], folder: Path) -> tuple[str, float, float]:
    """Run a command; give its output, its CPU time and how long it took."""
    with (folder / "output").open("w+") as output:
        start = time.monotonic()
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=_on_generator_cpus,  # noqa: PLW1509
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        output.seek(0)
        assert status == 0, output.read()
        output.seek(0)
        cpu = usage.ru_utime + usage.ru_stime
        return output.read(), cpu, time.monotonic() - start


def wrk(bench: Bench) -> Score:
    """Run wrk, one thread: the ceiling of what C does."""
    command = ["wrk", "-t1", "-c50", f"-d{bench.seconds:.0f}s", bench.url]
    output, cpu, wall = _timed(command, bench.folder)
    return Score(int(re.search(r"(\d+) requests in", output)[1]), cpu, wall)


def hey(bench: Bench) -> Score:
    """Run hey on one processor."""
    command = ["hey", "-cpus", "1", "-c", "50", "-z", f"{bench.seconds:.0f}s", bench.url]
    output, cpu, wall = _timed(command, bench.folder)
    return Score(int(re.search(r"\[200\]\s+(\d+) responses", output)[1]), cpu, wall)


def artillery(*, keep: bool) -> Callable[[Bench], Score]:
    """Give a run of Artillery; its start-up, the CPU time of a tiny run, is taken off."""

    def once(bench: Bench, seconds: float, rate: int) -> tuple[int, float, float]:
        report = bench.folder / "artillery.json"
        scenario = bench.folder / "artillery.yaml"
        pool = "\n  http: {pool: 50}" if keep else ""
        scenario.write_text(
            f"config:\n  target: {bench.url}\n  phases: "
            f"[{{duration: {seconds:.0f}, arrivalRate: {rate}}}]{pool}\n"
            "scenarios: [{flow: [{get: {url: /}}]}]\n"
        )
        os.environ["ARTILLERY_DISABLE_TELEMETRY"] = "true"
        command = ["node", os.environ["ARTILLERY"], "run", "-q", "-o", str(report), str(scenario)]
        _, cpu, wall = _timed(command, bench.folder)
        counters = json.loads(report.read_text())["aggregate"]["counters"]
        return counters["http.codes.200"], cpu, wall

    def run(bench: Bench) -> Score:
        requests, cpu, wall = once(bench, bench.seconds, 1500)
        few, idle, _ = once(bench, 1, 1)
        return Score(requests - few, cpu - idle, wall)

    return run


def highest_rate(bench: Bench, *, keep: bool) -> float:
    """Bisect for the highest rate that stays on schedule: p99 of the lag below 5 ms."""
    low, high = 1000.0, 100_000.0
    while high / low > 1.08:
        rate = (low * high) ** 0.5
        _, lag = perfqa(replace(bench, seconds=3), rate, keep=keep)
        if np.quantile(lag, 0.99) < ON_SCHEDULE:
            low = rate
        else:
            high = rate
    return low


def peers(names: list[str]) -> dict[str, Callable[[Bench], Score]]:
    """Give all generators that were asked for and are here."""
    known: dict[str, Callable[[Bench], Score]] = {}
    if "perfqa" in names:
        known["pytest-perfqa, connections kept"] = lambda b: perfqa(b, 60_000, keep=True)[0]
        known["pytest-perfqa, new connections"] = lambda b: perfqa(b, 20_000, keep=False)[0]
    if "fasthttp" in names:
        known["Locust FastHttpUser"] = locust("fasthttp")
    if "http" in names:
        known["Locust HttpUser"] = locust("http")
    if "artillery" in names and os.environ.get("ARTILLERY"):
        known["Artillery, http.pool 50"] = artillery(keep=True)
        known["Artillery, new connections"] = artillery(keep=False)
    if "wrk" in names and shutil.which("wrk"):
        known["wrk"] = wrk
    if "hey" in names and shutil.which("hey"):
        known["hey"] = hey
    return known


def table(scores: dict[str, list[Score]]) -> Iterator[str]:
    """Print the medians, as ratios to FastHttpUser."""
    medians = {
        name: statistics.median(score.per_cpu_second for score in runs)
        for name, runs in scores.items()
    }
    base = medians.get("Locust FastHttpUser", next(iter(medians.values())))
    yield "| generator | requests per CPU second | ratio | spread of the runs |"
    yield "| --- | ---: | ---: | --- |"
    for name, value in sorted(medians.items(), key=lambda pair: -pair[1]):
        runs = sorted(score.per_cpu_second for score in scores[name])
        yield f"| {name} | {value:,.0f} | {value / base:.2f} | {runs[0]:,.0f} to {runs[-1]:,.0f} |"


def schedule_table(bench: Bench) -> Iterator[str]:
    """Print the highest rates on schedule and the lag below them."""
    yield "| connections | highest rate on schedule | at | lag p50 | lag p99 | worst |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for keep in (True, False):
        highest = highest_rate(bench, keep=keep)
        for share in (0.5, 0.8):
            _, lag = perfqa(bench, highest * share, keep=keep)
            p50, p99 = np.quantile(lag, [0.5, 0.99]) * 1e3
            yield (
                f"| {'kept' if keep else 'new'} | {highest:,.0f}/s | {share:.0%} | {p50:.3f} ms "
                f"| {p99:.3f} ms | {lag[-1] * 1e3:.1f} ms |"
            )


def main() -> None:
    """Run the comparison and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--peers", default="perfqa,fasthttp,http,artillery,wrk,hey")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, Reaper() as reaper, server(Path(name)) as url:
        bench = Bench(url, arguments.seconds, Path(name), reaper)
        chosen = peers(arguments.peers.split(","))
        scores: dict[str, list[Score]] = {name: [] for name in chosen}
        for _ in range(arguments.repeat):
            for generator, run in chosen.items():
                scores[generator].append(run(bench))
        print(
            f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {len(CPUS)} cores, "
            f"Python {platform.python_version()}, {arguments.repeat} runs of "
            f"{arguments.seconds:g} s each, interleaved\n"
        )
        print("\n".join(table(scores)), end="\n\n")
        print("\n".join(schedule_table(bench)))


if __name__ == "__main__":
    main()
