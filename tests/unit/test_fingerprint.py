"""Digests of what runs are of: equal ones are of the same, and others differ."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from synthetic import run, samples

from pytest_perfqa.base.conditions import Condition
from pytest_perfqa.base.digest import content, digest
from pytest_perfqa.base.units import Quantity, Unit
from pytest_perfqa.result.fingerprint import fingerprint, unlike
from pytest_perfqa.result.provenance import Provenance
from pytest_perfqa.service.config import Beside, Command, Docker, Limits, Nginx, ServiceConfig
from pytest_perfqa.service.fingerprint import configuration_digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_perfqa.result.run_result import RunResult

MACHINE = {
    "host": "here",
    "system": "Linux 6.1 x86_64",
    "processor": "P",
    "CPUs": "2",
    "memory": "8 GiB",
}
SETTING = {"service": "toy", "backend": "process", "limits": "1 CPUs", "configuration": "abc"}


def result(**more: object) -> RunResult:
    """Give a run whose provenance is known."""
    made = run(samples(np.arange(1, 51) / 10), **more)  # type: ignore[arg-type]
    made.provenance = Provenance(dict(SETTING), dict(MACHINE), {"numpy": "2"}, {"commit": "a" * 40})
    return made


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        (frozenset("abc"), frozenset("cba"), True),
        ((1, 2), [1, 2], True),
        (1.0, Quantity(1.0, Unit.SECOND), True),
        (Path("/here/locust.py"), Path("/there/locust.py"), True),
        (Limits(1.0), Limits(2.0), False),
        (Limits(1.0), Beside(1), False),
        ("1", 1, False),
        (np.inf, -np.inf, False),
        ({"line": 1}, {"line": 2}, False),
    ],
)
def test_a_digest_is_of_what_is_said(one: object, other: object, alike: bool) -> None:
    """Not of the order of what has none."""
    assert (digest(one, without=["line"]) == digest(other, without=["line"])) is alike


def test_a_digest_is_the_same_in_other_processes() -> None:
    """Hashes of texts aren't."""
    code = "from pytest_perfqa.base.digest import digest; print(digest(frozenset('abcdef')))"
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {digest(frozenset("abcdef"))}


def config(folder: Path) -> ServiceConfig:
    """Give a configuration with a template."""
    template = folder / "nginx.conf"
    template.write_text("listen")
    return ServiceConfig(
        "toy",
        folder,
        folder / "service.yaml",
        limits=Limits(1.0, 2**30),
        sections={
            "process": {"app": Command("app", "run"), "proxy": Nginx("proxy", template, "app")},
            "docker": Docker(folder / "compose.yaml", "app:80"),
        },
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda one: replace(one, limits=Limits(2.0, 2**30)),
        lambda one: replace(one, env={"A": "1"}),
        lambda one: replace(one, sections={"process": {"app": Command("app", "run", replicas=2)}}),
        lambda one: (one.folder / "nginx.conf").write_text("other") and one,
    ],
)
def test_another_configuration_has_another_digest(
    tmp_path: Path, change: Callable[[ServiceConfig], ServiceConfig]
) -> None:
    """What a template says counts, too."""
    made = config(tmp_path)
    before = configuration_digest(made, "process")
    assert configuration_digest(change(made), "process") != before


def test_a_configuration_elsewhere_or_of_another_name_is_the_same(tmp_path: Path) -> None:
    """Nor does it matter what other backends are told."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    one, other = config(tmp_path / "a"), replace(config(tmp_path / "b"), name="x", description="y")
    del other.sections["docker"]  # type: ignore[attr-defined]
    assert configuration_digest(one, "process") == configuration_digest(other, "process")
    assert configuration_digest(one, "docker") != configuration_digest(one, "process")
    assert content(tmp_path / "gone") == "gone"


def test_runs_of_the_same_have_one_fingerprint() -> None:
    """Whatever the host is called, and whatever came out."""
    one, other = result(), result()
    other.provenance.machine.update(host="there", system="Linux 6.2 x86_64")
    assert fingerprint(one) == fingerprint(other)
    assert unlike(one, one) == ()
    assert unlike(one, other) == (
        "host: there, was here",
        "system: Linux 6.2 x86_64, was Linux 6.1 x86_64",
    )


def test_what_is_not_alike_is_named() -> None:
    """Machine, scenario, time scale, service and versions, each on its own."""
    one = result()
    for name, part in (("machine", "CPUs"), ("setting", "configuration"), ("versions", "numpy")):
        other = result()
        getattr(other.provenance, name)[part] = "4"
        (said,) = unlike(one, other)
        assert said.endswith(f": 4, was {getattr(one.provenance, name)[part]}")
        differing = [
            field
            for field in ("machine", "scenario", "service")
            if getattr(fingerprint(one), field) != getattr(fingerprint(other), field)
        ]
        assert differing == {"machine": ["machine"], "setting": ["service"]}.get(name, [])
    assert unlike(one, result(timeout=3.0)) == ("the scenario has other timeout",)
    assert fingerprint(one).scenario != fingerprint(result(timeout=3.0)).scenario
    assert unlike(one, result(time_scale=0.5)) == ("time scale: 0.5, was 1",)
    assert fingerprint(one).scenario != fingerprint(result(time_scale=0.5)).scenario
    assert unlike(one, result(service="x", scenario="y")) == (
        "service: x, was toy",
        "scenario: y, was steady",
    )


def test_the_line_of_a_condition_says_nothing() -> None:
    """A comment above it makes no other scenario."""
    limit = Condition("p95 > 1", 3, "latency.p95", ">", 1.0, Unit.SECOND)
    one, other = result(thresholds=(limit,)), result(thresholds=(replace(limit, line=9),))
    assert fingerprint(one) == fingerprint(other)
    assert unlike(one, other) == ()


def test_a_session_says_what_its_services_are(tmp_path: Path) -> None:
    """In the words that differences are told in."""
    assert Limits().text == "all CPUs, all memory"
    assert config(tmp_path).limits.text == "1 CPUs, 1 GiB"
