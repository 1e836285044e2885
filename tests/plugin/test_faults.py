"""Faults during a run: what they do to the service is seen in the result, and only there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

SCENARIO = """
config:
  http: {{timeout: 10}}
  phases:
    - {{name: calm, duration: 1, arrivalRate: 30}}
    - {{name: trouble, duration: {duration}, arrivalRate: 30}}
  perfqa:
    faults: [{faults}]
    errors: expected
scenarios: [{{flow: [{{get: {{url: /}}}}]}}]
"""
REPLICATED = """
endpoint: proxy
ready: /
replica_header: X-Upstream
process:
  app: {{command: "python {folder}/server.py {{port}} {folder}/starts.txt", replicas: 3}}
  proxy: {{nginx: proxy.conf.tmpl, upstream: app}}
"""
PROXY = """
upstream app { ${UPSTREAM_SERVERS} }
server {
    listen ${LISTEN};
    add_header X-Upstream $upstream_addr always;
    location / { proxy_pass http://app; }
}
"""


def scenario(project: Project, faults: str, duration: int = 4) -> None:
    """Add a scenario of two phases with faults in the second."""
    text = SCENARIO.format(faults=faults, duration=duration)
    (project.path / "trouble.yaml").write_text(text)


def test_a_killed_service_is_down_until_it_is_restarted(toy: Project) -> None:
    """Requests are refused meanwhile; before and after there is no error."""
    scenario(toy, "{at: trouble + 1s, kill: app, restart_after: 1s}")
    toy.test("""
        @pytest.mark.perfqa(scenario="trouble.yaml")
        def test_it(perf_run):
            (fault,) = perf_run.faults
            assert (fault.action, fault.part) == ("kill", "app")
            assert fault.planned == 2
            assert 2 <= fault.at < 2.5
            assert fault.at + 1 <= fault.ended < fault.at + 3
            down = perf_run.between(float(fault.at) + 0.1, float(fault.at) + 1)
            assert down.errors["refused"] == down.launched > 20
            assert perf_run.phase("calm").error_rate == 0
            after = perf_run.between(float(fault.ended) + 0.2, 5)
            assert after.launched > 0
            assert after.error_rate == 0
    """)
    toy.run().assert_outcomes(passed=1)
    assert toy.starts() == 2


def test_a_paused_service_makes_wait_and_is_resumed_after_the_run(toy: Project) -> None:
    """Nothing fails: it just takes as long as the pause. Without an end, the run's end is it."""
    scenario(
        toy, "{at: trouble, pause: app, resume_after: 1s}, {at: trouble + 2500 ms, pause: app}"
    )
    toy.test("""
        @pytest.mark.perfqa(scenario="trouble.yaml")
        def test_it(perf_run, perf_service):
            first, second = perf_run.faults
            assert first.ended - first.at == pytest.approx(1, abs=0.3)
            held = perf_run.between(float(first.at), float(first.at) + 0.2)
            assert held.error_rate == 0
            assert held.latency.max > 0.7
            assert second.ended is None
            import urllib.request
            assert urllib.request.urlopen(perf_service.url, timeout=5).status == 200
    """)
    scenario_file = toy.path / "trouble.yaml"
    scenario_file.write_text(scenario_file.read_text().replace("timeout: 10", "timeout: 2"))
    toy.run().assert_outcomes(passed=1)


def test_the_loss_of_one_of_three_replicas_is_hardly_noticed(project: Project) -> None:
    """Nginx asks the next replica; the one that is back gets its share again."""
    folder = project.service("three", REPLICATED)
    (folder / "proxy.conf.tmpl").write_text(PROXY)
    scenario(project, "{at: trouble, kill: app#2, restart_after: 1s}")
    project.test("""
        @pytest.mark.perfqa(scenario="trouble.yaml")
        def test_it(perf_run):
            (fault,) = perf_run.faults
            assert perf_run.error_rate < "5%"
            assert perf_run.phase("calm").replicas["app#2"] == pytest.approx(1 / 3, abs=0.05)
            gone = perf_run.between(float(fault.at) + 0.2, float(fault.at) + 1)
            assert gone.replicas["app#2"] == 0
            assert gone.replicas["app#1"] > 0.3
    """)
    project.run().assert_outcomes(passed=1)
    assert project.starts("three") == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "service toy has no part 'db'; accepted: app"),
        (("--perfqa-url=http://127.0.0.1:1",), "accepted: none, the service was started by some"),
    ],
)
def test_a_part_that_is_not_there_is_a_mistake_of_the_file(
    toy: Project, arguments: tuple[str, ...], said: str
) -> None:
    """Told with file and line before anything starts."""
    scenario(toy, "{at: 1s, kill: db}")
    toy.test("""
        @pytest.mark.perfqa(scenario="trouble.yaml")
        def test_it(perf_run): pass
    """)
    result = toy.run(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert toy.starts() == 0
    result.stderr.fnmatch_lines([f"*trouble.yaml:8: config.perfqa.faults: kill db at 1s: *{said}*"])


def test_faults_and_an_abort_go_together(toy: Project) -> None:
    """A killed service, left dead, stops the run; it is started again for what comes after."""
    scenario(toy, "{at: trouble, kill: app}", duration=300)
    file = toy.path / "trouble.yaml"
    abort = "  perfqa:\n    abort: error_rate > 90% for 1s"
    file.write_text(file.read_text().replace("  perfqa:", abort))
    toy.test("""
        @pytest.mark.perfqa(scenario="trouble.yaml")
        def test_it(perf_run): pass

        @pytest.mark.perfqa(scenario="steady.yaml")
        def test_later(perf_run):
            assert perf_run.error_rate == 0
    """)
    result = toy.run()
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["E *error_rate > 90% for 1s, which is a failure: *"])
