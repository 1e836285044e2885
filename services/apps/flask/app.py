"""The study's Flask application: /ping, /timeout and /heavy."""

from __future__ import annotations

import time

import settings
from flask import Flask

app = Flask(__name__)


@app.get("/ping")
def ping() -> str:
    """Answer at once."""
    return "pong\n"


@app.get("/timeout")
def timeout() -> str:
    """Answer after a sleep."""
    time.sleep(settings.TIMEOUT_SECONDS)
    return "slept\n"


@app.get("/heavy")
def heavy() -> str:
    """Keep a CPU busy until a moment of the clock, not for an amount of work.

    Replicas that share one CPU all answer after the same time, as in the study.
    """
    end = time.monotonic() + settings.HEAVY_SECONDS
    while time.monotonic() < end:
        pass
    return "worked\n"
