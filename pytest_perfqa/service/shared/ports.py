"""Free ports for services, where no outgoing connection can take them."""

from __future__ import annotations

import random
import socket
from pathlib import Path

from ...errors import ServiceError

_HOST = "127.0.0.1"
_RANGE = range(20_000, 32_000)
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")

_given: set[int] = set()


def take() -> int:
    """Give a free port of 127.0.0.1 that hasn't been given before in this process.

    It lies outside the range from which the kernel takes ports for outgoing connections: those of
    the load generator would otherwise occupy it while its owner is being restarted.

    Raises:
        ServiceError: none is free.
    """
    ephemeral = _ephemeral()
    # In random order, so that two sessions on one machine seldom try the same one.
    candidates = random.sample(_RANGE, len(_RANGE))
    candidates.sort(key=lambda port: port in ephemeral)
    for port in candidates:
        if port not in _given and _is_free(port):
            _given.add(port)
            return port
    raise ServiceError(f"no port is free in {_RANGE.start} to {_RANGE.stop - 1} of {_HOST}")


def _ephemeral() -> range:
    try:
        first, last = map(int, _EPHEMERAL.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return range(0)
    return range(first, last + 1)


def _is_free(port: int) -> bool:
    with socket.socket() as listener:
        # As servers do: connections that ended a moment ago don't count.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_HOST, port))
        except OSError:
            return False
    return True
