"""What scenario files are called."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


class Titles:
    """Names of scenarios: after their files, those of one name after their folders, too."""

    def __init__(self) -> None:
        self._given: dict[Path, str] = {}

    def __getitem__(self, path: Path) -> str:
        return self._given[path]

    def give(self, paths: Iterable[Path]) -> None:
        """Name those of some files that have no name yet."""
        new = set(paths) - self._given.keys()
        stems = Counter(path.stem for path in new)
        for path in sorted(new):
            titles = _titles(path)
            alone = next(titles)
            taken = set(self._given.values())
            if stems[path.stem] > 1 or alone in taken:
                others = {title for one in new - {path} for title in _titles(one)}
                alone = next(title for title in titles if title not in taken | others)
            self._given[path] = alone


def _titles(path: Path) -> Iterator[str]:
    """Give what a scenario file may be called, the shortest first."""
    folders = path.parent.parts
    for depth in range(len(folders)):
        yield "/".join((*folders[len(folders) - depth :], path.stem))
    yield str(path)
