"""Plots as SVG, drawn here: a few lines over one axis, readable in light and dark, with numbers instead of a legend."""

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT = 640, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 150, 44, 46
_COLOURS = ("#2563eb", "#d97706", "#059669", "#7c3aed", "#db2777")


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

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" fill="#6b7280"',
        f' aria-label="{escape(title)}" font-family="sans-serif" font-size="12">',
        f'<text x="{_LEFT}" y="22" font-size="14">{escape(title)}</text>',
        f'<text x="{_LEFT}" y="38">{escape(unit)}</text>',
    ]
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
