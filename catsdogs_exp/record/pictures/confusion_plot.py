"""The confusion matrix as a file: all counts as CSV, or a picture that is legible for 2 to 1,000 classes."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catsdogs_exp.metrics.confusion_matrix import row_shares
from catsdogs_exp.printable import printable

SUFFIXES = (".csv", ".png")  # supported file types
_COUNTS_UP_TO = 25  # maximum number of classes for counts in the cells
_NAMES_UP_TO = 120  # maximum number of classes for names of all classes
_LONGEST_NAME = 24  # characters
_DPI = 100


def write_confusion(confusion: NDArray[np.int64], classes: Sequence[str], path: Path) -> None:
    """Writes the matrix, int64 [classes, classes] with true classes in rows, in the format of the file's extension.

    Raises:
        OSError: if it cannot be written.
    """
    if path.suffix.lower() == ".csv":
        with path.open("w", newline="", encoding="utf-8", errors="surrogateescape") as handle:
            writer = csv.writer(handle)
            writer.writerow(["true \\ predicted", *classes])
            writer.writerows([name, *row] for name, row in zip(classes, confusion.tolist(), strict=True))
    else:
        _draw(confusion, classes, path)


def _draw(confusion: NDArray[np.int64], classes: Sequence[str], path: Path) -> None:
    """Colours each cell by its fraction of the true class, so that rare classes show; the square root emphasizes small
    ones.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415  (takes a second)
    from matplotlib.figure import Figure  # noqa: PLC0415

    count = len(classes)
    shares = row_shares(confusion)
    cell = 0.62 if count <= _COUNTS_UP_TO else 0.14 if count <= _NAMES_UP_TO else 16 / count  # inches
    cell = max(cell, 2 / _DPI)  # every class gets at least one pixel
    names = [
        name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…" for name in map(printable, classes)
    ]
    edge = 0.9 + 0.085 * max(len(name) for name in names)
    side = max(cell * count, 1.6)
    figure = Figure((edge + side + 1.2, edge + side + 0.5), dpi=_DPI, facecolor="white")
    FigureCanvasAgg(figure)
    width, height = figure.get_size_inches()
    axes = figure.add_axes((edge / width, edge / height, side / width, side / height))
    picture = axes.imshow(np.sqrt(shares), cmap="viridis", vmin=0, vmax=1, interpolation="nearest", aspect="equal")
    every = max(1, -(-count // _NAMES_UP_TO))
    places = range(0, count, every)
    size = 9 if count <= _COUNTS_UP_TO else 7
    labels = [names[place].replace("$", r"\$") for place in places]  # no math text
    axes.set_xticks(places, labels, rotation=90, fontsize=size)
    axes.set_yticks(places, labels, fontsize=size)
    axes.set_xlabel("predicted" if every == 1 else f"predicted (every {every}th class is named)")
    axes.set_ylabel("true")
    if count <= _COUNTS_UP_TO:
        for row, column in np.ndindex(count, count):
            number = int(confusion[row, column])
            text = f"{number}" if number < 100_000 else f"{number:.1e}"
            colour = "black" if shares[row, column] > 0.4 else "white"
            axes.text(column, row, text, ha="center", va="center", fontsize=9 - len(text) * 0.4, color=colour)
    bar = figure.add_axes(((edge + side + 0.2) / width, edge / height, 0.15 / width, side / height))
    colours = figure.colorbar(picture, cax=bar)
    shown = (0.0, 0.01, 0.05, 0.2, 0.5, 1.0)
    colours.set_ticks([share**0.5 for share in shown], labels=[f"{share:.0%}" for share in shown])
    colours.ax.set_title("of row", fontsize=8)
    figure.savefig(path, format="png")
