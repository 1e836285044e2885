"""Where a base comes from: what is accepted, found, checked out, and refused with which words."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from pytest_perfqa.baseline import repository
from pytest_perfqa.baseline.configurations import base_configurations
from pytest_perfqa.baseline.sources import (
    HeadProject,
    OtherFolder,
    OtherService,
    Revision,
    RunningAt,
    Saved,
    Startable,
    read_source,
    side,
)
from pytest_perfqa.errors import ConfigurationError, PrerequisiteMissing

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_perfqa.machine.children import Reaper
    from pytest_perfqa.service.config import ServiceConfig

SERVICE = "process: {app: {command: python server.py}}\nprepare: [make]\n"


class Repository:
    """A repository of several projects, one of which has services."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def project(self) -> HeadProject:
        """The project in it."""
        root = self.folder / "api"
        return HeadProject(root, root / "services", self.folder.parent)

    def git(self, *words: str) -> str:
        """Have git do something in it."""
        answer = subprocess.run(
            ["git", "-c", "user.name=x", "-c", "user.email=x@localhost", *words],  # noqa: S607
            cwd=self.folder,
            check=True,
            capture_output=True,
            text=True,
        )
        return answer.stdout.strip()

    def service(self, name: str, text: str = SERVICE) -> None:
        """Describe a service."""
        folder = self.project.services_dir / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "service.yaml").write_text(text)

    def commit(self, ref: str) -> None:
        """Commit all there is, on a branch that is made where there is none."""
        self.git("checkout", "-q", "-B", ref)
        self.git("add", ".")
        self.git("commit", "-q", "-m", ref)

    def holds(self) -> dict[str, bytes]:
        """Give all its files."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file()
        }


@pytest.fixture(scope="module", autouse=True)
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Have hooks for all repositories, that leave a file where they run; give their folder."""
    folder = tmp_path_factory.mktemp("hooks")
    hook = folder / "post-checkout"
    hook.write_text(f"#!/bin/sh\necho ran >> {folder}/ran\n")
    hook.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Make a repository of a few commits, with changes that nobody has committed."""
    made = Repository(tmp_path_factory.mktemp("work") / "repo")
    made.folder.mkdir()
    made.git("init", "-q")
    made.service("shop")
    made.commit("old")
    made.git("tag", "-a", "v1", "-m", "a release")
    made.service("shop", SERVICE.replace("server.py", "new.py"))
    made.service("web")
    made.commit("main")
    made.service("web", "process: 3\nready: {}\n")
    made.commit("broken")
    made.git("checkout", "-q", "-B", "modules", "main")
    (made.folder / ".gitmodules").write_text('[submodule "x"]\npath = libs/x\nurl = ../x\n')
    made.commit("modules")
    head = made.git("rev-parse", "HEAD")
    made.git("update-index", "--add", "--cacheinfo", f"160000,{head},libs/x")
    made.git("commit", "-q", "--amend", "-m", "modules")
    made.git("checkout", "-q", "main")
    made.service("shop", "process: {app: {command: python dirty.py}}\n")
    made.service("untracked")
    made.git("add", "api/services/shop")
    return made


def refused(written: str, project: HeadProject) -> str:
    """Give the reason why something is refused."""
    with pytest.raises(ConfigurationError) as caught:
        read_source(written, project)
    said = str(caught.value)
    assert said.startswith(f"--perfqa-against: found {written!r}; ")
    return said.partition("; ")[2]


def startable(written: str, project: HeadProject) -> Startable:
    """Read where a base comes from that can be measured."""
    source = read_source(written, project)
    assert not isinstance(source, Saved)
    return source


def based(
    written: str,
    repo: Repository,
    folder: Path,
    reaper: Reaper,
    services: Sequence[str] = ("shop",),
) -> dict[str, ServiceConfig]:
    """Give the base of some services."""
    source = startable(written, repo.project)
    return base_configurations(source, services, folder / "tree", reaper=reaper)


def command(config: ServiceConfig) -> str:
    """Give what it runs."""
    return config.commands[0].command


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("git:old", Revision),
        ("git:v1", Revision),
        ("git:main~1", Revision),
        ("repo/api", OtherFolder),
        ("http://127.0.0.1:8081", RunningAt),
        ("service:web", OtherService),
        ("saved:nightly-2.1", Saved),
    ],
)
def test_what_is_accepted(repo: Repository, written: str, kind: type) -> None:
    """Each form is told by itself, and is written in messages as it was by the user."""
    source = read_source(written, repo.project)
    assert type(source) is kind
    assert side(source) == f"base ({written})"


@pytest.mark.parametrize(
    "written", ["", "git:", "service:", "saved:", "saved:../x", "gti:main", "nowhere"]
)
def test_what_is_none_of_it(repo: Repository, written: str) -> None:
    """All that is accepted is listed."""
    said = refused(written, repo.project)
    for form in ("git:REF", "FOLDER", "URL", "service:NAME", "saved:NAME"):
        assert form in said
    assert ("no folder is called so" in said) == (written in {"", "gti:main", "nowhere"})


def test_what_is_not_there(repo: Repository, tmp_path: Path) -> None:
    """What is missing, and what was meant, perhaps."""
    assert refused("service:ewb", repo.project) == (
        "there is no service 'ewb'; it has: shop, untracked, web; did you mean 'web'?"
    )
    project = dataclasses.replace(repo.project, here=tmp_path)
    (tmp_path / "base").mkdir()
    assert (
        refused("base", project)
        == f"there is no service in {tmp_path}/base/services: no */service.yaml"
    )
    assert refused("http://shop.com", project).startswith("'shop.com' is neither loopback nor")
    assert refused("http://", project) == "'http://' is no address such as 'http://127.0.0.1:8080'"
    assert refused("git:mian", repo.project) == (
        f"there is no commit 'mian' in the repository of {repo.project.services_dir}; "
        "git fetch brings what a remote has; did you mean 'main'?"
    )
    assert refused("git:--all", repo.project).startswith("there is no commit '--all'")
    assert refused("git:--default=main", repo.project).startswith("there is no commit '--def")


def test_a_project_without_a_repository(
    repo: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What git says to that is told; and that there is no git."""
    shutil.copytree(repo.project.services_dir, tmp_path / "services")
    project = HeadProject(tmp_path, tmp_path / "services", tmp_path)
    said = refused("git:main", project)
    assert said.startswith(f"git rev-parse in {tmp_path}/services: fatal: not a git repository")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PrerequisiteMissing, match="'git' is missing"):
        repository.find_commit("main", repo.folder)


