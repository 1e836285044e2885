"""What the user chose, checked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..scenario.records import MAX_ERROR_RATE
from ..service.discovery import discover

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..service.config import ServiceConfig


BUDGET_SECONDS = 300.0


@dataclass(frozen=True)
class Options:
    """What the user chose, checked.

    Attributes:
        only: the services that tests are limited to, None for all.
        services_dir: where services are described.
        backend: what services are to run on, ``auto`` or the name of a backend.
        url: a running address to test instead.
        inconclusive: what becomes of a test that can't tell, one of ``options.INCONCLUSIVE``.
        max_error_rate: the share of requests that may be other than expected if a scenario doesn't
            say.
        xdist: what becomes of perf tests under pytest-xdist, one of ``options.XDIST``.
        invalid: what becomes of a run that can't be believed, one of ``options.INVALID``.
        report: the folder that a report is written to.
        keep: the folder that what was measured is kept in.
        save: the folder that it is saved in as a baseline, in place of the one before.
        export: where figures are sent or written beside it, as the user put it.
        folder: what its files are relative to.
        against: where the base comes from that services are compared with, as the user put it.
        against_folder: what it is relative to, if it is a folder.
        root: the folder of the project.
        budget: for how many seconds one of them is compared under a scenario, at most.
        spellings: how the user wrote options, by their names.
    """

    only: tuple[str, ...] | None
    backend: str
    services_dir: Path
    url: str | None
    environment: str | None
    time_scale: float
    processes: int
    allow_remote: bool
    inconclusive: str = "fail"
    max_error_rate: float = MAX_ERROR_RATE
    xdist: str = "run"
    invalid: str = "remeasure"
    report: Path | None = None
    keep: Path | None = None
    save: Path | None = None
    export: str | None = None
    folder: Path = Path()
    against: str | None = None
    against_folder: Path = Path()
    root: Path = Path()
    budget: float = BUDGET_SECONDS
    spellings: Mapping[str, str] = field(default_factory=dict)

    def spelled(self, name: str) -> str:
        """Give an option as the user wrote it, for messages."""
        return self.spellings.get(name, f"--perfqa-{name}")

    @property
    def setting(self) -> dict[str, str]:
        """What matters for how runs are made and judged, as texts by name."""
        told = {
            "environment": self.environment,
            "url": self.url,
            "time_scale": f"{self.time_scale:g}",
            "processes": str(self.processes),
            "inconclusive": self.inconclusive,
            "invalid": self.invalid,
            "max_error_rate": f"{self.max_error_rate:g}",
        }
        return {name: text for name, text in told.items() if text is not None}

    def known_services(self) -> Mapping[str, Callable[[], ServiceConfig]]:
        """Give, by name, how to read each service there is; reading may find mistakes."""
        if self.url is not None:
            return {self.url: self._external}
        return {
            name: partial(self._read, folder)
            for name, folder in discover(self.services_dir).items()
        }

    def _read(self, folder: Path) -> ServiceConfig:
        from ..service.service_file import read_service  # noqa: PLC0415 - 0.1 s, as long as collecting

        return read_service(folder, allow_remote=self.allow_remote)

    def _external(self) -> ServiceConfig:
        from ..service import external  # noqa: PLC0415

        url = str(self.url)
        said = self.spelled("url")
        found = external.configuration(url, allow_remote=self.allow_remote, said=said)
        return replace(found, name=url)
