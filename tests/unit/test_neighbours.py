"""Whether others disturbed the service: on counters as a machine would have them."""

from __future__ import annotations

import inspect
import math
import time
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pytest_perfqa.machine.children import Reaper, kill_all, spawn
from pytest_perfqa.monitor import disturbance, neighbours
from pytest_perfqa.monitor.disturbance import disturbances
from pytest_perfqa.monitor.kernel import TICK, CpuTimes, Identity, ThreadTimes
from pytest_perfqa.monitor.neighbours import CpuWindow, Group, Look, window
from pytest_perfqa.monitor.surroundings import Surroundings
from pytest_perfqa.monitor.tree import ProcessTable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SERVICE, OURS, OTHER = frozenset({1}), frozenset({0}), frozenset({0, 1})
IDLE, NICE_19 = 3.0, 15.0
USUAL = 1024.0


@dataclass(frozen=True)
class Process:
    """What a process did in a window: how much of it where the service may run."""

    here: float
    elsewhere: float = 0.0
    cpus: frozenset[int] = SERVICE
    weight: float = USUAL
    is_ours: bool = False


@dataclass(frozen=True)
class Act:
    """A window of the machine with CPUs 0 and 1, of which the service has CPU 1.

    Attributes:
        threads: seconds that each thread of the service ran and waited.
        ended: CPU of threads that were born and ended within it.
        unseen: CPU of processes that were born and ended within it, on CPU 1.
    """

    threads: Sequence[tuple[float, float]] = ((0.2, 0.0),)
    processes: Sequence[Process] = ()
    length: float = 0.5
    ended: float = 0.0
    unseen: float = 0.0
    steal: float = 0.0
    throttled: float = 0.0
    stalled: float = 0.0
    faults: int = 0
    memory: float = 0.0
    cpus: frozenset[int] = field(default=SERVICE)

    @property
    def own(self) -> float:
        """The CPU that the service used."""
        return sum(ran for ran, _ in self.threads) + self.ended

    def window(self) -> CpuWindow:
        """Judge it, from looks that begin at odd moments of the clock's ticks."""
        busy = {
            0: sum(process.elsewhere for process in self.processes),
            1: self.own + self.unseen + sum(process.here for process in self.processes),
        }
        pids = {100 + number: process for number, process in enumerate(self.processes)}
        everyone = {1: Process(self.own), **pids}
        first = Look(
            moment=50.0,
            cpus={cpu: CpuTimes(_ticks(7.777), _ticks(3.1)) for cpu in busy},
            clocks={1: 5.0, **dict.fromkeys(pids, 1.0)},
            groups=(Group(frozenset({1}), 5.0, self.cpus, threads=self._threads(0.0)),),
        )
        second = replace(
            first,
            moment=50.0 + self.length,
            cpus={
                cpu: CpuTimes(
                    _ticks(7.777 + max(0.0, self.length - each - self.steal * cpu)),
                    _ticks(3.1 + self.steal * cpu),
                )
                for cpu, each in busy.items()
            },
            clocks={
                1: 5.0 + self.own,
                **{pid: 1.0 + one.here + one.elsewhere for pid, one in pids.items()},
            },
            groups=(
                replace(
                    first.groups[0],
                    cpu=5.0 + self.own,
                    threads=self._threads(1.0),
                    throttled=self.throttled,
                    faults=self.faults,
                    memory=self.memory,
                ),
            ),
            ours=frozenset(pid for pid, one in pids.items() if one.is_ours),
            stalled=self.stalled,
            memory=8e9 if self.stalled else 0.0,
        )
        return window(
            first, second, lambda pid: Identity("other", everyone[pid].cpus, everyone[pid].weight)
        )

    def _threads(self, so_far: float) -> dict[int, ThreadTimes]:
        return {
            number: ThreadTimes(2.0 + ran * so_far, 1.0 + waited * so_far)
            for number, (ran, waited) in enumerate(self.threads)
        }


def _ticks(seconds: float) -> float:
    return math.floor(seconds / TICK + 1e-9) * TICK


shares = st.floats(0, 1)


@st.composite
def threads(draw: st.DrawFn, most: float) -> list[tuple[float, float]]:
    """Threads that run for so long together at most, and wait as long as they like."""
    parts = draw(st.lists(shares, min_size=1, max_size=6))
    whole = draw(shares) * most
    total = sum(parts) or 1.0
    return [(part / total * whole, draw(st.floats(0, 0.5))) for part in parts]


