"""Line charts of a run as inline SVG: the geometry here, the markup in `line_chart.html.j2`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 420, 240
_LEAST = 1e-300  # a range that can be divided
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 10, 12, 34


@dataclass(frozen=True)
class Line:
    """One line: its name and its (x, y) points; NaN points are left out."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Marks:
    """Vertical lines at the best epoch and between stages."""

    best: float | None = None
    borders: tuple[float, ...] = ()


NO_MARKS = Marks()


@dataclass(frozen=True)
class Drawn:
    """A line in pixels.

    Attributes:
        name: for the legend.
        points: of a polyline.
        dots: markers, for a line of few points.
    """

    name: str
    points: str
    dots: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Chart:
    """A chart, ready to be drawn.

    Attributes:
        title, x_name: texts.
        lines: in legend order.
        x_ticks, y_ticks: position in pixels, and label.
        mark: position of the vertical line, or None.
        borders: positions of fainter vertical lines.
        diagonal: two points of the dashed line, or None.
    """

    title: str
    x_name: str
    lines: tuple[Drawn, ...]
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    mark: float | None = None
    borders: tuple[float, ...] = ()
    diagonal: tuple[float, float, float, float] | None = None
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    bottom: int = HEIGHT - _BOTTOM


def chart(title: str, x_name: str, lines: Sequence[Line], unit: bool = False, marks: Marks = NO_MARKS) -> Chart | None:
    """Lays out a chart; returns None if no line has a point.

    Args:
        title, x_name: texts.
        lines: the lines to draw.
        unit: whether both axes run from 0 to 1, with the diagonal of chance (except for precision against recall).
        marks: x values of vertical lines.
    """
    kept = [
        Line(line.name, [(x, y) for x, y in line.points if math.isfinite(x) and math.isfinite(y)]) for line in lines
    ]
    kept = [line for line in kept if line.points]
    if not kept:
        return None
    xs, ys = zip(*(point for line in kept for point in line.points), strict=True)
    x_low, x_high = (0.0, 1.0) if unit else _range(xs)
    y_low, y_high = (0.0, 1.0) if unit else _range(ys)

    def place_x(x: float) -> float:
        return round(_LEFT + (x - x_low) / (x_high - x_low) * (WIDTH - _LEFT - _RIGHT), 1)

    def place_y(y: float) -> float:
        return round(HEIGHT - _BOTTOM - (y - y_low) / (y_high - y_low) * (HEIGHT - _TOP - _BOTTOM), 1)

    drawn = []
    for line in kept:
        places = [(place_x(x), place_y(y)) for x, y in line.points]
        drawn.append(
            Drawn(line.name, " ".join(f"{x},{y}" for x, y in places), tuple(places) if len(places) <= 30 else ())
        )
    return Chart(
        title,
        x_name,
        tuple(drawn),
        tuple((place_x(tick), f"{tick:g}") for tick in _ticks(x_low, x_high, not unit)),
        tuple((place_y(tick), f"{tick:g}") for tick in _ticks(y_low, y_high)),
        None if marks.best is None or not x_low <= marks.best <= x_high else place_x(marks.best),
        tuple(place_x(x) for x in marks.borders if x_low <= x <= x_high),
        (place_x(0), place_y(0), place_x(1), place_y(1)) if unit and x_name != "recall" else None,
    )


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    if high - low > _LEAST:
        return low, high
    reach = abs(low) or 1.0
    return low - reach, high + reach  # centres a constant value, such as a constant rate


def _ticks(low: float, high: float, whole: bool = False) -> list[float]:
    step = 10 ** math.floor(math.log10((high - low) / 2))
    step = next(step * factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 5)
    step = max(1.0, step) if whole else step
    first = math.ceil(low / step - 1e-9)
    return [round(number * step, 10) for number in range(first, math.floor(high / step + 1e-9) + 1)]
