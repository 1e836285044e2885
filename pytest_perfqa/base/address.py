"""Which addresses may be put under load without asking: this machine and private networks."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

# Names that can't belong to anyone on the public Internet (RFC 6761, RFC 6762, ICANN 2024).
_TEST_DOMAINS = ("localhost", "test", "local", "internal")


def split_address(url: str) -> SplitResult:
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
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError(accepted)
    return parts


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


def remote_refused(
    host: str, allowed_by: str = "'allow_remote: true' or --perfqa-allow-remote"
) -> str:
    """Write why a load on ``host`` is refused, and what would allow it."""
    return (
        f"{host!r} is neither loopback nor private: a load test without its owner's consent is "
        f"an attack; accepted with {allowed_by}"
    )
