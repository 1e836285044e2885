"""Where what was measured is saved under a name, to be compared with another time."""

from __future__ import annotations

import re
from pathlib import Path

from ..machine.environment import machine, machine_name

#: Below the root of a project, or where a command is started.
BASELINES = Path(".perfqa") / "baselines"
#: What names are accepted, for messages.
NAMES = "letters, digits, '_', '-' and '.', of which the last two don't come first; 100 at most"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


def is_baseline_name(name: str) -> bool:
    """Tell whether something may be saved under a name: it is one of a folder, too."""
    return _NAME.fullmatch(name) is not None


def baseline_folder(baselines: Path, name: str) -> Path:
    """Give the folder of a name among what was measured on this machine, or on one like it."""
    return baselines / machine_name(machine()) / name
