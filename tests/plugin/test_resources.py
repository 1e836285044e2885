"""Resources in a user's tests: figures of the parts, and what becomes of a run without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inner import inner
from toy_project import steady

if TYPE_CHECKING:
    from inner import Told


@inner(
    """
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
    """,
    {"steady.yaml": steady()},
    among_others=True,
)
def test_resources_of_a_run_and_its_phases(told: Told) -> None:
    """A toy that is asked 20 times: some CPU, some memory, threads and files; no network."""
    told.assert_outcomes(passed=1)


@inner(
    """
    from pytest_perfqa import NoData
    from pytest_perfqa.monitor import sampler

    @pytest.fixture
    def failing(monkeypatch):
        def fail(self):
            raise RuntimeError("out of cheese")

        monkeypatch.setattr(sampler.Monitor, "_look_until_stopped", fail)

    @pytest.mark.perfqa(scenario="unwatched.yaml")
    def test_it(failing, perf_run):
        assert perf_run.status[200] == 20
        with pytest.raises(NoData, match="out of cheese"):
            perf_run.resources["app"]
    """,
    {"unwatched.yaml": steady(duration=0.25, rate=80)},
    among_others=True,
)
def test_a_monitor_that_fails_leaves_the_run_alone(told: Told) -> None:
    """The figures of the load are there, those of resources aren't; a note says why."""
    told.assert_outcomes(passed=1)
    told.session.fnmatch_lines(["the resource monitor failed: RuntimeError: out of cheese"])
