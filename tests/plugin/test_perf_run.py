"""perf_service and perf_run: services started once, runs made once, results to assert on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from inner import inner
from toy_project import SERVICE, steady

if TYPE_CHECKING:
    from inner import Told
    from project import Project


@pytest.mark.usefixtures("without_load")
def test_one_run_and_one_start_for_all_tests(toy: Project) -> None:
    """Tests of the same service and scenario share the run, over files and in any order."""
    toy.scenario("other.yaml", duration=0.5, rate=10)
    for name in ("test_one.py", "test_two.py"):
        toy.test(
            """
            seen = []

            @pytest.mark.perfqa(scenario="steady.yaml")
            @pytest.mark.parametrize("again", [1, 2])
            def test_steady(perf_run, again):
                seen.append(perf_run)
                assert perf_run.launched == 20
                assert perf_run is seen[0]

            @pytest.mark.perfqa(scenario="other.yaml")
            def test_other(perf_run):
                assert perf_run.launched == 5
            """,
            name,
        )
    result = toy.run("-p", "no:randomly", "--durations=0", "-vv")
    result.assert_outcomes(passed=6)
    assert toy.starts() == 1
    result.stdout.fnmatch_lines(["perfqa: 2 runs on 1 service (toy)*"])


def test_a_fixture_asked_for_too_late(toy: Project) -> None:
    """On which services a test is to run has to be known when it is collected."""
    toy.test("""
        def test_it(request):
            request.getfixturevalue("perf_run")
    """)
    result = toy.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*ConfigurationError: *accepted: their fixtures as arguments*"])
    assert toy.starts() == 0


@pytest.mark.usefixtures("without_load")
def test_every_service_without_services(toy: Project) -> None:
    """A test that names no service runs on every one there is, each stopped after its last."""
    toy.service("twin")
    toy.test("""
        @pytest.mark.perfqa(scenario="steady.yaml")
        def test_it(perf_run, perf_service):
            assert perf_run.service == perf_service.name
            assert perf_run.status["2xx"] == perf_run.completed == 20
    """)
    result = toy.run("-v")
    result.stdout.fnmatch_lines(["*test_it?toy? PASSED*", "*test_it?twin? PASSED*"])
    assert (toy.starts("toy"), toy.starts("twin")) == (1, 1)


@pytest.mark.usefixtures("without_load")
def test_markers_add_up_the_nearest_counts(toy: Project) -> None:
    """A module says the scenario, a class the services, a test another scenario."""
    toy.service("twin")
    toy.scenario("other.yaml", duration=0.5, rate=10)
    toy.test("""
        pytestmark = pytest.mark.perfqa(scenario="steady.yaml")

        @pytest.mark.perfqa(services=["twin"])
        class TestTwin:
            def test_modules(self, perf_run):
                assert (perf_run.service, perf_run.launched) == ("twin", 20)

            @pytest.mark.perfqa(scenario="other.yaml")
            def test_own(self, perf_run):
                assert (perf_run.service, perf_run.launched) == ("twin", 5)
    """)
    toy.run().assert_outcomes(passed=2)
    assert toy.starts("toy") == 0


@pytest.mark.usefixtures("without_locust")
def test_a_service_that_does_not_start_is_one_error_told_to_each_test(project: Project) -> None:
    """The end of its log is shown; it is not started again for the next test."""
    folder = project.service()
    (folder / "server.py").write_text(
        "import sys\nopen(sys.argv[2], 'a').write('x\\n')\nprint('out of cheese')\nsys.exit(3)\n"
    )
    project.scenario()
    project.test("""
        @pytest.mark.perfqa(scenario="steady.yaml")
        @pytest.mark.parametrize("again", [1, 2])
        def test_it(perf_run, again): pass
    """)
    result = project.run()
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*exited with code 3*", "*out of cheese*"])
    assert project.starts() == 1


@inner(
    """
    @pytest.mark.perfqa(scenario="down.yaml", errors="expected")
    def test_it(perf_run):
        assert perf_run.status["5xx"] == perf_run.status[503] == 20
        assert perf_run.availability.ratio == 0
        assert perf_run.throughput.mean == 0
        assert perf_run.endpoint("GET /status/503").launched == 20
        assert perf_run.phase("steady").completed == 20
    """,
    {"down.yaml": steady(duration=0.25, rate=80, url="/status/503")},
    among_others=True,
)
def test_errors_of_the_service_are_counted(told: Told) -> None:
    """What a service answers is what a test sees: here one endpoint that is always 503."""
    told.assert_outcomes(passed=1)


FULL = """
config: {phases: [{duration: 0.25, arrivalCount: 10, maxVusers: 1}]}
scenarios: [{flow: [{get: {url: /sleep/1}}]}]
"""


@inner(
    """
    @pytest.mark.perfqa(scenario="full.yaml")
    def test_it(perf_run):
        assert (perf_run.launched, perf_run.skipped) == (1, 9)
    """,
    {"full.yaml": FULL},
    among_others=True,
)
def test_arrivals_beyond_max_vusers_are_skipped_and_said(told: Told) -> None:
    """They are no requests and no failures, but nobody may overlook them."""
    told.assert_outcomes(passed=1)
    told.session.fnmatch_lines(["full: 9 arrivals were skipped, maxVusers were at work"])


@pytest.mark.usefixtures("without_load")
def test_the_matrix_is_stopped_service_by_service(toy: Project) -> None:
    """A service that no test needs any more is stopped before the next one is loaded."""
    toy.service("twin")
    toy.test("""
        import psutil

        @pytest.mark.perfqa(scenario="steady.yaml")
        def test_it(perf_run):
            commands = [" ".join(p.cmdline()) for p in psutil.Process().children(recursive=True)]
            assert len([command for command in commands if "server.py" in command]) == 1
    """)
    toy.run().assert_outcomes(passed=2)


@inner(
    """
    @pytest.mark.perfqa(scenario="away.yaml", errors="expected")
    def test_it(perf_run):
        assert perf_run.status["5xx"] == 0
    """,
    {"away.yaml": steady(duration=0.25, rate=80, url="/status/404")},
    among_others=True,
)
def test_answers_that_the_service_turns_away_are_told(told: Told) -> None:
    """A path that isn't there is answered quickly and without a 5xx: the summary says so."""
    told.assert_outcomes(passed=1)
    told.session.fnmatch_lines(["toy, away: 20 of 20 answers were 4xx (20 x 404)"])


