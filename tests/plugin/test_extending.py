"""What a package of somebody else's adds: it is used like what is built in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import outside
from inner import inner
from toy_project import steady

if TYPE_CHECKING:
    from inner import Told

INSIDE = Path(__file__).parents[1] / "inside"


@inner(
    """
    import pathlib

    @pytest.mark.perfqa(scenario="shop.yaml")
    def test_it(perf_run, perf_service):
        pathlib.Path("pid").write_text(str(perf_service.pid))
        assert perf_run.status["200"] == 10
        assert list(perf_run.resources_throughout) == ["files"]
    """,
    {"shop.yaml": steady(duration=0.5, rate=20), "public/index.html": "", **outside.package()},
    services={"shop": "files: {{folder: ../../public}}\n"},
    environment={"PYTHONPATH": outside.path(f".{os.pathsep}{INSIDE}")},
)
def test_a_backend(told: Told) -> None:
    """It starts a service, which is loaded, looked at, and gone when the session has ended."""
    told.assert_outcomes(passed=1)
    told.session.fnmatch_lines(["*on files (nothing else in its service.yaml)"])
    assert not Path("/proc", (told.path / "pid").read_text()).exists()
