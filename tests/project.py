"""A small project of a user's, and pytest run on it."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time

import forks
import pytest
from toy_project import PLUGINS, ProjectFolder


class Project(ProjectFolder):
    """A folder with services, scenarios and tests."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        super().__init__(pytester.path)
        self.pytester = pytester

    def run(self, *arguments: str, timeout: float = 180) -> pytest.RunResult:
        """Run pytest on the project in a process of its own, a fork: see ``forks``."""
        begun = time.monotonic()
        base = tempfile.mkdtemp(prefix="runpytest-", dir=self.path)
        written = self.path / "stdout", self.path / "stderr"
        with written[0].open("w") as stdout, written[1].open("w") as stderr:
            code = forks.run(
                [f"--basetemp={base}", *PLUGINS, *arguments],
                cwd=self.path,
                env=self.environment,
                stdout=stdout,
                stderr=stderr,
                timeout=timeout,
            )
        out, err = (file.read_text() for file in written)
        sys.stdout.write(out)
        sys.stderr.write(err)
        with contextlib.suppress(ValueError):
            code = pytest.ExitCode(code)
        seconds = time.monotonic() - begun
        return pytest.RunResult(code, out.splitlines(), err.splitlines(), seconds)

    @property
    def environment(self) -> dict[str, str]:
        """Modules are found in its own folder, too."""
        paths = str(self.path), os.environ.get("PYTHONPATH")
        return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}

    def run_anew(self, *arguments: str, timeout: float = 180) -> pytest.RunResult:
        """Run pytest on the project in a process that has imported nothing yet."""
        return self.pytester.runpytest_subprocess(*PLUGINS, *arguments, timeout=timeout)