TWICE = """
config: {phases: [{duration: 0.25, arrivalRate: 80}]}
scenarios: [{flow: [{get: {url: /}}, {get: {url: /status/404}}]}]
"""


@inner(
    """
    @pytest.mark.perfqa(scenario="twice.yaml", errors="expected")
    def test_it(perf_run):
        assert perf_run.status[404] == perf_run.status[200] == 20
    """,
    {"twice.yaml": TWICE},
    among_others=True,
)
def test_answers_are_counted_by_request_where_an_arrival_makes_several(told: Told) -> None:
    """What an arrival came to is no answer of its own."""
    told.assert_outcomes(passed=1)
    told.session.fnmatch_lines(
        [
            "toy, twice: 20 of 40 answers were 4xx (20 x 404)",
            "toy, twice: not one of 20 requests to GET /status/404 was answered as expected",
        ]
    )


@inner(
    """
    import os

    def nice(pid):
        return os.getpriority(os.PRIO_PROCESS, pid)

    @pytest.mark.perfqa(scenario="ahead.yaml")
    def test_it(perf_service, perf_run):
        before = nice(perf_service.parts["app"].pid)
        perf_service.restart()
        assert before == nice(perf_service.parts["app"].pid) == nice(0) == 0
        assert perf_run.generator.nice == (-15 if perf_run.service == "apart" else 0)
    """,
    {"ahead.yaml": steady(duration=0.25, rate=80)},
    services={"apart": SERVICE + "limits: {{cpus: 1}}\n", "together": SERVICE},
    among_others=True,
)
@pytest.mark.skipif(
    os.getuid() != 0 or len(os.sched_getaffinity(0)) < 2 or os.getpriority(os.PRIO_PROCESS, 0) > 0,
    reason="only root may do that, and only with a CPU apart from the service's",
)
def test_the_generator_goes_before_others_and_the_service_does_not(told: Told) -> None:
    """It is said, once; where they may meet on a CPU, it doesn't."""
    told.assert_outcomes(passed=2)
    said = "load generator at nice -15: it goes before others on its CPUs"
    assert str(told.session).rpartition("= perfqa =")[2].count(said) == 1
