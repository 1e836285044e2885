"""Probes of services, which are believed as runs are: alone, on services that have come to rest."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, TypeVar

from ..machine.alone import alone
from ..machine.priority import preferred
from ..monitor.sampler import onlooking
from ..service.shared.affinity import on_cpus, spare_cpus
from .repeating import Attempts, until_believed
from .run import is_apart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..load.driver.warm import Warm
    from ..monitor.surroundings import Around
    from .services import Services

__tracebackhide__ = True

T = TypeVar("T")


class Probing:
    """Holds the machine while services are probed, and has that done until it is believed.

    Attributes:
        services: those that can be probed.
    """

    def __init__(self, services: Services, warm: Warm, *, is_repeated: bool) -> None:
        """Probe services.

        Args:
            warm: what generators are forked from: it must not get in the way.
            is_repeated: whether what can't be believed is measured again.
        """
        self.services = services
        self._warm = warm
        self._is_repeated = is_repeated

    def until_believed(self, attempts: Attempts, measure: Callable[[], T]) -> T:
        """Give what is measured, once it can be believed.

        Raises:
            InvalidRun: it can't be, however often it is measured.
        """
        return until_believed(attempts, measure, self.services.say, wished=self._is_repeated)

    @contextlib.contextmanager
    def undisturbed(
        self, service: str, attempts: Attempts
    ) -> Iterator[tuple[Around, tuple[str, ...]]]:
        """Hold the machine for probes of a service; give who is beside it, and what is to be said.

        Not while what was before comes to rest, or others do.

        Raises:
            ServiceError: a part of it died, or what stands beside it doesn't run.
        """
        config = self.services.configs[service]
        cpus = spare_cpus(config.limits)
        self._warm.settle()
        notes = (*self.services.settle_all(), *attempts.notes)
        if attempts.causes:
            self.services.wait_for_quiet(config)
        with alone(self.services.say):
            self.services.loads(service)
            probed = self.services.started(service)
            with (
                on_cpus(cpus),
                onlooking(probed, self.services.reaper) as around,
                # Not before all is settled: a service that is started again must not inherit it.
                preferred() if is_apart(probed, cpus) else contextlib.nullcontext(),
            ):
                yield around, (probed.limits_note, *notes)
        probed.check()
