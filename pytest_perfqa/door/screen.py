"""pytest's terminal, as something that a line can be kept up to date on."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from ..report.text.words import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest


class Screen:
    """Writes past pytest's capturing, whichever kind it is, between the words of its reporter.

    Without a terminal reporter, as in a worker of xdist, nothing is written.

    Attributes:
        quiet: whether the user asked for less than usual, be it by xdist, whose workers are silent.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
        self._capture: Any = config.pluginmanager.get_plugin("capturemanager")
        self._writer = config.get_terminal_writer()
        self._dirty = False
        self.quiet = config.get_verbosity() < 0 or config.getoption("dist", "no") != "no"

    @property
    def in_place(self) -> bool:
        """Whether a line can be written over the one before."""
        return (
            self._reporter is not None
            and self._reporter.isatty
            and os.environ.get("TERM", "dumb") != "dumb"
        )

    def line(self, text: str) -> None:
        """Write a line of its own; it takes the place of what ``over`` wrote."""
        if self._reporter is None:
            return
        with self._uncaptured():
            if self._dirty:
                self._reporter.rewrite(self._fitting(text), erase=True)
                self._reporter.write("\n", flush=True)
                self._dirty = False
            else:
                self._reporter.write_line(printable(text))
                self._reporter.flush()

    def over(self, text: str) -> None:
        """Write over what was last written with ``over``, cut to the width of the terminal."""
        if self._reporter is None:
            return
        with self._uncaptured():
            self._reporter.rewrite(self._fitting(text), erase=True, flush=True)
            self._dirty = True

    def _fitting(self, text: str) -> str:
        return printable(text, self._writer.fullwidth - 1)

    @contextlib.contextmanager
    def _uncaptured(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            if self._capture is not None:
                stack.enter_context(self._capture.global_and_fixture_disabled())
            if not self._dirty:
                self._reporter.ensure_newline()
                if self._writer.width_of_current_line:  # dots of -q, which it knows nothing of
                    self._writer.line()
            yield


def encoding(config: pytest.Config) -> str:
    """Give what the terminal can print."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    file = getattr(reporter, "_tw", None) and reporter._tw._file
    return getattr(file, "encoding", None) or "ascii"
