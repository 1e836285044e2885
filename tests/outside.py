"""The package of somebody else: the code of docs/extending.md, as if it were installed."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "extending.md"
_BLOCK = re.compile(r"^```(?P<kind>python|toml)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"# (?P<name>\w+\.py)\n")


def package() -> dict[str, str]:
    """Give the texts of its files by name: a module for each block of code that begins with one.

    In a folder of ``sys.path`` they are an installed package with the page's entry points.
    """
    groups: dict[str, list[str]] = {}
    files = {}
    for block in _BLOCK.finditer(PAGE.read_text(encoding="utf-8")):
        kind, text = block["kind"], block["text"]
        if kind == "toml":
            for group, points in tomllib.loads(text)["project"]["entry-points"].items():
                groups.setdefault(group, []).extend(f"{k} = {v}" for k, v in points.items())
        elif name := _NAME.match(text):
            files[name["name"]] = text
    said = "".join("\n".join((f"[{group}]", *lines, "")) for group, lines in groups.items())
    return {
        **files,
        "outside-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n",
        "outside-1.0.dist-info/entry_points.txt": said,
    }


def install(folder: Path) -> None:
    """Write its files to a folder."""
    for name, text in package().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def path(folder: str = ".") -> str:
    """Give the PYTHONPATH with which a pytest finds the package in a folder, its own by default."""
    return os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH"))))
