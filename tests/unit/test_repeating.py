"""What can't be believed is measured again; what can be is judged as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_perfqa.errors import InvalidRun, Lasting
from pytest_perfqa.measuring.repeating import MOST, Attempts, until_believed

#: What comes of one measurement: why it can't be believed, and what would have come of it.
MEASUREMENTS = st.lists(
    st.tuples(
        st.sampled_from([(), ("late",), ("disturbed", "late"), (Lasting("no ports"),)]),
        st.sampled_from(["PASSED", "FAILED", "INCONCLUSIVE"]),
    ),
    min_size=MOST + 1,
    max_size=MOST + 1,
)


@given(measurements=MEASUREMENTS, wished=st.booleans())
def test_the_first_that_can_be_believed_is_judged(
    measurements: list[tuple[tuple[str, ...], str]], *, wished: bool
) -> None:
    """Whatever would have come of those before it, and whatever would come of more."""
    left = iter(measurements)
    made = []
    said: list[str] = []

    def measure() -> str:
        causes, verdict = next(left)
        made.append(causes)
        if causes:
            raise InvalidRun(causes)
        return verdict

    attempts = Attempts("steady on toy")
    judged, error = None, None
    try:
        judged = until_believed(attempts, measure, said.append, wished=wished)
    except InvalidRun as raised:
        error = raised
    if error is None:
        believed = [verdict for causes, verdict in measurements if not causes]
        assert judged == believed[0]
        assert all(made[:-1])
        assert not made[-1]
    else:
        # Nothing could be believed, or another attempt would have been the same.
        assert not wished or len(made) == MOST + 1 or made[-1] == ("no ports",)
        assert error.causes[: len(made[-1])] == made[-1]
        assert all("; ".join(causes) in str(error) for causes in made)
        assert not error.is_worth_repeating
    assert len(said) == len(made) - 1
    assert len(made) <= (MOST + 1 if wished else 1)
    assert len(attempts.notes) == len(made) - 1


def test_what_is_said_of_attempts_in_vain() -> None:
    """The last one's causes first, then those of the others, in order."""
    attempts = Attempts("steady on toy")
    assert attempts.another(InvalidRun(["late", "no CPU"]))
    assert attempts.notes == (
        "steady on toy was measured again: INVALID the first time: late; no CPU",
    )
    assert attempts.another(InvalidRun(["disturbed"]))
    assert not attempts.another(InvalidRun(["later"]))
    assert str(attempts.given_up(InvalidRun(["later"]))) == (
        "INVALID: later; INVALID the first time: late; no CPU; INVALID the second time: disturbed"
    )


def test_other_errors_end_it() -> None:
    """A service that died is no measurement."""

    def measure() -> None:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        until_believed(Attempts("it"), measure, pytest.fail)
