"""Under xdist, loads never overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Project

TEST = """
    @pytest.mark.perfqa(scenario="steady.yaml")
    @pytest.mark.parametrize("number", range(4))
    def test_perf(perf_run, number): pass

    def test_plain(): pass
"""


def test_perf_tests_are_skipped_with_the_reason(toy: Project) -> None:
    """Workers would load the machine at the same time."""
    toy.test(TEST)
    result = toy.run("-n2", "-rs")
    result.assert_outcomes(passed=1, skipped=4)
    result.stdout.fnmatch_lines(["*perfqa: loads must not overlap; run perf tests without -n"])
    assert toy.starts() == 0


def test_loads_never_overlap_with_loadgroup(toy: Project) -> None:
    """One worker gets all perf tests, or (xdist 3.8 with pytest 9.2 groups nothing) none runs."""
    toy.test(TEST)
    result = toy.run("-n2", "--dist=loadgroup", "-rs")
    outcome = result.parseoutcomes()
    assert (outcome["passed"], toy.starts()) in {(5, 1), (1, 0)}
    if "skipped" in outcome:
        result.stdout.fnmatch_lines(["*and --dist loadgroup groups no tests here; *without -n"])


def test_a_single_worker_runs_them(toy: Project) -> None:
    """With -n1 there is nothing to overlap with."""
    toy.test(TEST)
    toy.run("-n1").assert_outcomes(passed=5)
    assert toy.starts() == 1
