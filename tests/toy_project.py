"""A small project of a user's, and the toy service in it, for tests that run pytest on it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SERVER = '''
"""Answers 200 with its service time, or what the path says: /status/503, /sleep/1.5, /burn/0.1.

How long it sleeps may stand in a variable of its environment: /sleep/NAP_SECONDS."""
import http.server, os, pathlib, sys, time

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer is one packet: a second one would wait for the first's late receipt

    def do_GET(self):
        kind, _, value = self.path.strip("/").partition("/")
        if kind == "sleep":
            time.sleep(float(os.environ.get(value, value)))
        if kind == "burn":
            pathlib.Path(sys.argv[2]).with_name("burning").touch()
            end = time.thread_time() + float(value)
            while time.thread_time() < end:
                pass
        self.send_response(int(value) if kind == "status" else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *arguments):
        pass

with pathlib.Path(sys.argv[2]).open("a") as starts:
    print("started", file=starts)
print("toy server on", sys.argv[1])
http.server.ThreadingHTTPServer.request_queue_size = 128
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
server.daemon_threads = True
server.serve_forever()
'''

SERVICE = """
description: a toy
endpoint: app
ready: /
process:
  app: {{command: "python {folder}/server.py {{port}} {folder}/starts.txt"}}
"""

SCENARIO = """
config:
  phases:
    - {{name: steady, duration: {duration}, arrivalRate: {rate}}}
scenarios:
  - flow: [{{get: {{url: {url}}}}}]
"""

# Hypothesis takes a second to import, and no project has a use for it; many have an order.
CACHING_PLUGINS = ("-p", "no:hypothesispytest", "-p", "no:randomly")
PLUGINS = ("-p", "no:cacheprovider", *CACHING_PLUGINS)


def steady(*, duration: float = 1, rate: float = 20, url: str = "/") -> str:
    """Give a scenario of one phase; without arguments, 20 requests in a second."""
    return SCENARIO.format(duration=duration, rate=rate, url=url)


class ProjectFolder:
    """A folder with services, scenarios and tests."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def service(self, name: str = "toy", text: str = SERVICE) -> Path:
        """Add a service; its folder is given back."""
        folder: Path = self.path / "services" / name
        folder.mkdir(parents=True)
        (folder / "server.py").write_text(SERVER)
        (folder / "service.yaml").write_text(text.format(folder=folder))
        return folder

    def starts(self, name: str = "toy") -> int:
        """How often a service has been started."""
        file = self.path / "services" / name / "starts.txt"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def scenario(
        self, name: str = "steady.yaml", *, duration: float = 1, rate: float = 20, url: str = "/"
    ) -> Path:
        """Add a scenario of one phase."""
        file: Path = self.path / name
        file.write_text(steady(duration=duration, rate=rate, url=url))
        return file

    def test(self, text: str, name: str = "test_it.py") -> None:
        """Add a test file."""
        (self.path / name).write_text("import pytest\n" + textwrap.dedent(text))
