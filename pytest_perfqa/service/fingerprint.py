"""A digest of a service's configuration: not of its program, which is what is compared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.digest import content, digest

if TYPE_CHECKING:
    from .config import ServiceConfig


def configuration_digest(config: ServiceConfig, backend: str) -> str:
    """Give a digest of all that its service.yaml says for a backend, and of the files it names.

    Those are templates of nginx and the compose file, whatever is in them. Its name, its folder
    and its description don't matter.
    """
    sections = {name: one for name, one in config.sections.items() if name == backend}
    nameless = replace(config, name="", description="", folder=Path(), path=Path())
    return digest(replace(nameless, sections=sections), of_path=content)
