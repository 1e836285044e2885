"""Backends of other packages: found by the name of their section, told of like our own."""

from __future__ import annotations

import importlib
import itertools
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import outside
import pytest

from pytest_perfqa.errors import FileProblems, NoData
from pytest_perfqa.extending import Metric, Reaper, ServiceConfig
from pytest_perfqa.monitor.sampler import Monitor
from pytest_perfqa.service import selection
from pytest_perfqa.service.backends import BACKENDS, wishes
from pytest_perfqa.service.service_file import read_service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_perfqa.extending import Service


BROKEN = (
    "\n[pytest_perfqa.backends]\nbroken = no_such_module_anywhere:Backend\nnone = builtins:dict\n"
    "unmade = builtins:memoryview\n"
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
        ("ready: /", "1: *none of the keys process, docker, external, broken, files, none and *"),
        (
            "broken: {a: 1}",
            "1: broken: 'broken' of the package broken can't be imported *: ModuleNotFoundError: *",
        ),
        ("none: {a: 1}", "1: none: 'none' of the group pytest_perfqa.backends * is no backend; *"),
        ("unmade: {a: 1}", "1: unmade: * can't be made: TypeError: *; accepted: a subclass of *"),
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
    assert wishes("elsewhere") == ("process", "docker", "broken", "files", "none", "unmade")


@pytest.mark.usefixtures("installed")
def test_a_part_that_is_no_process_of_this_machine() -> None:
    """Its figures are its own; one that says nothing isn't looked at."""
    pod = importlib.import_module("perfqa_pod")
    used = itertools.count(5)
    board = pod.Pod(lambda: (next(used), 1e6))
    silent = SimpleNamespace(pid=None, container=None, alive=True)
    service = SimpleNamespace(leaders={"board": board, "silent": silent}, url="http://elsewhere")
    with (
        Reaper() as reaper,
        Monitor(cast("Service", service), reaper=reaper, interval=0.05) as monitor,
    ):
        start = time.monotonic()
        while monitor.looks < 3:
            time.sleep(0.01)
    found = monitor.readings(start)
    assert list(found.parts) == ["board"]
    assert "CPU and memory as the cluster counts them" in found.notes
    assert any("its processes are on other machines" in note for note in found.notes)
    assert found.series("board", Metric.CPU).values[0] == 1
    assert set(found.series("board", Metric.MEMORY).values) == {1e6}
    with pytest.raises(NoData, match="threads of board is not known: the cluster doesn't say"):
        found.series("board", Metric.THREADS)
