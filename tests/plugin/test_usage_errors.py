"""Bad input: one clear error before anything starts, and exit code 4."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

pytestmark = pytest.mark.usefixtures("without_locust")

TEST = """
    @pytest.mark.perfqa({marker})
    def test_it(perf_run): pass
"""


def errors(project: Project, *arguments: str) -> str:
    """Run, make sure that it was a usage error and nothing started; give what was said."""
    result = project.run(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert project.starts() == 0
    return result.stderr.str() + result.stdout.str()


def test_three_mistakes_in_a_scenario_are_three_errors(toy: Project) -> None:
    """Each is told with file and line, all at once."""
    (toy.path / "wrong.yaml").write_text("""\
config:
  phases:
    - duration: 10
      arrivalRate: -5
    - duratoin: 10
      arrivalRate: 1
scenarios:
  - flow:
      - fetch: {url: /}
""")
    toy.test(TEST.format(marker='scenario="wrong.yaml"'))
    said = errors(toy)
    for line in (4, 5, 9):
        assert said.count(f"wrong.yaml:{line}:") == 1
    assert "'duration'" in said


def test_mistakes_of_services_and_scenarios_come_together(toy: Project) -> None:
    """A broken service file doesn't hide a broken scenario."""
    toy.service("broken", "endpoint: nowhere\n")
    toy.scenario("wrong.yaml", rate=-1)
    toy.test(TEST.format(marker='services=["broken"], scenario="wrong.yaml"'))
    said = errors(toy)
    assert "service.yaml:1:" in said
    assert "wrong.yaml:4:" in said


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        ('services=["tyo"], scenario="steady.yaml"', "no service 'tyo'; accepted: toy"),
        ('scenario="missing.yaml"', "no such file"),
        ('scenaro="steady.yaml"', "accepted: services=, scenario=, environment="),
        ('"steady.yaml"', "accepted: services=, scenario=, environment="),
        ('services=5, scenario="steady.yaml"', "services=5"),
        ('services=["toy"]', "needs @pytest.mark.perfqa(scenario="),
        ('scenario="steady.yaml", environment="prod"', "'prod'"),
    ],
)
def test_a_mistake_in_a_marker(toy: Project, marker: str, said: str) -> None:
    """What was found and what is accepted, with the name of the test where it helps."""
    toy.test(TEST.format(marker=marker))
    assert said in errors(toy)


def test_services_of_a_parameter(toy: Project) -> None:
    """Tests are made one per service before: it would run on all of them."""
    toy.service("twin")
    toy.test("""
        TOY = pytest.mark.perfqa(services=["toy"], scenario="steady.yaml")

        @pytest.mark.parametrize("number", [pytest.param(1, marks=TOY)])
        def test_it(perf_run, number): pass
    """)
    said = "test_it.py::test_it: perfqa(services=['toy']): accepted: on the test itself"
    assert said in errors(toy)


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("--perfqa-time-scale=fast", "found 'fast'; accepted: a number above 0"),
        ("--perfqa-time-scale=0", "found '0'; accepted: a number above 0"),
        ("--perfqa-time-scale=nan", "found 'nan'"),
        ("--perfqa-processes=1.5", "found 1.5; accepted: a whole number"),
        ("--perfqa-backend=podman", "found 'podman'; accepted: auto, process"),
        ("--perfqa-services=toy,other", "no service 'other'; accepted: toy"),
        ("--perfqa-services= , ", "found ' , '; accepted: names, separated by commas"),
        ("--perfqa-url=ftp://127.0.0.1", "--perfqa-url: 'ftp://127.0.0.1'"),
        ("--perfqa-url=http://example.com", "accepted with --perfqa-allow-remote"),
    ],
)
def test_a_mistake_in_an_option(toy: Project, argument: str, said: str) -> None:
    """Options are checked as files are."""
    toy.test(TEST.format(marker='scenario="steady.yaml"'))
    assert said in errors(toy, argument)


def test_a_mistake_in_the_ini_file_is_told_by_its_name_there(toy: Project) -> None:
    """Nobody gave an option of that name."""
    ini = toy.path / "pytest.ini"
    toy.test(TEST.format(marker='scenario="steady.yaml"'))
    ini.write_text("[pytest]\nperfqa_services = tyo\n")
    assert f"perfqa_services in {ini}: no service 'tyo'; accepted: toy" in errors(toy)
    ini.write_text("[pytest]\nperfqa_export = carbon\n")
    assert f"perfqa_export in {ini}: found 'carbon'; accepted: " in errors(toy)
    ini.write_text("[pytest]\nperfqa_backend = proces\nperfqa_time_scale = slow\n")
    said = errors(toy)
    assert f"perfqa_backend in {ini}: found 'proces'; accepted: auto, process" in said
    assert f"perfqa_time_scale in {ini}: found 'slow'; accepted: a number above 0" in said
    assert "--perfqa-" not in said


def test_no_services_at_all(project: Project) -> None:
    """A perf test in a project without services is a mistake, not a pass or a skip."""
    project.scenario()
    project.test(TEST.format(marker='scenario="steady.yaml"'))
    assert "there are no services in" in errors(project)


def test_a_missing_program_is_named_before_anything_starts(toy: Project) -> None:
    """A command that isn't installed is told with what installs it, if that is known."""
    toy.service("odd", "endpoint: app\nready: /\nprocess:\n  app: {{command: no-such-program}}\n")
    toy.test(TEST.format(marker='services=["toy", "odd"], scenario="steady.yaml"'))
    assert "odd/service.yaml: service odd: the program 'no-such-program'" in errors(toy)