@given(threads=threads(0.3), ours=st.floats(0, 0.1), generator=shares)
def test_a_wait_without_the_cpu_of_others_is_no_disturbance(
    threads: list[tuple[float, float]], ours: float, generator: float
) -> None:
    """Whatever siblings, the monitor on the same CPU and the generator make its threads wait."""
    processes = (
        Process(ours, 0.01, OTHER, is_ours=True),
        Process(0.0, generator * 0.4, OURS, is_ours=True),
    )
    seen = Act(threads, processes).window()
    assert not seen.is_disturbed
    assert seen.denied < 1e-9


@given(threads=threads(0.2), idle=st.floats(0, 0.2), niced=st.floats(0, 0.05))
def test_what_runs_at_low_priority_gives_way(
    threads: list[tuple[float, float]], idle: float, niced: float
) -> None:
    """It fills what is left, and takes next to nothing; so it is time to spare."""
    processes = (Process(idle, weight=IDLE), Process(niced, weight=NICE_19))
    seen = Act(threads, processes).window()
    assert not seen.is_disturbed
    assert seen.spare >= 0.97 * (0.5 - seen.own) - 2 * TICK


@given(
    ran=st.floats(0.005, 0.3),
    waits=st.floats(0.2, 2),
    share=st.floats(0.15, 1),
    siblings=st.integers(1, 8),
)
def test_cpu_of_others_that_its_threads_waited_for_is_one(
    ran: float, waits: float, share: float, siblings: int
) -> None:
    """From 15 % of the CPU on, where its threads waited for at least a fifth of what they used.

    Of less than half of the CPU, a wait of 2 % of the window is none that is felt.
    """
    took = share * (0.5 - ran)
    waited = waits * ran * (took + ran) / took  # of which the others' part is laid to them
    act = Act([(ran / siblings, waited / siblings)] * siblings, (Process(took),))
    seen = act.window()
    if took > max(0.075, 0.2 * ran) and (took > 0.26 or seen.denied > 0.0101):
        assert seen.is_disturbed
        assert seen.takers[0] == (100, "other", pytest.approx(took))


@given(threads=threads(0.2), took=st.floats(0, 0.2), unseen=st.floats(0, 0.09))
def test_no_more_is_denied_than_was_waited_for_and_was_taken(
    threads: list[tuple[float, float]], took: float, unseen: float
) -> None:
    """Both are upper bounds of what the service would have got."""
    seen = Act(threads, (Process(took),), unseen=unseen).window()
    assert seen.denied <= sum(waited for _, waited in threads) + 1e-9
    assert seen.denied <= took + unseen + TICK


def test_a_wait_is_laid_to_those_who_ran_in_their_proportions() -> None:
    """To siblings, to the generator on the same CPU, and to others."""
    siblings = Act([(0.15, 0.05), (0.15, 0.05)], (Process(0.04),)).window()
    assert siblings.denied == pytest.approx(0.1 * 0.04 / (0.04 + 0.15))
    generator = Process(0.2, is_ours=True)
    assert Act([(0.1, 0.1)], (Process(0.05), generator)).window().denied == pytest.approx(
        0.1 * 0.05 / (0.05 + 0.2)
    )


def test_what_is_too_short_to_be_felt_is_none() -> None:
    """A burst of requests may be over in so short a time that a hiccup is a tenth of it."""
    assert not Act([(0.005, 0.004)], (Process(0.006),), length=0.05).window().is_disturbed
    assert Act([(0.02, 0.02)], (Process(0.03),), length=0.05).window().is_disturbed


def test_work_of_others_that_nobody_waited_for_is_none() -> None:
    """They took what was idle."""
    assert not Act([(0.2, 0.002)], (Process(0.25),)).window().is_disturbed


@given(st.floats(0.2, 1), st.floats(0, 0.3), st.booleans())
def test_what_was_denied_is_felt_as_a_share_of_what_was_used(
    own: float, share: float, by_the_host: bool
) -> None:
    """More than 15 % of what it used is; less is as good as a machine of its own."""
    assume(abs(share - 0.15) > 1e-6 and share * own > 0.02)
    lost = share * own
    denied, steal = (0.0, lost) if by_the_host else (lost, 0.0)
    one = CpuWindow(0.0, 1.0, own, denied, steal, spare=0.0, capacity=1.0)
    assert one.is_disturbed == (share > 0.15)


