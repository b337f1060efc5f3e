"""Geometry of the charts on pages: lines over epochs, and parallel coordinates. Templates draw them as SVG."""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from catsdogs_exp.metrics.learning_curves import LearningCurve

WIDTH, HEIGHT = 760, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 12, 28
_TICKS = 5
_MANY = 12  # categories named on an axis
_UNSET = "not set"


@dataclass(frozen=True)
class Tick:
    """A tick on an axis: its position in pixels, and its label."""

    at: float
    text: str


@dataclass(frozen=True)
class RunLine:
    """The line of a run.

    Attributes:
        run: its row in the table.
        points: `x,y x,y ...`; one string per unbroken piece.
        dashed: whether the line is dashed, as for a run that did not complete.
    """

    run: int
    points: tuple[str, ...]
    dashed: bool = False


@dataclass(frozen=True)
class RunsChart:
    """Lines over epochs."""

    title: str
    lines: tuple[RunLine, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]


@dataclass(frozen=True)
class Axis:
    """An upright axis of parallel coordinates."""

    name: str
    x: float
    ticks: tuple[Tick, ...]


@dataclass(frozen=True)
class Parallel:
    """Parallel coordinates.

    Attributes:
        axes: from left to right.
        lines: one per run.
        width, height: in pixels.
    """

    axes: tuple[Axis, ...]
    lines: tuple[RunLine, ...]
    width: int
    height: int


def over_epochs(title: str, curves: Sequence[tuple[int, Sequence[int], Sequence[float]]]) -> RunsChart | None:
    """Returns a chart of curves; None if there are no values.

    Args:
        title: of the chart.
        curves: place of the run, its epochs, and one value each; NaN breaks a line.
    """
    values = [value for _, _, line in curves for value in line if not math.isnan(value)]
    epochs = [epoch for _, line, _ in curves for epoch in line]
    if not values:
        return None
    x = _scale(min(epochs), max(epochs), _LEFT, WIDTH - _RIGHT)
    y = _scale(min(values), max(values), HEIGHT - _BOTTOM, _TOP)
    lines = tuple(RunLine(run, _pieces(line, numbers, x, y)) for run, line, numbers in curves)
    across = tuple(Tick(x(epoch), str(epoch)) for epoch in _whole(min(epochs), max(epochs)))
    up = tuple(Tick(y(value), f"{value:g}") for value in _even(min(values), max(values)))
    return RunsChart(title, lines, across, up)


