"""TLS over a socket that never blocks, with the calls of a plain one.

Python's own TLS socket is gevent's in this process, and waits; an SSLObject over memory does not.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import _socket

_RECEIVE = 65536
_RECORD = 16384


class TlsSocket:
    """A connected socket that encrypts; the handshake comes with the first call.

    ``send`` and ``recv`` raise BlockingIOError when they can't go on, and ``ssl.SSLError`` when
    the handshake fails or what came is no TLS.

    Attributes:
        unsent: what is encrypted and has not gone out yet; ``send(b"")`` tries again.
        waits_for_peer: whether the handshake can't go on before the other side speaks.
    """

    def __init__(self, sock: _socket.socket, context: ssl.SSLContext, name: str) -> None:
        self._sock = sock
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        self._is_up = False
        self.unsent = b""
        self.waits_for_peer = False

    def fileno(self) -> int:
        """Give the descriptor."""
        return self._sock.fileno()

    def getsockopt(self, level: int, name: int) -> int:
        """Ask the socket below."""
        return self._sock.getsockopt(level, name)

    def send(self, data: bytes | memoryview) -> int:
        """Encrypt and send what goes; give how many bytes of ``data`` were taken."""
        self._flush()
        if self.unsent or not self._shake_hands():
            raise BlockingIOError
        taken = self._tls.write(data[:_RECORD]) if len(data) else 0
        self._flush()
        return taken

    def recv(self, size: int) -> bytes:
        """Give what has come, at most ``size`` bytes; empty at the end of the stream."""
        while True:
            try:
                if self._shake_hands():
                    return self._tls.read(size)
            except ssl.SSLWantReadError:
                pass
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""
            finally:
                self._flush()
            self._fill()

    def close(self) -> None:
        """Close the socket, without a farewell: nobody waits for it."""
        self._sock.close()

    def _shake_hands(self) -> bool:
        if not self._is_up:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self.waits_for_peer = not self.unsent
                return False
            self._is_up = True
            self.waits_for_peer = False
        return True

    def _fill(self) -> None:
        data = self._sock.recv(_RECEIVE)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def _flush(self) -> None:
        self.unsent += self._outgoing.read()
        if self.unsent:
            try:
                sent = self._sock.send(self.unsent)
            except BlockingIOError:
                return
            self.unsent = self.unsent[sent:]
