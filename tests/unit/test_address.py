"""Addresses: the same host, port and path, whoever goes there."""

from __future__ import annotations

import socket

import pytest

from pytest_perfqa.base.address import Address, accepting, permitted


@pytest.mark.parametrize(
    ("url", "host", "port", "prefix", "origin"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1", 8080, "", "http://127.0.0.1:8080"),
        ("http://shop.test", "shop.test", 80, "", "http://shop.test"),
        ("http://shop.test:80/", "shop.test", 80, "", "http://shop.test"),
        ("https://Shop.Test/api/", "shop.test", 443, "/api", "https://shop.test"),
        ("https://shop.test:80/a/b?c=d", "shop.test", 80, "/a/b", "https://shop.test:80"),
        ("http://me:secret@shop.test:81", "shop.test", 81, "", "http://shop.test:81"),
        ("http://[::1]:8080/x", "::1", 8080, "/x", "http://[::1]:8080"),
        ("http://[::1]", "::1", 80, "", "http://[::1]"),
    ],
)
def test_an_address_is_taken_apart(
    url: str, host: str, port: int, prefix: str, origin: str
) -> None:
    """The usual port goes without saying, and an IPv6 address has brackets outside only."""
    address = Address.read(url)
    assert address == Address(host, port, url.startswith("https:"), prefix)
    assert address.origin == origin
    assert address.authority == origin.partition("//")[2]
    assert Address.read(origin + prefix) == address


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:80", "ftp://here", "http://", "http://here:0", "http://here:x", "//here"]
)
def test_what_is_no_address_is_said(url: str) -> None:
    """With what is one."""
    with pytest.raises(ValueError, match=r"is no address such as 'http://127\.0\.0\.1:8080'"):
        Address.read(url)


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [
        ("127.0.0.1", True),
        ("10.1.2.3", True),
        ("[fe80::1]", True),
        ("web", True),
        ("shop.internal", True),
        ("8.8.8.8", False),
        ("[2606:4700::1]", False),
        ("example.com", False),
    ],
)
def test_load_on_others_needs_a_permission(host: str, *, is_ours: bool) -> None:
    """The refusal says what gives it."""
    url = f"http://{host}:8080"
    assert permitted(url, allow_remote=True) == Address.read(url)
    if is_ours:
        assert permitted(url, allow_remote=False) == Address.read(url)
    else:
        with pytest.raises(ValueError, match="an attack; accepted with --this"):
            permitted(url, allow_remote=False, by="--this")


def test_of_several_places_one_accepts() -> None:
    """A name stands for several; none is no error."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (open_place,) = Address("127.0.0.1", port).places()
        (closed,) = Address("127.0.0.1", 1).places()
        assert accepting([closed, open_place], 1.0) == open_place
    assert accepting([closed, open_place], 1.0) is None
