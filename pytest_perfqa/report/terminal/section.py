"""The perfqa section of the terminal summary: a line per finding, and services side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..comparison import compare, compare_services
from ..text.against_base import compared_summary
from ..text.breaking_points import searches_summary
from ..text.character import characters_summary
from ..text.side_by_side import comparison_summary, overall
from .summary import runs_summary

if TYPE_CHECKING:
    from ..findings import Findings


def section(found: Findings) -> list[str]:
    """Give the lines of all that a session came to."""
    lines = runs_summary(found.cells) if found.cells else []
    lines += searches_summary(found.searches) if found.searches else []
    lines += characters_summary(found.known_characters) if found.characters else []
    lines += compared_summary(found.compared) if found.compared else []
    compared = compare(found.results)
    lines += comparison_summary(compared)
    lines += overall(compare_services(compared, found.breaking_points))
    return lines
