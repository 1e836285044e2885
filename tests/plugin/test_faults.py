"""Faults during a run: what they do to the service is seen in the result, and only there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from inner import QUARTER, inner
from toy_project import SERVICE, steady

if TYPE_CHECKING:
    from inner import Told
    from project import Project

SCENARIO = """
config:
  http: {{timeout: {timeout}}}
  phases:
    - {{name: calm, duration: 0.5, arrivalRate: 60}}
    - {{name: trouble, duration: {duration}, arrivalRate: 60}}
  perfqa:
    {abort}
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


def scenario(
    faults: str, *, duration: float = 2, timeout: float = 10, abort: str = "# until the end"
) -> str:
    """Give a scenario of two phases with faults in the second."""
    return SCENARIO.format(faults=faults, duration=duration, timeout=timeout, abort=abort)


@inner(
    """
    @pytest.mark.perfqa(scenario="killed.yaml")
    def test_it(perf_run):
        (fault,) = perf_run.faults
        assert (fault.action, fault.part) == ("kill", "app")
        assert fault.planned == 0.75
        assert 0.75 <= fault.at < 1.25
        assert fault.at + 0.5 <= fault.ended < fault.at + 2.5
        down = perf_run.between(float(fault.at) + 0.1, float(fault.at) + 0.5)
        assert down.errors["refused"] == down.launched > 20
        assert perf_run.phase("calm").error_rate == 0
        after = perf_run.between(float(fault.ended) + 0.2, 2.5)
        assert after.launched > 0
        assert after.error_rate == 0
    """,
    {"killed.yaml": scenario("{at: trouble + 250ms, kill: app, restart_after: 500ms}")},
    services={"killed": SERVICE},
)
def test_a_killed_service_is_down_until_it_is_restarted(told: Told) -> None:
    """Requests are refused meanwhile; before and after there is no error."""
    told.assert_outcomes(passed=1)
    assert told.starts("killed") == 2


@inner(
    """
    @pytest.mark.perfqa(scenario="paused.yaml")
    def test_it(perf_run, perf_service):
        first, second = perf_run.faults
        assert first.ended - first.at == pytest.approx(0.5, abs=0.3)
        held = perf_run.between(float(first.at), float(first.at) + 0.2)
        assert held.error_rate == 0
        assert held.latency.max > 0.25
        assert second.ended is None
        import urllib.request
        assert urllib.request.urlopen(perf_service.url, timeout=5).status == 200
    """,
    {
        "paused.yaml": scenario(
            "{at: trouble, pause: app, resume_after: 500ms}, {at: trouble + 1s, pause: app}",
            duration=1.2,
            timeout=1,
        )
    },
    services={"paused": SERVICE},
)
def test_a_paused_service_makes_wait_and_is_resumed_after_the_run(told: Told) -> None:
    """Nothing fails: it just takes as long as the pause. Without an end, the run's end is it."""
    told.assert_outcomes(passed=1)


@inner(
    """
    @pytest.mark.perfqa(scenario="one_of_three.yaml")
    def test_it(perf_run):
        (fault,) = perf_run.faults
        assert perf_run.error_rate < "5%"
        assert perf_run.phase("calm").replicas["app#2"] == pytest.approx(1 / 3, abs=0.05)
        gone = perf_run.between(float(fault.at) + 0.2, float(fault.at) + 0.6)
        assert gone.replicas["app#2"] == 0
        assert gone.replicas["app#1"] > 0.3
    """,
    {
        "one_of_three.yaml": scenario(
            "{at: trouble + 250ms, kill: app#2, restart_after: 600ms}", duration=1.5
        ),
        "services/three/proxy.conf.tmpl": PROXY,
    },
    services={"three": REPLICATED},
)
def test_the_loss_of_one_of_three_replicas_is_hardly_noticed(told: Told) -> None:
    """Nginx asks the next replica; the one that is back gets its share again."""
    told.assert_outcomes(passed=1)
    assert told.starts("three") == 4


@pytest.mark.usefixtures("without_locust")
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
    (toy.path / "trouble.yaml").write_text(scenario("{at: 1s, kill: db}"))
    toy.test("""
        @pytest.mark.perfqa(scenario="trouble.yaml")
        def test_it(perf_run): pass
    """)
    result = toy.run(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert toy.starts() == 0
    result.stderr.fnmatch_lines([f"*trouble.yaml:9: config.perfqa.faults: kill db at 1s: *{said}*"])


@inner(
    """
    @pytest.mark.perfqa(scenario="left_dead.yaml")
    def test_it(perf_run): pass

    @pytest.mark.perfqa(scenario="a_second.yaml")
    def test_later(perf_run):
        assert perf_run.error_rate == 0
    """,
    {
        "left_dead.yaml": scenario(
            "{at: trouble, kill: app}", duration=300, abort="abort: error_rate > 90% for 1s"
        ),
        "a_second.yaml": steady(),
    },
    services={"left_dead": SERVICE},
    arguments=QUARTER,
    among_others=True,
)
def test_faults_and_an_abort_go_together(told: Told) -> None:
    """A killed service, left dead, stops the run; it is started again for what comes after."""
    told.assert_outcomes(failed=1, passed=1)
    told.stdout.fnmatch_lines(["E *error_rate > 90% for 1s, which is a failure: *"])
