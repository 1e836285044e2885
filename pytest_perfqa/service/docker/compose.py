"""Docker Compose: which one is here, and one project of it from a file of the user's.

The file isn't touched. What it means (`docker compose config`) is read, given our labels, limits
and ports, and written beside the logs; that is what is brought up.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import logging
import os
import re
import shlex
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ...errors import ConfigurationError, PrerequisiteMissing, ServiceError
from ...machine import children
from ..shared import logs
from . import engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ...machine.children import Reaper

__tracebackhide__ = True

logger = logging.getLogger(__name__)

Model = dict[str, Any]

#: Where ports are published; an engine whose 127.0.0.1 is not ours has been refused by then.
HOST = "127.0.0.1"
PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
NUMBER_LABEL = "com.docker.compose.container-number"
_CONFIG_SECONDS = 10.0
_BUILD_SECONDS = 900.0
_UP_SECONDS = 120.0
_DOWN_SECONDS = 60.0
_STOP_SECONDS = 3
_PATIENCE_SECONDS = 10.0
_POLL_SECONDS = 0.02
_LINES = 20
_REMEDY = "pip install 'pytest-perfqa[docker]', or apt-get install docker-compose"


@dataclass(frozen=True)
class Program:
    """How Docker Compose is called here."""

    words: tuple[str, ...]
    version: str

    @property
    def is_v1(self) -> bool:
        """Whether it is the old one, written in Python."""
        return self.version.startswith("1.")


@functools.cache
def find_compose() -> Program:
    """Find Docker Compose: v2 as a plugin of docker or from PyPI, else v1; once per process.

    Raises:
        PrerequisiteMissing: there is none.
    """
    for words in _candidates():
        try:
            done = subprocess.run(
                [*words, "version", "--short"],
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                timeout=_CONFIG_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        version = done.stdout.strip().removeprefix("v")
        if done.returncode == 0 and version[:1].isdigit():
            return Program(words, version)
    raise PrerequisiteMissing(f"Docker Compose is missing; install it: {_REMEDY}")


def _candidates() -> Iterator[tuple[str, ...]]:
    yield ("docker", "compose")
    # The package's binary itself: its console script ends with 0 whatever happened.
    spec = importlib.util.find_spec("compose")
    for place in (spec.submodule_search_locations or []) if spec else []:
        binary = Path(place, "docker-compose")
        if os.access(binary, os.X_OK):
            yield (str(binary),)
    if found := shutil.which("docker-compose"):
        yield (found,)


@dataclass(frozen=True)
class Port:
    """A published port; ``published`` is empty where the engine may choose."""

    target: str
    published: str = ""
    protocol: str = "tcp"

    @classmethod
    def read(cls, port: Mapping[str, Any] | str) -> Port:
        """Read one as v2 writes it, or v1: ``127.0.0.1:8080:80/tcp``."""
        if isinstance(port, str):
            addresses, _, protocol = port.partition("/")
            *before, target = addresses.split(":")
            return cls(target, "".join(before[-1:]), protocol or "tcp")
        published = str(port.get("published") or "")
        return cls(str(port["target"]), published, str(port.get("protocol") or "tcp"))

    def __str__(self) -> str:
        return f"{HOST}:{self.published}:{self.target}/{self.protocol}"


@functools.cache
def _builder() -> dict[str, str]:
    """Ask for the classic builder, which every engine has, where the client has no BuildKit."""
    try:
        engine.run_docker("buildx", "version", limit=_CONFIG_SECONDS)
    except ServiceError:
        return {"DOCKER_BUILDKIT": "0"}
    return {}


def read_model(file: Path, env: Mapping[str, str], name: str) -> Model:
    """Read what a user's file means, with its variables filled in.

    Args:
        env: the whole environment.
        name: of the project that it is read for.

    Raises:
        ConfigurationError: it is no compose file; with what Compose says about it.
    """
    program = find_compose()
    # v1 knows YAML only, of which JSON is a part.
    form = [] if program.is_v1 else ["--format", "json"]
    argv = _argv(file, file.parent, name, ["config", *form])
    text = _ask(argv, file, env)
    model = yaml.safe_load(text) if program.is_v1 else json.loads(text)
    if not isinstance(model, dict) or not model.get("services"):
        raise ConfigurationError(f"{file}: has no services")
    return model


def _argv(file: Path, folder: Path, project: str, words: Iterable[str]) -> list[str]:
    program = find_compose().words
    return [*program, "--project-directory", str(folder), "-f", str(file), "-p", project, *words]


def _ask(argv: list[str], file: Path, env: Mapping[str, str]) -> str:
    """Give what a short command prints, without its warnings."""
    try:
        done = subprocess.run(
            argv,
            cwd=file.parent,
            env=env,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_CONFIG_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        how = f"took longer than {_CONFIG_SECONDS:g} s"
        raise ConfigurationError(_failure(file, how, argv, "")) from None
    except OSError as error:
        raise ConfigurationError(f"{file}: can't run Docker Compose: {error}") from None
    if done.returncode != 0:
        how = f"exited with code {done.returncode}"
        raise ConfigurationError(_failure(file, how, argv, done.stderr or done.stdout))
    return done.stdout


def _failure(file: Path, how: str, argv: list[str], printed: str) -> str:
    lines = [f"    {line}" for line in printed.splitlines() if line.strip()]
    said = "\n".join(lines[-_LINES:]) or "    (nothing printed)"
    return f"{file}: Docker Compose {how}\n  command: {shlex.join(argv)}\n{said}"


class Project:
    """One project: a compose file under a name of its own.

    What it runs is bounded in time, and a build can be watched: in a file, and as messages of this
    module's logger.
    """

    def __init__(
        self, name: str, file: Path, directory: Path, env: Mapping[str, str], reaper: Reaper
    ) -> None:
        self.name = name
        self.file = file
        self.log = directory / "compose.log"
        self.model_file = directory / "compose.json"
        self._env = env
        self._reaper = reaper

    def write(self, model: Model) -> None:
        """Write what is to be brought up."""
        self.model_file.write_text(json.dumps(model, indent=1), encoding="utf-8")

    def build(self) -> None:
        """Build all images that have a context; the log grows meanwhile."""
        self._run(["build"], _BUILD_SECONDS)

    def pull(self, services: Iterable[str]) -> None:
        """Pull the images of services that aren't built."""
        self._run(["pull", *services], _BUILD_SECONDS)

    def up(self, scale: Mapping[str, int]) -> None:
        """Create and start all containers, or start them again after ``stop``."""
        scaled = [word for name, n in scale.items() for word in ("--scale", f"{name}={n}")]
        self._run(["up", "--detach", "--no-build", *scaled], _UP_SECONDS)

    def stop(self) -> None:
        """Stop all containers, those that depend on others first."""
        self._run(["stop", "--timeout", str(_STOP_SECONDS)], _DOWN_SECONDS)

    @property
    def down_command(self) -> list[str]:
        """The command that removes the project, whatever there is of it."""
        return self._argv(
            ["down", "--volumes", "--remove-orphans", "--timeout", str(_STOP_SECONDS)]
        )

    def down(self) -> None:
        """Remove the project with its networks and volumes."""
        self._execute(self.down_command, _DOWN_SECONDS)

    def containers(self) -> list[str]:
        """Give the ids of its containers, running or not."""
        return engine.ids_with_label("container", f"{PROJECT_LABEL}={self.name}")

    def _argv(self, words: Iterable[str]) -> list[str]:
        return _argv(self.model_file, self.file.parent, self.name, words)

    def _run(self, words: Iterable[str], limit: float) -> None:
        self._execute(self._argv(words), limit)

    def _execute(self, argv: list[str], limit: float) -> None:
        """Run a command to its end; what it prints goes to the log."""
        start = told = self.log.stat().st_size if self.log.exists() else 0
        process = children.spawn(
            argv,
            log=self.log,
            cwd=self.file.parent,
            env={**_builder(), **self._env},
            reaper=self._reaper,
        )
        try:
            deadline = time.monotonic() + limit
            while process.poll() is None and time.monotonic() < deadline:
                told = self._tell(told)
                time.sleep(_POLL_SECONDS)
            code = process.poll()
        finally:
            children.terminate(process, _PATIENCE_SECONDS, reaper=self._reaper)
        self._tell(told)
        if code != 0:
            how = f"took longer than {limit:g} s" if code is None else f"exited with code {code}"
            raise ServiceError(_failure(self.file, how, argv, logs.read_log(self.log, start)))

    def _tell(self, start: int) -> int:
        """Give whole lines of the log from byte ``start`` on to the logger; give their end."""
        if self.log.stat().st_size == start:
            return start
        with self.log.open("rb") as file:
            file.seek(start)
            lines, newline, _ = file.read().rpartition(b"\n")
        for line in lines.decode("utf-8", errors="replace").splitlines():
            logger.info("%s: %s", self.name, line.rstrip())
        return start + len(lines) + len(newline)


