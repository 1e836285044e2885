"""What becomes of runs that can't be believed: --perfqa-invalid=remeasure|error."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from inner import inner
from without_load import CONFTEST

if TYPE_CHECKING:
    from inner import Told
    from project import Project

# Spoils runs by the names of their scenarios: a text is why the whole run can't be believed, True
# that others disturbed its first half, None nothing. Services are real; runs are made of numbers.
SPOILING = (
    CONFTEST
    + """
import dataclasses
import pytest
from pytest_perfqa.measuring import characters, runs, searches, services
from pytest_perfqa.errors import Lasting
from pytest_perfqa.monitor.disturbance import Disturbance

SPOILED = {
    "once": ["the moon was full"],
    "always": ["the moon was full", "it rained", "it snowed", "it went on"],
    "lasting": [Lasting("the moon is made of cheese")] * 2,
    "disturbed": [True],
    "disturbed always": [True] * 9,
    "both": [True, "it rained"],
    "then no more": [True, "it rained", "it snowed", None],
    "untold": [True],
}
MADE = {}
WAITED = []
made = runs.run

def run(bench, service, scenario, *arguments, **more):
    name = scenario.name.partition("[")[0]
    number = MADE[name] = MADE.get(name, 0) + 1
    result = made(bench, service, scenario, *arguments, **more)
    what = dict(enumerate(SPOILED.get(name, []), 1)).get(number)
    if what is True:
        text = f"from 0.0 s to 0.1 s of run {number} others took all"
        one = Disturbance(0.0, 0.1, ("moon (pid 7)",), "CPU", 1.0, 1.0, text)
        readings = dataclasses.replace(result._context.readings, disturbances=(one,))
        result._context = dataclasses.replace(result._context, readings=readings)
    elif what:
        result.invalid = (what,)
    return result

runs.run = run
services.wait_for_quiet = lambda *arguments: WAITED.append(len(arguments))

@pytest.fixture
def made_so_far():
    return MADE

@pytest.fixture
def waited():
    return WAITED

@pytest.fixture
def first_half(perf_run):
    return perf_run.phase("first")
"""
)
PHASES = """
config:
  phases:
    - {name: first, duration: 0.2, arrivalRate: 50}
    - {name: second, duration: 0.2, arrivalRate: 50}
scenarios:
  - flow: [{get: {url: /}}]
"""


@pytest.fixture
def spoiled(toy: Project) -> Project:
    """A project whose runs are spoiled as their scenarios are called."""
    (toy.path / "conftest.py").write_text(SPOILING)
    for name in ("once", "always", "lasting", "disturbed", "disturbed always", "both"):
        (toy.path / f"{name}.yaml").write_text(PHASES)
    return toy


WHOLE = """
    @pytest.mark.perfqa(scenario="once.yaml")
    def test_once(perf_run):
        assert perf_run.launched == 20

    @pytest.mark.perfqa(scenario="once.yaml")
    def test_failed(perf_run, made_so_far):
        assert perf_run.launched == 19

    @pytest.mark.perfqa(scenario="always.yaml")
    def test_always(perf_run): pass

    @pytest.mark.perfqa(scenario="always.yaml")
    def test_always_again(perf_run): pass

    def test_lasting(perf_load):
        perf_load("lasting.yaml")

    def test_load(perf_load):
        assert perf_load("once.yaml", rate="100/s").launched == 40

    def test_made(made_so_far, waited):
        print("made", sorted(made_so_far.items()), len(waited))
