"""Images: which are missing, and what a build leaves that nobody will ever use."""

from __future__ import annotations

import contextlib
import json
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import ServiceError
from ..shared import logs
from . import engine

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

# What the classic builder says; BuildKit leaves nothing in the lists of containers and images.
_STEP_CONTAINER = re.compile(r"^ ---> Running in ([0-9a-f]{12,64})$", re.MULTILINE)
_STEP_IMAGE = re.compile(r"^ ---> ([0-9a-f]{12,64})$", re.MULTILINE)
# How long the engine may take to end the layer that it is at, and to show it.
_LAST_LAYER_SECONDS = 1.5
_POLL_SECONDS = 0.25


def is_here(image: str) -> bool:
    """Tell whether an image is here, so that it need not be pulled."""
    return bool(ids([image]))


def ids(names: Iterable[str]) -> set[str]:
    """Give the ids of those images that are here."""
    found = set()
    for name in sorted(set(names)):
        with contextlib.suppress(ServiceError):
            found.add(engine.run_docker("image", "inspect", "--format", "{{.Id}}", name).strip())
    return found


def remove_unnamed(images: Iterable[str]) -> None:
    """Remove images that have lost their last name; those that others are built on stay."""
    for image in images:
        with contextlib.suppress(ServiceError):
            form = "{{json .RepoTags}}"
            names = json.loads(engine.run_docker("image", "inspect", "--format", form, image))
            # By its id an image with one name would be removed, too.
            if not names:
                engine.run_docker("image", "rm", image)


def unnamed() -> set[str]:
    """Give the ids of images that have no name and that none is built on."""
    with contextlib.suppress(ServiceError):
        command = ["image", "ls", "--quiet", "--no-trunc", "--filter", "dangling=true"]
        return set(engine.run_docker(*command).split())
    return set()


def remove_unfinished(build_log: Path, before: Collection[str] = ()) -> None:
    """Remove what a failed build of the classic builder left: its last container and layers.

    Args:
        build_log: what the builder printed.
        before: what ``unnamed`` gave before the build.
    """
    said = logs.read_log(build_log)
    for container in _STEP_CONTAINER.findall(said):
        with contextlib.suppress(ServiceError):
            engine.run_docker("container", "rm", "--force", container)
    steps = _STEP_IMAGE.findall(said)
    if not steps:
        return
    # A builder that has lost its client still ends the layer at hand, and tells nobody.
    parents = ids(steps)
    deadline = time.monotonic() + _LAST_LAYER_SECONDS
    while time.monotonic() < deadline:
        remove_unnamed(each for each in unnamed() - set(before) if _parent(each) in parents)
        time.sleep(_POLL_SECONDS)
    remove_unnamed(reversed(steps))


def _parent(image: str) -> str | None:
    with contextlib.suppress(ServiceError):
        return engine.run_docker("image", "inspect", "--format", "{{.Parent}}", image).strip()
    return None


def removal_command(build_log: Path, before: Collection[str]) -> list[str]:
    """Give the command that does ``remove_unfinished`` when we no longer can."""
    return [sys.executable, "-m", __name__, str(build_log), *sorted(before)]


if __name__ == "__main__":
    remove_unfinished(Path(sys.argv[1]), sys.argv[2:])
