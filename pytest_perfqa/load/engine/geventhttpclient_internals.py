"""What is used of geventhttpclient though it is documented nowhere: here, and nowhere else.

Any release may change it. tests/unit/test_internals.py uses each name and says which is gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from geventhttpclient.response import (
    HTTPConnectionClosed,
    HTTPParseError,
    HTTPProtocolViolationError,
    HTTPResponse,
)
from geventhttpclient.useragent import BadStatusCode

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "BadStatusCode",
    "HTTPConnectionClosed",
    "HTTPParseError",
    "ResponseParser",
    "content_cached",
    "error_within",
    "send_once",
]

# Headers and trailers of one answer; nginx and node allow far less.
_HEADERS_LIMIT = 256 * 1024


class ResponseParser(HTTPResponse):  # type: ignore[misc]  # untyped here
    """llhttp for one answer: it stops at its end, and doesn't keep headers without limit."""

    def __init__(self, method: str) -> None:
        super().__init__(method)
        self.finished = False
        self.status = 0
        self._header_bytes = 0

    def _on_message_begin(self) -> None:
        if self.finished:  # what follows is not the answer, even if it looks like one
            raise HTTPProtocolViolationError("bytes after the answer")
        super()._on_message_begin()

    def _on_header_field(self, string: str) -> None:
        self._count(string)
        super()._on_header_field(string)

    def _on_header_value(self, string: str) -> None:
        self._count(string)
        super()._on_header_value(string)

    def _count(self, string: str) -> None:
        self._header_bytes += len(string)
        if self._header_bytes > _HEADERS_LIMIT:
            raise HTTPProtocolViolationError(f"more than {_HEADERS_LIMIT} bytes of headers")

    def _on_headers_complete(self) -> int | bool | None:
        code = self.get_code()
        if not 100 <= code <= 599:
            raise HTTPProtocolViolationError(f"status {code}")
        self.status = code
        result: int | bool | None = super()._on_headers_complete()
        return result

    def _on_message_complete(self) -> None:
        super()._on_message_complete()
        self.finished = self.get_code() >= 200  # not so an interim 1xx: the answer follows

    def take_body(self) -> bytes:
        """Give what has come of the body since the last call."""
        body = bytes(self._body_buffer)
        self._body_buffer.clear()
        return body


def send_once(agent: Any) -> bool:
    """Make a user agent send each request once; tell whether it had been told otherwise.

    It resends a request that was dropped, up to the size of its pool and once more, without a word:
    a service that drops every second request would look perfect.
    """
    told = bool(agent.max_retries > 0)
    agent.max_retries = 0
    pool = agent.clientpool
    if not getattr(pool, "sends_once", False):
        pool.sends_once = True
        pool.get_client = _sending_once(type(pool).get_client.__get__(pool))
    return told


def _sending_once(original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def get_client(url: Any) -> Any:
        client = original(url)
        # It is used for nothing but the number of attempts, which is one more, counted from 0.
        client._connection_pool.size = -1
        return client

    return get_client


def content_cached(response: Any) -> object:
    """Give the body of an answer if it has been read: to ask for it would wait for it."""
    return getattr(response, "_cached_content", None)


def error_within(error: BaseException) -> object:
    """Give the exception that another one stands for, None if there is none."""
    return getattr(error, "original", None)
