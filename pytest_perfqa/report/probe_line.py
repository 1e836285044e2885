"""The probes of a search on a line, as SVG: at which rates, in which order, with which verdict."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..capacity.found import BreakingPoint, Probe

_WIDTH, _LEFT, _RIGHT, _ROW, _TOP = 760, 70, 30, 26, 30
_RADIUS = 6
_TICKS = 5
# Told apart without colour, too: only what passed is filled.
_COLOURS = {"PASSED": "#1a7f37", "FAILED": "#cf222e", "INVALID": "#8250df"}
_OTHER = "#6e7781"


def svg(found: BreakingPoint) -> str:
    """Draw one row per probe, the first on top, over the bracket that they leave."""
    probes = [probe for probe in found.probes if math.isfinite(probe.rate)]
    height = _TOP + _ROW * (len(probes) + 1) + 20
    most = max((float(probe.rate) for probe in probes), default=1.0) * 1.1
    head = (
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" xmlns="http://www.w3.org/2000/svg" '
        f'font-family="sans-serif" font-size="12"><title>{escape(found.summary)}</title>'
    )
    lines = [
        head,
        *_bracket(found, most, height),
        *_axis(most, height),
        *(_dot(number, probe, most) for number, probe in enumerate(probes)),
        "</svg>",
    ]
    return "\n".join(lines)


def _x(rate: float, most: float) -> float:
    return _LEFT + rate / most * (_WIDTH - _LEFT - _RIGHT)


def _bracket(found: BreakingPoint, most: float, height: int) -> Iterator[str]:
    left = _x(float(found.low), most)
    right = _x(min(float(found.high), most), most)
    yield (
        f'<rect x="{left:.1f}" y="{_TOP}" width="{max(1.0, right - left):.1f}" '
        f'height="{height - _TOP - 30}" fill="#bf8700" fill-opacity="0.15"/>'
    )


def _axis(most: float, height: int) -> Iterator[str]:
    base = height - 30
    yield (
        f'<line x1="{_LEFT}" y1="{base}" x2="{_WIDTH - _RIGHT}" y2="{base}" stroke="currentColor"/>'
    )
    for tick in range(_TICKS + 1):
        rate = most * tick / _TICKS
        yield (
            f'<text x="{_x(rate, most):.1f}" y="{base + 18}" text-anchor="middle" '
            f'fill="currentColor">{rate:.3g}/s</text>'
        )


def _dot(number: int, probe: Probe, most: float) -> str:
    y = _TOP + _ROW * (number + 0.7)
    colour = _COLOURS.get(probe.verdict.name, _OTHER)
    fill = colour if probe.passed else "none"
    return (
        f'<g><title>{escape(str(probe))}</title><text x="8" y="{y + 4:.1f}" '
        f'fill="currentColor">{float(probe.started):.1f} s</text>'
        f'<circle cx="{_x(float(probe.rate), most):.1f}" cy="{y:.1f}" r="{_RADIUS}" '
        f'fill="{fill}" stroke="{colour}" stroke-width="2"/></g>'
    )
