"""The search for a learning rate: the picture, and its two tables."""

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from catsdogs_exp.training.rate_race import RateSearch

PICTURE, CURVE, TRIED = "learning_rate.png", "learning_rate.csv", "learning_rates_tried.csv"
_CUT = 1.5  # times the first loss: higher values would flatten the interesting part


def write_search(search: RateSearch, folder: Path) -> None:
    """Writes `learning_rate.png`, `learning_rate.csv` (the range test) and `learning_rates_tried.csv` (the race)."""
    draw_search(search, folder / PICTURE)
    test = search.test
    curve = zip(test.rates.tolist(), test.losses.tolist(), test.smoothed.tolist(), strict=True)
    _write(folder / CURVE, ("learning_rate", "loss", "smoothed"), curve)
    tried = ((raced.rate, raced.steps, raced.loss, raced.validation_loss) for raced in search.race.raced)
    _write(folder / TRIED, ("learning_rate", "steps", "loss", "validation_loss"), tried)


def draw_search(search: RateSearch, path: Path) -> None:
    """Draws a PNG: the range test's loss over the learning rate, and a point for each rate in the race.

    A point is at the mean training loss of the rate's last steps. Rates that diverged are crosses at the upper edge;
    those that dropped out early are hollow.
    """
    test, race = search.test, search.race
    figure = Figure(figsize=(7, 4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.plot(test.rates, test.losses, color="0.85", label="range test: loss of a batch")
    axes.plot(test.rates, test.smoothed, color="C0", label="range test: moving average")
    bottom, top = _limits(search)
    for raced in race.raced:
        broken = not math.isfinite(raced.loss) or raced.loss > top
        ended = raced.steps >= race.length
        color = "C3" if raced.rate == race.best else "C1"
        axes.plot(
            [raced.rate],
            [top if broken else raced.loss],
            "x" if broken else "o",
            color=color,
            fillstyle="full" if ended else "none",
            clip_on=False,
        )
        axes.annotate(
            f"{raced.rate:g}", (raced.rate, top if broken else raced.loss), (4, -9), textcoords="offset points"
        )
    axes.plot([], [], "o", color="C1", label=f"tried for {race.length} steps (hollow: for fewer)")
    axes.axvline(race.best, color="C3", linestyle="--", label=f"best: lr={race.best:g}")
    axes.set_xscale("log")
    axes.set_ylim(bottom, top)
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss")
    axes.legend(fontsize="small")
    figure.savefig(path)


def _limits(search: RateSearch) -> tuple[float, float]:
    first = float(search.test.smoothed[0]) if len(search.test.smoothed) else 1.0
    low = [raced.loss for raced in search.race.raced if math.isfinite(raced.loss)]
    lowest = min([*search.test.smoothed.tolist(), *low], default=0.0)
    return max(0.0, lowest - 0.2 * (first - lowest)), max(_CUT * first, 1e-6)


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[float | None]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(["" if value is None else f"{value:.6g}" for value in row] for row in rows)
