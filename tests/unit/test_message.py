"""Requests as bytes, and bodies of answers as text."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from typing import Any

import pytest

from pytest_perfqa.load.wire.message import Message, build, decode, excerpt, is_constant, target
from pytest_perfqa.scenario.records import Request


def wire(
    request: Request, cookies: dict[str, str] | None = None, **variables: Any
) -> tuple[str, dict[str, str], bytes]:
    """Give request line, headers by lower-case name, and body; no header may come twice."""
    message = build(request, variables, random.Random(0))
    data = message.encode("localhost:80", cookies or {}, close=False)
    head, _, body = data.partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (one.split(": ", 1) for one in lines)}
    assert len(headers) == len(lines)
    return line, headers, body


def get(url: str = "/", **parts: Any) -> Request:
    """Give a request; a method may be among the parts."""
    return Request(**{"method": "GET", "url": url, "label": "x"} | parts)


def test_a_plain_request_has_what_http_asks_for() -> None:
    """Host, agent, no body and no length."""
    line, headers, body = wire(get("/ping"))
    assert line == "GET /ping HTTP/1.1"
    assert headers == {"host": "localhost:80", "user-agent": "pytest-perfqa", "accept": "*/*"}
    assert body == b""


@pytest.mark.parametrize(
    ("url", "query", "expected"),
    [
        ("/a b", {}, "/a%20b"),
        ("/a%20b", {}, "/a%20b"),
        ("/é?q=ü", {}, "/%C3%A9?q=%C3%BC"),
        ("", {}, "/"),
        ("a/b", {}, "/a/b"),
        ("//a/b", {}, "//a/b"),
        ("?x=1", {}, "/?x=1"),
        ("/p#fragment", {}, "/p"),
        ("/p?a=1", {"b": 2}, "/p?a=1&b=2"),
        (
            "/p",
            {"b": [1, True], "c": "x y&z", "d": None, "e": False},
            "/p?b=1&b=true&c=x+y%26z&d=null&e=false",
        ),
        ("http://other:9/p?q", {}, "/p?q"),
    ],
)
def test_targets(url: str, query: dict[str, Any], expected: str) -> None:
    """Path and query as they stand in a request line."""
    assert target(url, query) == expected


def test_a_target_holds_no_line_break_or_space() -> None:
    """What was captured can't forge a second request."""
    line, _, _ = wire(get("/{{ x }}"), x="a b\r\nHost: evil\r\n\r\nGET /")
    assert line.count(" ") == 2


def test_a_header_with_a_line_break_is_refused() -> None:
    """It would be two headers."""
    with pytest.raises(ValueError, match="line break"):
        wire(get(headers={"X": "{{ x }}"}), x="a\r\nY: b")


def test_json_form_and_text_bodies() -> None:
    """Each with its type and its length in bytes."""
    _, headers, body = wire(
        get(method="POST", json={"id": "{{ id }}", "ü": [None]}, has_json=True), id=3
    )
    assert json.loads(body) == {"id": 3, "ü": [None]}
    assert headers["content-type"] == "application/json"
    assert headers["content-length"] == str(len(body))
    _, headers, body = wire(get(method="POST", has_json=True))
    assert body == b"null"
    _, headers, body = wire(get(method="POST", form={"a b": "{{ id }}", "c": True}), id="x&y")
    assert body == b"a+b=x%26y&c=true"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    _, headers, body = wire(get(method="PUT", body="é{{ id }}"), id=1)
    assert (body, headers["content-length"]) == ("é1".encode(), "3")
    assert "content-type" not in headers


@pytest.mark.parametrize(
    ("method", "length"),
    [("POST", "0"), ("PUT", "0"), ("PATCH", "0"), ("GET", None), ("DELETE", None)],
)
def test_a_missing_body_has_a_length_where_one_is_expected(method: str, length: str | None) -> None:
    """RFC 9110, 8.6."""
    assert wire(get(method=method))[1].get("content-length") == length