def services(model: Model) -> dict[str, dict[str, Any]]:
    """Give the services of a model by name."""
    found: dict[str, dict[str, Any]] = model["services"]
    return found


def scale(model: Model) -> dict[str, int]:
    """Give how many containers each service has."""
    return {name: _replicas(service) for name, service in services(model).items()}


def _replicas(service: Mapping[str, Any]) -> int:
    deploy = service.get("deploy") or {}
    for value in (service.get("scale"), deploy.get("replicas")):
        if value is not None:
            return int(value)
    return 1


def adapt(
    model: Model,
    *,
    folder: str,
    labels: Mapping[str, str],
    keys: Mapping[str, Any],
    ports: Callable[[str, list[Any]], list[str]],
) -> Model:
    """Give a model that several sessions can bring up beside each other.

    Args:
        folder: of the file: the first half of the names of images that have none, as by hand.
        labels: for containers, networks and volumes.
        keys: for every container.
        ports: gives the published ports of a service, from its name and those in the file.
    """
    model = json.loads(json.dumps(model))
    model.pop("name", None)
    for name, service in services(model).items():
        service.pop("container_name", None)
        service["labels"] = {**_as_mapping(service.get("labels")), **labels}
        service["ports"] = ports(name, service.get("ports") or [])
        # A crash is to be seen, not to be mended behind our back.
        service["restart"] = "no"
        _limit(service, keys)
        if service.get("build"):
            service.setdefault("image", f"{_project_name(folder)}-{name}")
            service.pop("pull_policy", None)
    networks = model.setdefault("networks", {})
    networks.setdefault("default", {})
    for kind in ("networks", "volumes"):
        for name, each in (model.get(kind) or {}).items():
            told = dict(each or {})
            if not told.get("external"):
                # With a fixed name it would be the one that the user works with, and be removed.
                told.pop("name", None)
                told["labels"] = {**_as_mapping(told.get("labels")), **labels}
            model[kind][name] = told
    return model


def _project_name(folder: str) -> str:
    """Give what Compose calls a project in a folder of that name."""
    return re.sub(r"[^a-z0-9_-]", "", folder.lower()).lstrip("_-") or "project"


def _limit(service: dict[str, Any], keys: Mapping[str, Any]) -> None:
    """Set limits of ours; those of the file that can't be beside them give way."""
    service.update(keys)
    limits = ((service.get("deploy") or {}).get("resources") or {}).get("limits") or {}
    if "cpus" in keys:
        limits.pop("cpus", None)
    if "mem_limit" in keys:
        limits.pop("memory", None)
        for key in ("mem_reservation", "memswap_limit"):
            service.pop(key, None)


def _as_mapping(labels: Any) -> dict[str, str]:
    if isinstance(labels, list):
        return dict(each.partition("=")[::2] for each in labels)
    return dict(labels or {})
