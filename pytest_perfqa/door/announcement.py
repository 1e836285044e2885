"""What is about to run, said before any of it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..report.text.words import duration, plural

if TYPE_CHECKING:
    from ..service.selection import Choice
    from .agenda import Agenda


def announcement(
    agenda: Agenda, time_scale: float, against: str | None = None, budget: float = 0.0
) -> str:
    """Say what is about to run, and for how long.

    Args:
        against: what services are compared with; None of nothing.
        budget: for how many seconds each is, at most.
    """
    runs, services = plural(len(agenda.runs), "run"), plural(len(agenda.configs), "service")
    if agenda.searches:
        runs += f" and {plural(agenda.searches, 'test')} with loads of their own"
    if compared := len(set(agenda.compared.values())) if against else 0:
        runs += (
            f" and {plural(compared, 'comparison')} with {against} of {duration(budget)} at most"
        )
    return (
        f"perfqa: {runs} on {services} ({', '.join(agenda.configs)}), "
        f"{duration(agenda.seconds)} of arrivals{' besides' if compared else ''} at time scale "
        f"{time_scale:g}"
        f"{_other_scales(agenda, time_scale)}{_backends(agenda)}"
    )


def _other_scales(agenda: Agenda, time_scale: float) -> str:
    """Say which services run at a scale of their own, since this one is too small for them."""
    scales = {name: agenda.time_scale(name) for name in agenda.configs}
    said = [f"{name}: {scale:g}" for name, scale in scales.items() if scale != time_scale]
    return f" ({', '.join(said)})" if said else ""


def _backends(agenda: Agenda) -> str:
    """Say which services run on what, and why."""
    names: dict[Choice, list[str]] = {}
    for name, choice in agenda.choices.items():
        names.setdefault(choice, []).append(name)
    said = [
        f"{'' if len(names) == 1 else ', '.join(each) + ' '}on {choice.backend} ({choice.reason})"
        for choice, each in names.items()
    ]
    return f"; {'; '.join(said)}" if said else ""