@dataclass(frozen=True)
class Extrapolation:
    """A learning curve over a logarithmic number of training images.

    Attributes:
        line: the fitted curve, `x,y x,y ...`.
        band: its 95 % interval, a polygon.
        dots: x and y of each measured size.
        across, up: ticks.
        measured: x of the largest measured size; everything to its right is extrapolated.
    """

    line: str
    band: str
    dots: tuple[tuple[float, float], ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    measured: float


def learning_chart(curve: LearningCurve) -> Extrapolation:
    """Returns the chart of a learning curve."""
    sizes = [math.log(each.images) for each in curve.line]
    ends = [value for each in curve.line for value in (each.low, each.high)] + list(curve.values)
    x = _scale(sizes[0], sizes[-1], _LEFT, WIDTH - _RIGHT)
    y = _scale(min(ends), max(ends), HEIGHT - _BOTTOM, _TOP)
    upper = [f"{x(math.log(each.images)):.1f},{y(each.high):.1f}" for each in curve.line]
    lower = [f"{x(math.log(each.images)):.1f},{y(each.low):.1f}" for each in curve.line]
    largest = curve.sizes[-1]
    return Extrapolation(
        " ".join(f"{x(math.log(each.images)):.1f},{y(each.value):.1f}" for each in curve.line),
        " ".join([*upper, *reversed(lower)]),
        tuple((x(math.log(size)), y(value)) for size, value in zip(curve.sizes, curve.values, strict=True)),
        tuple(Tick(x(math.log(size)), f"{size:,}") for size in (curve.sizes[0], largest, 2 * largest, 10 * largest)),
        tuple(Tick(y(value), f"{value:g}") for value in _even(min(ends), max(ends))),
        x(math.log(largest)),
    )


def parallel(names: Sequence[str], rows: Sequence[Sequence[Any]], failed: Sequence[bool]) -> Parallel:
    """Returns parallel coordinates with one line per run.

    Settings that a run does not have are at a tick "not set" below the values.

    Args:
        names: of the axes.
        rows: one value per axis for each run; `None` if it has none.
        failed: whether each run failed to complete.
    """
    width = max(WIDTH, 120 * len(names) + 160)
    columns = [[row[place] for row in rows] for place in range(len(names))]
    xs = [80 + (width - 160) * place / max(1, len(names) - 1) for place in range(len(names))]
    axes, heights = [], []
    for name, column, x in zip(names, columns, xs, strict=True):
        ticks, at = _axis(column)
        axes.append(Axis(name, x, ticks))
        heights.append(at)
    lines = tuple(
        RunLine(run, (" ".join(f"{x:.1f},{at[run]:.1f}" for x, at in zip(xs, heights, strict=True)),), bad)
        for run, bad in enumerate(failed)
    )
    return Parallel(tuple(axes), lines, width, HEIGHT + 30)


def _axis(column: Sequence[Any]) -> tuple[tuple[Tick, ...], list[float]]:
    """Returns the ticks of an axis, and each run's position on it."""
    low, high, unset = HEIGHT - 40.0, 40.0, HEIGHT - 5.0
    known = [value for value in column if value is not None]
    if known and all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
        smallest, largest = min(known), max(known)
        logs = smallest > 0 and largest / smallest >= 10
        turn: Callable[[float], float] = math.log if logs else float
        scale = _scale(turn(smallest), turn(largest), low, high)
        shown = sorted(set(known)) if len(set(known)) <= _TICKS else _spread(smallest, largest, logs)
        texts = [f"{value:.4g}" for value in shown]
        if len(set(texts)) < len(texts):  # such as seeds of nine digits
            texts = [f"{value:.12g}" for value in shown]
        ticks = [Tick(scale(turn(value)), text) for value, text in zip(shown, texts, strict=True)]
        places = [unset if value is None else scale(turn(value)) for value in column]
    else:
        texts = sorted({str(value) for value in known})
        scale = _scale(0, max(1, len(texts) - 1), low, high)
        where = {text: scale(place) for place, text in enumerate(texts)}
        ticks = [Tick(where[text], text) for text in texts[:: max(1, len(texts) // _MANY)]]
        places = [unset if value is None else where[str(value)] for value in column]
    if len(known) < len(column):
        ticks.append(Tick(unset, _UNSET))
    return tuple(ticks), places


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """Maps low..high to start..end; if low equals high, to the middle."""
    span = high - low
    return lambda value: start + (end - start) * (value - low) / span if span else (start + end) / 2


def _pieces(
    epochs: Sequence[int], values: Sequence[float], x: Callable[[float], float], y: Callable[[float], float]
) -> tuple[str, ...]:
    pieces: list[list[str]] = [[]]
    for epoch, value in zip(epochs, values, strict=True):
        if math.isnan(value):
            pieces.append([])
        else:
            pieces[-1].append(f"{x(epoch):.1f},{y(value):.1f}")
    return tuple(" ".join(piece) for piece in pieces if piece)


def _whole(low: int, high: int) -> list[int]:
    return sorted({round(low + (high - low) * place / _TICKS) for place in range(_TICKS + 1)})


def _even(low: float, high: float) -> list[float]:
    """Returns about five round numbers within low..high."""
    rough = (high - low) / _TICKS
    if not rough > sys.float_info.min:  # no number lies between, or none that can be computed with
        return [low] if low == high else [low, high]
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [number * step for number in range(first, last + 1)] or [low, high]


def _spread(low: float, high: float, logs: bool) -> list[float]:
    if logs:
        return [low * (high / low) ** (place / (_TICKS - 1)) for place in range(_TICKS)]
    return [low + (high - low) * place / (_TICKS - 1) for place in range(_TICKS)]
