"""A request of a scenario as the bytes that go out, and the answer's body as text."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from ...scenario.template import expressions, render_templates, template_text

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping

    from ...scenario.records import Request

USER_AGENT = "pytest-perfqa"
_SAFE = "/%:@!$&'()*+,;=-._~?"
#: So much of a body is looked at where no more than an idea of it is wanted.
EXCERPT_BYTES = 512
_EXCERPT_LENGTH = 120
_MARKERS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


@dataclass(frozen=True)
class Message:
    """A request with its templates expanded, not yet tied to a connection."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    def encode(self, host: str, cookies: Mapping[str, str], *, close: bool) -> bytes:
        """Give the bytes on the wire; ``close`` asks the server to close afterwards."""
        headers = _Fields({"Host": host, "User-Agent": USER_AGENT, "Accept": "*/*"})
        headers.update(self.headers)
        if close:
            headers.update({"Connection": "close"})
        if cookies:
            pairs = [f"{name}={value}" for name, value in cookies.items()]
            own = headers.get("Cookie")
            headers.update({"Cookie": "; ".join([own, *pairs] if own else pairs)})
        if self.body or self.method in {"POST", "PUT", "PATCH"}:
            headers.update({"Content-Length": str(len(self.body))})
        lines = [f"{self.method} {self.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers]
        if any("\n" in line or "\r" in line for line in lines):
            raise ValueError("a header holds a line break")
        return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + self.body


class _Fields:
    """Header fields, each once, whichever way its name is written."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields: dict[str, tuple[str, str]] = {}
        self.update(fields)

    def update(self, fields: Mapping[str, str]) -> None:
        for name, value in fields.items():
            self._fields[name.lower()] = (name, value)

    def get(self, name: str) -> str | None:
        found = self._fields.get(name.lower())
        return found[1] if found else None

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._fields.values())


def build(
    request: Request, variables: Mapping[str, Any], random: random.Random, prefix: str = ""
) -> Message:
    """Expand a request's templates.

    Args:
        prefix: the path that the service's address brings along.

    Raises:
        LookupError: a template names a variable that is not known.
    """

    def expand(value: Any) -> Any:
        return render_templates(value, variables, random)

    body, kind = _body(request, expand)
    headers = {"Content-Type": kind} if kind else {}
    for name, value in request.headers.items():
        for known in [known for known in headers if known.lower() == name.lower()]:
            del headers[known]
        headers[name] = template_text(expand(value))
    return Message(
        request.method,
        prefix + target(template_text(expand(request.url)), expand(request.query)),
        headers,
        body,
    )


def is_constant(request: Request) -> bool:
    """Whether the request is the same bytes every time."""
    parts = (
        request.url,
        request.headers,
        request.cookies,
        request.query,
        request.json,
        request.body,
        request.form,
    )
    return next(expressions(parts), None) is None


def target(url: str, query: Mapping[str, Any]) -> str:
    """Give the path and query of a URL as they stand in a request line."""
    # A path may begin with two slashes; as a URL, that would be the name of a host.
    split = urlsplit(f"http://host{url}" if url.startswith("/") else url)
    path = quote(split.path, safe=_SAFE)
    if not path.startswith("/"):
        path = "/" + path
    pairs = {
        name: [template_text(one) for one in (value if isinstance(value, list) else [value])]
        for name, value in query.items()
    }
    parts = [quote(split.query, safe=_SAFE)] if split.query else []
    if pairs:
        parts.append(urlencode(pairs, doseq=True))
    return "?".join([path, "&".join(parts)]) if parts else path


def _body(request: Request, expand: Any) -> tuple[bytes, str | None]:
    if request.has_json:
        return json.dumps(expand(request.json)).encode(), "application/json"
    if request.form is not None:
        pairs = {name: template_text(value) for name, value in expand(request.form).items()}
        return urlencode(pairs).encode(), "application/x-www-form-urlencoded"
    if request.body is not None:
        return template_text(expand(request.body)).encode(), None
    return b"", None


def excerpt(body: bytes, encoding: str | None) -> str:
    """Give the beginning of a body in quotes on one line; of what can't be read, its size.

    The body may have been cut off.
    """
    coding = (encoding or "identity").strip().lower()
    if coding in _MARKERS:
        try:
            body = zlib.decompressobj(_MARKERS[coding]).decompress(body, EXCERPT_BYTES)
        except zlib.error:
            return f"{len(body)} bytes that are not {coding}"
    elif coding != "identity":
        return f"{len(body)} bytes of {coding}"
    text = body[:EXCERPT_BYTES].decode("utf-8", "replace").strip()
    if not text:
        return "no body"
    quoted = json.dumps(text[:_EXCERPT_LENGTH], ensure_ascii=False)
    # JSON lets pass what turns a line around, or is no character at all.
    plain = (one if one.isprintable() else one.encode("unicode_escape").decode() for one in quoted)
    return "".join(plain) + "..." * (len(text) > _EXCERPT_LENGTH)


def decode(body: bytes, encoding: str | None) -> str:
    """Give the text of an answer's body.

    Raises:
        ValueError: it isn't compressed as its Content-Encoding says, or in a way not known here.
    """
    coding = (encoding or "identity").strip().lower()
    if coding in _MARKERS:
        try:
            body = zlib.decompress(body, _MARKERS[coding])
        except zlib.error as error:
            raise ValueError(f"the body is not {coding}: {error}") from None
    elif coding != "identity":
        raise ValueError(f"Content-Encoding {coding} can't be read; accepted: gzip, deflate")
    return body.decode("utf-8", "replace")
