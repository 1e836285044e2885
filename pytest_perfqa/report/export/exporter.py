"""What sends or writes figures for other programs: ours, and what other packages bring."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ...load.driver.generator import Progress
    from ...result.run_result import RunResult
    from ...scenario.records import Scenario
    from ..record.schema import Record


class Exporter:
    """Looks on while runs are made, and gets all of their records at the end of the session.

    Whatever it does not want to know of is left as it is here. It is made when options are read, to
    see whether its target can be: it opens, starts and sends nothing before the first of these.
    """

    def begin(self, service: str, scenario: Scenario) -> None:
        """Take note that a run begins; the scenario is given as it runs, scaled."""

    def progress(self, progress: Progress) -> None:
        """Take note of where the run stands, about once a second; must return at once."""

    def end(self, result: RunResult | None) -> None:
        """Take note that it has ended; None if it did not come to a result."""

    def finish(self, records: Sequence[Record]) -> Iterable[str]:  # noqa: ARG002
        """End with what is left to do; gives what the user is to be told, a line each.

        Args:
            records: of all runs, also of those that came to no result.
        """
        return ()


class Guarded(Exporter):
    """An exporter of another package: what goes wrong in it fails no run, and is told at the end.

    After that it isn't asked again.
    """

    def __init__(self, name: str, exporter: Exporter) -> None:
        self._name = name
        self._exporter = exporter
        self._failure = ""

    def begin(self, service: str, scenario: Scenario) -> None:
        """Pass it on."""
        self._try(lambda: self._exporter.begin(service, scenario))

    def progress(self, progress: Progress) -> None:
        """Pass it on."""
        self._try(lambda: self._exporter.progress(progress))

    def end(self, result: RunResult | None) -> None:
        """Pass it on."""
        self._try(lambda: self._exporter.end(result))

    def finish(self, records: Sequence[Record]) -> Iterator[str]:
        """Pass it on; tell what went wrong."""
        lines: list[str] = []
        self._try(lambda: lines.extend(self._exporter.finish(records)))
        yield from lines
        if self._failure:
            yield f"{self._name}: not exported: {self._failure}"

    def _try(self, call: Callable[[], object]) -> None:
        if self._failure:
            return
        try:
            call()
        except Exception as error:  # noqa: BLE001 - whatever the code of others raises
            self._failure = f"{type(error).__name__}: {error}"
