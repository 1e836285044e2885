"""Where and with what runs were made: of a repository, its commit, branch and changes."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from pytest_perfqa.machine.environment import source

if TYPE_CHECKING:
    from pathlib import Path


def git(folder: Path, *words: str) -> str:
    """Run git as somebody."""
    who = ("-c", "user.name=somebody", "-c", "user.email=some@body")
    command = ["git", *who, *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_folder_of_a_repository(tmp_path: Path) -> None:
    """Also below its root; what is not added is no change."""
    git(tmp_path, "init", "--quiet", "--initial-branch=fast/er")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "file").write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message=first")
    (tmp_path / "other").write_text("2")
    commit = git(tmp_path, "rev-parse", "HEAD").strip()
    expected = {"commit": commit, "branch": "fast/er", "changed": "no"}
    assert source(tmp_path / "below") == expected
    (tmp_path / "below" / "file").write_text("2")
    assert source(tmp_path / "below") == expected | {"changed": "yes"}


def test_where_git_knows_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No repository, no git: nothing is said, and nothing fails."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert source(tmp_path) == {}
    monkeypatch.setenv("PATH", str(tmp_path))
    assert source(tmp_path) == {}
