"""Annotations of GitHub's: commands in the output that mark lines of code."""

from __future__ import annotations

_ESCAPES = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_OF_PROPERTIES = {":": "%3A", ",": "%2C"}
_LONGEST = 2000


def annotation(path: str, line: int, title: str, message: str) -> str:
    """Give the command that puts a failure beside the test; lines count from 1."""
    place = f"file={_property(path)},line={line},title={_property(title)}"
    return f"::error {place}::{_escaped(message[:_LONGEST])}"


def _property(text: str) -> str:
    escaped = _escaped(text)
    for found, put in _OF_PROPERTIES.items():
        escaped = escaped.replace(found, put)
    return escaped


def _escaped(text: str) -> str:
    for found, put in _ESCAPES.items():
        text = text.replace(found, put)
    return text
