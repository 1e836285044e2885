"""The process in which Locust is imported once, to be forked for each generator.

Started by warm.py as ``python -P -m pytest_perfqa.load.engine.zygote``, with a Unix socket as its
standard input. There it says ``ready``, then takes a message per generator, with the descriptors
that will be its standard input, output and error, and a pipe for how it ended; the answer is its
number.

Nothing runs here: no event loop, no greenlet, no thread, no plan and no user's code. So a generator
finds what a process finds that has just imported Locust, whatever ran before it, and takes all of
its own with it when it ends.

A generator waits for its first line, an ``Order``, in the session of this process: whoever ends
this session until then ends it, too. The end of the socket means that pytest is gone.
"""

# ruff: noqa: E402

from __future__ import annotations

import gc

gc.disable()  # nothing of what is imported is garbage; to look for it took a fifth of the time

import contextlib
import os
import signal
import socket
import sys
from pathlib import Path

import gevent
from gevent import monkey

from ..wire.plan import Order, build_adapters
from . import locustfile

_STDIN = 0
_DESCRIPTORS = 4
# What gevent has put in their place starts the event loop, or waits for its next turn.
_close = monkey.get_original("os", "close")
_fork = monkey.get_original("os", "fork")
_waitpid = monkey.get_original("os", "waitpid")
_signal = monkey.get_original("signal", "signal")
_socket = monkey.get_original("socket", "socket")


class Zygote:
    """Forks a generator for each message on a socket."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._ends: dict[int, int] = {}

    def serve(self) -> bool:
        """Fork until pytest is gone; returns once in each generator, too.

        Returns:
            Whether this process is a generator.
        """
        _signal(signal.SIGCHLD, self._bury)
        self._control.send(b"ready")
        while True:
            message, descriptors, *_ = socket.recv_fds(self._control, 64, _DESCRIPTORS)
            if not message:
                return False
            *standard, end = descriptors
            pid = _fork()
            if not pid:
                _close(end)
                self._forget()
                _become(standard)
                return True
            self._ends[pid] = end
            self._bury()
            for descriptor in standard:
                _close(descriptor)
            self._control.send(str(pid).encode())

    def _bury(self, *_: object) -> None:
        """Wait for those that have ended, and tell how."""
        for pid in list(self._ends):
            with contextlib.suppress(ChildProcessError):  # a signal came here in between
                ended, status = _waitpid(pid, os.WNOHANG)
                if ended:
                    end = self._ends.pop(pid)
                    with contextlib.suppress(BrokenPipeError):
                        os.write(end, str(os.waitstatus_to_exitcode(status)).encode())
                    _close(end)

    def _forget(self) -> None:
        """Let go of what is the zygote's, in a generator."""
        _signal(signal.SIGCHLD, signal.SIG_DFL)
        for end in self._ends.values():
            _close(end)
        self._control.detach()


def _become(standard: list[int]) -> None:
    gevent.reinit()
    for number, descriptor in enumerate(standard):
        os.dup2(descriptor, number)
        _close(descriptor)
    random = sys.modules.get("numpy.random")  # Python's own is seeded anew by every fork
    if random is not None:
        random.seed()


def _obey(order: Order) -> None:
    """Make of this process what it would be if it had been started for the plan."""
    os.setsid()
    os.sched_setaffinity(0, order.cpus)
    for name, value in order.environment.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    os.chdir(order.plan.parent)
    sys.path.insert(0, str(order.plan.parent))
    sys.argv[:] = [str(locustfile.__file__), str(order.plan)]
    name_process("perfqa-load")
    locustfile.main(str(order.plan))


def name_process(name: str) -> None:
    """Show a name where processes are listed, 15 characters at most."""
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(name)


def _first_line(descriptor: int) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        data = os.read(descriptor, 65536)
        if not data:
            return b""
        line += data
    return line


def main() -> None:
    """Import, serve, and be a generator."""
    name_process("perfqa-warm")
    build_adapters()
    # What a generator leaves alone stays shared, and takes no time to collect.
    gc.collect()
    gc.freeze()
    gc.enable()
    if Zygote(_socket(fileno=_STDIN)).serve():
        line = _first_line(_STDIN)
        if line:  # else pytest is gone
            _obey(Order.parse(line))


if __name__ == "__main__":
    main()
