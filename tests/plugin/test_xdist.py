"""Under xdist perf tests run when all others are done, in one process, one after the other."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from project import Project

# Each test notes who ran it, and from when to when.
NOTES = """
    import json, os, pathlib, time, pytest

    @pytest.fixture(autouse=True)
    def _noted(request):
        begin = time.monotonic()
        yield
        line = [request.node.name, os.getpid(), begin, time.monotonic()]
        with (pathlib.Path(__file__).parent / "notes").open("a") as notes:
            print(json.dumps(line), file=notes)
"""
PERF = """
    @pytest.mark.parametrize("number", range(3))
    def test_perf(perf_service, number): assert perf_service.url
"""
PLAIN = """
    import time

    class TestOne:
        def test_short(self): pass
        def test_long(self): time.sleep(0.2)

    @pytest.mark.parametrize("number", range(5))
    def test_plain(number): time.sleep(0.05)
"""


@pytest.fixture
def mixed(project: Project) -> Project:
    """A project with perf tests between others, in two files."""
    project.service()
    (project.path / "conftest.py").write_text(NOTES.replace("\n    ", "\n"))
    project.test(PERF + PLAIN, "test_a.py")
    project.test(PLAIN + PERF.replace("test_perf", "test_more"), "test_b.py")
    return project


def notes(project: Project) -> list[tuple[str, int, float, float]]:
    """Give name, process, begin and end of each test that ran."""
    file = project.path / "notes"
    lines = file.read_text().splitlines() if file.exists() else []
    return [tuple(json.loads(line)) for line in lines]


def is_perf(name: str) -> bool:
    """Tell a perf test by its name."""
    return name.startswith(("test_perf", "test_more"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("-n2",),
        ("-n2", "--dist=loadscope"),
        ("-n2", "--dist=loadfile"),
        ("-n2", "--dist=loadgroup"),
        ("-n2", "--dist=worksteal"),
        ("-n2", "--dist=each"),
        ("-n1",),
        ("-n0",),
    ],
    ids=" ".join,
)
def test_perf_tests_run_alone_and_once(mixed: Project, arguments: tuple[str, ...]) -> None:
    """However others are spread: in one process, when the last of them is done, on one service."""
    result = mixed.run(*arguments)
    others = 14 * (2 if "--dist=each" in arguments else 1)
    result.assert_outcomes(passed=6 + others)
    ran = notes(mixed)
    perf = [one for one in ran if is_perf(one[0])]
    plain = [one for one in ran if not is_perf(one[0])]
    assert [name for name, *_ in perf] == [
        *(f"test_perf[toy-{number}]" for number in range(3)),
        *(f"test_more[toy-{number}]" for number in range(3)),
    ]
    assert len({process for _, process, *_ in perf}) == 1
    assert mixed.starts() == 1
    if arguments != ("-n0",):
        assert len(plain) == others
        assert min(begin for *_, begin, _ in perf) > max(end for *_, end in plain)
        result.stdout.fnmatch_lines(["perfqa: perf tests, now that all others are done: 6"])


@pytest.mark.usefixtures("without_load")
def test_all_that_is_told_of_a_run_is_told(toy: Project) -> None:
    """Failures and their evidence, the summary, JUnit; of the live line nothing, as in workers."""
    toy.test("""
        @pytest.mark.perfqa(scenario="steady.yaml")
        @pytest.mark.parametrize("wanted", [20, 21])
        def test_perf(perf_run, wanted): assert perf_run.launched == wanted

        def test_plain(): pass
    """)
    result = toy.run("-n2", "--junitxml=junit.xml")
    result.assert_outcomes(passed=2, failed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "*perfqa: 1 run on 1 service (toy)*",
            "*launched arrivals of the run: 20, wanted == 21*",
            "*perfqa run*",
            "*= perfqa =*",
            "toy *steady * 20 * FAILED",
            "FAILED test_it.py::test_perf?toy-21?*",
        ]
    )
    assert "perfqa: run 1/1" not in result.stdout.str()
    assert result.stdout.str().count("= perfqa =") == 1
    cases = {one.get("name"): one for one in ET.parse(toy.path / "junit.xml").iter("testcase")}  # noqa: S314
    assert set(cases) == {"test_perf[toy-20]", "test_perf[toy-21]", "test_plain"}
    told = {
        one.get("name"): one.get("value") for one in cases["test_perf[toy-21]"].iter("property")
    }
    assert (told["perfqa_verdict"], told["perfqa_launched"]) == ("FAILED", "20")


def test_what_workers_have_selected_is_run_whatever_else_selects(mixed: Project) -> None:
    """A plugin that takes every other test would take every other of those again."""
    with (mixed.path / "conftest.py").open("a") as conftest:
        conftest.write("""
