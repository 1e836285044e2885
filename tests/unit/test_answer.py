"""Answers are read the same however they come in, and whatever way of reading they take."""

from __future__ import annotations

import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfqa.load.engine.answer import Answer, Head, ProtocolError
from pytest_perfqa.load.wire.message import EXCERPT_BYTES

OK = b"HTTP/1.1 200 OK\r\n"
GZIPPED = zlib.compress(b"hello", wbits=31)

# Bytes, method, status, body, whether the connection can be used again.
ANSWERS = [
    (OK + b"Content-Length: 5\r\n\r\nhello", "GET", 200, b"hello", True),
    (OK + b"content-length:5\r\nX: y\r\n\r\nhello", "GET", 200, b"hello", True),
    (OK + b"Content-Length: 0\r\n\r\n", "GET", 200, b"", True),
    (OK + b"Content-Length: 2\r\nConnection: close\r\n\r\nok", "GET", 200, b"ok", False),
    (
        OK + b"Connection: keep-alive, Close\r\nContent-Length: 2\r\n\r\nok",
        "GET",
        200,
        b"ok",
        False,
    ),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "GET", 200, b"hello", True),
    (OK + b"Content-Length: 5\r\n\r\n", "HEAD", 200, b"", True),
    (b"HTTP/1.1 204 No Content\r\n\r\n", "GET", 204, b"", True),
    (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", "GET", 304, b"", True),
    (b"HTTP/1.1 504\r\nContent-Length: 3\r\n\r\nbad", "GET", 504, b"bad", True),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "GET", 200, b"ok", False),
    (b"HTTP/1.1 103 Early\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok", "GET", 200, b"ok", True),
    (
        OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(GZIPPED) + GZIPPED,
        "GET",
        200,
        GZIPPED,
        True,
    ),
]


def feed(answer: Answer, data: bytes, cuts: list[int]) -> bool:
    """Feed data in pieces; tell whether the answer is complete after the last."""
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    complete = False
    for start, end in pairwise(edges):
        if start < end:
            assert not complete, "complete before the last byte"
            complete = answer.feed(data[start:end])
    return complete


@pytest.mark.parametrize(("data", "method", "status", "body", "reusable"), ANSWERS)
@given(cuts=st.lists(st.integers(0, 1000), max_size=6))
def test_pieces_do_not_matter(
    data: bytes, method: str, status: int, body: bytes, cuts: list[int], *, reusable: bool
) -> None:
    """However an answer is cut, it is the same answer, and complete with its last byte."""
    answer = Answer(method, wants_body=True)
    assert feed(answer, data, cuts)
    assert (answer.status, bytes(answer.body), answer.size) == (status, body, len(body))
    assert answer.reusable == reusable


@pytest.mark.parametrize(("data", "method", "status", "body", "reusable"), ANSWERS)
@given(cuts=st.lists(st.integers(0, 1000), max_size=6))
def test_of_an_unexpected_answer_the_beginning_is_kept(
    data: bytes, method: str, status: int, body: bytes, cuts: list[int], *, reusable: bool
) -> None:
    """It tells what is wrong; of answers as expected nothing is kept that nobody asked for."""
    answer = Answer(method, wants_body=False)
    assert feed(answer, data, cuts)
    kept = b"" if 200 <= status < 400 else body
    assert (answer.status, bytes(answer.body), answer.size) == (status, kept, len(body))
    assert answer.reusable == reusable


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 100000\r\n\r\n%s",
        "Transfer-Encoding: chunked\r\n\r\n186a0\r\n%s\r\n0\r\n\r\n",
    ],
)
@pytest.mark.parametrize("size", [1000, 60_000])
def test_no_more_than_the_beginning_is_kept(framing: str, size: int) -> None:
    """However long the page is that a server makes of an error, and in what pieces it comes."""
    data = b"HTTP/1.1 500 No\r\n" + (framing % ("x" * 100_000)).encode()
    answer = Answer("GET", wants_body=False)
    assert [answer.feed(data[at : at + size]) for at in range(0, len(data), size)][-1]
    assert bytes(answer.body) == b"x" * EXCERPT_BYTES
    assert answer.size == 100_000


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 2x0 Odd\r\nContent-Length: 0\r\n\r\n",
        OK + b"Content-Length: -5\r\n\r\nhello",
        OK + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\nhello",
        OK + b"X: " + b"y" * 300_000,
    ],
)
@given(cuts=st.lists(st.integers(0, 1000), max_size=4))
def test_what_is_no_answer_is_refused(data: bytes, cuts: list[int]) -> None:
    """Garbage, impossible statuses and lengths, and heads without end."""
    with pytest.raises(ProtocolError):
        feed(Answer("GET", wants_body=False), data, cuts)


@given(data=st.binary(max_size=200), cuts=st.lists(st.integers(0, 1000), max_size=4))
def test_nothing_else_is_ever_raised(data: bytes, cuts: list[int]) -> None:
    """Whatever comes, reading ends in an answer, in a ProtocolError, or waits for more."""
    answer = Answer("GET", wants_body=True)
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in pairwise(edges):
        try:
            if answer.feed(data[start:end]):
                break
        except ProtocolError:
            break


def test_bytes_after_the_answer_cost_the_connection_not_the_answer() -> None:
    """Whether they come in time to be seen must not decide about the answer."""
    answer = Answer("GET", wants_body=True)
    assert answer.feed(OK + b"Content-Length: 2\r\n\r\nokHTTP/1.1 500 No\r\n")
    assert (answer.status, bytes(answer.body), answer.reusable) == (200, b"ok", False)


def test_the_end_of_the_stream_ends_an_answer_without_length_only() -> None:
    """HTTP/1.0 style; a body cut short is not complete."""
    for head, whole in ((b"\r\n", True), (b"Content-Length: 9\r\n\r\n", False)):
        answer = Answer("GET", wants_body=True)
        assert not answer.feed(OK + head + b"hello")
        assert answer.ends_with_stream() == whole
        assert bytes(answer.body) == b"hello"


def test_headers_are_found_whatever_their_case() -> None:
    """A head tells all values of a header; a body's text is not taken for one."""
    head = Head(OK + b"X-Up: a\r\nx-up:  b \r\nContent-Length: 2")
    assert head.values("X-UP") == ["a", "b"]
    assert head.values("X-Down") == []
