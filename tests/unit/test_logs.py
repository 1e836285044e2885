"""How much of a log a message shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_perfqa.service.shared import logs

if TYPE_CHECKING:
    from pathlib import Path


def test_the_end_of_a_log_is_20_lines_and_more_after_a_crash(tmp_path: Path) -> None:
    """The worker's error is followed by the traceback of the server that gave up."""
    log = tmp_path / "app.log"
    log.write_text("ModuleNotFoundError: No module named 'shp'\n" + "gave up\n" * 30)
    assert len(logs.tail(log).splitlines()) == 20
    assert "No module named 'shp'" not in logs.tail(log)
    assert "No module named 'shp'" in logs.tail(log, logs.OF_A_CRASH)


def test_a_log_without_lines_says_so(tmp_path: Path) -> None:
    """A part may end before it prints."""
    assert logs.tail(tmp_path / "none.log").strip() == "(nothing printed)"
