"""An address of a service taken apart, and which may be put under load without asking."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

    Place = tuple[int, Any]  # a family and an address in it, as a socket takes them

_PORTS = {"http": 80, "https": 443}
# Names that can't belong to anyone on the public Internet (RFC 6761, RFC 6762, ICANN 2024).
_TEST_DOMAINS = ("localhost", "test", "local", "internal")


@dataclass(frozen=True)
class Address:
    """Where a service listens.

    Attributes:
        host: a name, or an address without brackets.
        is_tls: it speaks HTTPS.
        prefix: the path that the address brings along, without a slash at its end.
    """

    host: str
    port: int
    is_tls: bool = False
    prefix: str = ""

    @classmethod
    def read(cls, url: str) -> Address:
        """Take an http(s) address apart.

        Raises:
            ValueError: it is none; the message says what is accepted.
        """
        accepted = f"{url!r} is no address such as 'http://127.0.0.1:8080'"
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError(accepted) from None
        if parts.scheme not in _PORTS or not parts.hostname or port == 0:
            raise ValueError(accepted)
        port = port or _PORTS[parts.scheme]
        return cls(parts.hostname, port, parts.scheme == "https", parts.path.rstrip("/"))

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them: the usual port goes without saying."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self._scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """All but the path."""
        return f"{self._scheme}://{self.authority}"

    @property
    def _scheme(self) -> str:
        return "https" if self.is_tls else "http"

    def places(self) -> Sequence[Place]:
        """Ask for what its name stands for.

        Raises:
            OSError: nothing.
        """
        found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        return [(family, place) for family, *_, place in found]


def accepting(places: Sequence[Place], seconds: float) -> Place | None:
    """Give the first that accepts: "localhost" is ::1, too, where often nobody listens.

    Args:
        seconds: for each.
    """
    for family, place in places:
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.settimeout(seconds)
            sock.connect(place)
            return family, place
    return None


def permitted(
    url: str, *, allow_remote: bool, by: str = "'allow_remote: true' or --perfqa-allow-remote"
) -> Address:
    """Read an address that load is to go to.

    Args:
        allow_remote: it may be a public one.
        by: what says so.

    Raises:
        ValueError: it is none, or public without permission; the message says what is accepted.
    """
    address = Address.read(url)
    if not allow_remote and not is_test_host(address.host):
        raise ValueError(
            f"{address.host!r} is neither loopback nor private: a load test without its owner's "
            f"consent is an attack; accepted with {by}"
        )
    return address


def is_test_host(host: str) -> bool:
    """Tell whether ``host`` is loopback, private, or a name that can't be a public one.

    Names aren't resolved: what is in a file must not depend on the network.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.rstrip(".").lower()
        return "." not in name or name.rpartition(".")[2] in _TEST_DOMAINS
    return address.is_private or address.is_loopback or address.is_link_local
