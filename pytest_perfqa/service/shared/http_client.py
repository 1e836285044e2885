"""A service asked outside the load, by requests; imported (0.1 s) when the first question is."""

from __future__ import annotations

from typing import Any

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter

from ...base.tls import tls_context

_WRAPPED = (requests.RequestException, urllib3.exceptions.HTTPError)


class _SystemTrust(HTTPAdapter):
    """Trusts whom the load trusts: not the certificates that requests brings along."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, ssl_context=tls_context(), **options)

    def cert_verify(self, *_: Any) -> None:
        """Leave it to the context."""


def get_once(url: str, timeout: float) -> requests.Response:
    """Send one GET on a connection of its own: no proxy, no redirect, no second try.

    Args:
        timeout: seconds, for the connection and for each read.

    Raises:
        OSError: there was no answer, or none that is HTTP.
    """
    with requests.Session() as session:
        session.trust_env = False
        if url.startswith("https:"):
            session.mount("https://", _SystemTrust())
        headers = {"Connection": "close", "Accept-Encoding": "identity"}
        return session.get(url, headers=headers, timeout=timeout, allow_redirects=False)


def reason(error: BaseException) -> BaseException:
    """Give what an exception of requests is about, without what it and urllib3 wrap around it."""
    while isinstance(error, _WRAPPED) and (inner := error.__cause__ or error.__context__):
        error = inner
    return error
