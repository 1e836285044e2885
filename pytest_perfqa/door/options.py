"""The options of the command line and their twins in the ini file."""

from __future__ import annotations

import contextlib
import math
from typing import TYPE_CHECKING

from ..base.units import Unit, parse
from ..errors import ConfigurationError, UnitError
from ..measuring.chosen import BUDGET_SECONDS, Options
from ..scenario.records import MAX_ERROR_RATE
from ..service.backend import AUTO

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pytest


_MOST_PROCESSES = 64
INCONCLUSIVE = ("fail", "pass", "remeasure")
XDIST = ("run", "skip")
# What messages name as the user wrote it.
_SPELLED = (
    *("services", "url", "xdist", "report", "keep", "save", "export"),
    *("against", "budget"),
)
INVALID = ("remeasure", "error")


def read(config: pytest.Config) -> Options:
    """Read and check the options.

    Raises:
        ConfigurationError: with a line for every option that can't be.
    """
    mistakes: list[str] = []
    scale = _number(config, "time-scale", 1.0, mistakes)
    processes = _number(config, "processes", 1.0, mistakes)
    if processes != int(processes) or processes > _MOST_PROCESSES:
        mistakes.append(
            f"{spelled(config, 'processes')}: found {processes:g}; "
            f"accepted: a whole number from 1 to {_MOST_PROCESSES}"
        )
    max_error_rate = _share(config, "perfqa_max_error_rate", MAX_ERROR_RATE, mistakes)
    backend = _choice(config, "backend", _backends(text(config, "backend")), mistakes)
    inconclusive = _choice(config, "inconclusive", INCONCLUSIVE, mistakes)
    invalid = _choice(config, "invalid", INVALID, mistakes)
    xdist = _choice(config, "xdist", XDIST, mistakes)
    budget = _time(config, "budget", BUDGET_SECONDS, mistakes)
    names = text(config, "services")
    only = None if names is None else tuple(filter(None, map(str.strip, names.split(","))))
    if only == ():
        mistakes.append(
            f"{spelled(config, 'services')}: found {names!r}; accepted: names, separated by commas"
        )
    save = _baseline(config, mistakes)
    if mistakes:
        raise ConfigurationError("\n".join(mistakes))
    return Options(
        only=only,
        backend=backend,
        services_dir=config.rootpath / str(config.getini("perfqa_services_dir")),
        url=text(config, "url"),
        environment=text(config, "environment"),
        time_scale=scale,
        processes=int(processes),
        allow_remote=bool(
            config.getoption("--perfqa-allow-remote") or config.getini("perfqa_allow_remote")
        ),
        inconclusive=inconclusive,
        max_error_rate=max_error_rate,
        xdist=xdist,
        invalid=invalid,
        report=path(config, "report"),
        keep=path(config, "keep"),
        save=save,
        export=text(config, "export"),
        folder=_folder(config, "export"),
        against=text(config, "against"),
        against_folder=_folder(config, "against"),
        root=config.rootpath,
        budget=budget,
        spellings={name: spelled(config, name) for name in _SPELLED},
    )


def text(config: pytest.Config, name: str) -> str | None:
    """Give an option as written: on the command line, else in the ini file, else None."""
    given = config.getoption(f"--perfqa-{name}")
    if given is None:
        given = config.getini(f"perfqa_{name.replace('-', '_')}")
    return str(given) if given else None


def spelled(config: pytest.Config, name: str) -> str:
    """Give an option as the user wrote it: that of the command line, or its twin and the file."""
    if config.getoption(f"--perfqa-{name}") is not None or config.inipath is None:
        return f"--perfqa-{name}"
    return f"perfqa_{name.replace('-', '_')} in {config.inipath}"


def path(config: pytest.Config, name: str) -> Path | None:
    """Give an option that is a path; one from the ini file is relative to the project's root."""
    written = text(config, name)
    if written is None:
        return None
    return _folder(config, name) / written


def _baseline(config: pytest.Config, mistakes: list[str]) -> Path | None:
    """Give the folder of a baseline, which is named."""
    name = text(config, "save")
    if name is None:
        return None
    from ..baseline import saved  # noqa: PLC0415 - who saves none need not look at the machine

    if not saved.is_baseline_name(name):
        mistakes.append(f"{spelled(config, 'save')}: found {name!r}; accepted: {saved.NAMES}")
        return None
    return saved.baseline_folder(config.rootpath / saved.BASELINES, name)


def _folder(config: pytest.Config, name: str) -> Path:
    given = config.getoption(f"--perfqa-{name}") is not None
    return config.invocation_params.dir if given else config.rootpath


def _share(config: pytest.Config, name: str, default: float, mistakes: list[str]) -> float:
    """Read a share that stands in the ini file only."""
    written = str(config.getini(name)).strip()
    if not written:
        return default
    with contextlib.suppress(UnitError):
        share = parse(written)
        # A bare 1 may be meant as 1 % or as all.
        is_clear = share.unit is Unit.RATIO or (share.unit is Unit.COUNT and share < 1)
        if is_clear and 0 <= float(share) <= 1:
            return float(share)
    where = name if config.inipath is None else f"{name} in {config.inipath}"
    accepted = "a share from 0% to 100%, such as 1% or 0.01"
    mistakes.append(f"{where}: found {written!r}; accepted: {accepted}")
    return default


def _time(config: pytest.Config, name: str, default: float, mistakes: list[str]) -> float:
    """Give a time in seconds."""
    written = text(config, name)
    if written is None:
        return default
    with contextlib.suppress(UnitError):
        found = parse(written)
        if found.unit in {Unit.SECOND, Unit.COUNT} and found > 0:
            return float(found)
    mistakes.append(
        f"{spelled(config, name)}: found {written!r}; accepted: a time above 0, such as '90s' or "
        "'5 min'"
    )
    return default


def _choice(config: pytest.Config, name: str, accepted: Sequence[str], mistakes: list[str]) -> str:
    """Give one of a few words, the first of them where nothing is said."""
    written = text(config, name) or accepted[0]
    if written not in accepted:
        mistakes.append(
            f"{spelled(config, name)}: found {written!r}; accepted: {', '.join(accepted)}"
        )
    return written


def _backends(asked: str | None) -> Sequence[str]:
    if asked in {None, AUTO}:
        return (AUTO,)
    from ..service import backends  # noqa: PLC0415 - who names none need not know them all

    return (AUTO, *backends.wishes(str(asked)))


def _number(config: pytest.Config, name: str, default: float, mistakes: list[str]) -> float:
    written = text(config, name)
    if written is None:
        return default
    try:
        value = float(written)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        mistakes.append(f"{spelled(config, name)}: found {written!r}; accepted: a number above 0")
        return default
    return value
