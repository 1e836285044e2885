"""A real run that is kept and read again, where tests have it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from inner import inner
from toy_project import steady

if TYPE_CHECKING:
    from inner import Told

_UNIT = Path(__file__).parents[1] / "unit"


@inner(
    f"""
    import sys
    sys.path.insert(0, {str(_UNIT)!r})

    @pytest.mark.perfqa(scenario="kept.yaml")
    def test_it(perf_run, tmp_path):
        from answers import answers
        from pytest_perfqa import RunResult

        loaded = RunResult.load(perf_run.save(tmp_path / "kept"))
        assert loaded.provenance.setting["backend"] == "process"
        found, known = answers(loaded), answers(perf_run)
        assert len(known) > 2000
        assert found == known
    """,
    {"kept.yaml": steady(duration=0.3, rate=60)},
    among_others=True,
)
def test_a_run_of_a_real_service_answers_all_the_same(told: Told) -> None:
    """Its samples, what the monitor saw, and what its service is said to be."""
    told.assert_outcomes(passed=1)
