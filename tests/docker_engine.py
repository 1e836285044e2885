"""For tests on containers: is there an engine, which image is here, what is left behind."""

from __future__ import annotations

import contextlib
import errno
import functools
import http.client
import json
import os
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_perfqa.errors import PrerequisiteMissing
from pytest_perfqa.service.docker import images as service_images
from pytest_perfqa.service.docker import service as docker

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
BASES = ROOT / "services" / "base_images.env"
_SOCKET = "/var/run/docker.sock"
OFFICIAL = {
    "NODE_IMAGE": "node:24-slim",
    "PYTHON_IMAGE": "python:3.13-slim",
    "NGINX_IMAGE": "nginx:1.29",
}


def base_images() -> dict[str, str]:
    """Give the base images that are here, or skip the test with the reason."""
    try:
        docker.check_engine()
    except PrerequisiteMissing as error:
        pytest.skip(str(error))
    images = dict(OFFICIAL)
    if BASES.is_file():
        images |= dict(line.split("=", 1) for line in BASES.read_text().splitlines())
    images |= {name: os.environ[name] for name in images if name in os.environ}
    if not all(map(_is_here, images.values())):
        pytest.skip("the base images are missing; make them: scripts/base_images")
    return images


@functools.cache
def _is_here(image: str) -> bool:
    """What is here stays here: to ask takes as long as to start a container."""
    return service_images.is_here(image)


@pytest.fixture
def engine_alone() -> Iterator[None]:
    """Have the engine to a test's own, which looks at all that is there."""
    with alone():
        yield


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Have the engine to oneself.

    Whoever has a socket of this name has it (unix(7)): it is free when its holder dies.
    """
    with socket.socket(socket.AF_UNIX) as held:
        deadline = time.monotonic() + 600
        while True:
            try:
                held.bind("\0pytest-perfqa-tests-docker")
                break
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        yield


def everything() -> dict[str, list[str]]:
    """Give all containers, networks, volumes and images, and our cgroups.

    But for the images of the study's services: the first build of them is meant to stay.
    """
    images = [
        f"{one['Id']} {tag}" for one in _asked("/images/json") for tag in one["RepoTags"] or [""]
    ]
    found = {
        "containers": [one["Id"] for one in _asked("/containers/json?all=1")],
        "networks": [one["Id"] for one in _asked("/networks")],
        "volumes": [one["Name"] for one in _asked("/volumes")["Volumes"] or []],
        "images": [one for one in images if " perfqa-study/" not in one],
    }
    found = {kind: sorted(names) for kind, names in found.items()}
    return found | {"cgroups": sorted(map(str, Path("/sys/fs/cgroup").glob("*/perfqa-*")))}


class _Connection(http.client.HTTPConnection):
    """To the engine of this machine: its command would take longer to start than to ask."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(_SOCKET)


def _asked(path: str) -> Any:
    with contextlib.closing(_Connection("localhost")) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        return json.load(answer)


class Mortal:
    """A way to the engine that can be cut off, as if the engine had died."""

    def __init__(self, path: Path) -> None:
        self.host = f"unix://{path}"
        self._path = path
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def die(self) -> None:
        """Take no more connections."""
        self._path.unlink()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(_SOCKET)
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, to: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(65536):
                to.sendall(chunk)
            to.shutdown(socket.SHUT_WR)


SERVER = """
import http.server, json, os, socket, sys, time

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/busy/"):
            end = time.monotonic() + float(self.path.rpartition("/")[2])
            while time.monotonic() < end:
                pass
        if self.path.startswith("/work/"):
            end = time.thread_time() + float(self.path.rpartition("/")[2])
            while time.thread_time() < end:
                pass
        if self.path == "/exit":
            os._exit(9)
        if self.path == "/gobble":
            self.hoard = bytearray(os.urandom(1)) * (1 << 30)
        body = json.dumps({"env": dict(os.environ), "uid": os.getuid()}).encode()
        self.send_response(503 if self.path == "/never" else 200)
        self.send_header("X-Replica", f"{socket.gethostbyname(socket.gethostname())}:9000")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, *facts):
        if self.path != "/never":  # the first line of the log is to be among its last
            super().log_request(*facts)

print("listening", flush=True)
http.server.ThreadingHTTPServer(("", 9000), Handler).serve_forever()
"""

COMPOSE = """
services:
  web:
    image: ${PYTHON_IMAGE}
    command: [python, -u, /server.py]
    init: true
    volumes: ["./server.py:/server.py:ro"]
    environment: {NAP_SECONDS: "${NAP_SECONDS:-1}"}
    ports: ["9000:9000"]
"""


def write_compose(folder: Path, text: str = COMPOSE) -> Path:
    """Write a compose file of a user's, with nothing of ours in it, and its server."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "server.py").write_text(SERVER)
    file = folder / "compose.yaml"
    file.write_text(text)
    return file
