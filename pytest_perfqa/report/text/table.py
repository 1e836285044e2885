"""Texts in aligned columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


def table(rows: Sequence[Sequence[str]], numbers: Collection[int]) -> list[str]:
    """Give rows as lines with columns aligned, those in ``numbers`` to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [_aligned(row, widths, numbers) for row in rows]


def _aligned(row: Sequence[str], widths: Sequence[int], numbers: Collection[int]) -> str:
    cells = [
        text.rjust(width) if number in numbers else text.ljust(width)
        for number, (text, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()