def test_submodules_are_refused(repo: Repository) -> None:
    """They would be empty folders."""
    assert refused("git:modules", repo.project) == (
        "it has submodules, which are repositories of their own: libs/x; "
        "accepted: a folder with all of it, given in place of git:REF"
    )


def test_the_services_of_a_commit(
    repo: Repository, tmp_path: Path, reaper: Reaper, hooks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As they were, whatever is changed by now, also within a hook; nothing is written there."""
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.hooksPath")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", str(hooks))
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(hooks))
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    before = repo.holds()
    (config,) = based("git:v1", repo, tmp_path, reaper).values()
    assert repo.holds() == before
    assert not (hooks / "ran").exists()
    assert not (tmp_path / "tree" / ".git" / "post-checkout").exists()
    assert (config.name, command(config)) == ("shop (base)", "python server.py")
    assert config.folder == tmp_path / "tree" / "api" / "services" / "shop"
    assert config.prepare == ("make",)
    monkeypatch.delenv("GIT_DIR")
    monkeypatch.delenv("GIT_INDEX_FILE")
    tree = Repository(tmp_path / "tree")
    assert tree.git("describe") == "v1"
    assert not tree.git("status", "--porcelain")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tree", "tree.log"]


def test_a_commit_seen_from_another_worktree(
    repo: Repository, tmp_path: Path, reaper: Reaper
) -> None:
    """Its objects are where the repository is."""
    repo.git("worktree", "add", "-q", "--detach", str(tmp_path / "other"), "old")
    other = Repository(tmp_path / "other")
    (config,) = based("git:main", other, tmp_path, reaper).values()
    assert command(config) == "python new.py"


def test_a_shallow_clone(repo: Repository, tmp_path: Path, reaper: Reaper) -> None:
    """What it has will do, though no branch of its own leads there; the rest is to be fetched."""
    shallow = Repository(tmp_path / "shallow")
    words = ["clone", "-q", "--depth=1", "--branch=main", repo.folder.as_uri(), str(shallow.folder)]
    repo.git(*words)
    shallow.git("checkout", "-q", "--detach")
    shallow.git("branch", "-q", "-D", "main")
    (config,) = based("git:origin/main", shallow, tmp_path, reaper).values()
    assert command(config) == "python new.py"
    assert Repository(tmp_path / "tree").git("rev-list", "--count", "HEAD") == "1"
    said = refused("git:origin/old", shallow.project)
    advice = re.search(r", which is a shallow clone: git (.+)\Z", said)
    assert advice is not None
    shallow.git(*advice[1].split())
    (config,) = based("git:origin/old", shallow, tmp_path / "again", reaper).values()
    assert command(config) == "python server.py"
    assert refused("git:v0", shallow.project).endswith("git fetch --unshallow")


def test_what_a_base_has_not(repo: Repository, tmp_path: Path, reaper: Reaper) -> None:
    """Who is missing, and that it is the base where it is."""
    with pytest.raises(ConfigurationError) as caught:
        based("git:old", repo, tmp_path, reaper, ["shop", "web", "untracked"])
    assert (
        str(caught.value) == "base (git:old): there is no service 'web', 'untracked'; it has: shop"
    )


def test_mistakes_of_a_base(repo: Repository, tmp_path: Path, reaper: Reaper) -> None:
    """Each line says whose they are, and the place in the files of that commit."""
    with pytest.raises(ConfigurationError) as caught:
        based("git:broken", repo, tmp_path, reaper, ["shop", "web"])
    lines = str(caught.value).splitlines()
    assert len(lines) > 1
    for line in lines:
        assert line.startswith("base (git:broken): api/services/web/service.yaml:")


def test_what_git_can_not_check_out(repo: Repository, tmp_path: Path, reaper: Reaper) -> None:
    """It is told in git's words, with the side."""
    source = startable("git:old", repo.project)
    assert isinstance(source, Revision)
    lost = dataclasses.replace(source, commit=dataclasses.replace(source.commit, id="0" * 40))
    with pytest.raises(
        ConfigurationError, match=r"^base \(git:old\): it can't be checked out: git ex"
    ):
        base_configurations(lost, ["shop"], tmp_path / "tree", reaper=reaper)


def test_what_needs_no_checkout(repo: Repository, tmp_path: Path, reaper: Reaper) -> None:
    """A folder has the same services, another service is the base of each, an address of one."""
    assert command(based("repo/api", repo, tmp_path, reaper)["shop"]) == "python dirty.py"
    bases = based("service:untracked", repo, tmp_path, reaper, ["shop", "web"])
    assert {name: (each.name, each.folder.name) for name, each in bases.items()} == {
        "shop": ("shop (base)", "untracked"),
        "web": ("web (base)", "untracked"),
    }
    (config,) = based("http://127.0.0.1:8081/v1", repo, tmp_path, reaper).values()
    assert config.external is not None
    assert config.external.url == "http://127.0.0.1:8081/v1"
    with pytest.raises(
        ConfigurationError, match="is one service, to be compared with 2: shop, web"
    ):
        based("http://127.0.0.1:8081", repo, tmp_path, reaper, ["shop", "web"])
    assert not (tmp_path / "tree").exists()
