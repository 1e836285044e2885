"""How many connections has the kernel accepted that a server has not taken yet?"""

from __future__ import annotations

import contextlib
from pathlib import Path

# The state of a listening socket, see proc(5) on /proc/net/tcp; its receive queue are connections.
_LISTENING = "0A"


def waiting(pid: int, port: int) -> int:
    """Give how many wait on a port of the network that a process is in; 0 if nobody can tell."""
    count = 0
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            table = Path("/proc", str(pid), "net", name).read_text(encoding="ascii")
            for fields in map(str.split, table.splitlines()[1:]):
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    count += int(fields[4].rpartition(":")[2], 16)
    return count