def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.skipif("toy-2" in item.name, reason="by its conftest"))
    items[:] = items[::2]
""")
    result = mixed.run("-n2", "-k", "test_perf or test_short", "-rs")
    result.assert_outcomes(passed=2, skipped=1)
    assert {name for name, *_ in notes(mixed)} == {"test_perf[toy-0]", "test_short"}
    result.stdout.fnmatch_lines(["SKIPPED * by its conftest"])


def test_mistakes_are_told_before_any_test_runs(mixed: Project) -> None:
    """As without xdist: once, with exit code 4."""
    mixed.test("""
        @pytest.mark.perfqa(scenario="missing.yaml", services=["tyo"])
        def test_wrong(perf_run): pass
    """)
    result = mixed.run("-n2")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert result.stderr.str().count("no service 'tyo'") == 0, "a marker is read as a whole"
    assert result.stderr.str().count("perfqa(scenario='missing.yaml'): no such file") == 1
    assert notes(mixed) == []
    assert mixed.starts() == 0


def test_after_a_failure_that_ends_the_session_there_is_no_load(mixed: Project) -> None:
    """As others would not run any more."""
    mixed.test("def test_bad(): assert False", "test_0.py")
    result = mixed.run("-n2", "-x")
    assert result.ret != pytest.ExitCode.OK
    assert [name for name, *_ in notes(mixed) if is_perf(name)] == []
    assert mixed.starts() == 0


@pytest.mark.parametrize("place", ["--perfqa-xdist=skip", "perfqa_xdist in *ini"])
def test_they_are_skipped_where_that_is_wished(mixed: Project, place: str) -> None:
    """Only where it is: a session that measured nothing must not be green by accident."""
    if place.startswith("perfqa"):
        (mixed.path / "pytest.ini").write_text("[pytest]\nperfqa_xdist = skip\n")
    # It isn't even looked for.
    mixed.test("""
        @pytest.mark.perfqa(scenario="missing.yaml")
        def test_perf(perf_run): pass
    """)
    arguments = [place] if place.startswith("--") else []
    result = mixed.run("-n2", "-rs", *arguments)
    result.assert_outcomes(passed=14, skipped=7)
    said = place.partition("=")[0]
    result.stdout.fnmatch_lines([f"SKIPPED * perfqa: not under pytest-xdist ({said})"])
    assert mixed.starts() == 0


def test_a_word_that_is_none_is_a_usage_error(mixed: Project) -> None:
    """With those that are accepted."""
    result = mixed.run("-n2", "--perfqa-xdist=never")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--perfqa-xdist: found 'never'; accepted: run, skip"])
    assert notes(mixed) == []


def test_what_can_not_be_found_again_is_no_pass(mixed: Project) -> None:
    """Workers found a perf test, and nobody has run it: that must not be green."""
    mixed.test("""
        import os

        @pytest.mark.parametrize("where", [os.environ.get("PYTEST_XDIST_WORKER", "")[:2]])
        def test_perf(perf_service, where): pass
    """)
    result = mixed.run("-n2", "test_it.py")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*test_it.py::test_perf?toy-gw?; run perf tests without -n*"])


def test_nothing_is_said_or_imported_without_perf_tests(project: Project) -> None:
    """Neither in workers nor beside them."""
    project.test("def test_plain(): pass")
    (project.path / "conftest.py").write_text("""
import sys

def pytest_sessionfinish():
    ours = {"pytest_perfqa.door.options", "pytest_perfqa.door.agenda"}
    assert not {"numpy", *ours} & set(sys.modules)
""")
    result = project.run_anew("-n2", "-v")
    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.OK
    lines = [line for line in result.outlines if not line.startswith("plugins:")]
    assert [line for line in lines if "perfqa" in line] == []


def test_it_works_without_xdist(mixed: Project) -> None:
    """Where it isn't installed, or is left out."""
    mixed.run("-p", "no:xdist").assert_outcomes(passed=20)
    assert mixed.starts() == 1
