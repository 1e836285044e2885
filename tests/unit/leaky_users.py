"""A user's Locust classes that leave behind all that can be left behind.

Each run notes what it finds when this module is imported, then changes all of it, and notes what
there is then. A key whose two notes are equal would notice nothing.
"""

from __future__ import annotations

import atexit
import builtins
import decimal
import gc
import json
import locale
import logging
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from http import cookiejar
from pathlib import Path
from typing import Any

import gevent
import locust
import numpy as np
from gevent import monkey
from locust import FastHttpUser, TaskSet, events, task
from locust.stats import RequestStats

HERE = Path(__file__).parent
kept: list[object] = []


def size(name: str) -> int:
    """Give a number of the process, such as its threads, from the kernel."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def handler(number: int) -> str:
    """Name what is done about a signal."""
    return repr(monkey.get_original("signal", "getsignal")(number)).partition(" at ")[0]


def descriptors() -> list[str]:
    """Give what kinds of files are open."""
    kinds = []
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208
        try:
            kinds.append(os.readlink(f"/proc/self/fd/{number}").partition(":[")[0])  # noqa: PTH115
        except OSError:
            continue  # it was that of the listing
    return sorted(kinds)


def found() -> dict[str, Any]:
    """Note what there is of everything that outlives a run in the process that made it."""
    hub = gevent.get_hub()
    return {
        "modules": sorted(sys.modules),
        "path of imports": list(sys.path),
        "arguments": list(sys.argv),
        # The mark is another for every process that is started.
        "environment": {key: os.environ[key] for key in os.environ if key != "PERFQA_SPAWNED"},
        "folder": str(Path.cwd()),
        "signals": [handler(one) for one in sorted(signal.valid_signals())],
        "log handlers": [type(one).__name__ for one in logging.getLogger().handlers],
        "log level": logging.getLogger().level,
        "loggers": sorted(logging.root.manager.loggerDict),
        "listeners": {name: len(hook._handlers) for name, hook in vars(events).items()},
        "user classes": sorted(one.__name__ for one in all_subclasses(locust.User)),
        "attributes of users": sorted(vars(FastHttpUser)),
        "tasks": TaskSet.execute_task.__qualname__,
        "statistics": RequestStats.__init__.__qualname__,
        "sockets": socket.socket.connect.__qualname__,
        "builtins": sorted(vars(builtins)),
        "cookies": len(cookiejar.DefaultCookiePolicy.__dict__),
        "loop": [hub.loop.activecnt, hub.loop.pendingcnt],
        "threads": threading.active_count(),
        "kernel's threads": size("Threads"),
        "open files": descriptors(),
        "children": Path(f"/proc/self/task/{os.getpid()}/children").read_text(),
        "limits": resource.getrlimit(resource.RLIMIT_CORE),
        "collection": [gc.isenabled(), *gc.get_threshold()],
        "frozen": gc.get_freeze_count() // 1000,
        "priority": os.nice(0),
        "mask": size("Umask"),
        "affinity": sorted(os.sched_getaffinity(0)),
        "warnings": len(warnings.filters),
        "decimals": decimal.getcontext().prec,
        "locale": locale.setlocale(locale.LC_ALL),
        "at exit": atexit._ncallbacks(),
        "recursion": sys.getrecursionlimit(),
        "hooks": sys.excepthook.__qualname__,
        "temporary": tempfile.gettempdir(),
        "CPU time": time.process_time() > 0.6,
        "memory": size("VmRSS") > 300_000,
    }


def all_subclasses(one: type) -> set[type]:
    """Give the classes derived from one, however far."""
    return {one}.union(*map(all_subclasses, one.__subclasses__()))


def chances() -> list[str]:
    """Draw from every source of random numbers; each run must draw its own."""
    return [str(random.random()), str(np.random.random())]


def nothing(*_: object, **__: object) -> None:
    """Do nothing."""


def leave_all_behind() -> None:
    """Change everything that ``found`` looks at."""
    sys.modules["left_behind"] = sys
    sys.path.append("/left/behind")
    sys.argv.append("left behind")
    os.environ["LEFT_BEHIND"] = "1"
    signal.signal(signal.SIGUSR1, nothing)
    logging.getLogger().addHandler(logging.NullHandler())
    logging.getLogger().setLevel(1)
    logging.getLogger("left.behind")
    events.request.add_listener(nothing)
    TaskSet.execute_task = RequestStats.__init__ = socket.socket.connect = nothing
    FastHttpUser.left_behind = builtins.left_behind = cookiejar.DefaultCookiePolicy.left = True
    kept.append(gevent.spawn(gevent.sleep, 1000))
    timer = gevent.get_hub().loop.timer(1000)
    timer.start(nothing)
    kept.append(timer)
    kept.append(threading.Thread(target=time.sleep, args=(1000,), daemon=True))
    kept[-1].start()  # type: ignore[attr-defined]
    monkey.get_original("_thread", "start_new_thread")(monkey.get_original("time", "sleep"), (9,))
    kept.append(socket.create_server(("127.0.0.1", 0)))
    kept.append(subprocess.Popen(["/bin/sleep", "1000"]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    gc.set_threshold(12345)
    kept.extend([] for _ in range(10_000))
    gc.freeze()
    os.nice(1)
    os.umask(0o70)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    warnings.simplefilter("ignore", BytesWarning)
    decimal.getcontext().prec = 5
    locale.setlocale(locale.LC_ALL, "C")
    atexit.register(nothing)
    sys.setrecursionlimit(12345)
    sys.excepthook = nothing
    tempfile.tempdir = "/left/behind"
    kept.append(b"x" * 300_000_000)
    while time.process_time() < 0.7:
        pass
    os.chdir("/")


class Someone(FastHttpUser):
    """Keeps the cookies and the connections that it is given."""

    @task
    def go(self) -> None:
        """Send a request."""


before = found()
drawn = chances()
leave_all_behind()


class Late(FastHttpUser):
    """A class that is there only after the first note."""

    abstract = True


note = {"before": before, "after": found(), "drawn": drawn}
(HERE / f"note-{time.monotonic_ns()}.json").write_text(json.dumps(note))
