"""Where figures go beside the report: ``--perfqa-export``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ...base import entry_points
from ...errors import ConfigurationError
from .exporter import Exporter, Guarded
from .graphite import GraphiteExport, GraphiteServer
from .openmetrics import OpenMetricsExport

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GROUP = "pytest_perfqa.exporters"
_GRAPHITE = re.compile(
    r"(?P<host>\[[^]]+\]|[^:/\[\]]+):(?P<port>\d{1,5})(?:/(?P<prefix>[\w.-]+))?\Z"
)


def targets(written: str | None, folder: Path, said: str = "--perfqa-export") -> list[Exporter]:
    """Read the option, called ``said`` in messages; files are relative to ``folder``.

    Nothing is opened or started.

    Raises:
        ConfigurationError: it can't be.
    """
    return [
        _exporter(one, folder, said)
        for one in filter(None, map(str.strip, (written or "").split(",")))
    ]


def _exporter(written: str, folder: Path, said: str) -> Exporter:
    name, _, target = written.partition(":")
    if name in _OWN:
        found = _OWN[name][0](target, folder)
        if found is not None:
            return found
    elif name in entry_points.installed(GROUP):
        return _exporter_of_others(name, target, folder, f"{said}: found {written!r}")
    others = (f"{name}:TARGET" for name in entry_points.installed(GROUP))
    *forms, last = dict.fromkeys((*(form for _, form in _OWN.values()), *others))
    raise ConfigurationError(
        f"{said}: found {written!r}; accepted: {', '.join(forms)} or {last}, "
        "several separated by commas"
    )


def _exporter_of_others(name: str, target: str, folder: Path, found: str) -> Exporter:
    make = entry_points.load(GROUP, name)
    try:
        made = make(target, folder)
    except (ValueError, ConfigurationError) as error:
        raise ConfigurationError(f"{found}; {error}") from None
    except Exception as error:  # whatever the code of others raises when it is called
        raise ConfigurationError(
            f"{found}: {name!r} of the group {GROUP} can't be made: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(made, Exporter):
        raise ConfigurationError(
            f"{name!r} of the group {GROUP} gives no exporter; accepted: a subclass of Exporter"
        )
    return Guarded(name, made)


def _graphite(target: str, _folder: Path) -> Exporter | None:
    match = _GRAPHITE.match(target)
    if match is None or not 0 < int(match["port"]) < 65536:
        return None
    prefix = (match["prefix"] or "perfqa").strip(".")
    return GraphiteExport(GraphiteServer(match["host"].strip("[]"), int(match["port"]), prefix))


def _openmetrics(target: str, folder: Path) -> Exporter | None:
    if not target or (folder / target).is_dir():
        return None
    return OpenMetricsExport(folder / target)


_OWN: dict[str, tuple[Callable[[str, Path], Exporter | None], str]] = {
    "graphite": (_graphite, "graphite:HOST:PORT[/PREFIX]"),
    "openmetrics": (_openmetrics, "openmetrics:FILE"),
}