def test_what_starts_and_ends_beside_a_service_that_does_little_is_not_felt() -> None:
    """A command of a shell, say: on a machine where people work there is always some."""
    assert not Act([(0.003, 0.004)], (Process(0.1),)).window().is_disturbed
    assert Act([(0.003, 0.014)], (Process(0.1),)).window().is_disturbed


def test_a_service_that_does_little_is_disturbed_by_a_busy_loop() -> None:
    """Each time it wakes up it has to wait: that shows in latency, however little CPU it needs."""
    assert Act([(0.005, 0.004)], (Process(0.49),)).window().is_disturbed
    assert not Act([(0.005, 0.004)], (Process(0.01),)).window().is_disturbed


def test_threads_that_ended_between_two_looks_are_taken_to_have_waited() -> None:
    """A server with a thread per request: nothing is known of theirs any more."""
    assert Act([(0.001, 0.0)], (Process(0.25),), ended=0.15).window().is_disturbed
    assert not Act([(0.001, 0.0)], (), ended=0.15).window().is_disturbed
    idle = Process(0.3, weight=IDLE)
    assert not Act([(0.001, 0.0)], (idle,), ended=0.15).window().is_disturbed


def test_processes_that_ended_between_two_looks_are_others() -> None:
    """Nobody knows their names, but their work was done."""
    seen = Act([(0.2, 0.15)], unseen=0.2).window()
    assert seen.is_disturbed
    assert seen.takers[0][0] is None
    assert seen.takers[0][2] == pytest.approx(0.2, abs=2 * TICK)


def test_a_generator_that_ended_between_two_looks_is_no_other() -> None:
    """What it did after the first of them is nobody's any more, but it was no other's."""
    group = Group(frozenset({7}), 0.0, SERVICE, threads={7: ThreadTimes(0.0, 0.0)})
    ran = replace(group, cpu=0.1, threads={7: ThreadTimes(0.1, 0.1)})
    first = Look(0.0, {1: CpuTimes(0, 0)}, {7: 0.0, 8: 1.0}, (group,), ours=frozenset({8}))
    second = Look(0.5, {1: CpuTimes(0.1, 0)}, {7: 0.1}, (ran,))
    assert not window(first, second, lambda _: Identity("?", SERVICE)).is_disturbed
    stranger = replace(first, ours=frozenset())
    assert window(stranger, second, lambda _: Identity("?", SERVICE)).is_disturbed


def test_a_process_that_may_run_anywhere_is_laid_to_where_work_was_done() -> None:
    """Work on the other CPU is no work on the service's."""
    elsewhere = Act([(0.2, 0.1)], (Process(0.0, 0.4, OTHER),)).window()
    assert not elsewhere.is_disturbed
    for here, there in ((0.25, 0.0), (0.1, 0.3)):
        seen = Act([(0.2, 0.15)], (Process(here, there, OTHER),)).window()
        assert seen.is_disturbed
        assert seen.takers[0][2] == pytest.approx(here, abs=3 * TICK)


def test_what_its_own_limit_held_up_is_its_own() -> None:
    """Throttled by its cgroup, each of its threads waits, while others have the idle CPU."""
    act = Act([(0.05, 0.2), (0.05, 0.2)], (Process(0.3),))
    assert act.window().is_disturbed
    assert not replace(act, throttled=0.2).window().is_disturbed


def test_steal_counts_as_far_as_the_service_ran() -> None:
    """The host takes from whoever runs; a clock tick of it is noise."""
    assert Act([(0.2, 0.0)], steal=0.1).window().is_disturbed
    assert not Act([(0.2, 0.0)], steal=0.01).window().is_disturbed
    mostly_others = Act([(0.02, 0.0)], (Process(0.3, weight=IDLE),), steal=0.04).window()
    assert mostly_others.steal < 0.01
    assert Act([(0.2, 0.0)], steal=0.05).window().steal == pytest.approx(0.05 - TICK)


def test_memory_that_others_took_is_a_disturbance_where_the_service_waited_for_its_pages() -> None:
    """Not its own: a service that uses most of the machine's memory has itself to blame."""
    act = Act(stalled=0.2, faults=30, memory=1e9)
    assert act.window().is_disturbed
    assert not replace(act, memory=6e9).window().is_disturbed
    assert not replace(act, faults=0).window().is_disturbed
    assert not replace(act, stalled=0.01).window().is_disturbed


