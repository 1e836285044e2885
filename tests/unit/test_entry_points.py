"""What other packages offer is found by name, and imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from artillery_files import read, with_config

from pytest_perfqa.base import entry_points
from pytest_perfqa.errors import ConfigurationError
from pytest_perfqa.report.export.targets import targets
from pytest_perfqa.service import backends, selection
from pytest_perfqa.service.service_file import read_service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GROUP = "pytest_perfqa.test_entry_points"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have a package installed that offers one thing which is there, and one that is broken."""
    folder = tmp_path / "offering-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: offering\nVersion: 1.0\n")
    lines = (f"[{GROUP}]", "good = offering_good:THING", "broken = offering_broken:THING")
    (folder / "entry_points.txt").write_text("\n".join(lines))
    (tmp_path / "offering_good.py").write_text("THING = 7\n")
    (tmp_path / "offering_broken.py").write_text("import no_such_module_anywhere\n")
    monkeypatch.syspath_prepend(tmp_path)
    entry_points.installed.cache_clear()
    yield
    entry_points.installed.cache_clear()


@pytest.mark.usefixtures("package")
def test_what_is_broken_is_told_only_to_who_asks_for_it() -> None:
    """With its package and the reason."""
    assert list(entry_points.installed(GROUP)) == ["broken", "good"]
    assert entry_points.load(GROUP, "good") == 7
    said = (
        r"'broken' of the package offering can't be imported \(pytest_perfqa.test_entry_points: "
        r"offering_broken:THING\): ModuleNotFoundError: No module named 'no_such_module_anywhere'"
    )
    with pytest.raises(ConfigurationError, match=said):
        entry_points.load(GROUP, "broken")


def test_nobody_offers_anything() -> None:
    """That is no mistake."""
    assert entry_points.installed("pytest_perfqa.nothing") == {}


def test_nobody_looks_where_only_ours_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would take some milliseconds of every session."""
    monkeypatch.setattr(entry_points, "installed", None)
    (tmp_path / "service.yaml").write_text("process: {app: {command: x}}\n")
    selection.choose(read_service(tmp_path), "auto")
    assert backends.wishes("docker") == ("process", "docker")
    faults = [{"at": 0, "kill": "app", "restart_after": 1}, {"at": 0, "restart": "app"}]
    assert len(read(tmp_path, with_config(perfqa={"faults": faults})).faults) == 2
    assert len(targets("graphite:h:1, openmetrics:f", tmp_path)) == 2
