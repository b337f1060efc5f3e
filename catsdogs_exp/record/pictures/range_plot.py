"""The picture of a learning-rate range test."""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from catsdogs_exp.training.range_test import RangeTest

_CUT = 1.5  # times the first loss: what lies above would press the interesting part flat


def draw_range_test(test: RangeTest, path: Path) -> None:
    """Writes a PNG: the loss of each step and its moving average over the learning rate, the suggestion marked."""
    figure = Figure(figsize=(7, 4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.plot(test.rates, test.losses, color="0.8", label="loss of a batch")
    axes.plot(test.rates, test.smoothed, color="C0", label="moving average")
    axes.axvline(test.suggestion, color="C3", linestyle="--", label=f"suggestion: lr={test.suggestion:g}")
    axes.set_xscale("log")
    low, high = float(test.smoothed.min()), float(test.smoothed[0])
    axes.set_ylim(max(0.0, low - 0.2 * (high - low)), _CUT * high)
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss")
    axes.legend()
    figure.savefig(path)


def write_range_csv(test: RangeTest, path: Path) -> None:
    """Writes the curve: learning_rate, loss, smoothed."""
    rows = zip(test.rates.tolist(), test.losses.tolist(), test.smoothed.tolist(), strict=True)
    lines = ["learning_rate,loss,smoothed", *(f"{rate:.6g},{loss:.6g},{mean:.6g}" for rate, loss, mean in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
