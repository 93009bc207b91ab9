"""Plots as SVG, drawn here: a few lines over one axis, readable in light and dark, with numbers instead of a legend."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT = 640, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 150, 44, 46
_COLOURS = ("#3b82f6", "#d97706", "#059669", "#7c3aed", "#db2777")


_BAR = 22
_NAMES = 150


@dataclass(frozen=True, slots=True)
class Bar:
    """How much of what it must be something reached, and aims at."""

    name: str
    share: float
    aim: float
    is_met: bool


def bars(title: str, rows: Sequence[Bar]) -> str:
    """Lying bars over a logarithmic axis, a line where each is as it must be, a mark where it aims."""
    least = min(0.1, *(row.share for row in rows)) * 0.8
    most = max(2.0, *(max(row.share, row.aim) for row in rows)) * 1.5
    height = _TOP + _BAR * len(rows) + 30

    def across(share: float) -> float:
        return _NAMES + math.log(max(share, least) / least) / math.log(most / least) * (_WIDTH - _NAMES - 70)

    parts = _head(title, height)
    for row, top in zip(rows, itertools.count(_TOP, _BAR), strict=False):
        ends, aim = across(row.share), across(row.aim)
        wide, colour = max(ends - _NAMES, 1), _COLOURS[2] if row.is_met else _COLOURS[1]
        parts.append(
            f'<text x="{_NAMES - 8}" y="{top + 13}" text-anchor="end">{escape(row.name)}</text>'
            f'<rect x="{_NAMES}" y="{top + 2}" width="{wide:.1f}" height="{_BAR - 8}" fill="{colour}"/>'
            f'<line x1="{aim:.1f}" x2="{aim:.1f}" y1="{top}" y2="{top + _BAR - 4}" stroke="#7d8590" stroke-width="2"/>'
            f'<text x="{max(ends, aim) + 6:.1f}" y="{top + 13}">{row.share:.2g}</text>'
        )
    foot, must = _TOP + _BAR * len(rows), across(1.0)
    parts.append(
        f'<line x1="{must:.1f}" x2="{must:.1f}" y1="{_TOP - 6}" y2="{foot}" stroke="#9ca3af" stroke-dasharray="4 3"/>'
        f'<text x="{must:.1f}" y="{foot + 16}" text-anchor="middle">must</text>'
    )
    return "\n".join([*parts, "</svg>", ""])


def lines(title: str, series: Mapping[str, Sequence[tuple[float, float]]], *, unit: str) -> str:
    """`series`: by its name, points from left to right; x is logarithmic where it spans more than 50 times."""
    xs = [x for points in series.values() for x, _ in points]
    ys = [y for points in series.values() for _, y in points]
    least, most, top = min(xs), max(xs), _round_up(max(ys))
    is_log = least > 0 and most / least > 50

    def across(x: float) -> float:
        if most == least:
            return float(_LEFT)
        share = math.log(x / least) / math.log(most / least) if is_log else (x - least) / (most - least)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def down(y: float) -> float:
        return _HEIGHT - _BOTTOM - y / top * (_HEIGHT - _TOP - _BOTTOM)

    parts = [*_head(title, _HEIGHT), f'<text x="{_LEFT}" y="38">{escape(unit)}</text>']
    for step in range(5):
        y = top * step / 4
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{down(y):.1f}" y2="{down(y):.1f}" stroke="#9ca3af"'
            f' stroke-opacity=".4"/><text x="{_LEFT - 8}" y="{down(y) + 4:.1f}" text-anchor="end">{_short(y)}</text>'
        )
    foot = _HEIGHT - _BOTTOM + 20
    parts += [f'<text x="{across(x):.1f}" y="{foot}" text-anchor="middle">{_short(x)}</text>' for x in sorted(set(xs))]
    for number, (name, points) in enumerate(series.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        path = " ".join(f"{across(x):.1f},{down(y):.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{across(x):.1f}" cy="{down(y):.1f}" r="3" fill="{colour}"/>' for x, y in points]
        x, y = points[-1]
        parts.append(f'<text x="{across(x) + 8:.1f}" y="{down(y) + 4:.1f}" fill="{colour}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _head(title: str, height: int) -> list[str]:
    """A drawing on no ground of its own, in greys and colours that are read on white and on black."""
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" fill="#7d8590"',
        f' aria-label="{escape(title)}" font-family="sans-serif" font-size="12">',
        f'<text x="8" y="22" font-size="14">{escape(title)}</text>',
    ]


def _round_up(value: float) -> float:
    if value <= 0:
        return 1.0
    size = 10.0 ** math.floor(math.log10(value))
    return next(size * step for step in (1, 2, 2.5, 5, 10) if size * step >= value)


def _short(value: float) -> str:
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
