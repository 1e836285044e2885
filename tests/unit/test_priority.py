"""The load generator goes before others, where it may and where that costs the service nothing."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
from test_generator import answer, put_load, scenario, serve

from pytest_perfqa.machine.children import Reaper
from pytest_perfqa.machine.priority import NICE, prefer
from pytest_perfqa.service.shared.affinity import are_apart

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = 65534
HEAD = """
import os, resource, subprocess, sys, threading
from pytest_perfqa.machine.priority import prefer, preferred
def now(): return os.getpriority(os.PRIO_PROCESS, 0)
# Whoever runs these tests may have made them give way to others.
os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
os.setpriority(os.PRIO_PROCESS, 0, 0)
"""
only_root = pytest.mark.skipif(os.getuid() != 0, reason="only root may do all of this")


def said(code: str) -> list[str]:
    """Run code in a session of its own; give the words that it prints."""
    whole = HEAD + textwrap.dedent(code)
    done = subprocess.run(
        [sys.executable, "-c", whole], stdout=subprocess.PIPE, start_new_session=True, check=True
    )
    return done.stdout.decode().split()


@only_root
@pytest.mark.parametrize(
    ("code", "reached"),
    [
        ("print(prefer(), now())", [NICE, NICE]),
        ("print(prefer(-3), now())", [-3, -3]),
        ("os.setpriority(0, 0, -18); print(prefer(), now())", [-18, -18]),
        # Who has been told to give way does so.
        ("os.setpriority(0, 0, 5); print(prefer(), now())", [5, 5]),
        ("os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0)); print(prefer())", [0]),
    ],
)
def test_as_far_as_is_permitted(code: str, reached: list[int]) -> None:
    """Root may do anything."""
    assert said(code) == [str(one) for one in reached]


@only_root
def test_an_ordinary_user_may_not() -> None:
    """That is no error."""
    assert said(f"os.setuid({NOBODY}); print(prefer(session=True), now())") == ["0", "0"]


@pytest.mark.parametrize(("limit", "reached"), [(0, 0), (19, 0), (28, -8), (40, NICE), (-1, NICE)])
def test_an_ordinary_user_with_a_limit(
    monkeypatch: pytest.MonkeyPatch, limit: int, reached: int
) -> None:
    """``ulimit -e``: as far as that goes."""
    now = 0

    def set_priority(_which: int, _who: int, nice: int) -> None:
        nonlocal now
        if nice < 20 - (limit if limit >= 0 else 40):
            raise PermissionError(13, "Permission denied")
        now = nice

    monkeypatch.setattr(os, "getpriority", lambda _which, _who: now)
    monkeypatch.setattr(os, "setpriority", set_priority)
    monkeypatch.setattr(os, "sched_getscheduler", lambda _: os.SCHED_OTHER)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    assert prefer() == now == reached


@only_root
def test_a_session_of_its_own_goes_before_others() -> None:
    """Where the kernel groups by session, its niceness is what counts among others."""
    if not os.path.exists("/proc/self/autogroup"):  # noqa: PTH110
        pytest.skip("this kernel doesn't group by session")
    code = """
    prefer(session=True)
    print(open("/proc/self/autogroup").read().split()[-1])
    """
    assert said(code) == [str(NICE)]


@only_root
def test_for_a_while_and_this_thread_only() -> None:
    """What is started before and after, and by others meanwhile, doesn't have it."""
    code = """
    seen = []
    with preferred() as nice:
        seen += [nice, now()]
        other = threading.Thread(target=lambda: None)
    child = [sys.executable, "-c", "import os; print(os.getpriority(os.PRIO_PROCESS, 0))"]
    print(*seen, now(), subprocess.run(child, stdout=subprocess.PIPE).stdout.decode())
    """
    assert said(code) == [str(NICE), str(NICE), "0", "0"]


def test_only_where_the_service_has_other_cpus() -> None:
    """Where both may run on one CPU, or nobody knows, it would take the service's."""
    own = os.sched_getaffinity(0)
    assert not are_apart([os.getpid()], frozenset(own))
    assert are_apart([os.getpid()], frozenset({max(own) + 1}))
    assert are_apart([os.getpid()] * 3, frozenset({max(own) + 1}))
    assert not are_apart([os.getpid(), 2**22 + 1], frozenset({max(own) + 1}))
    assert not are_apart([], frozenset({0}))


@only_root
@pytest.mark.parametrize("wanted", [False, True])
def test_generators_say_how_nice_they_were(tmp_path: Path, *, wanted: bool) -> None:
    """Both processes of a load, in their accounts."""
    options: dict[str, Any] = {"processes": 2, "prefer": wanted}
    with serve(answer()) as server, Reaper() as reaper:
        load = put_load(scenario(count=20), server.url, tmp_path, reaper, **options)
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    nice = NICE if wanted and usual <= 0 else usual
    assert [summary.nice for summary in load.summaries] == [nice] * 2
