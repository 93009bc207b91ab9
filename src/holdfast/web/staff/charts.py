"""Draw small charts: where each bar stands, worked out here; `web/staff/components.html` writes the SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 420
HEIGHT = 170
_ABOVE, _BELOW, _BESIDE = 18, 22, 6
_GAP = 0.28
_TICKS_MAX = 7


@dataclass(frozen=True, slots=True)
class Point:
    """A day of a chart: what stands below it, and what is told of it; one value a series."""

    label: str
    values: tuple[float, ...]
    told: str


@dataclass(frozen=True, slots=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    series: int
    told: str


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars in a box of `width` by `height`; `base` is the line they stand on, `top` the one that stands for `most`."""

    width: int
    height: int
    base: float
    top: float
    most: float
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]


def bars(points: Sequence[Point], *, most: float | None = None, is_mirrored: bool = False) -> Chart:
    """A group of bars a point. `most`: what the full height stands for (by default the largest value).

    `is_mirrored`: time goes from right to left, as Arabic is read.
    """
    base = HEIGHT - _BELOW
    top = most or max((value for point in points for value in point.values), default=0) or 1
    step = (WIDTH - 2 * _BESIDE) / max(1, len(points))
    every = -(-len(points) // _TICKS_MAX) or 1
    drawn: list[Bar] = []
    ticks: list[Tick] = []
    for place, point in enumerate(points):
        left = _BESIDE + step * (len(points) - 1 - place if is_mirrored else place)
        each = step * (1 - _GAP) / max(1, len(point.values))
        for series, value in enumerate(point.values):
            height = (base - _ABOVE) * min(value, top) / top
            x = left + step * _GAP / 2 + each * series
            drawn.append(
                Bar(round(x, 1), round(base - height, 1), round(each, 1), round(height, 1), series, point.told)
            )
        if (len(points) - 1 - place) % every == 0:  # counted from today's end, so that it is named
            ticks.append(Tick(round(left + step / 2, 1), point.label))
    return Chart(WIDTH, HEIGHT, base, _ABOVE, top, tuple(drawn), tuple(ticks))
