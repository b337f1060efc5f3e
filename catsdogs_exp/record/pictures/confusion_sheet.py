"""The confusion matrix as a picture drawn in milliseconds, for one per epoch."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from catsdogs_exp.metrics.confusion_matrix import row_shares
from catsdogs_exp.record.pictures.contact_sheet import BACKGROUND, fitted, write

_COUNTS_UP_TO = 25  # maximum number of classes for counts in the cells and names of all classes
_CELL, _EDGE, _PAD = 52, 110, 8  # pixels
_WIDEST = 1000  # pixels of a matrix with many classes
_PALE = 0.4  # share of a row above which its cell is pale and the count dark


def confusion_sheet(confusion: NDArray[np.int64], classes: Sequence[str]) -> Image.Image:
    """Draws true classes in rows and predicted ones in columns; a cell's colour is its share of the row.

    Args:
        confusion: int64 [classes, classes].
        classes: names. With more than 25 of them, cells are small and without counts, and nothing is named.
    """
    count, shares = len(classes), row_shares(confusion)
    colours = (matplotlib.colormaps["viridis"](np.sqrt(shares))[..., :3] * 255).round().astype(np.uint8)
    is_named = count <= _COUNTS_UP_TO
    cell = _CELL if is_named else max(_WIDEST // count, 1)
    left = top = _EDGE if is_named else 24
    side = count * cell
    sheet = Image.new("RGB", (left + side + _PAD, top + side + _PAD), BACKGROUND)
    sheet.paste(Image.fromarray(colours).resize((side, side), Image.Resampling.NEAREST), (left, top))
    draw = ImageDraw.Draw(sheet)
    write(draw, (_PAD, 4), "rows: true, columns: predicted", 11)
    if not is_named:
        return sheet
    for place, name in enumerate(classes):
        write(draw, (left - 4, top + (place + 0.5) * cell), fitted(draw, name, left - 12), anchor="rm")
        sheet.paste(_upwards(fitted(draw, name, top - 30)), (left + place * cell + cell // 2 - 9, 24))
    for row, column in np.ndindex(count, count):
        number = int(confusion[row, column])
        middle = left + (column + 0.5) * cell, top + (row + 0.5) * cell
        ink = (0, 0, 0) if shares[row, column] > _PALE else (255, 255, 255)
        write(draw, middle, f"{number}" if number < 1_000_000 else f"{number:.0e}", fill=ink, anchor="mm")
    return sheet


def _upwards(text: str) -> Image.Image:
    """Draws a name above a column, to be read from below."""
    picture = Image.new("RGB", (_EDGE - 28, 18), BACKGROUND)
    write(ImageDraw.Draw(picture), (2, 9), text, anchor="lm")
    return picture.rotate(90, expand=True)
