"""Resources in a user's tests: figures of the parts, and what becomes of a run without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

pytestmark = pytest.mark.timed


def test_resources_of_a_run_and_its_phases(toy: Project) -> None:
    """A toy that is asked 20 times: some CPU, some memory, threads and files; no network."""
    toy.test("""
        from pytest_perfqa import NoData

        @pytest.mark.perfqa(scenario="steady.yaml")
        def test_it(perf_run):
            app = perf_run.resources["app"]
            assert 0 < app.cpu.mean < "100%"
            assert app.cpu_seconds > 0
            assert "1MiB" < app.memory.end < "1GiB"
            assert app.threads.max >= 1 and app.open_files.max >= 4
            assert perf_run.resources.total.memory.max == app.memory.max
            assert set(perf_run.phase("steady").resources) == {"app"}
            assert app.cpu.times[-1] > 0.5
            with pytest.raises(NoData, match="shares the network"):
                app.network.sent.mean
    """)
    toy.run().assert_outcomes(passed=1)


def test_a_monitor_that_fails_leaves_the_run_alone(toy: Project) -> None:
    """The figures of the load are there, those of resources aren't; a note says why."""
    (toy.path / "conftest.py").write_text("""
from pytest_perfqa.monitor import sampler

def fail(self):
    raise RuntimeError("out of cheese")

sampler.Monitor._look_until_stopped = fail
""")
    toy.test("""
        from pytest_perfqa import NoData

        @pytest.mark.perfqa(scenario="steady.yaml")
        def test_it(perf_run):
            assert perf_run.status[200] == 20
            with pytest.raises(NoData, match="out of cheese"):
                perf_run.resources["app"]
    """)
    result = toy.run()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["the resource monitor failed: RuntimeError: out of cheese"])