def test_a_reused_number_is_another_process() -> None:
    """Its clock and its threads began at 0."""
    first = Look(0.0, {1: CpuTimes(0, 0)}, {7: 100.0}, (Group(frozenset({7}), 100.0, SERVICE),))
    group = Group(frozenset({8}), 100.2, SERVICE, threads={8: ThreadTimes(0.2, 0.0)})
    second = Look(0.5, {1: CpuTimes(0.2, 0)}, {7: 0.1, 8: 0.2}, (group,))
    seen = window(first, second, lambda _: Identity("other", SERVICE))
    assert [taker[2] for taker in seen.takers] == [pytest.approx(0.1)]


def test_a_reused_number_of_a_thread_is_another_thread() -> None:
    """What it waited for since it was born counts."""
    group = Group(frozenset({7}), 1.0, SERVICE, threads={7: ThreadTimes(2.0, 1.0)})
    after = replace(group, cpu=1.1, threads={7: ThreadTimes(0.1, 0.08)})
    first = Look(0.0, {1: CpuTimes(0, 0)}, {7: 1.0, 9: 0.0}, (group,))
    second = Look(0.5, {1: CpuTimes(0.1, 0)}, {7: 1.1, 9: 0.3}, (after,))
    assert window(first, second, lambda _: Identity("?", SERVICE)).denied == pytest.approx(0.08)


def test_what_stands_beside_the_service_is_no_other_and_may_be_disturbed_itself() -> None:
    """A database whose CPU others took holds the service up."""
    service = Group(frozenset({7}), 0.0, SERVICE, threads={7: ThreadTimes(0.0, 0.0)})
    beside = Group(frozenset({8}), 0.0, OURS, threads={8: ThreadTimes(0.0, 0.0)})
    cpus, clocks = dict.fromkeys((0, 1), CpuTimes(0, 0)), dict.fromkeys((7, 8, 9), 0.0)
    looks = Look(0.0, cpus, clocks, (service, beside))
    ran = (
        replace(service, cpu=0.1, threads={7: ThreadTimes(0.1, 0.0)}),
        replace(beside, cpu=0.1, threads={8: ThreadTimes(0.1, 0.1)}),
    )
    homes = {7: SERVICE, 8: OURS, 9: OURS}

    def after(stranger: float, idle: float) -> Look:
        cpus = {0: CpuTimes(idle, 0), 1: CpuTimes(0.4, 0)}
        return Look(0.5, cpus, {7: 0.1, 8: 0.1, 9: stranger}, ran)

    alone = window(looks, after(0.0, 0.4), lambda pid: Identity(str(pid), homes[pid]))
    assert not alone.is_disturbed
    others = window(looks, after(0.3, 0.1), lambda pid: Identity(str(pid), homes[pid]))
    assert others.is_disturbed
    assert [name for _, name, _ in others.takers] == ["9"]


# Stretches -----------------------------------------------------------------------------------


def windows(*lost: float, spare: float = 0.3, own: float = 0.2) -> list[CpuWindow]:
    """Windows of half a second, with what the service was denied in each."""
    return [
        CpuWindow(
            number / 2,
            (number + 1) / 2,
            own=own,
            denied=each,
            steal=0.0,
            spare=0.0 if each else spare,
            capacity=0.5,
            takers=((7, "loop", each),) if each else (),
        )
        for number, each in enumerate(lost)
    ]


def spans(windows: list[CpuWindow], start: float = 0.0) -> list[tuple[float, float]]:
    """When the run was disturbed."""
    return [(one.start, one.end) for one in disturbances(windows, start)]


def test_a_disturbance_lasts_until_what_was_denied_has_been_caught_up() -> None:
    """By the time that its CPUs had to spare, never by its answers."""
    assert spans(windows(0, 0, 0.2, 0, 0, 0)) == [(1.0, 2.0)]
    assert spans(windows(0, 0, 0.2, 0.2, 0, 0, 0, 0), start=0.5) == [(0.5, 2.5)]
    assert spans(windows(0, 0, 0.2, 0, 0, 0, 0, 0, spare=0.06)) == [(1.0, 3.5)]


def test_memory_that_was_short_has_to_be_caught_up_with_as_well() -> None:
    """Work that waited for memory was not done meanwhile."""
    seen = windows(0, 0, 0, 0, 0, 0, spare=0.06)
    seen[1] = replace(seen[1], stalled=0.2)
    assert spans(seen) == [(0.5, 3.0)]


