"""What a package of somebody else's adds: it is used like what is built in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import outside
import pytest
from inner import inner
from otlp_receiver import collecting
from toy_project import steady

if TYPE_CHECKING:
    from inner import Told
    from project import Project

INSIDE = Path(__file__).parents[1] / "inside"
SHOP = {"shop": "files: {{folder: ../../public}}\n"}
PACKAGE = {"public/page.html": "here", **outside.package()}
ENVIRONMENT = {"PYTHONPATH": outside.path(f".{os.pathsep}{INSIDE}")}
HIDDEN = """
config:
  phases: [{name: all, duration: 0.6, arrivalRate: 50}]
  perfqa:
    faults: [{at: all + 0.2s, hide: public/page.html, lasting: 0.2s}]
    errors: expected
scenarios: [{flow: [{get: {url: /page.html}}]}]
"""


@inner(
    """
    import pathlib

    @pytest.mark.perfqa(scenario="shop.yaml")
    def test_it(perf_run, perf_service):
        pathlib.Path("pid").write_text(str(perf_service.pid))
        assert perf_run.status["200"] == 10
        assert list(perf_run.resources_throughout) == ["files"]
    """,
    {"shop.yaml": steady(duration=0.5, rate=20), **PACKAGE},
    services=SHOP,
    environment=ENVIRONMENT,
    among_others=True,
)
def test_a_backend(told: Told) -> None:
    """It starts a service, which is loaded, looked at, and gone when the session has ended."""
    told.assert_outcomes(passed=1)
    told.session.fnmatch_lines(["*on files (nothing else in its service.yaml)"])
    assert not Path("/proc", (told.path / "pid").read_text()).exists()


@inner(
    """
    @pytest.mark.perfqa(scenario="hidden.yaml")
    def test_it(perf_run):
        (fault,) = perf_run.faults
        assert fault.text == "hide public/page.html at all + 0.2s"
        assert (fault.action, fault.part) == ("hide", "")
        assert fault.at + 0.2 <= fault.ended
        assert perf_run.status["404"] > 0
        assert perf_run.between(0, 0.19).status["404"] == 0
        assert perf_run.status["200"] > 0
    """,
    {"hidden.yaml": HIDDEN, **PACKAGE},
    services=SHOP,
    environment=ENVIRONMENT,
)
def test_a_fault(told: Told) -> None:
    """It is done and undone at its time, and recorded."""
    told.assert_outcomes(passed=1)
    assert (told.path / "public" / "page.html").read_text() == "here"


@pytest.mark.usefixtures("without_load")
def test_a_backend_that_is_interrupted(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has started is stopped, as ever."""
    outside.install(project.path)
    monkeypatch.setenv("PYTHONPATH", outside.path())
    (project.path / "public").mkdir()
    project.service("shop", SHOP["shop"])
    project.test("""
        import pathlib

        def test_it(perf_service):
            pathlib.Path("pid").write_text(str(perf_service.pid))
            assert perf_service.alive
            raise KeyboardInterrupt
    """)
    assert project.run("--perfqa-backend=files").ret == pytest.ExitCode.INTERRUPTED
    assert not Path("/proc", (project.path / "pid").read_text()).exists()


@pytest.mark.usefixtures("without_load")
def test_an_exporter(toy: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets every run, and says at the end what it did."""
    outside.install(toy.path)
    monkeypatch.setenv("PYTHONPATH", outside.path())
    toy.test("""
        @pytest.mark.perfqa(scenario="steady.yaml")
        def test_it(perf_run):
            assert perf_run.launched == 20
    """)
    with collecting() as collector:
        result = toy.run(f"--perfqa-export=otlp:{collector.url}")
        result.assert_outcomes(passed=1)
        result.stdout.fnmatch_lines([f"OTLP: 1 runs to {collector.url}"])
    (point,) = (one for metric in collector.metrics for one in metric.histogram.data_points)
    assert point.count == 20
