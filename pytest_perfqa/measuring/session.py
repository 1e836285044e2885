"""What one pytest session measures: services, runs, searches, and characters, each once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .characters import Characters
from .comparisons import Comparisons
from .probing import Probing
from .runs import Runs
from .searches import Searches
from .services import Services

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..load.driver.warm import Warm
    from ..service.config import ServiceConfig
    from ..service.selection import Choice
    from .chosen import Options
    from .comparisons import Bases
    from .runs import Watcher
    from .telling import Listener

__tracebackhide__ = True


class PerfSession:
    """Starts and measures what is asked for, when it first is; ends everything at the end.

    Attributes:
        options: what the user chose.
        services: by name.
        runs: of scenarios on services.
        searches: for breaking points.
        characters: what kind of services they are.
        comparisons: of services with their bases.
    """

    def __init__(
        self,
        configs: Mapping[str, ServiceConfig],
        choices: Mapping[str, Choice],
        options: Options,
        say: Callable[[str], None],
        warm: Warm,
        watchers: tuple[Watcher, ...],
        listener: Listener,
        bases: Bases | None = None,
    ) -> None:
        """Have services, none of them started.

        Args:
            configs: the configurations, at full scale, by name.
            choices: the backend that each of them runs on.
            say: prints a line for the user.
            warm: what generators are forked from.
            watchers: who looks on while runs are made.
            listener: who is told of each run before they look, and after.
            bases: what services are compared with, which are among the configurations.
        """
        self.options = options
        self._warm = warm
        self.services = Services(configs, choices, options.time_scale, warm.reaper, say)
        self.runs = Runs(self.services, options, warm, watchers, listener)
        probing = Probing(self.services, warm, is_repeated=options.invalid == "remeasure")
        self.searches = Searches(probing)
        self.characters = Characters(probing)
        self.comparisons = Comparisons(self.runs, self.services, bases)

    def stop(self, service: str) -> None:
        """Stop a service that nobody needs any more, and its base."""
        self.services.stop(service)
        self.comparisons.stop(service)

    def close(self) -> None:
        """Stop everything and remove all files; a second call does nothing."""
        try:
            self.services.close()
            self._warm.close()
        finally:
            self._warm.reaper.close()
            self.services.remove_files()
