"""Backends of other packages: found by the name of their section, told of like our own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import outside
import pytest

from pytest_perfqa.errors import FileProblems
from pytest_perfqa.extending import Census, Metric, Reaper, SelfObserved, ServiceConfig
from pytest_perfqa.service import selection
from pytest_perfqa.service.backends import BACKENDS, wishes
from pytest_perfqa.service.service_file import read_service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


BROKEN = (
    "\n[pytest_perfqa.backends]\nbroken = no_such_module_anywhere:Backend\nnone = builtins:dict\n"
)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Have the package outside installed, and one that is broken; give the folder of a service."""
    here = tmp_path / "installed"
    outside.install(here)
    broken = here / "broken-2.0.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 2.0\n")
    (broken / "entry_points.txt").write_text(BROKEN)
    monkeypatch.syspath_prepend(here)
    forget()
    folder = tmp_path / "shop"
    (folder / "public").mkdir(parents=True)
    yield folder
    forget()


def forget() -> None:
    """Have it looked for anew what is installed."""
    BACKENDS.forget()


def read(folder: Path, text: str) -> ServiceConfig:
    """Read a service.yaml."""
    (folder / "service.yaml").write_text(text)
    return read_service(folder)


def mistakes(folder: Path, text: str) -> str:
    """Give what is wrong with a service.yaml, a line each, that of the file first."""
    with pytest.raises(FileProblems) as caught:
        read(folder, text)
    return "\n".join(f"{one.line}: {one.message}" for one in caught.value.problems)


def test_a_section_of_its_own(installed: Path) -> None:
    """It is read, and chosen unless something else is wished for; processes come last."""
    config = read(installed, "files: {folder: public}\n")
    assert config.sections == {"files": {"folder": "public"}}
    choice = selection.choose(config, "auto")
    assert choice == selection.Choice("files", "nothing else in its service.yaml")
    assert selection.choose(config, "files").reason == "as chosen"
    assert selection.part_names(config, choice) is None
    text = "process: {app: {command: x}}\nfiles: {folder: public}\n"
    both = read(installed, text)
    assert selection.choose(both, "auto") == selection.Choice("files", "it can be had")
    assert selection.choose(both, "process").backend == "process"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\nfiles: {folder: privat}", "2: files.folder: there is no folder *"),
        ("\n\nfiles: {folder: public, deep: [1]}", "3: files.deep: found [1]; accepted: a text"),
        (
            "file: {folder: public}",
            "*unknown key 'file'; accepted: * files, *did you mean 'files'?",
        ),
        ("ready: /", "1: *none of the keys process, docker, external, broken, files and none; *"),
        (
            "broken: {a: 1}",
            "1: broken: 'broken' of the package broken can't be imported *: ModuleNotFoundError: *",
        ),
        ("none: {a: 1}", "1: none: 'none' of the group pytest_perfqa.backends is no backend; *"),
    ],
)
def test_its_mistakes_are_told_like_those_of_others(installed: Path, text: str, said: str) -> None:
    """With their lines, beside all others; a broken package to who asks for it."""
    found = mistakes(installed, text + "\nlimits: {cpus: 0}\n")
    lines = pytest.LineMatcher(found.splitlines())
    lines.fnmatch_lines([said.replace("[", "[[]")])
    lines.fnmatch_lines(["*: limits.cpus: found 0; *"])


def test_what_may_be_wished_for(installed: Path) -> None:
    """Others are looked for when something is wished for that is none of ours."""
    assert installed
    assert wishes("docker") == ("process", "docker")
    assert wishes("elsewhere") == ("process", "docker", "broken", "files", "none")


class Elsewhere:
    """A part on another machine, which says itself what it uses."""

    pid = None
    container = None
    alive = True
    note = "as the board says"
    missing: dict[Metric, str] = dict.fromkeys(set(Metric) - {Metric.CPU}, "the board can't tell")

    def source(self) -> Elsewhere:
        """Give what looks at it."""
        return self

    def quick(self, moment: float) -> list[tuple[float, Metric, float]]:
        """Half a CPU."""
        return [(moment, Metric.CPU, moment / 2)]

    def thorough(self, _moment: float) -> list[tuple[float, Metric, float]]:
        """Nothing more."""
        return []

    def census(self, _moment: float) -> Census:
        """None of the processes here."""
        return Census(frozenset(), 0.0)

    def close(self) -> None:
        """Do nothing."""


def test_a_part_that_is_no_process_of_this_machine() -> None:
    """Its figures are its own; one that says nothing isn't looked at."""
    from pytest_perfqa.monitor import sampler

    board = Elsewhere()
    silent = type("Silent", (), {"pid": None, "container": None, "alive": True})()
    assert isinstance(board, SelfObserved)
    with Reaper() as reaper:
        found = sampler._sources(cast("Any", {"board": board, "silent": silent}), None, reaper)  # type: ignore[arg-type]
    assert found == {"board": board}
