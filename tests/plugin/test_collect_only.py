"""--collect-only starts nothing, and says what would run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project


def test_nothing_starts(toy: Project) -> None:
    """It says how many runs on which services and for how long; none is started, nor prepared."""
    with (toy.path / "services" / "toy" / "service.yaml").open("a") as file:
        file.write("prepare: [touch prepared]\n")
    toy.scenario("long.yaml", duration=120, rate=5)
    toy.test("""
        import pathlib

        @pytest.mark.perfqa(scenario="steady.yaml")
        def test_one(perf_run): pass

        @pytest.mark.perfqa(scenario=pathlib.Path("steady.yaml"))
        def test_same(perf_run): pass

        @pytest.mark.perfqa(scenario="long.yaml")
        def test_other(perf_run): pass
    """)
    result = toy.run("--collect-only", "-q")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["perfqa: 2 runs on 1 service (toy), 2 min 1 s of arrivals*"])
    assert toy.starts() == 0
    assert not (toy.path / "services" / "toy" / "prepared").exists()


def test_mistakes_are_found(toy: Project) -> None:
    """A scenario that can't be read is an error already when tests are collected."""
    toy.scenario("broken.yaml", rate=-1)
    toy.test("""
        @pytest.mark.perfqa(scenario="broken.yaml")
        def test_it(perf_run): pass
    """)
    assert toy.run("--collect-only").ret == pytest.ExitCode.USAGE_ERROR
