"""Images: which are missing, and what a build leaves that nobody will ever use."""

from __future__ import annotations

import contextlib
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ServiceError
from . import engine, logs

if TYPE_CHECKING:
    from collections.abc import Iterable

# What the classic builder says; BuildKit leaves nothing in the lists of containers and images.
_STEP_CONTAINER = re.compile(r"^ ---> Running in ([0-9a-f]{12,64})$", re.MULTILINE)
_STEP_IMAGE = re.compile(r"^ ---> ([0-9a-f]{12,64})$", re.MULTILINE)


def is_here(image: str) -> bool:
    """Tell whether an image is here, so that it need not be pulled."""
    return bool(ids([image]))


def ids(names: Iterable[str]) -> set[str]:
    """Give the ids of those images that are here."""
    found = set()
    for name in sorted(set(names)):
        with contextlib.suppress(ServiceError):
            found.add(engine.call("image", "inspect", "--format", "{{.Id}}", name).strip())
    return found


def remove_unnamed(images: Iterable[str]) -> None:
    """Remove images that have lost their last name; those that others are built on stay."""
    for image in images:
        with contextlib.suppress(ServiceError):
            form = "{{json .RepoTags}}"
            names = json.loads(engine.call("image", "inspect", "--format", form, image))
            # By its id an image with one name would be removed, too.
            if not names:
                engine.call("image", "rm", image)


def remove_unfinished(build_log: Path) -> None:
    """Remove what a failed build of the classic builder left: its last container and layers."""
    said = logs.read(build_log)
    for container in _STEP_CONTAINER.findall(said):
        with contextlib.suppress(ServiceError):
            engine.call("container", "rm", "--force", container)
    remove_unnamed(reversed(_STEP_IMAGE.findall(said)))


def removal_command(build_log: Path) -> list[str]:
    """Give the command that does ``remove_unfinished`` when we no longer can."""
    return [sys.executable, "-m", __name__, str(build_log)]


if __name__ == "__main__":
    remove_unfinished(Path(sys.argv[1]))