"""


def test_a_run_is_made_again_at_most_twice(spoiled: Project) -> None:
    """Told why, after waiting for quiet; and not at all where it would be the same again."""
    spoiled.test(WHOLE)
    result = spoiled.run("-v", "-s", "--junitxml=junit.xml")
    # The second scenario's name is that of a variation: once[rate=100/s].
    result.stdout.fnmatch_lines(["*made [[]('always', 3), ('lasting', 1), ('once', 3)[]] 3"])
    result.assert_outcomes(passed=3, failed=1, errors=3)
    said = result.stdout.str()
    assert said.count("perfqa: measuring once on toy again: INVALID: the moon was full") == 1
    assert said.count("perfqa: measuring always on toy again: INVALID: ") == 2
    all_causes = (
        "INVALID: it snowed; INVALID the first time: the moon was full; "
        "INVALID the second time: it rained"
    )
    assert said.count(f"E   pytest_perfqa.errors.InvalidRun: {all_causes}") == 2
    result.stdout.fnmatch_lines(
        [
            "*test_once?toy? *PASSED*",
            "*test_failed?toy? *FAILED*",
            "*test_always?toy? *INVALID*",
            "*test_always_again?toy? *INVALID*",
            "*test_lasting?toy? *INVALID*",
            "E   *InvalidRun: INVALID: the moon is made of cheese",
            "toy *once * 20 * FAILED",
            "toy *always * 20 * INVALID",
            "toy *lasting * 20 * INVALID",
            "once on toy was measured again: INVALID the first time: the moon was full",
        ]
    )
    errors = ET.parse(spoiled.path / "junit.xml").findall(".//error")  # noqa: S314
    assert [all_causes in one.get("message", "") for one in errors] == [True, True, False]


def test_as_an_error_it_is_made_once(spoiled: Project) -> None:
    """In the ini file as on the command line; what else there may be is said."""
    (spoiled.path / "pytest.ini").write_text("[pytest]\nperfqa_invalid = error\n")
    spoiled.test(WHOLE)
    result = spoiled.run("-v", "-s")
    result.stdout.fnmatch_lines(["*made [[]('always', 1), ('lasting', 1), ('once', 2)[]] 0"])
    assert "measuring" not in result.stdout.str()
    result = spoiled.run("--perfqa-invalid=never")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--perfqa-invalid: found 'never'; accepted: remeasure, error"])


def test_what_a_test_found_disturbed_is_made_again_and_its_body_run_again(
    spoiled: Project,
) -> None:
    """On the new run, as are fixtures made of it; what others have concluded before stands."""
    (spoiled.path / "untold.yaml").write_text(PHASES)
    (spoiled.path / "then no more.yaml").write_text(PHASES)
    spoiled.test("""
        import pytest
        from pytest_perfqa import InvalidRun
        asked = []

        @pytest.mark.perfqa(scenario="disturbed.yaml")
        class TestDisturbed:
            def test_clean(self, perf_run):
                asked.append(perf_run)
                assert perf_run.phase("second").latency.p50 < "10s"

            def test_failed(self, perf_run):
                asked.append(perf_run)
                assert perf_run.phase("second").latency.p50 > "10s"

            def test_fixture(self, first_half, perf_run):
                asked.append(perf_run)
                assert first_half.latency.p50 < "10s"

            def test_runs(self, made_so_far):
                assert made_so_far["disturbed"] == 2
                assert [one is asked[0] for one in asked] == [True, True, True, False]

        @pytest.mark.perfqa(scenario="disturbed always.yaml")
        def test_always(perf_run):
            perf_run.latency.p50

        def test_own_error(perf_load):
            perf_load("steady.yaml")
            raise InvalidRun(["I know better"])

        def test_load(perf_load):
            perf_load("steady.yaml")
            perf_load("both.yaml").latency.p50

        @pytest.mark.perfqa(scenario="then no more.yaml")
        class TestNoMore:
            def test_spoiled(self, perf_run):
                perf_run.phase("first").latency.p50

            def test_clean(self, perf_run):
                perf_run.phase("second").latency.p50

        @pytest.mark.perfqa(scenario="untold.yaml")
        def test_untold(perf_run):
            print("asked", perf_run.launched)
            print("asked", perf_run.latency.count)
            perf_run.latency.percentile(90)

        def test_made(made_so_far):
            print("made", sorted(made_so_far.items()))
    """)
    result = spoiled.run("-v", "-s", "--perfqa-inconclusive=remeasure", timeout=120)
    said = result.stdout.str()
    made = "('both', 3), ('disturbed', 2), ('disturbed always', 3), ('steady', 3)"
    result.stdout.fnmatch_lines([f"*made [[]{made}, ('then no more', 3), ('untold', 3)[]]"])
    result.stdout.re_match_lines_random(
        [
            r".*test_clean\[toy\] .*PASSED.*",
            r".*test_failed\[toy\] .*FAILED.*",
            r".*test_fixture\[toy\] .*PASSED.*",
            r".*test_always\[toy\] .*INVALID.*",
            r".*test_own_error\[toy\] .*INVALID.*",
            r".*test_load\[toy\] .*PASSED.*",
            r".*TestNoMore::test_spoiled\[toy\] .*INVALID.*",
            r".*TestNoMore::test_clean\[toy\] .*PASSED.*",
            r".*test_untold\[toy\] .*PASSED.*",
            r"disturbed on toy was measured again: INVALID the first time: phase 'first': from .*",
            r"E .*INVALID: it snowed; INVALID the first time: phase .*; INVALID the second .*",
            r"E .*InvalidRun: INVALID: I know better; INVALID the first time: I know better; .*",
        ]
    )
    # Neither what others disturbed nor what could not be told is thrown in with anything else.
    counts = re.findall(r"^(?:test_it\S+ )?asked (\d+)$", said, re.MULTILINE)
    assert counts == ["20", "20", "20", "20", "40"]
    result.assert_outcomes(passed=7, failed=1, errors=3)


def test_searches_are_made_again_too(spoiled: Project) -> None:
    """Breaking points and characterisations; a run of the same test has nothing to do with it."""
    with (spoiled.path / "conftest.py").open("a") as file:
        file.write("""
