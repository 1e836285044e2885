"""The images of a project: had before anything starts, and nothing left of a build that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import ServiceError
from . import compose, images

if TYPE_CHECKING:
    from ...machine.children import Reaper

__tracebackhide__ = True


def provide_images(
    model: compose.Model, project: compose.Project, name: str, reaper: Reaper
) -> None:
    """Pull what is missing and build what can be built; nothing but what has a name stays.

    Args:
        name: of the service, for what is said where that fails.

    Raises:
        ServiceError: an image can't be had.
    """
    missing, built = {}, []
    for each, service in compose.services(model).items():
        if service.get("build"):
            built.append(service["image"])
        elif not images.is_here(service["image"]):
            missing[each] = service["image"]
    try:
        if missing:
            project.pull(missing)
    except ServiceError as error:
        wanted = ", ".join(map(repr, missing.values()))
        raise ServiceError(f"service {name}: can't get the image {wanted}\n{error}") from None
    if built:
        _build(built, project, name, reaper)


def _build(names: list[str], project: compose.Project, name: str, reaper: Reaper) -> None:
    before, unnamed = images.ids(names), images.unnamed()
    will = images.removal_command(project.log, unnamed)
    reaper.run_at_end(will)
    try:
        project.build()
    except BaseException as error:
        images.remove_unfinished(project.log, unnamed)
        if isinstance(error, ServiceError):
            raise ServiceError(f"service {name}: {error}") from None
        raise
    finally:
        reaper.settled(will)
    images.remove_unnamed(before - images.ids(names))
