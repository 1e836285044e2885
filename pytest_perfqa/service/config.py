"""What a service configuration is made of: frozen records, at full scale or scaled in time.

All times are seconds, memory is bytes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..base.units import Unit, show

if TYPE_CHECKING:
    from pathlib import Path

DURATION_SUFFIX = "_SECONDS"
ANY_PATH = "*"
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}")
# Files given in ten digits ought to come out in ten digits, whatever the factor: 3 x 0.1 is 0.3.
_DECIMALS = 9


@dataclass(frozen=True)
class Ready:
    """When a service counts as started: one of ``path``, ``tcp`` and ``log``.

    Attributes:
        path: answers 2xx to a GET.
        tcp: accepts connections.
        log: a regular expression found in what it has printed.
        within: the limit in seconds; start-up does not follow the time scale.
    """

    path: str | None = None
    tcp: bool = False
    log: str | None = None
    within: float = 30.0


@dataclass(frozen=True)
class Limits:
    """One budget shared by all parts: a number of CPUs, and memory in bytes."""

    cpus: float | None = None
    memory: int | None = None

    @property
    def text(self) -> str:
        """Both in words."""
        cpus = "all CPUs" if self.cpus is None else f"{self.cpus:g} CPUs"
        memory = "all memory" if self.memory is None else show(self.memory, Unit.BYTE)
        return f"{cpus}, {memory}"


@dataclass(frozen=True)
class Command:
    """A part that is a command, run ``replicas`` times."""

    name: str
    command: str
    env: Mapping[str, str] = field(default_factory=dict)
    replicas: int = 1

    @property
    def replica_names(self) -> tuple[str, ...]:
        """``app`` if there is one, else ``app#1``, ``app#2`` and so on."""
        if self.replicas == 1:
            return (self.name,)
        return tuple(f"{self.name}#{number}" for number in range(1, self.replicas + 1))

    def scaled(self, factor: float) -> Command:
        """Give the part with its durations multiplied by ``factor``."""
        return replace(self, env=_scaled(self.env, factor))


@dataclass(frozen=True)
class Nginx:
    """A part that is an nginx in front of the replicas of ``upstream``.

    Attributes:
        template: a file of server-level nginx configuration.
        time_scale: the factor on nginx's own default times.
    """

    name: str
    template: Path
    upstream: str
    env: Mapping[str, str] = field(default_factory=dict)
    time_scale: float = 1.0

    def scaled(self, factor: float) -> Nginx:
        """Give the part with its durations, and nginx's own, multiplied by ``factor``."""
        return replace(self, env=_scaled(self.env, factor), time_scale=self.time_scale * factor)


@dataclass(frozen=True)
class Docker:
    """A compose file, and the ``service:port`` in it that receives the load."""

    compose: Path
    endpoint: str


@dataclass(frozen=True)
class External:
    """A service that someone else started; ``pid`` lets its resources be measured."""

    url: str
    pid: int | None = None
    allow_remote: bool = False


@dataclass(frozen=True)
class Beside:
    """What serves a service but was started elsewhere: by its process, or the port it listens on.

    One of the two is given.
    """

    port: int | None = None
    pid: int | None = None


