"""What becomes of an interrupted run when something goes wrong on top of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_perfqa.errors import ServiceError
from pytest_perfqa.load.driver.generator import Recording
from pytest_perfqa.load.wire.watch import Aborted
from pytest_perfqa.machine.children import Reaper
from pytest_perfqa.measuring import run as run_module
from pytest_perfqa.measuring.run import Bench, run
from pytest_perfqa.scenario.records import Flow, Phase, Scenario

if TYPE_CHECKING:
    from pathlib import Path


class Dying:
    """A service of which a part has died during the load."""

    name = "dying"
    url = "http://127.0.0.1:1"
    parts: dict[str, Any] = {}  # noqa: RUF012
    beside: dict[str, Any] = {}  # noqa: RUF012
    leaders: dict[str, Any] = {}  # noqa: RUF012

    def check(self) -> None:
        """Tell that it did."""
        raise ServiceError("app was killed")


@pytest.mark.parametrize(
    ("aborted", "error"),
    [
        (None, ServiceError),
        (Aborted(1.0, "5xx > 0", "5xx > 0"), ServiceError),
        (Aborted(1.0, "interrupted"), KeyboardInterrupt),
    ],
)
def test_nothing_hides_that_it_was_interrupted(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    aborted: Aborted | None,
    error: type[BaseException],
) -> None:
    """Else pytest would go on with the next test after Ctrl-C."""
    recording = Recording(None, 0.0, (), (), aborted)  # type: ignore[arg-type]
    monkeypatch.setattr(run_module, "generate", lambda *_, **__: recording)
    monkeypatch.setattr(run_module, "Monitor", _NoMonitor)
    scenario = Scenario("s", (Phase("p", 1, 1, 1),), (Flow("f", 1, ()),))
    with Reaper() as reaper, pytest.raises(error):
        run(Bench(reaper), Dying(), scenario, tmp_path / "run")  # type: ignore[arg-type]


class _NoMonitor:
    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __enter__(self) -> _NoMonitor:
        return self

    def __exit__(self, *_: object) -> None:
        pass
