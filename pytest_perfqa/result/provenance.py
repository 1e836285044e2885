"""Where, with what and of what a run was made: a record."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from ..machine import environment

_ABBREVIATED = 9


@dataclass(frozen=True)
class Provenance:
    """Where, with what and of what a run was made; names and texts, empty where nobody said it.

    Attributes:
        setting: how it was to be made: the service's configuration, its backend, options.
        machine: on which machine, see ``machine.environment.machine``.
        versions: with which Python and packages.
        source: of which commit and branch the code was, and whether it was changed since.
    """

    setting: dict[str, str] = field(default_factory=dict)
    machine: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    source: dict[str, str] = field(default_factory=dict)

    @property
    def commit(self) -> str:
        """Say which commit of which branch: ``commit 1a2b3c4 (changed since) on main``."""
        if not (commit := self.source.get("commit")):
            return "of no known commit"
        changed = " (changed since)" if self.source.get("changed") == "yes" else ""
        branch = f" on {self.source['branch']}" if self.source.get("branch") else ""
        return f"commit {commit[:_ABBREVIATED]}{changed}{branch}"

    def completed(self) -> Provenance:
        """Fill in what is so here and now, where a run was not kept before."""
        if self.machine:
            return self
        return replace(
            self,
            machine=environment.machine(),
            versions=environment.versions(),
            source=environment.source(Path.cwd()),
        )