from pytest_perfqa.errors import InvalidRun

def search(causes):
    asked = []
    def look(*arguments):
        asked.append(arguments)
        MADE[causes[0]] = len(asked)
        raise InvalidRun(causes[len(asked) - 1 :][:1])
    return look

searches.find_breaking_point = search(["late", "late again", "later"])
characters.characterize = search([Lasting("no ports")])
""")
    spoiled.test("""
        @pytest.mark.perfqa(scenario="steady.yaml")
        def test_point(perf_run, perf_breaking_point):
            perf_breaking_point("/", burst_within="1s")

        def test_character(perf_characterize):
            perf_characterize("/")

        def test_made(made_so_far, waited):
            print("made", sorted(made_so_far.items()), len(waited))
    """)
    result = spoiled.run("-v", "-s")
    result.assert_outcomes(passed=1, errors=2)
    result.stdout.fnmatch_lines(["*made [[]('late', 3), ('no ports', 1), ('steady', 1)[]] 2"])
    result.stdout.fnmatch_lines(
        [
            "perfqa: measuring burst capacity of toy, GET / again: INVALID: late",
            "E *INVALID: later; INVALID the first time: late; INVALID the second time: late again",
        ]
    )


COMPUTING = """
import time
from locust import FastHttpUser, task

class Someone(FastHttpUser):
    @task
    def go(self):
        end = time.thread_time() + 0.03
        while time.thread_time() < end:
            pass
        self.client.get("/")
"""
COMPUTED = """
config:
  phases: [{duration: 0.25, arrivalRate: 80}]
  perfqa: {locustfile: computing.py}
"""


@inner(
    """
    @pytest.mark.perfqa(scenario="computed.yaml")
    def test_it(perf_run): pass
    """,
    {"computing.py": COMPUTING, "computed.yaml": COMPUTED},
)
def test_a_locustfile_that_computes_is_told_so(told: Told) -> None:
    """Nobody else is to blame, and another run would be the same: it is made if ever this machine
    stood still as well."""
    told.assert_outcomes(error=1)
    told.stdout.re_match_lines(
        [r"E .*INVALID: \d+ of 20 arrivals were sent .*: the generator used \d+% of a CPU.*"]
    )
    assert str(told.session).count("perfqa: measuring computed on toy again") <= 2
