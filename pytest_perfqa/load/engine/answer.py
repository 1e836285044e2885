"""Reading an HTTP/1.1 answer as it comes in; no sockets here.

Most answers have a whole head with one Content-Length, the same but for the date of the second:
those need no parser, and a head that came before need not be looked at again. All others
(chunked, until the connection closes, interim 1xx, HEAD, pieces of a head) go through llhttp.
"""

from __future__ import annotations

import re
import sys

from ...base.status import is_usual
from ..wire.message import EXCERPT_BYTES
from .geventhttpclient_internals import HTTPParseError, ResponseParser

_HEAD_END = b"\r\n\r\n"
_HEAD_END_LENGTH = len(_HEAD_END)
_START = re.compile(rb"HTTP/1\.1 ([2-5]\d\d)(?![^ \r])")
_WITHOUT_BODY = {204, 304}
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*(?=\r\n|\Z)", re.IGNORECASE)
_FRAMING = re.compile(rb"\r\n(?:transfer-encoding|content-length)[ \t]*:", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection:[^\r]*\bclose\b", re.IGNORECASE)
# A service has a handful of heads a second; one that makes each unique must not fill the memory.
_HEADS_KEPT = 512


class ProtocolError(Exception):
    """What came is no HTTP."""


class Head:
    """The head of an answer that came whole.

    Attributes:
        length: bytes of its body; -1 if that is for a parser to find out.
        closes: whether the server says that it closes the connection.
        is_usual: whether its status is as expected where nothing else is said.
    """

    __slots__ = ("_raw", "_values", "closes", "is_usual", "length", "status")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._values: dict[str, list[str]] = {}
        start = _START.match(raw)
        length = _LENGTH.search(raw)
        self.status = int(start[1]) if start else 0
        usual = start is not None and length is not None and len(_FRAMING.findall(raw)) == 1
        simple = usual and self.status not in _WITHOUT_BODY
        self.length = int(length[1]) if simple and length else -1
        self.closes = _CLOSES.search(raw) is not None
        self.is_usual = is_usual(self.status)

    def values(self, name: str) -> list[str]:
        """Give all values of a header."""
        known = self._values.get(name)
        if known is None:
            pattern = rb"\r\n" + re.escape(name.encode()) + rb":[ \t]*([^\r]*)"
            found = re.findall(pattern, self._raw, re.IGNORECASE)
            known = self._values[name] = [one.decode("latin-1").rstrip() for one in found]
        return known


_heads: dict[bytes, Head] = {}


def _head(raw: bytes) -> Head:
    head = _heads.get(raw)
    if head is None:
        if len(_heads) >= _HEADS_KEPT:
            _heads.clear()
        head = _heads[raw] = Head(raw)
    return head


class Answer:
    """One answer, fed with what comes.

    Attributes:
        status: 0 before the head.
        size: bytes of the body so far, as received.
        body: the body itself where it is wanted, of an unexpected answer its beginning.
        begun: whether anything came.
        reusable: once it is complete, whether the connection can serve another exchange.
    """

    __slots__ = (
        "_head",
        "_left",
        "_method",
        "_most",
        "_parser",
        "begun",
        "body",
        "reusable",
        "size",
        "status",
    )

    def __init__(self, method: str, *, wants_body: bool) -> None:
        self._method = method
        # So many bytes of the body are kept.
        self._most = sys.maxsize if wants_body else 0
        self._head: Head | None = None
        self._parser: ResponseParser | None = None
        self._left = 0
        self.status = self.size = 0
        self.body = bytearray()
        self.begun = self.reusable = False

    def feed(self, data: bytes) -> bool:
        """Take in what came; tell whether the answer is complete.

        Raises:
            ProtocolError: it is no HTTP.
        """
        if self._head is not None:
            return self._take_body(data)
        if self._parser is None:
            end = data.find(_HEAD_END)
            if end > 0 and not self.begun and self._method != "HEAD":
                head = _head(data[:end])
                if head.length >= 0:
                    self._head = head
                    self.status = head.status
                    if not (head.is_usual or self._most):
                        self._most = EXCERPT_BYTES
                    self._left = head.length
                    self.begun = True
                    return self._take_body(data[end + _HEAD_END_LENGTH :])
            self.begun = True
            self._parser = ResponseParser(self._method)
        return self._parse(self._parser, data)

    def _take_body(self, data: bytes) -> bool:
        size = len(data)
        if size > self._left:
            # Bytes after the answer may as well come too late to be seen: whether they did must
            # not decide about the answer. Only the connection is done for.
            data, size, excess = data[: self._left], self._left, True
        else:
            excess = False
        self.size += size
        self._left -= size
        if self._most:
            self.body += data[: self._most - len(self.body)]
        if self._left:
            return False
        self.reusable = not excess and self._head is not None and not self._head.closes
        return True

    def _parse(self, parser: ResponseParser, data: bytes) -> bool:
        excess = False
        try:
            parser.feed(data)
        except (HTTPParseError, ValueError) as error:
            self.status = parser.status
            if not parser.finished:
                raise ProtocolError(f"not HTTP: {error}") from None
            excess = True
        self.status = parser.status
        body = parser.take_body()
        self.size += len(body)
        if self.status >= 200 and not (self._most or is_usual(self.status)):
            self._most = EXCERPT_BYTES
        if self._most:
            self.body += body[: self._most - len(self.body)]
        self.reusable = parser.finished and not excess and not parser.should_close()
        return parser.finished

    def ends_with_stream(self) -> bool:
        """Whether the end of the stream is the end of the answer: it said no length."""
        parser = self._parser
        return (
            parser is not None
            and parser.headers_complete
            and self.status >= 200
            and "content-length" not in parser
            and "chunked" not in str(parser.get("transfer-encoding", "")).lower()
        )

    def header_values(self, name: str) -> list[str]:
        """Give all values of a header."""
        if self._head is not None:
            return self._head.values(name)
        if self._parser is None:
            return []
        found = self._parser.get(name, [])
        return [found] if isinstance(found, str) else list(found or [])
