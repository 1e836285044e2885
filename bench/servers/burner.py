"""Computes, and may sleep, before each answer: ``burner.py PORT MODE CPU_MS SLEEP_MS``.

MODE is one of single (a process, one request at a time), workers (four such processes) and threads
(a thread for each request, which then ends).
"""

from __future__ import annotations

import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer

PORT, MODE, CPU, SLEEP = int(sys.argv[1]), sys.argv[2], *(float(x) / 1e3 for x in sys.argv[3:5])
WORKERS = 4


class Handler(BaseHTTPRequestHandler):
    """Answers every GET."""

    def do_GET(self) -> None:
        """Compute, sleep, answer."""
        end = time.thread_time() + CPU
        while time.thread_time() < end:
            pass
        time.sleep(SLEEP)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Single(HTTPServer):
    request_queue_size = 1024


class _Threads(ThreadingHTTPServer):
    request_queue_size = 1024


server = (_Threads if MODE == "threads" else _Single)(("127.0.0.1", PORT), Handler)
if MODE == "workers":
    for _ in range(WORKERS - 1):
        if os.fork() == 0:
            break
server.serve_forever()
