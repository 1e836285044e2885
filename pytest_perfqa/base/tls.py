"""Whose certificates are trusted: the same wherever a service is spoken to."""

from __future__ import annotations

import ssl


def tls_context(*, verify: bool = True) -> ssl.SSLContext:
    """Give what a connection speaks TLS with.

    Args:
        verify: refuse a certificate that this system (or ``SSL_CERT_FILE``) doesn't trust, or that
            is for another host.
    """
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
