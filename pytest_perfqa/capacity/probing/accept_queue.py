"""How many connections does the kernel accept while nobody takes them?"""

from __future__ import annotations

import contextlib
import select
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .exchange import Peer

# Beyond a full queue the first SYN is lost and sent again after a second.
_PATIENCE_SECONDS = 0.35


def count_accepted(peer: Peer, most: int) -> int:
    """Open connections, without a request, until one isn't accepted; give how many were.

    All are closed again at once.
    """
    with contextlib.ExitStack() as stack:
        for count in range(most):
            sock = stack.enter_context(socket.socket(peer.family, socket.SOCK_STREAM))
            sock.setblocking(False)
            sock.connect_ex(peer.address)
            poller = select.poll()
            poller.register(sock, select.POLLOUT)
            is_up = poller.poll(_PATIENCE_SECONDS * 1e3)
            if not is_up or sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                return count
        return most
