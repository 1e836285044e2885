"""What a failed assertion says, for each kind of failure: reviewed texts in ``snapshots/``.

After a change that is meant, ``PERFQA_UPDATE_SNAPSHOTS=1 pytest -k what_failures_say`` writes them
anew; review what git shows.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_perfqa.result.attributes.latency import Distribution

if TYPE_CHECKING:
    import pytest

SNAPSHOTS = Path(__file__).parent / "snapshots"
ASSERTIONS = Path(__file__).parent / "failing_assertions.py"
# Names of the tests in that file.
NAMES = re.findall(r"^def test_(\w+)", ASSERTIONS.read_text(), re.MULTILINE)
ATTRIBUTES = ", ".join(name for name in dir(Distribution) if not name.startswith("_"))


def failures(output: str) -> dict[str, str]:
    """Give what was printed of each failed test: its E lines, and sections of ours."""
    printed = output.partition("= short test summary")[0]
    parts = re.split(r"^_{3,} test_(\w+) _{3,}$", printed, flags=re.MULTILINE)
    return {name: told(text) for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def told(text: str) -> str:
    """Give the lines of an explanation, but for all the names there are, which others add to."""
    lines = text.replace(ATTRIBUTES, "...").splitlines()
    errors = [line[4:] for line in lines if line.startswith("E ")]
    section = re.search(r"^-+ perfqa evidence -+\n((?:.+\n)*)", text, re.MULTILINE)
    return "\n".join(errors) + "\n" + ("\n" + section[0] if section else "")


def run(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> dict[str, str]:
    """Run the failing assertions, all of them in one pytest."""
    tests = Path(__file__).parents[1]
    paths = f"{tests}{os.pathsep}{tests.parent}"
    monkeypatch.setenv("PYTHONPATH", paths, prepend=os.pathsep)
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    monkeypatch.delenv("CI", raising=False)  # there, pytest prints what it would cut off
    pytester.makepyfile(test_it=ASSERTIONS.read_text())
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(failed=len(NAMES))
    return failures(result.stdout.str())


def test_what_failures_say(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every kind of failure reads as reviewed, to the last character."""
    found = run(pytester, monkeypatch, "utf-8")
    assert sorted(found) == sorted(NAMES)
    if os.environ.get("PERFQA_UPDATE_SNAPSHOTS"):
        for name, text in found.items():
            (SNAPSHOTS / f"{name}.txt").write_text(text)
    assert {path.stem for path in SNAPSHOTS.glob("*.txt")} == set(NAMES)
    for name, text in found.items():
        assert "truncated" not in text
        assert len(text.splitlines()) <= 12
        assert text == (SNAPSHOTS / f"{name}.txt").read_text(), name


def test_a_terminal_that_knows_ascii_only(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sparklines fall back; everything else is ASCII anyway."""
    found = run(pytester, monkeypatch, "ascii")
    assert "".join(found.values()).isascii()
    assert "|____" in found["count_of_5xx"]
