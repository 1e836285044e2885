"""The study's second unknown server: synchronous, every request to / keeps a worker for a while."""

from __future__ import annotations

import math
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


def _seconds(name: str, default: str) -> float:
    text = os.environ.get(name, default)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise SystemExit(f"{name}={text!r} is not a number of seconds, 0 or more")
    return value


_SERVICE_SECONDS = _seconds("SERVICE_SECONDS", "0.8")


def application(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """Answer / after the service time, anything else with 404."""
    if environ["PATH_INFO"] != "/":
        start_response("404 Not Found", [("Content-Length", "10")])
        return [b"not found\n"]
    time.sleep(_SERVICE_SECONDS)
    start_response("200 OK", [("Content-Length", "5")])
    return [b"done\n"]