@dataclass(frozen=True)
class ServiceConfig:
    """One configuration of a service, as its ``service.yaml`` says it.

    Attributes:
        folder: where commands run and relative paths begin.
        path: the file it was read from.
        endpoint: the part that receives the load in the process backend; by default, the first.
        env: for all parts; ``*_SECONDS`` are durations, which follow the time scale.
        replica_header: the header of an answer that tells which replica gave it.
        workers: how many requests it does at once, all replicas together, by the path of the URL
            or ``ANY_PATH``; infinite where there is no limit.
        patience: seconds after which its proxy answers for it, at full scale; None if that isn't
            said.
        least_time_scale: at smaller ones its own milliseconds, which don't follow, would decide.
        sections: what backends are told, by their names: those that it can run on.
        beside: what serves it but was started elsewhere, by name.
        prepare: commands that its folder needs, once before the first start of its processes.
    """

    name: str
    folder: Path
    path: Path
    description: str = ""
    endpoint: str = ""
    ready: Ready = Ready(path="/")
    limits: Limits = Limits()
    env: Mapping[str, str] = field(default_factory=dict)
    replica_header: str | None = None
    workers: Mapping[str, float] = field(default_factory=dict)
    patience: float | None = None
    least_time_scale: float = 0.0
    sections: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, Beside] = field(default_factory=dict)
    prepare: tuple[str, ...] = ()

    def workers_of(self, path: str) -> float | None:
        """Give how many requests for a path, with a query or without, are done at once."""
        return self.workers.get(path.partition("?")[0], self.workers.get(ANY_PATH))

    def time_scale(self, wanted: float) -> float:
        """Give the factor on times that it runs at where the session's is ``wanted``."""
        return max(wanted, self.least_time_scale)

    @property
    def process(self) -> Mapping[str, Command | Nginx]:
        """The parts of the process backend by name; empty if there is no such backend."""
        parts: Mapping[str, Command | Nginx] = self.sections.get("process", {})
        return parts

    @property
    def docker(self) -> Docker | None:
        """What the docker backend is told."""
        return self.sections.get("docker")

    @property
    def external(self) -> External | None:
        """Who it is, if someone else started it."""
        return self.sections.get("external")

    @property
    def commands(self) -> tuple[Command, ...]:
        """The parts that are commands."""
        return tuple(part for part in self.process.values() if isinstance(part, Command))

    @property
    def proxies(self) -> tuple[Nginx, ...]:
        """The parts that are an nginx."""
        return tuple(part for part in self.process.values() if isinstance(part, Nginx))

    def scaled(self, factor: float) -> ServiceConfig:
        """Give the configuration with its durations (``*_SECONDS``) multiplied by ``factor``."""
        if factor == 1:
            return self
        sections = {name: _scaled_section(one, factor) for name, one in self.sections.items()}
        return replace(self, env=_scaled(self.env, factor), sections=sections)


def _scaled_section(section: Any, factor: float) -> Any:
    if isinstance(section, Mapping):
        return {name: _scaled_section(one, factor) for name, one in section.items()}
    return section.scaled(factor) if hasattr(section, "scaled") else section


def _scaled(env: Mapping[str, str], factor: float) -> dict[str, str]:
    return {
        name: _number_text(float(value) * factor) if name.endswith(DURATION_SUFFIX) else value
        for name, value in env.items()
    }


def _number_text(value: float) -> str:
    return f"{value:.{_DECIMALS}f}".rstrip("0").rstrip(".")


def template_variables(env: Mapping[str, str]) -> dict[str, str]:
    """Give ``env`` with every ``X_SECONDS`` also as ``X_MS`` and ``X_WHOLE_SECONDS``.

    Whole milliseconds, rounded, and whole seconds, rounded up; each at least 1, since programs
    such as nginx and gunicorn take 0 for "no limit".
    """
    variables = dict(env)
    for name, value in env.items():
        if name.endswith(DURATION_SUFFIX):
            stem, seconds = name.removesuffix(DURATION_SUFFIX), float(value)
            variables[f"{stem}_MS"] = str(max(1, round(seconds * 1000)))
            # Without rounding first, 0.1 x 30 would be 4 whole seconds.
            variables[f"{stem}_WHOLE_SECONDS"] = str(max(1, math.ceil(round(seconds, _DECIMALS))))
    return variables


def placeholders(text: str) -> set[str]:
    """Give the names in braces in a command or a value: ``{port}`` gives ``port``."""
    return set(_PLACEHOLDER.findall(text))


def with_port(text: str, port: int) -> str:
    """Give a command or a value with ``{port}`` replaced."""
    return text.replace("{port}", str(port))
