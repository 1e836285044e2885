"""``--perfqa-save``: a session under a name, with what its runs were of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_perfqa.machine.environment import machine, machine_name
from pytest_perfqa.report.saved import read_baseline
from pytest_perfqa.service.fingerprint import configuration_digest
from pytest_perfqa.service.service_file import read_service

if TYPE_CHECKING:
    from project import Project


@pytest.mark.usefixtures("without_load")
def test_a_session_is_saved_below_the_root_of_the_project(toy: Project) -> None:
    """By an ini file, too; not before the session ends."""
    (toy.path / "pytest.ini").write_text("[pytest]\nperfqa_save = nightly\n")
    toy.test("""
        import pathlib

        @pytest.mark.perfqa(scenario="steady.yaml")
        def test_it(perf_run):
            assert not pathlib.Path(".perfqa").exists()
            assert perf_run.status[200] == 20
    """)
    folder = toy.path / ".perfqa" / "baselines" / machine_name(machine()) / "nightly"
    result = toy.run()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([f"saved: {folder}"])
    (saved,) = read_baseline(folder).runs
    setting = read_baseline(folder).provenance.setting
    assert (saved.service, saved.scenario, setting["time_scale"]) == ("toy", "steady", "1")
    config = read_service(toy.path / "services" / "toy")
    digest = configuration_digest(config, "process")
    assert f'"configuration": "{digest}"' in (folder / "run-1" / "run.json").read_text()
