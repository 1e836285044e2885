"""Pytests as forks of a process that has imported what each of them would: half a second less.

That process knows nothing of pytest_perfqa, of plugins that pytest rewrites, or of any run: what a
fork finds in it are modules of others. For the rest it is like a process of its own: arguments,
folder, environment, paths, output, signals and exit code. What looks at ``sys.modules`` needs one.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# What takes long to import in a pytest that has perf tests; pytest's own plugins besides.
_IMPORTED = ("attr", "execnet", "h11", "numpy", "pydantic", "yaml", "xml.etree.ElementTree")
_INHERITED = ("PATH", "HOME", "LANG", "LC_", "LD_", "VIRTUAL_ENV", "COVERAGE")
_LARGEST = 1 << 20


class Server:
    """The process that is forked, as those see it who want forks; it ends with them."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._one_at_a_time = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                cwd="/",
                # Not that of the test which happens to be the first: /proc shows it of all forks.
                env={name: os.environ[name] for name in os.environ if name.startswith(_INHERITED)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def run(
        self,
        arguments: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        stdout: IO[Any],
        stderr: IO[Any],
        timeout: float | None = None,
    ) -> int:
        """Run pytest; give its exit code, which is negative if a signal ended it.

        Raises:
            subprocess.TimeoutExpired: it took longer, and was killed.
        """
        words = [*arguments]
        message = json.dumps({"arguments": words, "cwd": str(cwd), "env": dict(env)})
        files = [stdout.fileno(), stderr.fileno()]
        with self._one_at_a_time:
            socket.send_fds(self._ours, [message.encode()], files)
            pid = self._told()
            try:
                self._ours.settimeout(timeout)
                return self._told()
            except BaseException as error:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                self._ours.settimeout(None)
                self._told()
                if isinstance(error, TimeoutError) and timeout is not None:
                    raise subprocess.TimeoutExpired(words, timeout) from None
                raise
            finally:
                self._ours.settimeout(None)

    def _told(self) -> int:
        return int(self._ours.recv(_LARGEST))

    def close(self) -> None:
        """End it."""
        self._ours.close()
        self._process.wait()


_servers: list[Server] = []


def run(arguments: Sequence[str], **how: Any) -> int:
    """Run pytest as a fork of this process's server: see ``Server.run``."""
    if not _servers:
        _servers.append(Server())
        atexit.register(_servers[0].close)
    return _servers[0].run(arguments, **how)


def _serve(asked: socket.socket) -> dict[str, Any]:
    """Fork whenever that is asked; the server ends here, a fork is given what it is to run."""
    # Ctrl-C is for the forks, and for who wants them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        text, files, _, _ = socket.recv_fds(asked, _LARGEST, 2)
        if not text:
            raise SystemExit
        pid = os.fork()
        if not pid:
            asked.close()
            for number, file in enumerate(files, 1):
                os.dup2(file, number)
                os.close(file)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            found: dict[str, Any] = json.loads(text)
            return found
        for file in files:
            os.close(file)
        asked.send(str(pid).encode())
        _, status = os.waitpid(pid, 0)
        asked.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(given: Mapping[str, Any]) -> None:
    """Be what ``python -m pytest`` would be at its beginning."""
    os.chdir(given["cwd"])
    os.environ.clear()
    os.environ.update(given["env"])
    tempfile.tempdir = None
    paths = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    sys.path[:1] = [given["cwd"], *paths]
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    sys.argv[:] = ["pytest", *given["arguments"]]
    importlib.invalidate_caches()


def _main() -> None:
    from _pytest.config import default_plugins

    for name in (*_IMPORTED, *(f"_pytest.{name}" for name in default_plugins)):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        _become(_serve(asked))
    runpy.run_module("pytest", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
