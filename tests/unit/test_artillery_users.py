"""The keys users and locustfile: what they accept, and what they contradict."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from artillery_files import PHASES, problems, read, with_config

if TYPE_CHECKING:
    from pathlib import Path

CODE = "from locust import HttpUser\n\nclass Someone(HttpUser): pass\n"


def with_file(**config: object) -> dict[str, Any]:
    """Give a file with a locustfile and these other keys in its config."""
    return {"config": {"phases": PHASES, "perfqa": {"locustfile": "users.py"}} | config}


def test_a_locustfile_takes_the_place_of_scenarios(tmp_path: Path) -> None:
    """Its path counts from the folder of the scenario; it isn't imported."""
    (tmp_path / "users.py").write_text(CODE + "raise SystemExit\n")
    found = read(tmp_path, with_file())
    assert found.locustfile == tmp_path / "users.py"
    assert (found.flows, found.model, found.users) == ((), "open", None)
    assert "locust" not in sys.modules


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (None, "4: config.perfqa.locustfile: there is no file '/"),
        ("x = 1\n", "4: config.perfqa.locustfile: there is no class in '/"),
        ("from locust import HttpUser\n", "4: config.perfqa.locustfile: there is no class"),
        ("class A:\n    def\n", "2: not Python: invalid syntax"),
        ("class A: pass\x00", "1: not Python: source code string cannot contain null bytes"),
    ],
)
def test_a_broken_locustfile(tmp_path: Path, code: str | None, expected: str) -> None:
    """Told before anything starts, with its own line where it is not Python."""
    if code is not None:
        (tmp_path / "users.py").write_text(code)
    text = "config:\n  phases: [{duration: 1, arrivalRate: 1}]\n  perfqa:\n"
    (found,) = problems(tmp_path, text + "    locustfile: users.py\n")
    assert found.startswith(expected)


def test_classes_may_come_from_elsewhere(tmp_path: Path) -> None:
    """An import may bring them: only a run can tell."""
    (tmp_path / "users.py").write_text("from mine import *\n")
    assert read(tmp_path, with_file()).locustfile is not None


@pytest.mark.parametrize(
    ("config", "where"),
    [
        ({"variables": {"a": 1}}, "config.variables"),
        ({"defaults": {"headers": {"a": "b"}}}, "config.defaults"),
        ({"http": {"pool": 5}}, "config.http.pool"),
        ({"http": {"defaults": {"headers": {"a": "b"}}}}, "config.http.defaults"),
    ],
)
def test_what_only_flows_notice_is_refused(tmp_path: Path, config: Any, where: str) -> None:
    """Nothing is ignored."""
    (tmp_path / "users.py").write_text(CODE)
    (found,) = problems(tmp_path, with_file(**config))
    assert f"{where}: '{where.rpartition('.')[2]}' belongs to flows" in found


def test_a_locustfile_and_scenarios_contradict_each_other(tmp_path: Path) -> None:
    """One or the other; and neither is a mistake as well."""
    (tmp_path / "users.py").write_text(CODE)
    both = with_config(perfqa={"locustfile": "users.py"})
    (found,) = problems(tmp_path, both)
    assert "'scenarios' belongs to flows; it and 'locustfile' contradict each other" in found
    (found,) = problems(tmp_path, {"config": {"phases": PHASES}})
    assert "the key 'scenarios' is missing" in found
    assert "at least 1" in problems(tmp_path, {"config": {"phases": PHASES}, "scenarios": []})[0]


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    """Of the locustfile, the users and the rest."""
    found = "\n".join(
        problems(tmp_path, with_file(phases=[{"duration": -1}], perfqa={"users": 0} | LOCUSTFILE))
    )
    assert "perfqa.users: found 0" in found
    assert "there is no file" in found
    assert "phases[0].duration: found -1" in found


LOCUSTFILE = {"locustfile": "users.py"}


@pytest.mark.parametrize("users", [0, -1, 1.5, "many", True, [20]])
def test_users_are_a_whole_number(tmp_path: Path, users: object) -> None:
    """And one at least."""
    (found,) = problems(tmp_path, with_config(perfqa={"users": users}))
    assert f"config.perfqa.users: found {users!r}" in found


@pytest.mark.parametrize(
    ("phases", "rates"),
    [
        ([{"duration": 10}], [(1, 1)]),
        ([{"duration": 10}, {"duration": 5, "arrivalRate": 2, "rampTo": 8}], [(8, 8), (2, 8)]),
        ([{"duration": 10, "arrivalRate": 3}, {"pause": 5}, {"duration": 1}], [(3, 3), 0, (3, 3)]),
        ([{"duration": 2, "arrivalCount": 20}, {"duration": 1}], [None, (10, 10)]),
    ],
)
def test_a_phase_without_a_rate_is_for_all_users(
    tmp_path: Path, phases: Any, rates: list[Any]
) -> None:
    """It has the highest rate of all, which stands for their number."""
    found = read(tmp_path, with_config(phases=phases, perfqa={"users": 20}))
    assert (found.users, found.model) == (20, "closed")
    for phase, rate in zip(found.phases, rates, strict=True):
        if rate is not None:
            assert (phase.rate, phase.rate_end) == (rate or (0, 0))
    assert found.scaled(0.1).users == 20


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"phases": [{"duration": 1, "maxVusers": 3}]}, "'maxVusers' and the 'users' under perfqa"),
        ({"perfqa": {"users": 2, "arrivals": "poisson"}}, "'users' and 'arrivals' contradict"),
        ({"phases": [{"pause": 1}]}, "no phase brings any users"),
        ({"phases": [{"arrivalRate": 1}]}, "the key 'duration' is missing"),
    ],
)
def test_what_users_contradict(tmp_path: Path, config: Any, expected: str) -> None:
    """Without arrivals, what only arrivals have makes no sense."""
    (found,) = problems(tmp_path, with_config(**({"perfqa": {"users": 2}} | config)))
    assert expected in found
