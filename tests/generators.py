"""For tests that look at the load generators under this process, or do something to them."""

from __future__ import annotations

import psutil

NAME = "perfqa-load"
WARM = "perfqa-warm"


def generators(name: str = NAME) -> list[psutil.Process]:
    """Give the processes that are generators by now, or those of another name."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.name() == name:
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found
