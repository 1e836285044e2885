"""Where figures go beside the report: ``--perfqa-export``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...errors import ConfigurationError
from .graphite import GraphiteServer

if TYPE_CHECKING:
    from pathlib import Path

_GRAPHITE = re.compile(
    r"(?P<host>\[[^]]+\]|[^:/\[\]]+):(?P<port>\d{1,5})(?:/(?P<prefix>[\w.-]+))?\Z"
)
_ACCEPTED = "graphite:HOST:PORT[/PREFIX] or openmetrics:FILE, several separated by commas"


@dataclass(frozen=True)
class Targets:
    """Where figures go."""

    graphite: tuple[GraphiteServer, ...] = ()
    openmetrics: tuple[Path, ...] = field(default=())


def targets(written: str | None, folder: Path, said: str = "--perfqa-export") -> Targets:
    """Read the option, called ``said`` in messages; files are relative to ``folder``.

    Raises:
        ConfigurationError: it can't be.
    """
    graphite: list[GraphiteServer] = []
    openmetrics: list[Path] = []
    for one in filter(None, map(str.strip, (written or "").split(","))):
        kind, _, where = one.partition(":")
        address = _address(where) if kind == "graphite" else None
        if address is not None:
            graphite.append(address)
        elif kind == "openmetrics" and where and not (folder / where).is_dir():
            openmetrics.append(folder / where)
        else:
            raise ConfigurationError(f"{said}: found {one!r}; accepted: {_ACCEPTED}")
    return Targets(tuple(graphite), tuple(openmetrics))


def _address(text: str) -> GraphiteServer | None:
    match = _GRAPHITE.match(text)
    if match is None or not 0 < int(match["port"]) < 65536:
        return None
    prefix = (match["prefix"] or "perfqa").strip(".")
    return GraphiteServer(match["host"].strip("[]"), int(match["port"]), prefix)
