"""perf_characterize: what kind of service it is, asked once per question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inner import inner
from toy_project import SERVICE

if TYPE_CHECKING:
    from inner import Told


# Others load the toy in their own ways: what is found out about this one is about nothing else.
SERVICES = {"asked": SERVICE}


@inner(
    """
    def test_kind(perf_characterize):
        found = perf_characterize("/sleep/0.05", budget="20s", concurrency=32)
        assert found.kind == "asynchronous"
        assert found.service_time >= "50ms"
        assert found is perf_characterize("/sleep/0.05", budget=20, concurrency=32)

    def test_workers(perf_characterize):
        found = perf_characterize("/sleep/0.05", budget="20s", concurrency=32)
        assert found.workers == 4
    """,
    services=SERVICES,
)
def test_it_finds_a_kind_and_says_so(told: Told) -> None:
    """Asked twice, measured once; a line in the summary, the evidence beside a failure."""
    told.assert_outcomes(passed=1, failed=1)
    told.stdout.fnmatch_lines(
        ["*perfqa characterisation*", "asked /sleep/0.05: asynchronous", "at one time * or more"]
    )
    told.session.fnmatch_lines(["*= perfqa =*", "service * kind *", "asked * asynchronous *"])
    assert str(told.session).count("perfqa: characterising asked /sleep/0.05") == 1


@inner(
    """
    def test_argument(perf_characterize):
        perf_characterize("sleep")

    @pytest.mark.parametrize("again", [1, 2])
    def test_answers(perf_characterize, again):
        perf_characterize("/status/500", budget="5s")
    """,
    services=SERVICES,
)
def test_what_cannot_be_is_an_error_with_the_reason(told: Told) -> None:
    """A bad argument, and a path that has no good answers; the latter is asked for once."""
    told.assert_outcomes(failed=3)
    told.stdout.fnmatch_lines(["*path='sleep': accepted: a path that begins with /*"])
    told.stdout.fnmatch_lines(["*0 good answers * 500*"])
    assert str(told.session).count("perfqa: characterising asked /status/500") == 1
