"""The options that choose services, addresses, scale and processes."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from inner import QUARTER, inner
from toy_project import SERVICE, steady

if TYPE_CHECKING:
    from collections.abc import Iterator

    from inner import Told
    from project import Project


@pytest.mark.usefixtures("without_load")
def test_services_limits_to_the_chosen(toy: Project) -> None:
    """Tests of other services are skipped, with the reason."""
    toy.service("twin")
    toy.test("""
        @pytest.mark.perfqa(scenario="steady.yaml")
        def test_both(perf_run): pass

        @pytest.mark.perfqa(services=["toy"], scenario="steady.yaml")
        def test_toy(perf_run): pass
    """)
    result = toy.run("--perfqa-services=twin", "-rs")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*perfqa: none of its services was chosen"])
    assert toy.starts("toy") == 0


@pytest.mark.usefixtures("without_load")
def test_an_ini_value_stands_in_for_the_option(toy: Project) -> None:
    """Every option has a twin in the ini file; the command line wins."""
    toy.service("twin")
    (toy.path / "pytest.ini").write_text("[pytest]\nperfqa_services = twin\n")
    toy.test("""
        @pytest.mark.perfqa(scenario="steady.yaml")
        def test_it(perf_run): pass
    """)
    toy.run("-v").stdout.fnmatch_lines(["*test_it?twin? PASSED*"])
    toy.run("-v", "--perfqa-services=toy").stdout.fnmatch_lines(["*test_it?toy? PASSED*"])


@inner(
    """
    @pytest.mark.perfqa(scenario="naps.yaml")
    def test_it(perf_run):
        assert perf_run.launched == 30
        assert perf_run.time_scale == 0.25
        assert perf_run.duration == "4s"
        assert float(perf_run.duration) == 1.0
        assert "2s" <= perf_run.latency.median < "2.4s"
        assert 0.5 <= perf_run.latency.median < 0.6
        assert perf_run.throughput.offered == "7.5/s"
        assert perf_run.pending.max >= 7.5 * 2 - 1
    """,
    {"naps.yaml": steady(duration=4, rate=7.5, url="/sleep/NAP_SECONDS")},
    services={"sleepy": SERVICE + 'env: {{NAP_SECONDS: "2"}}\n'},
    arguments=QUARTER,
)
def test_time_scale_applies_to_phases_rates_services_and_expectations(told: Told) -> None:
    """One factor: the same test with the same texts holds at a quarter of the times."""
    told.assert_outcomes(passed=1)


@pytest.mark.usefixtures("without_load")
def test_no_time_scale_is_smaller_than_a_services_least(project: Project) -> None:
    """It is started, loaded and judged at that one; others at the one that was asked for."""
    for name, least in (("slow", "least_time_scale: 0.5"), ("quick", "")):
        project.service(
            name,
            text=f"""
endpoint: app
ready: /
{least}
env: {{{{NAP_SECONDS: "5"}}}}
process:
  app: {{{{command: "python {{folder}}/server.py {{{{port}}}} {{folder}}/starts.txt"}}}}
""",
        )
    project.scenario(duration=10, rate=3)
    project.test("""
        import pathlib

        SCALES = {"slow": 0.5, "quick": 0.25}

        @pytest.mark.perfqa(scenario="steady.yaml")
        def test_it(perf_run, perf_load, perf_service):
            scale = SCALES[perf_service.name]
            assert perf_run.time_scale == scale
            assert perf_run.launched == 30
            assert float(perf_run.duration) == 10 * scale
            assert float(perf_load(duration="2s").duration) == 2 * scale
            told = pathlib.Path(f"/proc/{perf_service.parts['app'].pid}/environ").read_bytes()
            assert f"NAP_SECONDS={5 * scale:g}".encode() in told.split(b"\\0")
    """)
    result = project.run("--perfqa-time-scale=0.25")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["perfqa: * 8 s of arrivals at time scale 0.25 (slow: 0.5)*"])


@pytest.fixture
def running_server(toy: Project) -> Iterator[str]:
    """A server that is not ours to start; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = toy.path / "services" / "toy" / "server.py"
    starts = toy.path / "elsewhere.txt"
    with subprocess.Popen([sys.executable, script, str(port), starts]) as process:
        while not starts.exists():
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
        process.kill()


def test_url_tests_what_is_already_running(toy: Project, running_server: str) -> None:
    """No service is started; the address takes the place of all that a test names."""
    toy.scenario(duration=0.4, rate=50)
    toy.test("""
        @pytest.mark.perfqa(services=["toy"], scenario="steady.yaml")
        def test_it(perf_run):
            assert perf_run.status[200] == 20
    """)
    result = toy.run("-p", "among_others", f"--perfqa-url={running_server}")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([f"{running_server} * 20 * PASSED"])
    assert toy.starts() == 0


@inner(
    """
    @pytest.mark.perfqa(scenario="odd.yaml")
    def test_it(perf_run):
        assert perf_run.launched == perf_run.completed == 100
        assert perf_run.status[200] == 100
    """,
    {"odd.yaml": steady(duration=4, rate=25)},
    arguments=["--perfqa-time-scale=0.25", "--perfqa-processes=3"],
    among_others=True,
)
def test_processes_split_the_arrivals_exactly(told: Told) -> None:
    """Three generator processes send what one would: each arrival once."""
    told.assert_outcomes(passed=1)


@pytest.mark.usefixtures("without_load")
def test_environment_chooses_the_scenarios_environment(toy: Project) -> None:
    """The option wins over the marker."""
    (toy.path / "two.yaml").write_text("""
config:
  phases: [{duration: 1, arrivalRate: 5}]
  environments:
    more: {phases: [{duration: 1, arrivalRate: 30}]}
scenarios: [{flow: [{get: {url: /}}]}]
""")
    toy.test("""
        @pytest.mark.perfqa(scenario="two.yaml")
        def test_it(perf_run):
            assert perf_run.launched == 30
    """)
    toy.run("--perfqa-environment=more").assert_outcomes(passed=1)
    toy.run().assert_outcomes(failed=1)
