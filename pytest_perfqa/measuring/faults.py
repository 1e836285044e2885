"""Does to a service, while a run goes, what its scenario says, such as to kill a part of it.

Each fault has a thread of its own, so that a restart that takes its time holds up no other.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from ..base.units import Quantity, Unit
from ..base.wording import did_you_mean
from ..errors import ConfigurationError, ServiceError
from ..result.fault_record import FaultRecord
from ..scenario.fault_kinds import FAULT_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..scenario.fault_kinds import FaultKind
    from ..scenario.records import Fault, Scenario
    from ..service.backend import Service

__tracebackhide__ = True

# When the run has failed anyway, nobody waits for a restart.
_PATIENCE_SECONDS = 1.0


def check_fault_parts(scenario: Scenario, service: Service) -> None:
    """Make sure that a started service has all the parts that faults are for.

    Raises:
        ConfigurationError: with every one that it doesn't have.
    """
    mistakes = [
        f"{scenario.name}: {fault.text}: {problem}"
        for fault in scenario.faults
        if fault.part and (problem := part_problem(fault.part, service.name, service.parts))
    ]
    if mistakes:
        raise ConfigurationError("\n".join(mistakes))


def part_problem(part: str, service: str, known: Iterable[str]) -> str | None:
    """Say what is wrong with the name of a part, None if nothing is."""
    names = list(known)
    if part in names or any(name.partition("#")[0] == part for name in names):
        return None
    accepted = (
        ", ".join(names) or "none, the service was started by someone else, or shows no parts"
    )
    return (
        f"service {service} has no part {part!r}; accepted: {accepted}{did_you_mean(part, names)}"
    )


class Faults:
    """The faults of one run. At the end of the context, all that they broke is repaired.

    Raises:
        ServiceError: at the end, one of them could not be done or repaired.
    """

    def __init__(self, service: Service, faults: Iterable[Fault], time_scale: float) -> None:
        self._service = service
        self._faults = tuple(faults)
        self._time_scale = time_scale
        self._start = 0.0
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._records: dict[int, FaultRecord] = {}
        self._errors: list[str] = []

    def __enter__(self) -> Self:
        return self

    def start(self, start: float) -> None:
        """Begin to wait for their times, counted from a moment of ``time.monotonic``."""
        self._start = start
        for number, fault in enumerate(self._faults):
            thread = threading.Thread(target=self._run, args=(number, fault), daemon=True)
            self._threads.append(thread)
            thread.start()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(None if kind is None else _PATIENCE_SECONDS)
        if self._errors and kind is None:
            raise ServiceError("\n".join(self._errors))

    @property
    def records(self) -> tuple[FaultRecord, ...]:
        """What was done, in the order of the scenario file; a run may be over before all is."""
        return tuple(self._records[number] for number in sorted(self._records))

    def _run(self, number: int, fault: Fault) -> None:
        if self._over.wait(max(0.0, self._start + fault.at - time.monotonic())):
            return
        try:
            self._do(number, fault)
        except Exception as error:  # noqa: BLE001 - told by the thread that waits for this one
            self._errors.append(f"{fault.text}: {error}")

    def _do(self, number: int, fault: Fault) -> None:
        kind, at = FAULT_KINDS.named(fault.action), self._now()
        kind.begin(self._service, _argument(fault))
        self._records[number] = FaultRecord(
            fault.text, fault.action, fault.part, self._seconds(fault.at), at
        )
        if kind.lasts:
            left = None if fault.lasting is None else max(0.0, at + fault.lasting - self._now())
            self._over.wait(left)
        if self._is_back(kind, fault) and not self._over.is_set():
            self._records[number] = replace(self._records[number], ended=self._now())

    def _is_back(self, kind: FaultKind, fault: Fault) -> bool:
        """Undo a fault; tell whether what it was done to was ready then.

        Raises:
            ServiceError: it doesn't even run.
        """
        try:
            kind.end(self._service, _argument(fault))
        except ServiceError:
            # Under a load that is too much for it, a part that runs may never come to rest.
            if self._over.is_set() or not fault.part or not self._is_alive(fault.part):
                raise
            return False
        return True

    def _is_alive(self, part: str) -> bool:
        parts = self._service.parts.items()
        named = [one for name, one in parts if part in (name, name.partition("#")[0])]
        return all(one.alive for one in named)

    def _now(self) -> Quantity:
        return self._seconds(time.monotonic() - self._start)

    def _seconds(self, value: float) -> Quantity:
        return Quantity(value, Unit.SECOND, self._time_scale)


def _argument(fault: Fault) -> object:
    return fault.part if fault.argument is None else fault.argument
