"""The service on some CPUs, the load generator on the others, where there are enough."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..config import Limits


def service_cpus(limits: Limits) -> frozenset[int] | None:
    """Give the CPUs that all parts of a service share: the last of those allowed to this process.

    None where affinity can't express the limit: it is no whole number, or as many as there are.
    """
    allowed = sorted(os.sched_getaffinity(0))
    wanted = limits.cpus
    if wanted is None or wanted != int(wanted) or wanted >= len(allowed):
        return None
    return frozenset(allowed[-int(wanted) :])


def spare_cpus(limits: Limits) -> frozenset[int]:
    """Give the CPUs for the load generator: those left by the service, or all if it isn't bound."""
    return allowed_cpus() - (service_cpus(limits) or frozenset())


def allowed_cpus() -> frozenset[int]:
    """Give the CPUs that this thread may use."""
    return frozenset(os.sched_getaffinity(0))


def are_apart(pids: Iterable[int], cpus: frozenset[int]) -> bool:
    """Tell whether processes keep off some CPUs; False if there are none, or that isn't known."""
    try:
        found = [os.sched_getaffinity(pid) for pid in pids]
    except OSError:
        return False
    return bool(found) and cpus.isdisjoint(set[int]().union(*found))


@contextlib.contextmanager
def on_cpus(cpus: frozenset[int]) -> Iterator[None]:
    """Keep this thread on some CPUs for a while."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def limits_note(limits: Limits) -> str:
    """Say which of the limits plain processes can keep, and why not the others."""
    notes = [_cpu_note(limits)]
    if limits.memory is not None:
        # cgroups could, but an ordinary user may not make them.
        notes.append("memory limit not enforced")
    return "; ".join(notes)


def _cpu_note(limits: Limits) -> str:
    if limits.cpus is None:
        return "no CPU limit"
    cpus = service_cpus(limits)
    plural = "" if limits.cpus == 1 else "s"
    wanted = f"{limits.cpus:g} CPU{plural}"
    if cpus is not None:
        return f"{wanted} (affinity to CPU{plural} {', '.join(map(str, sorted(cpus)))})"
    available = len(os.sched_getaffinity(0))
    if limits.cpus >= available:
        return f"{wanted} not enforced: only {available} available, shared with the generator"
    return f"{wanted} not enforced: affinity is for whole CPUs"
