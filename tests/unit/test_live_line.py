"""What the live line says, in place and as plain lines."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from pytest_perfqa.load.driver.generator import Progress
from pytest_perfqa.report.terminal.live import LiveLine
from pytest_perfqa.report.text.words import clock, duration, plural, printable
from pytest_perfqa.scenario.records import Phase, Scenario

SCENARIO = Scenario("endurance", (Phase("warm up", 10, 1, 2), Phase("plateau", 50, 2, 2)), ())


@dataclass
class Paper:
    """A screen that remembers."""

    in_place: bool = False
    quiet: bool = False
    lines: list[str] = field(default_factory=list)
    overs: list[str] = field(default_factory=list)

    def line(self, text: str) -> None:
        """Keep a line."""
        self.lines.append(text)

    def over(self, text: str) -> None:
        """Keep what was written in place."""
        self.overs.append(text)


def progress(elapsed: float, p95: float | None = 0.25) -> Progress:
    """Give where a run stands."""
    return Progress(
        elapsed, 12, pending=3, completed=8, failed=0, p95=p95, status={"200": 7, "503": 1}, bad=1
    )


def watched(paper: Paper, *moments: float, runs: int = 2) -> LiveLine:
    """Watch the first of some runs until now."""
    live = LiveLine(paper, runs, 60.0 * runs)
    live.begin("node", SCENARIO)
    for moment in moments:
        live.progress(progress(moment))
    return live


def test_every_second_in_place() -> None:
    """Counts, percentile, phase, time left of the run and of the session."""
    paper = Paper(in_place=True)
    watched(paper, 1, 2, 30)
    assert paper.lines == []
    assert paper.overs[0] == (
        "perfqa: 12 launched, 3 pending, p95 250 ms, 1 error, warm up, 0:59 left, "
        "run 1/2 [..........] 1:59: endurance on node"
    )
    assert "plateau, 0:30 left, run 1/2 [##........] 1:30:" in paper.overs[2]


def test_a_single_run_has_no_second_bar() -> None:
    """What is left of the run is what is left of the session."""
    paper = Paper(in_place=True)
    watched(paper, 30, runs=1)
    assert "run 1/1" not in paper.overs[0]


def test_no_percentile_of_no_answer() -> None:
    """A second without an answer has none."""
    paper = Paper(in_place=True)
    watched(paper).progress(progress(5, p95=None))
    assert "p95 -," in paper.overs[0]


def test_fewer_lines_without_a_terminal() -> None:
    """When a phase begins, and every ten seconds."""
    paper = Paper()
    watched(paper, *range(1, 36))
    assert len(paper.lines) == 4  # at 2 s, 10 s where the phase changes, 20 s, 30 s
    assert paper.overs == []


def test_quiet_without_a_terminal_is_silent() -> None:
    """-q in a file says nothing; on a terminal it doesn't disturb."""
    paper, terminal = Paper(quiet=True), Paper(in_place=True, quiet=True)
    for one in (paper, terminal):
        watched(one, 1, 2, 30).end(None)
    assert paper.lines == []
    assert len(terminal.overs) == 3


def test_after_the_last_arrival_it_waits() -> None:
    """Time left is never negative."""
    paper = Paper(in_place=True)
    watched(paper, 75)
    assert "waiting for answers, 0:00 left" in paper.overs[0]


def test_an_end_without_a_result_says_how_far_it_came() -> None:
    """An interrupted run leaves a line, too."""
    paper = Paper()
    watched(paper, 1).end(None)
    watched(paper).end(None)
    assert paper.lines == [
        "perfqa: run 1/2: endurance on node: ended after 1 s",
        "perfqa: run 1/2: endurance on node: did not begin",
    ]


def test_more_runs_than_planned() -> None:
    """Runs that a test makes itself are not known before."""
    paper = Paper(in_place=True)
    live = watched(paper, 30, runs=1)
    live.end(None)
    live.begin("node", SCENARIO)
    live.progress(progress(0))
    assert "1:00 left, run 2/2 [#####.....] 1:00" in paper.overs[-1]


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("plain", None, "plain"),
        ("a\nb\tc", None, "a b c"),
        ("\x1b[31mred\x07", None, r"\x1b[31mred\x07"),
        ("abcdefgh", 6, "abc..."),
        ("abcdefgh", 2, ".."),
        ("größe ✓", 7, "größe ✓"),
    ],
)
def test_a_name_stays_on_its_line(text: str, width: int | None, shown: str) -> None:
    """Control characters of names do nothing to a terminal."""
    assert printable(text, width) == shown


def test_times_and_counts_in_words() -> None:
    """As people say and write them."""
    assert [clock(seconds) for seconds in (-1, 7, 750, 3900)] == [
        "0:00",
        "0:07",
        "12:30",
        "1:05:00",
    ]
    assert [duration(seconds) for seconds in (7.4, 60, 61)] == ["7 s", "1 min", "1 min 1 s"]
    assert [plural(count, "run") for count in (0, 1, 2)] == ["0 runs", "1 run", "2 runs"]
