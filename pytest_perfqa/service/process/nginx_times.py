"""nginx's own default times, which follow the time scale where a configuration doesn't name them.

Those that decide what a request gets: how long an upstream may take, and how long one that failed
is left alone; and how long a client's connection is kept open between two requests. Times that only
slow clients meet (``client_body_timeout``, ``send_timeout``) stay: nobody here is one.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: In seconds: https://nginx.org/en/docs/http/ngx_http_upstream_module.html#fail_timeout
FAIL_TIMEOUT = 10.0
_KEEPALIVE = {"keepalive_timeout": 75.0}
# Of each of the modules that pass requests on, where it does.
_UPSTREAM = {f"{{}}_{what}_timeout": 60.0 for what in ("connect", "send", "read")}
_MODULES = ("proxy", "fastcgi", "uwsgi", "scgi", "grpc")
_TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*)
    |(?P<end>[;{}])
    |(?P<word>(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\\.|\$\{[^}]*\}|[^\s;{}\\"'])
              (?:\\.|\$\{[^}]*\}|[^\s;{}\\])*)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Statement:
    """A directive: its words, the blocks it stands in, and where its ``;`` or ``{`` is."""

    words: tuple[str, ...]
    blocks: tuple[str, ...]
    end: int


def statements(text: str) -> Iterator[Statement]:
    """Read an nginx configuration; the blocks are named by their first words."""
    words: list[str] = []
    blocks: list[str] = []
    for token in _TOKEN.finditer(text):
        if token["word"]:
            words.append(token["word"])
        elif token["end"] == "}":
            words = []
            del blocks[-1:]
        elif token["end"] and words:
            yield Statement(tuple(words), tuple(blocks), token.start())
            blocks += words[:1] if token["end"] == "{" else []
            words = []


def defaults(text: str, scale: float) -> str:
    """Give the lines of an ``http`` block that scale what a configuration in it doesn't name."""
    if scale == 1:
        return ""
    said = list(_with_includes(text))
    named = {one.words[0] for one in said if not one.blocks}
    passing = {one.words[0] for one in said}
    times = dict(_KEEPALIVE)
    for module in _MODULES:
        if f"{module}_pass" in passing:
            times |= {name.format(module): seconds for name, seconds in _UPSTREAM.items()}
    return "\n    ".join(
        f"{name} {max(1, round(1000 * seconds * scale))}ms;"
        for name, seconds in times.items()
        if name not in named
    )


def _with_includes(text: str) -> Iterator[Statement]:
    for one in statements(text):
        yield one
        pattern = one.words[-1].strip("\"'")
        # Relative ones lie in a folder that is ours, and has none.
        if one.words[0] == "include" and not one.blocks and pattern.startswith("/"):
            for path in Path("/").glob(pattern.lstrip("/")):
                yield from statements(path.read_text(encoding="utf-8", errors="replace"))


def with_fail_timeouts(text: str, scale: float) -> str:
    """Give the servers of all ``upstream`` blocks that don't name it a scaled ``fail_timeout``."""
    if scale == 1:
        return text
    ends = [
        one.end
        for one in statements(text)
        if one.words[0] == "server"
        and one.blocks == ("upstream",)
        and not any(word.startswith("fail_timeout=") for word in one.words)
    ]
    for end in reversed(ends):
        text = f"{text[:end]} fail_timeout={fail_timeout(scale)}s{text[end:]}"
    return text


def fail_timeout(scale: float) -> int:
    """Give the default in whole seconds, which is all that nginx takes, and at least one."""
    return max(1, math.ceil(round(FAIL_TIMEOUT * scale, 9)))
