"""What serves a service but was started elsewhere: read from its file, found, and watched."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pytest_perfqa.errors import FileProblems, NoData, ServiceError
from pytest_perfqa.machine.children import Reaper
from pytest_perfqa.monitor.sampler import Monitor
from pytest_perfqa.result.attributes.resources import Resources, Stretch
from pytest_perfqa.scenario.spans import Spans
from pytest_perfqa.service.config import Beside, Command, Limits, Ready, ServiceConfig
from pytest_perfqa.service.process import service as process
from pytest_perfqa.service.service_file import read_service
from pytest_perfqa.service.shared.beside import find_beside, holder, listener

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE = """
endpoint: app
process:
  app: {command: "python app.py"}
beside:
"""
# Forks, so that two processes listen on the port: the first one was born first.
DATABASE = """
import os, socket, sys, time
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("ready", flush=True)
if os.fork() == 0:
    while True:
        server.accept()[0].close()
end = time.thread_time() + 0.3
while time.thread_time() < end:
    pass
time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a service is described."""
    found = tmp_path / "shop"
    found.mkdir()
    return found


@pytest.fixture
def database() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process that listens on a port, and the port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    running = subprocess.Popen(
        [sys.executable, "-c", DATABASE, str(port)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert running.stdout is not None
    running.stdout.readline()
    yield running, port
    os.killpg(running.pid, 9)
    running.wait()
    running.stdout.close()


def test_it_is_read(folder: Path) -> None:
    """By the port it listens on, or by its process."""
    (folder / "service.yaml").write_text(FILE + "  db: {port: 5432}\n  cache: {pid: 12}\n")
    assert read_service(folder).beside == {"db": Beside(port=5432), "cache": Beside(pid=12)}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("db: {}", "exactly one of port and pid"),
        ("db: {port: 5432, pid: 1}", "exactly one of port and pid"),
        ("db: {port: 70000}", "65535"),
        ("db: {port: 0}", "a number above 0"),
        ("db: {pid: -1}", "a number above 0"),
        ("db: {prot: 5432}", "did you mean 'port'"),
        ("db: 5432", "beside.db"),
        ("app: {port: 5432}", "'app' is a part of the service already"),
        ('"a b": {port: 5432}', "its name holds letters"),
    ],
)
def test_mistakes_are_told_with_their_line(folder: Path, line: str, said: str) -> None:
    """Of the form, and what the form can't tell."""
    (folder / "service.yaml").write_text(f"{FILE}  {line}\n")
    with pytest.raises(FileProblems) as told:
        read_service(folder)
    assert said in str(told.value)
    assert "service.yaml:6: " in str(told.value)


def test_who_listens_on_a_port_is_found(database: tuple[subprocess.Popen[str], int]) -> None:
    """The one who opened it, not a child that has inherited it."""
    running, port = database
    assert listener(port) == running.pid
    with socket.create_server(("127.0.0.1", 0)) as ours:
        assert listener(ours.getsockname()[1]) == os.getpid()
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as ours:
        assert listener(ours.getsockname()[1]) == os.getpid()


def test_a_port_that_nobody_listens_on() -> None:
    """One that is connected from is none, either."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            assert listener(client.getsockname()[1]) is None
    assert listener(port) is None


def machine(proc: Path, own: str, other: str) -> None:
    """A machine whose engine passes port 5432 on to 6543 of a container."""
    header = "  sl  local_address rem_address   st ... inode\n"
    line = "   0: 00000000:{port:04X} 00000000:0000 {state} 0:0 0:0 0 0 0 {inode} 1 0\n"
    relay = ["/usr/sbin/docker-proxy", "-proto", "tcp", "-host-ip", "127.0.0.1"]
    relay += ["-host-port", "5432", "-container-ip", "172.17.0.2", "-container-port", "6543"]
    for pid, network, words, inode, born in (
        (10, own, relay, 111, 50),
        (20, other, ["postgres"], 222, 40),
        (21, other, ["postgres: writer"], 222, 45),
    ):
        process = proc / str(pid)
        (process / "ns").mkdir(parents=True)
        (process / "fd").mkdir()
        (process / "net").mkdir()
        (process / "ns" / "net").symlink_to(network)
        (process / "fd" / "3").symlink_to(f"socket:[{inode}]")
        (process / "cmdline").write_text("\0".join([*words, ""]))
        (process / "stat").write_text(f"{pid} (a b) S " + "0 " * 18 + f"{born} 0")
        port, address = (5432, "10.0.0.1") if network == own else (6543, "172.17.0.2")
        listening = line.format(port=port, state="0A", inode=inode)
        connected = line.format(port=port, state="01", inode=333)
        (process / "net" / "tcp").write_text(header + connected + listening)
        (process / "net" / "fib_trie").write_text(f"Main:\n  |-- {address}\n  /32 host LOCAL\n")
    (proc / "self").symlink_to(proc / "10")


def test_who_listens_in_a_container_is_found_behind_its_engine(tmp_path: Path) -> None:
    """What passes on to it would tell nothing: it is the database that computes."""
    machine(tmp_path, "net:[1]", "net:[2]")
    assert holder(5432, tmp_path) == 10
    assert listener(5432, tmp_path) == 20
    assert listener(6543, tmp_path) is None
    (tmp_path / "10" / "cmdline").write_text("nginx\0")
    assert listener(5432, tmp_path) == 10


def test_what_does_not_run_is_an_error() -> None:
    """Before the load: its CPU would be laid to others."""
    with pytest.raises(ServiceError, match=r"shop: 'db' beside it: no process .* port 1 of this"):
        find_beside("shop", {"db": Beside(port=1)})
    with pytest.raises(ServiceError, match="shop: 'db' beside it: no process 4194305"):
        find_beside("shop", {"db": Beside(pid=4194305)})


def test_it_is_watched_like_a_part_but_is_none_of_the_limits(
    tmp_path: Path, database: tuple[subprocess.Popen[str], int]
) -> None:
    """Its figures stand beside those of the service, and are left out of the sum."""
    server = tmp_path / "server.py"
    server.write_text(
        "import http.server, sys\n"
        "http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), "
        "http.server.SimpleHTTPRequestHandler).serve_forever()\n"
    )
    config = ServiceConfig(
        name="shop",
        folder=tmp_path,
        path=tmp_path / "service.yaml",
        endpoint="app",
        ready=Ready(path="/"),
        sections={"process": {"app": Command("app", "python server.py {port}")}},
        beside={"db": Beside(port=database[1])},
    )
    with Reaper() as reaper:
        service = process.start_processes(config, tmp_path / "run", reaper=reaper)
        try:
            with Monitor(service, reaper=reaper, interval=0.05, beside=service.beside) as monitor:
                start = time.monotonic()
                while monitor.looks < 4:
                    time.sleep(0.01)
            found = Resources(monitor.readings(start), Limits(), Stretch(Spans(((-9, 60),))))
        finally:
            service.stop()
    assert set(found) == {"app", "db"}
    assert found["db"].threads.max == 2
    assert float(found.total.threads.max) == float(found["app"].threads.max)
    with pytest.raises(NoData):
        _ = found["cache"]
