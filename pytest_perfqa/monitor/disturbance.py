"""Stretches of a run in which others took what the service was entitled to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from .neighbours import CpuWindow

How = Literal["CPU", "steal", "memory"]

# A backlog, or an overload, that has lasted so many times as long as a disturbance is not its work:
# who waits in it waits at most a tenth longer for that.
_LASTING = 10.0
# A window with less than this share of its CPUs to spare may have left work undone.
_SPARE = 0.05
_NAMED = 3
# Who took less than this share of what was taken is not named.
_WORTH_NAMING = 0.05


@dataclass(frozen=True)
class Disturbance:
    """A stretch of a run that nothing about the service can be concluded from.

    Attributes:
        start, end: seconds from the start of the run; with what came of it.
        who: the processes that took its CPUs, the greatest first, such as ``stress-ng (pid 7)``.
        how: ``CPU``, ``steal`` (the machine's host) or ``memory``.
        taken: seconds of CPU, or of waiting for memory, that others took.
        waited: seconds that the service waited for that.
        text: a sentence with all that.
    """

    start: float
    end: float
    who: tuple[str, ...]
    how: How
    taken: float
    waited: float
    text: str

    def overlaps(self, start: float, end: float) -> bool:
        """Tell whether it touches a stretch of the run."""
        return self.start < end and start < self.end


def disturbances(windows: Sequence[CpuWindow], start: float) -> tuple[Disturbance, ...]:
    """Join disturbed windows, with the windows that they left their traces in.

    Args:
        windows: one after the other.
        start: of the run, on the clock of the windows.
    """
    # Before there was a load, nothing was left undone.
    windows = [one for one in windows if one.end > start]
    reach = [
        _reach(windows, first, last)
        for first, last in _runs([index for index, one in enumerate(windows) if one.is_disturbed])
    ]
    return tuple(_disturbance(windows[first : last + 1], start) for first, last in _joined(reach))


def _runs(indices: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Give first and last of successive numbers."""
    found: list[int] = []
    for index in indices:
        if found and index != found[-1] + 1:
            yield found[0], found[-1]
            found = []
        found.append(index)
    if found:
        yield found[0], found[-1]


def _joined(reaches: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Join what touches."""
    open_: tuple[int, int] | None = None
    for first, last in reaches:
        if open_ is not None and first <= open_[1] + 1:
            open_ = min(first, open_[0]), max(last, open_[1])
            continue
        if open_ is not None:
            yield open_
        open_ = first, last
    if open_ is not None:
        yield open_


def _reach(windows: Sequence[CpuWindow], first: int, last: int) -> tuple[int, int]:
    """Give the windows that a disturbance reaches.

    Those after it, until their CPUs had as much time to spare as the service was denied: then it
    has caught up. And those before it without time to spare: who was in the queue by then was
    served in it.
    """
    disturbed = windows[first : last + 1]
    lasting = _LASTING * (disturbed[-1].end - disturbed[0].start)
    begin = first
    while (
        begin > 0
        and windows[begin - 1].spare < _SPARE * windows[begin - 1].capacity
        and windows[first].start - windows[begin - 1].start <= lasting
    ):
        begin -= 1
    debt = sum(one.lost + one.stalled for one in disturbed)
    end = last
    while debt > 0 and end + 1 < len(windows) and windows[end].end - windows[last].end < lasting:
        end += 1
        debt -= windows[end].spare
    return begin, end


def _disturbance(windows: Sequence[CpuWindow], start: float) -> Disturbance:
    found = told([one for one in windows if one.is_disturbed])
    begin, end = windows[0].start - start, windows[-1].end - start
    text = f"from {max(0.0, begin):.1f} s to {end:.1f} s of the run {found.text}"
    return replace(found, start=begin, end=end, text=text)


def told(disturbed: Sequence[CpuWindow]) -> Disturbance:
    """Say how disturbed windows were, from the start of the first to the end of the last."""
    sums: dict[How, float] = {
        "CPU": sum(one.denied for one in disturbed),
        "steal": sum(one.steal for one in disturbed),
        "memory": sum(one.stalled for one in disturbed),
    }
    how = max(sums, key=lambda each: sums[each])
    who, taken = takers(disturbed)
    length = sum(one.length for one in disturbed)
    said: dict[How, str] = {
        "CPU": (
            f"others took {taken:.2g} s of its CPUs in {length:.2g} s ({_named(who)}), "
            f"and its threads waited {sums[how]:.2g} s for that"
        ),
        "steal": f"the host of this machine took {sums[how]:.2g} s of its CPUs in {length:.2g} s",
        "memory": (
            f"for {sums[how]:.2g} s of {length:.2g} s memory was short, which others had taken"
        ),
    }
    return Disturbance(
        start=disturbed[0].start,
        end=disturbed[-1].end,
        who=tuple(name for name, _ in who),
        how=how,
        taken=taken if how == "CPU" else sums[how],
        waited=sums[how],
        text=said[how],
    )


def takers(windows: Iterable[CpuWindow]) -> tuple[list[tuple[str, float]], float]:
    """Give who took the most seconds of CPU, by name, and how much all took together."""
    sums: dict[tuple[int | None, str], float] = {}
    for one in windows:
        for pid, name, cpu in one.takers:
            sums[pid, name] = sums.get((pid, name), 0.0) + cpu
    total = sum(sums.values())
    named = [
        ("the kernel and short-lived processes" if pid is None else f"{name} (pid {pid})", cpu)
        for (pid, name), cpu in sorted(sums.items(), key=lambda item: -item[1])
        if cpu >= _WORTH_NAMING * total
    ]
    return named[:_NAMED], total


def _named(who: Iterable[tuple[str, float]]) -> str:
    return ", ".join(f"{name}: {cpu:.2g} s" for name, cpu in who)
