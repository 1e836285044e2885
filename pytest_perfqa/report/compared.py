"""Two kept results, or sessions, read and laid side by side."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError
from .kept import kept_in, read_session
from .result_pairs import STATEMENT, pair_findings
from .text.result_pairs import pairs_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .kept import KeptSession


class Compared:
    """What was kept in two folders, pair by pair.

    Raises:
        ConfigurationError: a folder holds nothing that was kept, several sessions, or what is
            damaged; or the two have nothing in common.
    """

    def __init__(self, one: Path, other: Path) -> None:
        self._folders = one, other
        self._sessions = _read(one), _read(other)
        first, second = self._sessions
        self.paired = pair_findings(first.findings, second.findings)

    def lines(self) -> Iterator[str]:
        """Print all of it."""
        for which, folder, session in zip(
            ("first", "second"), self._folders, self._sessions, strict=True
        ):
            yield f"{which}: {folder}, {session.made}"
        yield from pairs_text(self.paired)

    def document(self) -> str:
        """Give all of it as JSON; figures in base units, null for what isn't known or infinite."""
        sides = [
            {
                "folder": str(folder),
                "started_at": session.started_at.isoformat(),
                **asdict(session.provenance),
            }
            for folder, session in zip(self._folders, self._sessions, strict=True)
        ]
        said = {"sides": sides, **asdict(self.paired), "statement": STATEMENT}
        return json.dumps(_finite(said), indent=1)


def _read(folder: Path) -> KeptSession:
    found = kept_in(folder)
    if len(found) > 1:
        names = ", ".join(one.name for one in found)
        raise ConfigurationError(f"{folder} has several sessions; accepted: one of {names}")
    return read_session(found[0])


def _finite(plain: Any) -> Any:
    match plain:
        case dict():
            return {name: _finite(value) for name, value in plain.items()}
        case list() | tuple():
            return [_finite(value) for value in plain]
        case float():
            return plain if math.isfinite(plain) else None
        case _:
            return getattr(plain, "value", plain)  # of a unit, its sign
