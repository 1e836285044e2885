"""The repository of a project: which commit is meant, and its files in a folder of their own.

Nothing is written into it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..base.wording import did_you_mean
from ..errors import ConfigurationError, PrerequisiteMissing
from ..machine import children

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..machine.children import Reaper

__tracebackhide__ = True

# They say which repository is meant: in a hook of git's, one that isn't ours.
_OF_A_REPOSITORY = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)
# Whatever is set for all repositories: no hook runs, and refs are files, as we write them.
_SETTINGS = ("-c", "core.hooksPath=/dev/null", "-c", "init.defaultRefFormat=files")
_SUBMODULE = "160000"


@dataclass(frozen=True)
class Commit:
    """A commit of the repository that a folder is in.

    Attributes:
        id: its name in full.
        folder: the one in the working tree, from which the repository is found.
        place: where that folder is in the files of the repository.
    """

    id: str
    folder: Path
    place: str


def find_commit(ref: str, folder: Path) -> Commit:
    """Find a commit of the repository that a folder is in.

    Raises:
        PrerequisiteMissing: there is no git.
        ConfigurationError: the folder is in no repository, the commit isn't in that, or has
            submodules, which are repositories of their own.
    """
    if shutil.which("git") is None:
        raise PrerequisiteMissing("the program 'git' is missing; install it")
    place = _ask(folder, "rev-parse", "--show-prefix").strip().rstrip("/")
    peeled = f"{ref}^{{commit}}"  # an annotated tag is no commit, but leads to one
    found = _said(folder, "rev-parse", "-q", "--verify", peeled)
    if not found:
        where = f"there is no commit {ref!r} in the repository of {folder}"
        raise ConfigurationError(f"{where}{_help(ref, folder)}")
    commit = Commit(found.strip(), folder, place)
    if modules := _submodules(commit):
        raise ConfigurationError(
            f"it has submodules, which are repositories of their own: {', '.join(modules)}; "
            "accepted: a folder with all of it, given in place of git:REF"
        )
    return commit


def check_out(commit: Commit, tree: Path, *, reaper: Reaper) -> Path:
    """Put the files of a commit into a folder; give the place in it that the commit was found from.

    It is a repository, with the tags, but for its objects, which stay where they are. Not a clone:
    git makes none with shared objects of a shallow repository, as CIs have them, nor one of a
    commit that no branch leads to.

    Args:
        tree: must not be there; a log is written beside it.
        reaper: ends git, should we be killed.

    Raises:
        ConfigurationError: git can't do it; with what it says.
    """
    tree.mkdir(parents=True)
    log = tree.with_name(f"{tree.name}.log")
    form = _ask(commit.folder, "rev-parse", "--show-object-format").strip()
    _make(["init", "-q", "--template=", f"--object-format={form}"], tree, log, reaper)
    ours = tree / ".git"
    (ours / "objects" / "info").mkdir(exist_ok=True)
    objects = _path(commit.folder, "objects")
    (ours / "objects" / "info" / "alternates").write_bytes(os.fsencode(objects) + b"\n")
    shallow = _path(commit.folder, "shallow")
    if shallow.exists():
        shutil.copyfile(shallow, ours / "shallow")
    tags = _ask(commit.folder, "for-each-ref", "--format=%(objectname) %(refname)", "refs/tags")
    (ours / "packed-refs").write_bytes(os.fsencode(tags))
    _make(["checkout", "-q", "--detach", commit.id], tree, log, reaper)
    return tree / commit.place


def _make(words: Sequence[str], tree: Path, log: Path, reaper: Reaper) -> None:
    argv = ["git", *_SETTINGS, *words]
    ended = children.run_to_end(argv, log=log, cwd=tree, env=_environment(), reaper=reaper)
    if ended.returncode:
        said = log.read_text(encoding="utf-8", errors="replace").strip()
        raise ConfigurationError(f"it can't be checked out: git {children.ending(ended)}: {said}")


def _help(ref: str, folder: Path) -> str:
    """Say how a commit that isn't there may be had."""
    if _ask(folder, "rev-parse", "--is-shallow-repository").strip() == "true":
        remote, _, branch = ref.partition("/")
        more = "git fetch --unshallow"
        if branch and remote in _ask(folder, "remote").split():
            more = f"git fetch --depth=1 {remote} {branch}:refs/remotes/{ref}"
        return f", which is a shallow clone: {more}"
    names = _ask(folder, "for-each-ref", "--format=%(refname:short)").split()
    return f"; git fetch brings what a remote has{did_you_mean(ref, names)}"


def _submodules(commit: Commit) -> list[str]:
    """List the folders that are submodules, where a repository has any."""
    folder, at = commit.folder, commit.id
    if not _said(folder, "rev-parse", "-q", "--verify", f"{at}:.gitmodules"):
        return []
    entries = _ask(folder, "ls-tree", "-r", "-z", "--full-tree", at).split("\0")
    return [entry.partition("\t")[2] for entry in entries if entry.startswith(_SUBMODULE)]


def _path(folder: Path, name: str) -> Path:
    """Find a file of the repository; all its worktrees share it."""
    path = _ask(folder, "rev-parse", "--git-path", name).removesuffix("\n")
    return (folder / path).resolve()


def _ask(folder: Path, *words: str) -> str:
    answer = _run(folder, *words)
    if answer.returncode:
        said = answer.stderr.strip() or f"it exited with code {answer.returncode}"
        raise ConfigurationError(f"git {words[0]} in {folder}: {said}")
    return answer.stdout


def _said(folder: Path, *words: str) -> str:
    """Give an answer; empty where git has none."""
    return _run(folder, *words).stdout


def _run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", *words],  # noqa: S607 - the user's own
        cwd=folder,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding=sys.getfilesystemencoding(),
        errors="surrogateescape",  # as os.fsencode has it
        check=False,
    )


def _environment() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if name not in _OF_A_REPOSITORY}
