"""What the folder of a service needs before its first start: commands, run once in a session."""

from __future__ import annotations

import contextlib
import os
import shlex
from typing import TYPE_CHECKING

from ...errors import ServiceError
from ...machine import children
from ..config import placeholders, template_variables
from ..shared import logs
from . import programs

if TYPE_CHECKING:
    from pathlib import Path

    from ..config import ServiceConfig

__tracebackhide__ = True

# No part can be called so.
_LOG = "+prepare.log"
_DONE = "+prepared"


def prepare(config: ServiceConfig, directory: Path, reaper: children.Reaper | None) -> None:
    """Run what ``config`` says under ``prepare``, in its folder, on whatever CPU there is.

    Nothing where that has been done for a start in this directory.

    Args:
        directory: gets a log of what is printed; made if missing.
        reaper: watches the commands; one of their own if it is None.

    Raises:
        PrerequisiteMissing: the program of a command isn't there, nor made by those before it.
        ServiceError: a command failed; those after it have not been run.
    """
    done = directory / _DONE
    if not config.prepare or done.exists():
        return
    directory.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as own:
        watch = own.enter_context(children.Reaper()) if reaper is None else reaper
        for command in config.prepare:
            _run(command, config, directory / _LOG, watch)
    done.touch()


def _run(command: str, config: ServiceConfig, log: Path, reaper: children.Reaper) -> None:
    argv = programs.command_line(command, config.folder)
    with log.open("a", encoding="utf-8") as heading:
        heading.write(f"$ {command}\n")
    ended = children.run_to_end(argv, log=log, cwd=config.folder, env=_env(config), reaper=reaper)
    if ended.returncode:
        raise ServiceError(
            f"service {config.name}: a command of 'prepare' {children.ending(ended)}\n"
            f"  command: {shlex.join(argv)}\n"
            f"  folder: {config.folder}\n"
            f"  log of prepare ({log}):\n{logs.tail(log, logs.OF_A_CRASH)}"
        )


def _env(config: ServiceConfig) -> dict[str, str]:
    own = {name: text for name, text in config.env.items() if "port" not in placeholders(text)}
    return {**os.environ, **template_variables(own)}
