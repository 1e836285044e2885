"""Forks that pytest runs in: like processes of their own, for whoever starts them and in them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import forks
import pytest

LOOKING = """
import os, pathlib, signal, sys

def test_itself():
    assert os.environ == {wanted!r} | {{"PYTEST_VERSION": os.environ["PYTEST_VERSION"],
        "PYTEST_CURRENT_TEST": os.environ["PYTEST_CURRENT_TEST"]}}
    assert pathlib.Path.cwd() == pathlib.Path(__file__).parent
    assert sys.path[:2] == [os.getcwd(), "/nowhere"]
    assert sys.argv[1:] == ["-p", "no:cacheprovider", "-s"]
    assert not [one for one in sys.modules if one.startswith("pytest_perfqa.measuring")]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    os.write(2, b"out of cheese")
    assert os.isatty(1)
"""


def run(folder: Path, text: str, *arguments: str, timeout: float = 30) -> tuple[int, str, str]:
    """Run pytest on a text; give its code and what it has printed."""
    (folder / "test_it.py").write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\n")
    with (folder / "out").open("w+") as out, (folder / "err").open("w+") as err:
        env = {**os.environ, "PYTHONPATH": "/nowhere"}
        code = forks.run(
            ["-p", "no:cacheprovider", *arguments],
            cwd=folder,
            env=env,
            stdout=out,
            stderr=err,
            timeout=timeout,
        )
    return code, (folder / "out").read_text(), (folder / "err").read_text()


def test_arguments_folder_environment_paths_and_output_are_its_own(tmp_path: Path) -> None:
    """All but the modules of others; the next one has nothing of it."""
    wanted = {**os.environ, "PYTHONPATH": "/nowhere"}
    for _ in range(2):
        code, out, err = run(tmp_path, LOOKING.format(wanted=wanted), "-s")
        assert code == pytest.ExitCode.TESTS_FAILED
        assert "assert False\nE" in out
        assert err == "out of cheese"
    assert "/nowhere" not in sys.path


def test_who_ends_it_is_told(tmp_path: Path) -> None:
    """By its own code, a signal, or the time that it may take."""
    assert run(tmp_path, "import os; os._exit(7)")[0] == 7
    assert run(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")[0] == -9
    sleeping = "import os, pathlib, time; pathlib.Path('pid').write_text(str(os.getpid()))"
    with pytest.raises(subprocess.TimeoutExpired):
        run(tmp_path, f"{sleeping}; time.sleep(60)", timeout=3)
    pid = int((tmp_path / "pid").read_text())
    assert not Path(f"/proc/{pid}").exists()
    assert run(tmp_path, "def test_it(): pass")[0] == pytest.ExitCode.OK
