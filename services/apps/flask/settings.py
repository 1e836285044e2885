"""The environment of the study's Flask application, checked before anything is served."""

from __future__ import annotations

import math
import os


def seconds(name: str, default: str) -> float:
    """Read a duration in seconds, 0 or more; leave with a message if it is none."""
    text = os.environ.get(name, default)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise SystemExit(f"{name}={text!r} is not a number of seconds, 0 or more")
    return value


def port(name: str, default: str) -> int:
    """Read a port number; leave with a message if it is none."""
    text = os.environ.get(name, default)
    if not (text.isdecimal() and 1 <= int(text) <= 65535):
        raise SystemExit(f"{name}={text!r} is not a port, 1 to 65535")
    return int(text)


TIMEOUT_SECONDS = seconds("TIMEOUT_SECONDS", "5")
HEAVY_SECONDS = seconds("HEAVY_SECONDS", "5")
WORKER_TIMEOUT_SECONDS = seconds("WORKER_TIMEOUT_SECONDS", "30")
HOST = os.environ.get("HOST", "127.0.0.1")
PORT = port("PORT", "3000")
