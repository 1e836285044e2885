"""Which services there are, before any of their files is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME = "service.yaml"


def discover(services_dir: Path) -> dict[str, Path]:
    """Give the folders in ``services_dir`` that hold a service.yaml, by name, in order."""
    return {file.parent.name: file.parent for file in sorted(services_dir.glob(f"*/{FILE_NAME}"))}
