"""In which order a test and its runs are judged: validity first, and what has failed has failed."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_perfqa.door import remeasuring
from pytest_perfqa.door.remeasuring import Requirements
from pytest_perfqa.errors import Inconclusive, InvalidRun, RequirementMissed
from pytest_perfqa.measuring.repeating import Attempts

MISSED = RequirementMissed("error_rate <= 1%: found 50 %")
DISTURBED = InvalidRun(["others took it"])
UNTOLD = Inconclusive("nobody knows")


@pytest.mark.parametrize(
    ("body", "requirements", "invalid", "aborted", "ends"),
    [
        (None, None, (), None, None),
        (None, MISSED, (), None, MISSED),
        (None, DISTURBED, (), None, DISTURBED),
        (None, UNTOLD, (), None, UNTOLD),
        # What is missed where that can be told is FAILED: nothing is made again for it.
        (DISTURBED, MISSED, (), None, MISSED),
        (UNTOLD, MISSED, (), None, MISSED),
        # What is undecided on both sides is what the body says.
        (DISTURBED, UNTOLD, (), None, DISTURBED),
        (UNTOLD, DISTURBED, (), None, UNTOLD),
        # A run that can't be believed is not judged, not even one that was stopped.
        (DISTURBED, MISSED, ("late",), None, DISTURBED),
        (DISTURBED, MISSED, ("late",), "5xx > 0", DISTURBED),
        (None, MISSED, ("late",), None, None),
        # Another failure of the body stands, but for why a run was stopped.
        (ValueError("no"), MISSED, (), None, ValueError),
        (ValueError("no"), MISSED, (), "5xx > 0", MISSED),
        (KeyboardInterrupt(), MISSED, (), "5xx > 0", KeyboardInterrupt),
    ],
)
def test_what_counts(
    monkeypatch: pytest.MonkeyPatch,
    body: BaseException | None,
    requirements: Exception | None,
    invalid: tuple[str, ...],
    aborted: str | None,
    ends: Any,
) -> None:
    """Of what the body raises, and what the requirements of its run come to."""

    def require(_result: object, *, held: bool) -> None:
        assert held
        if requirements is not None:
            raise requirements

    monkeypatch.setattr(remeasuring, "require", require)
    monkeypatch.setattr(remeasuring, "are_errors_expected", lambda _: False)
    result = SimpleNamespace(invalid=invalid, aborted=aborted)
    cell: Any = SimpleNamespace(result=result)
    item: Any = None
    came_to: BaseException | None = None
    try:
        with Requirements(item, lambda: [cell]):
            if body is not None:
                raise body  # noqa: TRY301 - as the body of a test does
    except BaseException as error:  # noqa: BLE001 - it is what is looked at
        came_to = error
    assert came_to is ends or (isinstance(ends, type) and isinstance(came_to, ends))


def test_a_body_that_asks_for_another_run_each_time_comes_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where others never leave the machine alone, each of those runs would be as disturbed."""
    cells: list[Any] = []

    def body() -> None:
        attempts = Attempts(f"run {len(cells) + 1}")
        cells.append(SimpleNamespace(result=SimpleNamespace(disturbances=()), attempts=attempts))
        raise DISTURBED

    def measure_spoiled(cell: Any, error: InvalidRun) -> bool:
        return bool(cell.attempts.another(error))

    monkeypatch.setattr(remeasuring, "Requirements", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(remeasuring, "_set_up_again", lambda _: None)
    item: Any = SimpleNamespace(runtest=body)
    session: Any = SimpleNamespace(runs=SimpleNamespace(measure_spoiled=measure_spoiled))
    with pytest.raises(InvalidRun):
        body()
    with pytest.raises(InvalidRun, match=r"others took it.*INVALID the first time"):
        remeasuring.judge_again(item, DISTURBED, session, None, lambda: cells)
    assert len(cells) == 3
