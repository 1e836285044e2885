"""A WSGI application that sleeps at / and knows no other path."""

from __future__ import annotations

import time
from typing import Any

import times


def application(environ: Any, start_response: Any) -> list[bytes]:
    """Answer after the service time, or at once with 404."""
    is_root = environ["PATH_INFO"] == "/"
    if is_root:
        time.sleep(times.draw())
    start_response("200 OK" if is_root else "404 Not Found", [("Content-Length", "2")])
    return [b"ok"]
