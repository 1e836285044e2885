"""perf_characterize: what kind of service it is, asked once per question."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Project

pytestmark = pytest.mark.timed


def test_it_finds_a_kind_and_says_so(project: Project) -> None:
    """Asked twice, measured once; a line in the summary, the evidence beside a failure."""
    project.service()
    project.test("""
        def test_kind(perf_characterize):
            found = perf_characterize("/sleep/0.05", budget="20s", concurrency=32)
            assert found.kind == "asynchronous"
            assert found.service_time >= "50ms"
            assert found is perf_characterize("/sleep/0.05", budget=20, concurrency=32)

        def test_workers(perf_characterize):
            found = perf_characterize("/sleep/0.05", budget="20s", concurrency=32)
            assert found.workers == 4
    """)
    result = project.run()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["*perfqa characterisation*", "toy /sleep/0.05: asynchronous", "at one time * or more"]
    )
    result.stdout.fnmatch_lines(["*= perfqa =*", "service * kind *", "toy * asynchronous *"])
    assert str(result.stdout).count("perfqa: characterising toy") == 1


def test_what_cannot_be_is_an_error_with_the_reason(project: Project) -> None:
    """A bad argument, and a path that has no good answers; the latter is asked for once."""
    project.service()
    project.test("""
        def test_argument(perf_characterize):
            perf_characterize("sleep")

        @pytest.mark.parametrize("again", [1, 2])
        def test_answers(perf_characterize, again):
            perf_characterize("/status/500", budget="5s")
    """)
    result = project.run()
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(["*path='sleep': accepted: a path that begins with /*"])
    result.stdout.fnmatch_lines(["*0 good answers * 500*"])
    assert str(result.stdout).count("perfqa: characterising toy") == 1
