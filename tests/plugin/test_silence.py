"""The plugin costs nothing, and says nothing, where no perf test is selected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from inner import inner
from processes import carrying
from toy_project import steady

if TYPE_CHECKING:
    from inner import Told
    from project import Project

HEAVY = ["locust", "gevent", "numpy", "pydantic", "yaml", "pytest_perfqa.measuring.session"]


def test_nothing_heavy_is_imported_without_perf_tests(project: Project) -> None:
    """Neither Locust nor gevent nor numpy is loaded in a project without perf tests."""
    project.test(f"""
        import sys

        def test_imports():
            assert "pytest_perfqa.plugin" in sys.modules
            assert [name for name in {HEAVY} if name in sys.modules] == []
    """)
    assert project.run_anew().ret == pytest.ExitCode.OK


def test_nothing_is_printed_without_perf_tests(project: Project) -> None:
    """No line of the output is ours, but for the list of installed plugins."""
    project.test("def test_pass(): pass")
    result = project.run("-v")
    lines = [line for line in result.outlines if not line.startswith("plugins:")]
    assert result.ret == pytest.ExitCode.OK
    assert [line for line in lines if "perfqa" in line] == []


def test_deselected_perf_tests_cost_nothing(toy: Project) -> None:
    """A perf test that -m or -k leaves out is not prepared: its scenario isn't even read."""
    toy.scenario("broken.yaml").write_text("nonsense: [")
    toy.test("""
        @pytest.mark.perfqa(scenario="broken.yaml")
        def test_perf(perf_run): pass

        def test_plain(): pass
    """)
    result = toy.run("-k", "plain")
    assert result.ret == pytest.ExitCode.OK
    result.assert_outcomes(passed=1, deselected=1)
    assert toy.starts() == 0


@inner(
    """
    import sys

    @pytest.mark.perfqa(scenario="steady.yaml")
    def test_perf(perf_run):
        assert perf_run.launched == 20
        assert "locust" not in sys.modules
        assert "gevent" not in sys.modules
    """,
    {"steady.yaml": steady()},
    among_others=True,
)
def test_locust_stays_out_of_the_pytest_process(told: Told) -> None:
    """Not even a perf test brings Locust or gevent into pytest: they hang it beside others."""
    told.assert_outcomes(passed=1)


def test_locust_is_imported_once_and_only_for_runs(toy: Project) -> None:
    """While the service starts, where a test will ask for a run; never for searches."""
    toy.scenario("short.yaml", duration=0.2)
    toy.test("""
        import psutil

        def imported():
            children = psutil.Process().children(recursive=True)
            return [one.pid for one in children if any("zygote" in word for word in one.cmdline())]

        def test_search(perf_service, perf_breaking_point, perf_characterize):
            assert imported() == []

        def test_load(perf_service, perf_load):
            begun = imported()
            assert len(begun) == 1
            for rate in (20, 40):
                assert perf_load("short.yaml", rate=rate).launched == rate / 5
                assert imported() == begun
    """)
    for name in ("search", "load"):
        result = toy.run("-p", "among_others", "-k", name)
        result.assert_outcomes(passed=1, deselected=1)


@pytest.mark.parametrize("option", ["--verbose", "--collect-only"])
def test_nothing_is_left_where_no_test_runs(
    toy: Project, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has begun to import Locust when a mistake is found ends with pytest."""
    monkeypatch.setenv("OF_TEST", str(toy.path))
    toy.test("""
        @pytest.mark.perfqa(scenario="steady.yaml", services=["toy", "none"])
        def test_perf(perf_run): pass
    """)
    assert toy.run(option).ret == pytest.ExitCode.USAGE_ERROR
    assert carrying("OF_TEST", toy.path) == []