def test_own_headers_replace_ours_in_any_case() -> None:
    """No header goes out twice: a second Host is an error for every server."""
    own = {
        "host": "h",
        "USER-AGENT": "u",
        "accept": "text/plain",
        "content-type": "t",
        "content-length": "99",
    }
    _, headers, body = wire(get(method="POST", headers=own, json=1, has_json=True))
    assert headers["host"] == "h"
    assert headers["user-agent"] == "u"
    assert headers["accept"] == "text/plain"
    assert headers["content-type"] == "t"
    assert headers["content-length"] == str(len(body)) == "1"


def test_cookies_join_those_of_an_own_header() -> None:
    """Neither is lost."""
    _, headers, _ = wire(get(headers={"cookie": "own=1"}), cookies={"a": "2", "b": "3"})
    assert headers["cookie"] == "own=1; a=2; b=3"


def test_close_is_asked_for() -> None:
    """Also where the request says otherwise in another case."""
    message = Message("GET", "/", {"connection": "keep-alive"}, b"")
    data = message.encode("h", {}, close=True)
    assert data.lower().count(b"connection:") == 1
    assert b"Connection: close\r\n" in data


@pytest.mark.parametrize(
    ("parts", "constant"),
    [
        ({}, True),
        ({"url": "/{{ a }}"}, False),
        ({"headers": {"X": "{{ a }}"}}, False),
        ({"cookies": {"X": "{{ a }}"}}, False),
        ({"query": {"{{ a }}": 1}}, False),
        ({"json": [{"k": "{{ a }}"}], "has_json": True}, False),
        ({"body": "{{ $uuid }}"}, False),
        ({"form": {"f": "{{ a }}"}}, False),
        ({"json": {"k": "v"}, "has_json": True, "query": {"q": 1}}, True),
    ],
)
def test_what_is_the_same_every_time(parts: dict[str, Any], constant: bool) -> None:
    """A template anywhere makes a request one to build anew."""
    assert is_constant(get(**parts)) is constant


@pytest.mark.parametrize(
    ("body", "coding", "text"),
    [
        (b"plain", None, "plain"),
        (b"plain", "identity", "plain"),
        (gzip.compress("zipped é".encode(), mtime=0), "GZIP", "zipped é"),
        (gzip.compress(b"old", mtime=0), "x-gzip", "old"),
        (zlib.compress(b"deflated"), " deflate ", "deflated"),
        (b"\xff", None, "\ufffd"),
    ],
)
def test_bodies_become_text(body: bytes, coding: str | None, text: str) -> None:
    """Whichever way they were compressed."""
    assert decode(body, coding) == text


@pytest.mark.parametrize(
    ("body", "coding", "text"),
    [
        (b'{"error": "no token"}', None, r'"{\"error\": \"no token\"}"'),
        (b"  <h1>\n\tgone\r\n", None, r'"<h1>\n\tgone"'),
        ("niña".encode(), None, '"niña"'),
        (b"\xff\x00\x1b[31m", None, '"\ufffd\\u0000\\u001b[31m"'),
        ("\u202e\U000e0001".encode(), None, '"\\u202e\\U000e0001"'),
        (b"", None, "no body"),
        (b" \n", "identity", "no body"),
        (b"x" * 120, None, '"' + "x" * 120 + '"'),
        (b"x" * 5000, None, '"' + "x" * 120 + '"...'),
        (gzip.compress(b"y" * 10**6, mtime=0)[:200], "gzip", '"' + "y" * 120 + '"...'),
        (zlib.compress(b"deflated"), "deflate", '"deflated"'),
        (b"plain", "gzip", "5 bytes that are not gzip"),
        (b"12", "br", "2 bytes of br"),
    ],
)
def test_the_beginning_of_a_body_in_a_message(body: bytes, coding: str | None, text: str) -> None:
    """Bounded, on one line, and nothing in it that a terminal would obey; also of a part."""
    assert excerpt(body, coding) == text


@pytest.mark.parametrize(
    ("body", "coding"),
    [(b"plain", "gzip"), (gzip.compress(b"x" * 99, mtime=0)[:-9], "gzip"), (b"x", "br")],
)
def test_bodies_that_are_not_what_they_say(body: bytes, coding: str) -> None:
    """An error, not an empty text."""
    with pytest.raises(ValueError, match=r"gzip|can't be read"):
        decode(body, coding)
