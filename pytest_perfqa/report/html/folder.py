"""The folder of a report: pages, records and what they share, written so that it is always whole.

A list of its own files lies in it. The next report there removes those of the one before that it
doesn't write again, and nothing else.
"""

from __future__ import annotations

import contextlib
import filecmp
import hashlib
import json
import re
from typing import TYPE_CHECKING

from ...base import files
from ...errors import ConfigurationError
from ..record.schema import to_json
from . import pages

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from ..comparison import Conclusion
    from ..record.schema import CharacterRecord, Record, SearchRecord

_LIST = ".perfqa-report.json"
_SLUG = 60


def check_writable(directory: Path, option: str = "--perfqa-report") -> None:
    """Make sure that a report can be written there.

    Args:
        option: that asks for it, for messages.

    Raises:
        ConfigurationError: it is no folder.
        PrerequisiteMissing: a package is not installed.
    """
    pages.check_installed(option)
    if directory.exists() and not directory.is_dir():
        raise ConfigurationError(f"{option}: {directory} is a file; accepted: a folder")


def write_pages(
    directory: Path,
    records: Sequence[Record],
    searches: Sequence[SearchRecord] = (),
    characters: Sequence[CharacterRecord] = (),
    conclusions: Sequence[Conclusion] = (),
    *,
    interrupted: bool = False,
) -> Path:
    """Write the report of what a session found; its first page is given back.

    Args:
        conclusions: on the services over all scenarios.

    Raises:
        OSError: the files can't be written.
    """
    slugs = _Slugs()
    runs = [pages.RunPage(slugs.take(f"{one.scenario}-on-{one.service}"), one) for one in records]
    found = [
        pages.SearchPage(slugs.take(f"breaking-point-{one.target}-on-{one.service}"), one)
        for one in searches
    ]
    characterised = [
        pages.Characterisation(slugs.take(f"characterisation-{one.path}-of-{one.service}"), one)
        for one in characters
    ]
    before = _listed(directory)
    content: dict[str, bytes | str | Path] = {}
    for name, path in pages.assets().items():
        content[f"assets/{name}"] = path
    for run in runs:
        content |= _page(run, pages.run_page(run, runs), drawn=run.record.measured is not None)
    for search in found:
        content |= _page(search, pages.search_page(search))
    for one in characterised:
        content |= _page(one, pages.character_page(one))
    content["index.html"] = pages.index_page(
        runs, found, characterised, conclusions, interrupted=interrupted
    )
    # Both lists until all is done: after a crash the next report finds every file of this one.
    files.write(directory / _LIST, _list(before | content.keys()))
    for name, source in content.items():
        _put(directory / name, source)
    _remove(directory, before - content.keys())
    files.write(directory / _LIST, _list(content.keys()))
    return directory / "index.html"


def _page(
    of: pages.RunPage | pages.SearchPage | pages.Characterisation, text: str, *, drawn: bool = True
) -> dict[str, str | bytes]:
    """Give the files of one thing that was found; its data as a script where charts are drawn."""
    data: dict[str, str | bytes] = {f"{of.slug}/result.js": pages.data_script(of)} if drawn else {}
    return data | {f"{of.slug}/result.json": to_json(of.record), f"{of.slug}/index.html": text}


def _put(path: Path, content: bytes | str | Path) -> None:
    if isinstance(content, bytes | str):
        files.write(path, content)
    elif not (path.is_file() and filecmp.cmp(path, content, shallow=False)):
        files.write(path, content.read_bytes())


class _Slugs:
    """Names of folders: each says what is in it, and no two are alike."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, name: str) -> str:
        """Give the folder's name for a thing of this name."""
        slug = re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")
        if slug != name.lower() or len(slug) > _SLUG or slug in self._taken:
            # Two names may look alike without what was left out of them.
            digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
            slug = f"{slug[:_SLUG]}-{digest}".strip("-")
        while slug in self._taken:
            slug += "-again"
        self._taken.add(slug)
        return slug


def _list(names: Iterable[str]) -> str:
    return json.dumps({"files": sorted(names)}, indent=1)


def _listed(directory: Path) -> set[str]:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return set(map(str, json.loads((directory / _LIST).read_text())["files"]))
    return set()


def _remove(directory: Path, names: Iterable[str]) -> None:
    for name in names:
        path = (directory / name).resolve()
        # The list is a file like any other: it must not lead out of the folder.
        if directory.resolve() not in path.parents:
            continue
        with contextlib.suppress(OSError):
            path.unlink()
            path.parent.rmdir()  # fails where something else is left in it
