"""``prepare`` of a service.yaml: what is refused, what runs, how often, and what becomes of it."""

from __future__ import annotations

import os
import signal
import textwrap
import threading
from typing import TYPE_CHECKING, Any

import pytest
from processes import carrying
from waiting import wait_for

from pytest_perfqa.errors import FileProblems, PrerequisiteMissing, ServiceError
from pytest_perfqa.service.config import Command, Ready, ServiceConfig
from pytest_perfqa.service.process import prepare, programs, service
from pytest_perfqa.service.service_file import read_service

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_perfqa.machine.children import Reaper

# Puts a server where there was none; says so, and how often it has run.
MAKE = '''
import os, pathlib, sys
pathlib.Path("runs").open("a").write(sys.argv[1] + "\\n")
print("made with", os.environ["SIZE"], os.environ.get("PORT"))
source = """
import http.server, sys
address = "127.0.0.1", int(sys.argv[1])
http.server.HTTPServer(address, http.server.SimpleHTTPRequestHandler).serve_forever()
"""
pathlib.Path("built").mkdir(exist_ok=True)
pathlib.Path("built", "__main__.py").write_text(source)
'''


def configured(folder: Path, *commands: str, **changes: Any) -> ServiceConfig:
    """Make a service whose server is there when ``make.py`` has run."""
    (folder / "make.py").write_text(MAKE)
    app = Command("app", "python -m built {port}")
    return ServiceConfig(
        name="shop",
        folder=folder,
        path=folder / "service.yaml",
        ready=Ready(tcp=True),
        env={"SIZE": "10", "PORT": "{port}"},
        sections={"process": {"app": app}},
        prepare=commands,
        **changes,
    )


@pytest.mark.parametrize(
    ("commands", "said"),
    [
        ("make", "prepare: found 'make'; accepted: a list"),
        ("[make, 3]", "prepare[1]: found 3; accepted: a text"),
        ("['']", "prepare[0]: found ''"),
        ("[' ']", "prepare[0]: is empty"),
        ("[make, 'sh -c \"x']", "prepare[1]: can't be split into words: No closing quotation"),
        ("['make PORT={port}']", "prepare[0]: {port} is that of a replica"),
    ],
)
def test_what_is_no_list_of_commands(tmp_path: Path, commands: str, said: str) -> None:
    """The line and the place are told, and what is accepted."""
    text = f"process: {{app: {{command: python server.py}}}}\nprepare: {commands}\n"
    (tmp_path / "service.yaml").write_text(text)
    with pytest.raises(FileProblems) as caught:
        read_service(tmp_path)
    (problem, *_) = caught.value.problems
    assert problem.line == 2
    assert problem.message.startswith(said)


def test_it_is_for_processes(tmp_path: Path) -> None:
    """Nobody would run it."""
    (tmp_path / "service.yaml").write_text("external: {url: 'http://127.0.0.1'}\nprepare: [make]\n")
    with pytest.raises(FileProblems, match=r"yaml:2: prepare: is for the key 'process'"):
        read_service(tmp_path)


def test_it_is_read_as_it_stands(tmp_path: Path) -> None:
    """Braces of others stay: there is nothing to be filled in."""
    text = "process: {app: {command: make run}}\nprepare: [make all, 'jq {a} x']\n"
    (tmp_path / "service.yaml").write_text(text)
    assert read_service(tmp_path).prepare == ("make all", "jq {a} x")


def test_the_service_starts_with_what_was_made(tmp_path: Path, reaper: Reaper) -> None:
    """In its folder, with its variables, in order; not again for another start."""
    config = configured(tmp_path, "python make.py one", "python make.py two")
    for _ in range(2):
        service.start_processes(config, tmp_path / "run", reaper=reaper).stop()
    assert (tmp_path / "runs").read_text() == "one\ntwo\n"
    log = (tmp_path / "run" / "+prepare.log").read_text()
    assert (
        log == "$ python make.py one\nmade with 10 None\n$ python make.py two\nmade with 10 None\n"
    )


def test_programs_that_it_brings_are_missed_later(tmp_path: Path, reaper: Reaper) -> None:
    """Before, only what has to be there for its first command."""
    config = configured(tmp_path, "python make.py one", "./no-such-tool")
    programs.check_programs(config, is_prepared=False)
    with pytest.raises(PrerequisiteMissing, match="module 'built' is missing"):
        programs.check_programs(config)
    with pytest.raises(PrerequisiteMissing, match="no-such-tool' is missing"):
        service.start_processes(config, tmp_path / "run", reaper=reaper)
    with pytest.raises(PrerequisiteMissing, match="'no-such-tool' is missing"):
        programs.check_programs(configured(tmp_path, "no-such-tool"), is_prepared=False)


def test_a_failure_says_what_it_printed(tmp_path: Path, reaper: Reaper) -> None:
    """Nothing after it runs, and it is tried again if it is asked for again."""
    code = "import sys; print('no compiler'); sys.exit(3)"
    config = configured(tmp_path, f'python -c "{code}"', "python make.py never")
    for _ in range(2):
        with pytest.raises(ServiceError) as caught:
            service.start_processes(config, tmp_path / "run", reaper=reaper)
        said = str(caught.value)
        assert "service shop: a command of 'prepare' exited with code 3" in said
        assert f"  folder: {tmp_path}\n" in said
        assert said.endswith("    no compiler")
    assert not (tmp_path / "runs").exists()


# Begins something, says that it has, and goes on for longer than any test.
LINGER = """
import os, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)"])
open("begun", "w").close()
time.sleep(float(sys.argv[1]))
"""


@pytest.mark.parametrize("seconds", [0, 100])
def test_nothing_is_left_of_it(
    tmp_path: Path, reaper: Reaper, seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it leaves running is ended with it; so is all of it by Ctrl-C."""
    monkeypatch.setenv("PREPARED_FOR", str(tmp_path))
    (tmp_path / "linger.py").write_text(textwrap.dedent(LINGER))
    config = configured(tmp_path, f"python linger.py {seconds}")

    def interrupt() -> None:
        wait_for((tmp_path / "begun").exists)
        os.kill(os.getpid(), signal.SIGINT)

    if seconds:
        threading.Thread(target=interrupt, daemon=True).start()
        with pytest.raises(KeyboardInterrupt):
            prepare.prepare(config, tmp_path / "run", reaper)
    else:
        prepare.prepare(config, tmp_path / "run", reaper)
    assert (tmp_path / "begun").exists()
    assert not carrying("PREPARED_FOR", tmp_path)
    assert (tmp_path / "run" / "+prepared").exists() == (seconds == 0)