def test_who_waited_in_a_queue_before_it_was_served_in_it() -> None:
    """Windows without time to spare before it belong to it."""
    full = [replace(one, spare=0.0) for one in windows(0, 0, 0)]
    later = [replace(one, start=one.start + 1.5, end=one.end + 1.5) for one in windows(0.2, 0, 0)]
    before = [replace(full[0], spare=0.3), *full[1:]]
    assert spans([*before, *later]) == [(0.5, 2.5)]


def test_an_overload_of_its_own_is_not_laid_to_a_short_disturbance_for_ever() -> None:
    """Ten times as long on either side: who waited for longer waited for other reasons."""
    long = [replace(one, spare=0.0) for one in windows(*(40 * [0.0] + [0.2] + 40 * [0.0]))]
    ((start, end),) = spans(long)
    assert (start, end) == (15.0, 25.5)


def test_what_ended_before_the_run_is_none_of_it() -> None:
    """The monitor begins before, while the generator starts."""
    assert spans(windows(0.2, 0, 0, 0, 0), start=1.5) == []
    assert spans(windows(0.2, 0, 0, 0, 0, spare=0.01), start=0.5) == []
    assert spans(windows(0.2, 0, 0, 0, 0), start=0.25) == [(-0.25, 0.75)]


@given(st.lists(st.booleans(), max_size=40), st.floats(0.02, 0.5))
def test_stretches_are_apart_and_hold_every_disturbed_window(
    disturbed: list[bool], spare: float
) -> None:
    """In the order of time."""
    seen = windows(*(0.2 * one for one in disturbed), spare=spare)
    found = spans(seen)
    assert all(before[1] < after[0] for before, after in pairwise(found))
    for one in seen:
        held = any(start <= one.start and one.end <= end for start, end in found)
        assert held or not one.is_disturbed


def test_who_how_much_and_when_is_told() -> None:
    """With the processes, so that one sees what to declare."""
    seen = [
        replace(one, takers=((7, "postgres", 0.15), (9, "make", 0.04), (None, "", 0.001)))
        for one in windows(0.15, 0.15)
    ]
    quiet = [replace(one, start=one.start + 1, end=one.end + 1) for one in windows(0, 0)]
    (found,) = disturbances([*seen, *quiet], 0.0)
    assert found.who == ("postgres (pid 7)", "make (pid 9)")
    assert found.how == "CPU"
    assert found.taken == pytest.approx(0.382)
    assert found.waited == pytest.approx(0.3)
    assert found.text == (
        "from 0.0 s to 1.5 s of the run others took 0.38 s of its CPUs in 1 s (postgres (pid 7): "
        "0.3 s, make (pid 9): 0.08 s), and its threads waited 0.3 s for that"
    )


def test_no_more_than_three_are_named() -> None:
    """Of the greatest; what all took together is told."""
    takers = tuple((pid, "make", 0.05) for pid in range(6))
    (found,) = disturbances([replace(windows(0.3)[0], takers=takers)], 0.0)
    assert len(found.who) == 3
    assert found.taken == pytest.approx(0.3)


def test_nobody_who_judges_it_sees_an_answer() -> None:
    """Else making a run again could turn a FAILED into a PASSED."""
    for module in (neighbours, disturbance):
        source = inspect.getsource(module)
        imported = {
            line.split("import")[0] for line in source.splitlines() if line.startswith("from .")
        }
        assert imported <= {"from .kernel ", "from .neighbours "}
    assert {*inspect.signature(window).parameters} == {"before", "after", "who"}
    assert {*inspect.signature(disturbances).parameters} == {"windows", "start"}


def test_what_helped_to_make_loads_before_is_ours(tmp_path: Path) -> None:
    """A process that was started before the looks is a stranger, unless generators come from it."""
    with Reaper() as reaper:
        each = [
            spawn(["/bin/sleep", "60"], log=tmp_path / "log", cwd=tmp_path, env={}, reaper=reaper)
            for _ in range(2)
        ]
        helper, stranger = each
        reaper.helps(helper)
        table = ProcessTable()
        table.refresh(time.monotonic())
        ours = Surroundings([], table, reaper)._ours()
        assert helper.pid in ours
        assert stranger.pid not in ours
        kill_all(each, reaper=reaper)
        assert not reaper.helpers
