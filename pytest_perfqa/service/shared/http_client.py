"""A service asked outside the load, by requests; imported (0.1 s) when the first question is."""

from __future__ import annotations

import time
from typing import Any

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter

from ...base.tls import tls_context

# An answer may go on for ever, and slowly: it is looked at the clock after each piece, which is
# thrown away.
_PIECE_BYTES = 1024
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
        timeout: seconds, for the connection and for each read; an answer that goes on must end in
            that time, too. What it says is thrown away.

    Raises:
        OSError: there was no answer, none that is HTTP, or none that ended.
    """
    over = time.monotonic() + timeout
    with requests.Session() as session:
        session.trust_env = False
        if url.startswith("https:"):
            session.mount("https://", _SystemTrust())
        headers = {"Connection": "close", "Accept-Encoding": "identity"}
        with session.get(
            url, headers=headers, timeout=timeout, allow_redirects=False, stream=True
        ) as response:
            for _ in response.iter_content(_PIECE_BYTES):
                if time.monotonic() > over:
                    said = f"{response.status_code} {response.reason}"
                    raise TimeoutError(f"{said}, but it had not ended after {timeout:g} s")
        return response


def reason(error: BaseException) -> BaseException:
    """Give what an exception of requests is about, without what it and urllib3 wrap around it."""
    while isinstance(error, _WRAPPED) and (inner := error.__cause__ or error.__context__):
        error = inner
    return error
